"""Arabic stored in visual order, from left to right: detected, and reversed.

A line's evidence is how much less its words surprise as they stand than backwards
(`indexer.extraction.encodings.letter_statistics`), and the shapes of presentation forms: an initial form is joined to the
letter after it. Of 26,000 stretches of 15 to 70 characters of xquad-ar none reads better
backwards by more than 10.4 nats; a line of 40 characters has 38 on the average.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from itertools import pairwise

from indexer.extraction.encodings.letter_statistics import surprise
from search.errors import SourceError

LETTER = "\u0621-\u063a\u0641-\u064a\u066e-\u06d3\u06d5\ufb50-\ufbb1\ufbd3-\ufd3d\ufd50-\ufdfb\ufe80-\ufefc"
MARK = "\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed"
_JOINERS = "\u0640\u200c\u200d"

_SURE = 12.0  # nats, of a line
_SHAPES = 5.0  # nats, of two neighbouring forms that can be joined one way only
_MOST = 0.9  # of the letters of lines that are sure, for a whole text
_SOME = 0.1  # of them that may be, of names or of another language
_MAX_LINES = 3_000  # that are looked at, spread over a text; 0.1 s
_CACHED_WORDS = 20_000

_WORD = re.compile(f"[{LETTER}{MARK}{_JOINERS}]+")
_NOT_READ = re.compile(f"[{MARK}{_JOINERS}]")
_RIGHT = re.compile(f"[{LETTER}]")
# The pairs of letters are Arabic's; the order of other languages is told by shapes alone.
_FOREIGN = re.compile("[پچژگٹڈڑںےێۆڵڕۇۈۋڭې]")
_MAX_FOREIGN = 0.01

_BRACKETS = "()[]{}<>«»‹›"
_OPENED = re.compile(r"(?:^|\s)[(\[{<«‹](?=\S)", re.MULTILINE)  # before a word
_CLOSED = re.compile(r"(?:^|\s)[)\]}>»›](?=\S)", re.MULTILINE)
_MIRROR = str.maketrans(
    _BRACKETS, "".join(b + a for a, b in zip(*[iter(_BRACKETS)] * 2, strict=True))
)
# What runs rightwards within a line of Arabic: Latin words with what stands between them, and
# numbers; a point or a colon holds a number together, a hyphen does not (UAX 9, W4).
_LATIN = rf"[^\W\d_\u0640{LETTER}{MARK}]"
_BETWEEN = rf"[^{LETTER}\u0640\n()\[\]{{}}<>«»‹›]"
_ENCLOSED = rf"\({_BETWEEN}{{1,40}}\)"
_RIGHTWARDS = re.compile(
    rf"(?:\d[\d.,:/\-]{{0,30}})?{_LATIN}(?:(?:{_BETWEEN}|{_ENCLOSED})*(?:{_LATIN}|\d|{_ENCLOSED}))?"
    r"|\d+(?:[.,:/،\u066b\u066c]\d+)*"
)
# Arabic words with what stands between them, in a line of Latin ones.
_ARABIC_PART = re.compile(f"([{LETTER}](?:[^A-Za-z\u00c0-\u024f\n]*[{LETTER}{MARK}])?)")
_MARKS = re.compile(f"[{MARK}]")
_CLUSTER = re.compile(f"[{MARK}]*[^{MARK}]|[{MARK}]+")
_CLUSTER_AFTER = re.compile(f"[^{MARK}][{MARK}]*|[{MARK}]+")


def is_visual(text: str) -> bool:
    """Tell whether a text's Arabic stands in the order it is seen; False where nothing tells.

    Raises:
        SourceError: some of its lines do and others do not.
    """
    lines = [line for line in text.split("\n") if _RIGHT.search(line)]
    lines = lines[:: len(lines) // _MAX_LINES + 1]
    letters = sum(len(_RIGHT.findall(line)) for line in lines)
    by_letters = sum(len(_FOREIGN.findall(line)) for line in lines) <= _MAX_FOREIGN * letters
    backwards = forwards = 0
    for line in lines:
        evidence, size = _evidence(line, by_letters=by_letters)
        if evidence <= -_SURE:
            backwards += size
        elif evidence >= _SURE:
            forwards += size
    sure = backwards + forwards
    if backwards >= _MOST * sure:
        return backwards > 0
    if backwards > _SOME * sure:
        raise SourceError(
            f"{100 * backwards // sure} of 100 Arabic letters stand in reversed order and the "
            "others do not: no single order repairs it; make the file anew, or use OCR",
            code="garbled",
        )
    return False


def turned_back(text: str) -> str:
    """Return a text of which `is_visual` holds in the order it is read.

    Whole lines are turned around where the signs after words show that, else word by word.
    Latin words and numbers keep their order, brackets are mirrored where that makes them
    open and close, and marks stand after their letters.
    """
    lines = text.split("\n")
    arabic = [line for line in lines if _RIGHT.search(line)]
    cluster = _CLUSTER if _marks_stand_before(arabic) else _CLUSTER_AFTER
    if _words_alone(arabic):
        return "\n".join(_WORD.sub(lambda word: _turned(word[0], cluster), x) for x in lines)
    leftwards = sum(map(str.isalpha, text)) <= 2 * len(_RIGHT.findall(text))
    turned = [tuple(_line_back(line, cluster, leftwards=leftwards)) for line in lines]
    seen = "".join(part for line in turned for kind, part in line if kind == "R")
    mirror = len(_OPENED.findall(seen)) <= len(_CLOSED.findall(seen))
    return "\n".join(
        "".join(part.translate(_MIRROR) if mirror and kind == "R" else part for kind, part in line)
        for line in turned
    )


def letters_of(form: str) -> str:
    """Return the letters of one presentation form, other characters as they are.

    Marks that stand alone (U+FE70 and its like) lose the space that carries them.
    """
    if not ("\ufb50" <= form <= "\ufdff" or "\ufe70" <= form <= "\ufefc"):
        return form
    normal = unicodedata.normalize("NFKC", form)
    marks = normal.replace(" ", "").replace("\u0640", "")
    return marks if marks and all(map(unicodedata.combining, marks)) else normal


def _evidence(line: str, *, by_letters: bool) -> tuple[float, int]:
    """Return by how many nats a line reads better as it stands, and how many letters it has."""
    evidence, size = 0.0, 0
    for match in _WORD.finditer(line):
        word = match[0]
        size += len(word)
        evidence += _gain(word) if by_letters else 0.0
        evidence += _SHAPES * _shapes(word)
    return evidence, size


@lru_cache(maxsize=_CACHED_WORDS)
def _gain(word: str) -> float:
    forms = [letters_of(form) for form in _NOT_READ.sub("", word)]
    return surprise("".join(reversed(forms))) - surprise("".join(forms))


def _shapes(word: str) -> int:
    """Return how many pairs of presentation forms are joined as they stand, less those that
    are backwards."""
    forms = _NOT_READ.sub("", word)
    if max(forms, default="") < "\ufb50":
        return 0
    evidence = 0
    for first, second in pairwise(map(_joined, forms)):
        if first and second:
            stands = ("after" in first) == ("before" in second)
            backwards = ("after" in second) == ("before" in first)
            evidence += stands - backwards
    return evidence


@cache
def _joined(form: str) -> frozenset[str]:
    """Return on which sides a form is joined, among "a form at all", empty for plain letters."""
    tag = unicodedata.decomposition(form).partition(">")[0]
    sides = {"<initial": ("after",), "<medial": ("before", "after"), "<final": ("before",)}
    if tag == "<isolated" or tag in sides:
        return frozenset(("form", *sides.get(tag, ())))
    return frozenset()


def _marks_stand_before(lines: Sequence[str]) -> bool:
    """Tell whether words begin with marks rather than end with them."""
    first = last = 0
    for line in lines:
        for word in _WORD.findall(line):
            first += bool(unicodedata.combining(word[0]))
            last += bool(unicodedata.combining(word[-1]))
    return first >= last


def _words_alone(lines: Sequence[str]) -> bool:
    """Tell whether stops and commas stand after words: then only the words are turned around."""
    after = before = 0
    for line in lines:
        after += len(re.findall(rf"[{LETTER}{MARK}][.،؛؟!:](?:\s|$)", line))
        before += len(re.findall(rf"(?:^|\s)[.،؛؟!:][{LETTER}{MARK}]", line))
    return after > before


def _line_back(
    line: str, cluster: re.Pattern[str], *, leftwards: bool
) -> Iterator[tuple[str, str]]:
    """Yield a line's parts in reading order, each with R (it was seen leftwards) or L.

    Args:
        leftwards: lines run so, in a text with more Arabic letters than others.
    """
    if not _RIGHT.search(line) and (any(map(str.isalpha, line)) or not leftwards):
        yield "L", line
    elif leftwards:
        yield from _rightmost_first(line, cluster)
    else:
        for part in _ARABIC_PART.split(line):
            if _RIGHT.search(part):
                yield from _rightmost_first(part, cluster)
            else:
                yield "L", part


def _rightmost_first(line: str, cluster: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    end = len(line)
    for match in reversed(list(_RIGHTWARDS.finditer(line))):
        yield "R", _turned(line[match.end() : end], cluster)
        yield "L", match[0]
        end = match.start()
    yield "R", _turned(line[:end], cluster)


def _turned(text: str, cluster: re.Pattern[str]) -> str:
    """Return a text from its end, marks after the letters they stand with."""
    turned = []
    for match in reversed(list(cluster.finditer(text))):
        letter, marks = _MARKS.sub("", match[0]), "".join(_MARKS.findall(match[0]))
        turned.append(letter + (marks[::-1] if cluster is _CLUSTER else marks))
    return "".join(turned)
