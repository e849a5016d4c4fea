"""Drawn pieces to lines in reading order: the places decide, whatever order drew them.

    1. pieces that follow each other on one height are a line; marks go to the letter under
       or over which they stand
    2. a line is sorted from left to right, as it is seen
    3. what is seen is turned back into what is read: Unicode's bidirectional algorithm
       (UAX 9) backwards, for lines of Arabic with numbers and Latin words in them

Columns are not looked for: all producers that were measured draw one after the other.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

from indexer.extraction.pdf.glyphs import DrawnText

# Of the font's size. A space of Noto Naskh has .24, of Times .25; letters are kerned by
# .05 and a justified line without spaces of its own (TeX) has .2 and more.
SAME_LINE = 0.4  # how far from a line's height a piece may stand: superscripts do
GAP = 0.18  # between two pieces where no space is drawn
TIE = 0.01  # between two starts that are the same
NARROW = 0.01  # no width
TWICE = 0.25  # of a letter's width: how near its second drawing stands

_OPEN, _CLOSE = "([{«‹“", ")]}»›”"
_BRACKETS = frozenset(_OPEN + _CLOSE)
_MIRROR = str.maketrans(_OPEN + _CLOSE, _CLOSE + _OPEN)
_IN_ADDRESS = frozenset("./-_?&=#:")
_BULLETS = "•▪◦‣·●○■□\uf0b7 "


@dataclass(slots=True)
class PageLine:
    """A line's letters from left to right, with spaces where there are gaps; nothing else is
    kept of a page: a book's pieces would take 300 MB.
    """

    texts: list[str]
    level: float


@dataclass(slots=True)
class _Open:
    """A line that is being drawn; marks wait for the letter that is drawn next."""

    bases: list[DrawnText] = field(default_factory=list)
    marks: dict[int, list[str]] = field(default_factory=dict)  # of each base, by its place
    waiting: list[DrawnText] = field(default_factory=list)


def lines_of(pieces: Sequence[DrawnText]) -> list[PageLine]:
    """Return the lines of a page in the order they are drawn."""
    lines: list[PageLine] = []
    drawn = _Open()
    for piece in pieces:
        if piece.mark:
            drawn.waiting.append(piece)
            continue
        last = drawn.bases[0] if drawn.bases else None
        if last is not None and not _same_line(last, piece):
            following = _placed(drawn, piece)
            lines.append(_sorted(drawn))
            drawn = following
        else:
            _place(drawn, piece)
        drawn.bases.append(piece)
    _place(drawn, None)
    if drawn.bases:
        lines.append(_sorted(drawn))
    return lines


def _same_line(first: DrawnText, piece: DrawnText) -> bool:
    size = max(first.size, piece.size)
    return piece.turn == first.turn and abs(piece.level - first.level) <= SAME_LINE * size


def _place(drawn: _Open, following: DrawnText | None) -> None:
    """Give the waiting marks to the letter before or to `following`, which is on this line."""
    for mark in drawn.waiting:
        before = drawn.bases[-1] if drawn.bases else None
        # Where they are as near, what is drawn from left to right has its marks first.
        if following is not None and _farness(mark, following) <= _farness(mark, before):
            place = len(drawn.bases)
        else:
            place = max(len(drawn.bases) - 1, 0)
        drawn.marks.setdefault(place, []).append(mark.text)
    drawn.waiting.clear()


def _placed(drawn: _Open, following: DrawnText) -> _Open:
    """Give the waiting marks to the letter before, or to `following` that begins a line."""
    begun = _Open()
    for mark in drawn.waiting:
        if _farness(mark, following) < _farness(mark, drawn.bases[-1]):
            begun.marks.setdefault(0, []).append(mark.text)
        else:
            drawn.marks.setdefault(len(drawn.bases) - 1, []).append(mark.text)
    drawn.waiting.clear()
    return begun


def _farness(mark: DrawnText, base: DrawnText | None) -> float:
    if base is None or not base.text.strip():
        return 1e9
    aside = max(base.start - mark.start, mark.start - base.end, 0.0)
    return aside + abs(mark.level - base.level)


def _sorted(drawn: _Open) -> PageLine:
    """Return the line from left to right, each letter with its marks, none drawn twice."""
    whole = [
        _with_marks(base, drawn.marks[place]) if place in drawn.marks else base
        for place, base in enumerate(drawn.bases)
    ]
    # Where two start at one place (lam-alef of two glyphs), their order is that of the drawing.
    rises = sum(
        (after.start > before.start) - (after.start < before.start)
        for before, after in pairwise(whole)
        if _kind(before.text) == _kind(after.text) == "R"
    )
    if rises < 0:
        whole.reverse()
    whole.sort(key=lambda piece: round(piece.start / (TIE * piece.size or 1)))
    kept: list[DrawnText] = []
    for piece in whole:
        if not (kept and _is_twice(kept[-1], piece)):
            kept.append(piece)
    first = drawn.bases[0]
    return PageLine(_spaced(kept, first.size), first.level)


def _is_twice(before: DrawnText, piece: DrawnText) -> bool:
    """Tell whether a piece is drawn over the one before: for bold, or with its mark (Typst).

    Typst says "a letter and its mark" of the glyph of each; they stand over each other.
    """
    if before.text != piece.text or not piece.text.strip():
        return False
    width = min(before.end - before.start, piece.end - piece.start)
    if any(map(unicodedata.combining, piece.text)) and width < NARROW * piece.size:
        return piece.start - before.end < 0.3 * piece.size
    return abs(before.start - piece.start) < TWICE * width


def _with_marks(base: DrawnText, marks: list[str]) -> DrawnText:
    """Return a letter with its marks, a shadda before its vowel as it is typed."""
    ordered = sorted("".join(marks), key=lambda mark: mark != "\u0651")
    text = base.text + "".join(ordered)
    return DrawnText(text, base.start, base.end, base.level, base.size, base.turn)


def _spaced(pieces: list[DrawnText], size: float) -> list[str]:
    """Return the texts of pieces from left to right, with a space where there is a gap."""
    texts: list[str] = []
    end = None
    for piece in pieces:
        if end is not None and piece.start - end > GAP * size:
            texts.append(" ")
        # A space without width is what Chromium writes for a Persian word's ZWNJ.
        narrow = piece.end - piece.start < NARROW * piece.size
        texts.append("\u200c" if piece.text == " " and narrow else piece.text)
        end = piece.end if end is None else max(end, piece.end)
    return texts


def is_right_to_left(lines: Sequence[PageLine]) -> bool:
    """Tell whether a document has more Arabic letters than others."""
    right = left = 0
    for line in lines:
        for text in line.texts:
            match _kind(text):
                case "R":
                    right += 1
                case "L":
                    left += 1
    return right > left


def texts_of(lines: Sequence[PageLine], *, right_to_left: bool) -> list[str]:
    """Return each line as it is read, without the bullets it begins with.

    Brackets inside of Arabic are drawn turned around. Some producers name them as they look
    (Chromium) and some as they are typed (WeasyPrint, fpdf2): what most of them do in these
    lines is taken for all.
    """
    nested = {True: 0, False: 0}
    for line in lines:
        if _BRACKETS.isdisjoint(line.texts):
            continue
        read = _runs(line.texts, right_to_left=right_to_left)
        for way in nested:
            nested[way] += _nesting(read, way)
    done = []
    for line in lines:
        read = _runs(line.texts, right_to_left=right_to_left)
        text = "".join(t.translate(_MIRROR) if nested[way] < 0 else t for t, way in read)
        text = " ".join(text.split())
        done.append(text.lstrip(_BULLETS))
    return done


@lru_cache(4_096)
def _kind(text: str) -> str:
    """Return R, L, N (digits) or "" (neither) for a piece's first letter that says so."""
    for char in text:
        match unicodedata.bidirectional(char):
            case "R" | "AL":
                return "R"
            case "L":
                return "L"
            case "EN" | "AN":
                return "N"
    return ""


def _runs(texts: list[str], *, right_to_left: bool) -> list[tuple[str, bool]]:
    """Return a line's pieces in reading order, each with whether it was read leftwards."""
    kinds = [_kind(text) for text in texts]
    rights = kinds.count("R")
    if rights == 0:
        return _without_arabic(texts, kinds, right_to_left=right_to_left)
    if not right_to_left and kinds.count("L") >= rights:
        return _among_latin(texts, kinds)
    return _among_arabic(texts, kinds)


def _among_arabic(texts: list[str], kinds: list[str]) -> list[tuple[str, bool]]:
    """Turn back a line that runs leftwards: numbers and Latin words in it run rightwards."""
    done: list[tuple[str, bool]] = []
    place = len(texts) - 1
    while place >= 0:
        if kinds[place] not in ("L", "N") and not _goes_on(texts, kinds, place):
            done.append((texts[place], True))
            place -= 1
            continue
        start = _start_of_latin(kinds, place if kinds[place] else place - 1)
        if start is None:
            start = _start_of_number(texts, kinds, place)
        done += [(text, False) for text in texts[start : place + 1]]
        place = start - 1
    return done


def _goes_on(texts: list[str], kinds: list[str], place: int) -> bool:
    """Tell whether this is where an address is cut that goes on in the next line."""
    if texts[place] not in _IN_ADDRESS or place == 0 or not kinds[place - 1]:
        return False
    if _start_of_latin(kinds, place - 1) != 0:
        return False
    return any(mark in "".join(texts[:place]) for mark in ("://", "@", "www."))


def _start_of_latin(kinds: list[str], end: int) -> int | None:
    """Return where the Latin words that end here begin, None if there is no Latin letter."""
    start, found = end, False
    for place in range(end, -1, -1):
        if kinds[place] == "R":
            break
        if kinds[place] in ("L", "N"):
            start = place
            found = found or kinds[place] == "L"
    return start if found else None


def _start_of_number(texts: list[str], kinds: list[str], end: int) -> int:
    """Return where a number begins; a point or a colon holds it together, a hyphen does not.

    After Arabic letters, UAX 9 turns `770-123` around (rules W2 and W4), and browsers do.
    """
    start = end
    while start > 0:
        before = texts[start - 1]
        joins = len(before) == 1 and unicodedata.bidirectional(before) == "CS"
        if kinds[start - 1] == "N":
            start -= 1
        elif joins and start > 1 and kinds[start - 2] == "N" and not before.isspace():
            start -= 2
        else:
            break
    return start


def _among_latin(texts: list[str], kinds: list[str]) -> list[tuple[str, bool]]:
    """Turn back a line that runs rightwards with Arabic words in it."""
    done: list[tuple[str, bool]] = []
    place = 0
    while place < len(texts):
        if kinds[place] != "R":
            done.append((texts[place], False))
            place += 1
            continue
        latin = next((p for p in range(place, len(kinds)) if kinds[p] == "L"), len(kinds))
        end = max(p for p in range(place, latin) if kinds[p] == "R") + 1
        done += _among_arabic(texts[place:end], kinds[place:end])
        place = end
    return done


def _without_arabic(
    texts: list[str], kinds: list[str], *, right_to_left: bool
) -> list[tuple[str, bool]]:
    """Return a line of other letters; among Arabic ones, its last full stop is seen first."""
    if right_to_left and "L" in kinds:
        first = next(place for place, kind in enumerate(kinds) if kind)
        last = max(place for place, kind in enumerate(kinds) if kind) + 1
        stops = "".join(texts[:first]).strip()
        if stops and set(stops) <= set(".,:;!?،؛؟") and not "".join(texts[last:]).strip():
            return [(text, False) for text in (*texts[first:last], *texts[:first])]
    if right_to_left and "L" not in kinds:
        return _among_arabic(texts, kinds)
    return [(text, False) for text in texts]


def _nesting(line: list[tuple[str, bool]], way: bool) -> int:
    """Return how many more brackets of a line open and then close than the other way around."""
    nested = opened = closed = 0
    for text, leftwards in line:
        if leftwards is not way or len(text) != 1:
            continue
        if text in _OPEN:
            nested, opened, closed = (
                (nested - 1, opened, closed - 1) if closed else (nested, opened + 1, closed)
            )
        elif text in _CLOSE:
            nested, opened, closed = (
                (nested + 1, opened - 1, closed) if opened else (nested, opened, closed + 1)
            )
    return nested
