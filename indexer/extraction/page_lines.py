"""The lines of pages to paragraphs: lines joined, and lines that most pages have left out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

_MIN_PAGES = 3  # of two pages nothing is most
_MOST_PAGES = 0.4  # books have one heading on left pages and another on right ones
_EDGE_LINES = 3  # of a page's beginning and end that may be running lines

# A line is ended on purpose where the next word had room in it: of a page's longest lines (its
# 9th of 10), where it would have ended. Letters are of different widths.
_ROOM = 0.97  # after a stop
_MUCH_ROOM = 0.8

_STOP = re.compile(r"[.!?؟۔…:؛][»”\"')\]]*$")
_BULLET = re.compile(
    r"\s*(?:[•▪◦‣●○■□–—*\u2043\u2219\u25aa-\u25ff-]\s|[(\[]?(?:[\d]{1,3}|[^\W\d_])[.)\]\-–]\s)"
)
_HYPHEN = re.compile(r"[^\W\d_][-\u00ad\u2010]$")
_NUMBER = re.compile(r"\d+")


def joined_lines(text: str) -> tuple[str, list[int]]:
    """Return the lines of a page, or of several, joined to paragraphs, one a line.

    And where in that each line begins.

    A paragraph ends with a blank line, before a bullet or a number, after a line that the next
    word had much room in, and after a stop in one that it had room in. A Latin word cut by a hyphen is
    put together.
    """
    lines = [line.strip() for line in text.split("\n")]
    lengths = sorted(len(line) for line in lines if line)
    full = lengths[len(lengths) * 9 // 10] if lengths else 0
    parts: list[str] = []  # put together at the end: a paragraph may be a whole book
    starts: list[int] = []
    length = -1
    before = ""  # the last line, "" after a blank one
    for line in lines:
        if before and line and not _BULLET.match(line) and _goes_on(before, line, full):
            if _cut_word(before, line):
                parts[-1] = parts[-1][:-1]
                length -= 1
            else:
                parts.append(" ")
                length += 1
            parts.append(line)
        elif line:
            parts += ["\n", line]
            length += 1
        starts.append(max(0, length))
        length += len(line)
        before = line
    return "".join(parts[1:]), starts


def lines_of_pages(text: str, pages: Sequence[str], marks: Sequence[str]) -> list[str]:
    """Return paragraphs with a mark where each page begins.

    Args:
        text: that of all pages, whose lines are those of `pages`.
        pages: each page's lines.
        marks: each page's mark.
    """
    joined, starts = joined_lines(text)
    parts: list[str] = []
    last = line = 0
    for page, mark in zip(pages, marks, strict=True):
        if page and line < len(starts):
            parts += (joined[last : starts[line]], mark)
            last = starts[line]
        line += page.count("\n") + 1
    return "".join((*parts, joined[last:])).split("\n")


def without_running_lines(pages: Sequence[str]) -> list[str]:
    """Return pages without headings, footings and page numbers that most of them have.

    Lines are alike that differ in their numbers alone. Only a page's first and last three
    lines are looked at, from its edge inwards, and of fewer than three pages none.
    """
    if len(pages) < _MIN_PAGES:
        return list(pages)
    split = [page.split("\n") for page in pages]
    least = max(_MIN_PAGES, _MOST_PAGES * len(pages))
    running = []
    for backwards in (False, True):
        counts = Counter(
            shape for lines in split for shape in {_shape(line) for line in _edge(lines, backwards)}
        )
        running.append({shape for shape, times in counts.items() if times >= least})
    top, bottom = running
    return ["\n".join(_without(_without(lines, top), bottom, backwards=True)) for lines in split]


def _goes_on(before: str, line: str, full: int) -> bool:
    room = _ROOM if _STOP.search(before) else _MUCH_ROOM
    return len(before) + 1 + len(line.split(None, 1)[0]) > room * full


def _cut_word(before: str, line: str) -> bool:
    return bool(_HYPHEN.search(before[-2:])) and line[0].islower() and before[-2].islower()


def _shape(line: str) -> str:
    return _NUMBER.sub("0", " ".join(line.split()))


def _edge(lines: Sequence[str], backwards: bool) -> list[str]:
    written = [line for line in (reversed(lines) if backwards else lines) if line.strip()]
    return written[:_EDGE_LINES]


def _without(lines: list[str], running: set[str], *, backwards: bool = False) -> list[str]:
    """Return lines without those of an edge that are running ones, blank lines between included."""
    ordered = lines[::-1] if backwards else lines
    kept = passed = 0
    for place, line in enumerate(ordered):
        if not line.strip():
            continue
        if passed == _EDGE_LINES or _shape(line) not in running:
            break
        kept, passed = place + 1, passed + 1
    while 0 < kept < len(ordered) and not ordered[kept].strip():
        kept += 1
    return ordered[kept:][::-1] if backwards else ordered[kept:]
