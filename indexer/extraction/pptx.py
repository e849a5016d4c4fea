"""PowerPoint's presentations: slides in order, each with its tables and its speaker's notes.

Hidden slides, slide numbers, dates and footers are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from indexer.extraction.documents import Lines, article, left_out, mark
from indexer.extraction.office_open import facts, related, relations
from indexer.extraction.registry import Extracted, Options
from indexer.extraction.zipped import Package, local
from indexer.sources import Failure
from search.errors import SourceError

_TITLES = frozenset({"title", "ctrTitle"})
_BESIDE = frozenset({"sldNum", "dt", "ftr", "hdr", "sldImg"})  # placeholders that say nothing
_SKIPPED = frozenset({"Fallback", "fld"})  # another form of the same; numbers and dates


def read(stream: BinaryIO, name: str, options: Options) -> Iterator[Extracted | Failure]:  # noqa: ARG001
    """Yield the article of a presentation."""
    package = Package(stream)
    main = related(package, "").get("officeDocument", "ppt/presentation.xml")
    shown = package.xml(main) if main in package else None
    if shown is None or local(shown.tag) != "presentation":
        raise SourceError("a zip file, but not PowerPoint's: it has no slides", code="damaged")
    parts = {relation.id: relation.part for relation in relations(package, main)}
    lines: list[str] = []
    title, hidden = "", 0
    for number, slide in enumerate(shown.iterfind("{*}sldIdLst/{*}sldId"), start=1):
        key = next((value for key, value in slide.items() if local(key) == "id" and "}" in key), "")
        if not (part := parts.get(key, "")):
            continue
        reading = _Slide()
        package.feed(part, reading)
        hidden += reading.hidden
        if reading.hidden:
            continue
        title = title or reading.title
        if notes := related(package, part).get("notesSlide", ""):
            package.feed(notes, reading)
        lines += [mark("slide", number), *(line.text for line in reading.lines.done)]
    said = left_out(hidden, "hidden slide")
    yield article(lines, facts(package, title), size=package.size, notes=said)


class _Slide:
    """Takes the elements of a slide, and has its lines."""

    def __init__(self) -> None:
        self.lines: Lines[None] = Lines()
        self.title = ""
        self.hidden = False
        self._skipped = 0  # elements inside of one that is left out
        self._kind = ""  # of the placeholder that is open
        self._first = 0  # lines before it
        self._text = False

    def start(self, tag: str, attrib: dict[str, str]) -> None:
        name = local(tag)
        if self._skipped:
            self._skipped += 1
        elif name in _SKIPPED or (name == "txBody" and self._kind in _BESIDE):
            self._skipped = 1
        elif name == "sld":
            self.hidden = attrib.get("show") in ("0", "false")
        elif name == "sp":
            self._kind, self._first = "", len(self.lines.done)
        elif name == "ph":
            self._kind = attrib.get("type", "")
        elif name == "p":
            self.lines.open()
        elif name == "br":
            self.lines.add(" ")
        elif name == "tr":
            self.lines.row()
        elif name == "tc":
            self.lines.cell()
        self._text = name == "t"

    def end(self, tag: str) -> None:
        self._text = False
        if self._skipped:
            self._skipped -= 1
            return
        name = local(tag)
        if name == "p":
            self.lines.close()
        elif name == "tr":
            self.lines.end_row()
        elif name == "sp":
            if self._kind in _TITLES and not self.title:
                self.title = " ".join(line.text for line in self.lines.done[self._first :])
            self._kind = ""

    def data(self, data: str) -> None:
        if self._text and not self._skipped:
            self.lines.add(data)
