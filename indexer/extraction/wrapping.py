"""Hard-wrapped text: lines that a program broke at a width are one paragraph again.

A program breaks a line where the next word would not fit. So a text is taken for wrapped only
if, of its lines that are followed by another of their paragraph, four in five could not have
taken the next word too, at the width of the longest; poems, lists and tables break where
they mean to. What is joined is, in such a text, a line and the one behind it where the word would
not have fitted: a poem in a wrapped text keeps its lines. Never joined are lines that begin
like an item, a heading, a quotation or a table's row, further in than the one before,
that have columns, or stand between fences.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

WRAPPED = "lines broken at a width were joined to paragraphs"

_WIDTHS = range(40, 121)  # code points: under it are verses, over it paragraphs
# Lines that are followed by another of their paragraph, and the share of them. Articles that
# textwrap and pandoc wrapped have .93 to 1 (of 400, 388 have their paragraphs again, and 2,515
# unwrapped ones are as they were); licences that people wrapped .8, tables of numbers .75, two
# poems .25 and .46. Of 28,000 poems of 6 to 14 of their verses .03 % are joined, and 7 % where
# five lines are enough.
_LEAST = 8
_SHARE = 0.8
_WORDS = 4  # in a line: what has fewer is no running text
_ITEM = re.compile(
    r"\s*(?:[-*+•·▪>#|=~_:@$%]|[({\[]?(?:\d{1,3}|[a-zA-Z\u0621-\u064a])[.)\]}ـ-]+\s|\.\.)"
)
_COLUMNS = re.compile(r"\S {3,}\S|\t|\|")
_FENCE = re.compile(r"\s*(?:```|~~~)")


def unwrapped(text: str) -> str:
    """Return a text with its wrapped lines joined; as it is where it is not wrapped."""
    if text.count("\n") < _LEAST:
        return text
    lines = text.splitlines()
    if sum(len(line) in _WIDTHS for line in lines) < _LEAST:  # most texts, at once
        return text
    pairs = list(_pairs(lines))
    if len(pairs) < _LEAST:
        return text
    lengths = sorted(len(lines[number].rstrip()) for number in pairs)
    width = lengths[-1 - len(lengths) // 50]  # one in fifty may be longer: an address
    full = {number for number in pairs if _is_full(lines, number, width)}
    if width not in _WIDTHS or len(full) < max(_LEAST, _SHARE * len(pairs)):
        return text
    joined: list[str] = []
    for number, line in enumerate(lines):
        if number - 1 in full:
            joined[-1] = f"{joined[-1].rstrip()} {line.strip()}"
        else:
            joined.append(line)
    return "\n".join(joined)


def _pairs(lines: Sequence[str]) -> Iterator[int]:
    """Yield the number of each line of running text that another of its paragraph follows."""
    fenced = False
    for number, (line, following) in enumerate(pairwise(lines)):
        fenced ^= _FENCE.match(line) is not None
        if (
            not fenced
            and following.strip()
            and len(line.split(None, _WORDS)) >= _WORDS
            and not _ITEM.match(following)
            and not _COLUMNS.search(line)
            and not _COLUMNS.search(following)
            and not (_indent(following) > _indent(line) and not _ITEM.match(line))
        ):
            yield number


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _is_full(lines: Sequence[str], number: int, width: int) -> bool:
    word = lines[number + 1].split(None, 1)[0]
    return len(lines[number].rstrip()) + 1 + len(word) > width
