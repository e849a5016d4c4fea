"""The gate for Arabic out of PDFs and other extractors: what is certain is mended, the rest refused.

In this order, each only where the text as a whole shows it, so that right texts come through
unchanged (measured: the seed and all 240 paragraphs of xquad-ar):

    letters without meaning     U+FFFD, private-use letters, (cid:12): refused beyond a trace
    reversed order              `indexer.visual_order`
    presentation forms          the letters they stand for; ﷺ and its like stay
    لا written as ال             اإلسلام: الإسلام, refused where it is all of them
    marks apart from letters    behind a space, or before their letter
    letters apart               ا ل ع ر ا ق
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from indexer.letters import surprise
from indexer.page_lines import joined_lines, without_running_lines
from indexer.visual_order import LETTER, MARK, is_visual, letters_of, turned_back
from search.errors import SourceError

__all__ = ["Mended", "joined_lines", "mended", "without_running_lines"]

# Of letters without meaning, how many may be among the others and how many in all.
MAX_MEANINGLESS = 1 / 250
_FEW = 2

_OCR = "make the file anew with its fonts' letters, or use OCR"
_MEANINGLESS = re.compile("\ufffd|\\(cid:\\d+\\)|[\ue000-\uf8ff\U000f0000-\U0010fffd]")
_SYMBOL_BULLET = re.compile("^(\\s*)[\uf000-\uf0ff](?=\\s)", re.MULTILINE)
_FORM = re.compile("[\ufb50-\ufdef\ufdf2\ufe70-\ufefc]")  # without ﷰ, ﷺ, ﷽
_ARABIC = f"[{LETTER}]"

# A word cannot begin with ا and an alef with hamza, nor with two alefs, before a ل.
_SWAPPED = re.compile(f"(?<![{LETTER}{MARK}])([وفبك]?)ا([أإآا])ل(?={_ARABIC})")
_LAM_ALEF = re.compile("(?<=[^ا])لا")
_MIN_SWAPPED = 3
_SWAPPED_WORDS = 1 / 200

_NO_MARKS = re.compile(f"[{MARK}]")
_MARK_APART = re.compile(f"(?<=[{LETTER}{MARK}]) (?=[{MARK}])")
_MARK_FIRST = re.compile(f"(?<![{LETTER}{MARK}])[{MARK}]+(?={_ARABIC})")
_MARK_LAST = re.compile(f"(?<={_ARABIC})[{MARK}]+(?![{LETTER}{MARK}])")
_MARKS_BEFORE = re.compile(f"([{MARK}]+)({_ARABIC})")
_MIN_MARKS = 3

_SPACED = re.compile(f"(?<![{LETTER}{MARK}]){_ARABIC}(?: {_ARABIC}){{3,}}(?![{LETTER}{MARK}])")
_WIDE_SPACE = re.compile(f"(?<={_ARABIC})  +(?={_ARABIC})")
_MOSTLY_SPACED = 0.5  # of a text's letters
_MAX_SPACED = 24  # letters, the longest word; more are several words, which nothing parts
_WORDLIKE = 3.0  # nats a pair; the alphabet has 4.9


@dataclass(frozen=True, slots=True)
class Mended:
    """A text as it is read, and what was wrong with it: nothing where it is as it was."""

    text: str
    repairs: tuple[str, ...] = ()


def mended(text: str) -> Mended:
    """Return an extractor's text with what is certainly wrong put right.

    Call it on lines as the page has them: joined, reversed ones cannot be told apart.

    Raises:
        SourceError: it is broken, and how it should be read is not certain; says what and
            where.
    """
    repairs: list[str] = []
    for name, repair in _REPAIRS:
        better = repair(text)
        if better != text:
            text = better
            repairs.append(name)
    return Mended(text, tuple(repairs))


def _without_meaningless(text: str) -> str:
    """Return a text with the bullets of symbol fonts as bullets; refuse letters without meaning."""
    text = _SYMBOL_BULLET.sub("\\1•", text)
    count = sum(1 for _ in _MEANINGLESS.finditer(text))
    if count <= _FEW and len(text) > 100 * count:
        return text
    written = sum(map(len, text.split()))
    if count > MAX_MEANINGLESS * written:
        first = _MEANINGLESS.search(text)
        if first is None:
            return text
        what = f"U+{ord(first[0]):04X}" if len(first[0]) == 1 else first[0]
        near = " ".join(text[max(0, first.start() - 20) : first.start()].split())
        raise SourceError(
            f"{count:,} of its {written:,} letters say nothing, the first ({what}) at character "
            f'{first.start():,} after "{near}": its fonts do not say which they are; {_OCR}',
            code="garbled",
        )
    return text


def _in_reading_order(text: str) -> str:
    if not is_visual(text):
        return text
    turned = turned_back(text)
    if is_visual(turned):
        raise SourceError(
            f"its Arabic letters stand in an order that nothing puts right; {_OCR}", code="garbled"
        )
    return turned


def _without_forms(text: str) -> str:
    return _FORM.sub(lambda form: letters_of(form[0]), text)


def _lam_alef(text: str) -> str:
    """Return a text with الإ where a PDF's table of letters says اإل; لا must be right in it.

    Raises:
        SourceError: لا is swapped as well. سالم may be that or سلام then: by the pairs of
            letters only 63 of 100 such words of xquad-ar come out right.
    """
    swapped = len(_SWAPPED.findall(text))
    if swapped < _MIN_SWAPPED or swapped < _SWAPPED_WORDS * len(text.split()):
        return text
    if len(_LAM_ALEF.findall(text)) < swapped:
        first = next(_SWAPPED.finditer(text))
        raise SourceError(
            f"{swapped:,} words have the letters of لا swapped, the first at character "
            f"{first.start():,}, and in others (سالم, سلام) nothing tells; {_OCR}",
            code="garbled",
        )
    return _SWAPPED.sub(r"\1ال\2", text)


def _marks_at_letters(text: str) -> str:
    apart = len(_MARK_APART.findall(text))
    if apart >= _MIN_MARKS and 2 * apart >= len(_NO_MARKS.findall(text)):
        text = _MARK_APART.sub("", text)
    first = len(_MARK_FIRST.findall(text))
    if first >= _MIN_MARKS and not _MARK_LAST.search(text):
        text = _MARKS_BEFORE.sub(r"\2\1", text)
    return text


def _letters_together(text: str) -> str:
    """Return words whose letters stand apart as words.

    Raises:
        SourceError: nothing says where the words end, in most of the text.
    """
    apart = sum(len(run[0].replace(" ", "")) for run in _SPACED.finditer(text))
    if not apart:
        return text
    mostly = apart >= _MOSTLY_SPACED * len(re.findall(_ARABIC, text))

    def together(run: re.Match[str]) -> str:
        word = run[0].replace(" ", "")
        if len(word) > _MAX_SPACED:
            if mostly:
                raise SourceError(
                    f"its letters stand apart and nothing parts its words, as at character "
                    f"{run.start():,}; {_OCR}",
                    code="garbled",
                )
            return run[0]
        return word if surprise(word) <= _WORDLIKE * (len(word) + 1) else run[0]

    text = _SPACED.sub(together, text)
    return _WIDE_SPACE.sub(" ", text) if mostly else text


_Repair = Callable[[str], str]
_REPAIRS: tuple[tuple[str, _Repair], ...] = (
    ("bullets of symbol fonts", _without_meaningless),
    ("letters in reversed order", _in_reading_order),
    ("presentation forms", _without_forms),
    ("لا written as ال", _lam_alef),
    ("marks apart from their letters", _marks_at_letters),
    ("letters apart", _letters_together),
)
