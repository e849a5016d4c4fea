"""Word's documents: the text as it reads when all changes are accepted.

kept      paragraphs, lists, links, tables (a row is a line), text boxes once,
          footnotes and endnotes after the text
left out  deletions, hidden text, comments, headers and footers, field codes
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from indexer.extraction.documents import Lines, articles
from indexer.extraction.office_open import facts, related
from indexer.extraction.registry import Extracted, Options
from indexer.extraction.zipped import Package, local
from indexer.sources import Failure
from search.errors import SourceError

_WORDS = (
    "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}",
    "{http://purl.oclc.org/ooxml/wordprocessingml/main}",  # "strict"
)
_FORMULAS = (
    "{http://schemas.openxmlformats.org/officeDocument/2006/math}",
    "{http://purl.oclc.org/ooxml/officeDocument/math}",
)
_CHOICES = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"

_SKIPPED = frozenset({"del", "moveFrom", "rt"})
_SIGNS = {"tab": "\t", "ptab": "\t", "noBreakHyphen": "\u2011", "softHyphen": "\u00ad"}
_OFF = frozenset({"0", "false", "off"})


def read(
    stream: BinaryIO,
    name: str,  # noqa: ARG001
    options: Options,  # noqa: ARG001 - its XML says in which encoding it is
) -> Iterator[Extracted | Failure]:
    """Yield the article of a document."""
    package = Package(stream)
    parts = related(package, "")
    main = parts.get("officeDocument", "word/document.xml")
    if main not in package:
        raise SourceError("a zip file, but not Word's: it has no document", code="damaged")
    body = _Paragraphs()
    package.feed(main, body)
    beside = related(package, main)
    for kind in ("footnotes", "endnotes"):
        if beside.get(kind, "") in package:
            package.feed(beside[kind], body)
    lines = (line.text for line in body.lines.done)
    yield from articles(
        lines, facts(package, body.title), size=package.size, headings=body.lines.headings
    )


class _Paragraphs:
    """Takes a part's elements, and has its lines."""

    def __init__(self) -> None:
        self.lines: Lines[None] = Lines()
        self.title = ""
        self._skipped = 0  # elements inside of one that is left out
        self._text = False
        self._heading = False
        self._titled = -1  # lines before the paragraph in the style "Title", while it is open
        self._hidden: list[bool] = []  # of each run that is open
        self._chosen: list[bool] = []  # of each set of choices, whether one was taken

    def start(self, tag: str, attrib: dict[str, str]) -> None:
        space, name = tag[: tag.rfind("}") + 1], local(tag)
        if self._skipped:
            self._skipped += 1
        elif space == _CHOICES:
            self._choose(name)
        elif space in _FORMULAS:
            self._text = name == "t"
        elif space in _WORDS:
            self._begin(name, attrib)

    def end(self, tag: str) -> None:
        if self._skipped:
            self._skipped -= 1
            return
        space, name = tag[: tag.rfind("}") + 1], local(tag)
        if space == _CHOICES and name == "AlternateContent":
            self._chosen.pop()
        elif space in _FORMULAS:
            self._text = False
        elif space in _WORDS:
            self._end(name)

    def data(self, data: str) -> None:
        if self._text and not self._skipped and not (self._hidden and self._hidden[-1]):
            self.lines.add(data)

    def _begin(self, name: str, attrib: dict[str, str]) -> None:
        if name in _SKIPPED:
            self._skipped = 1
        elif name == "t":
            self._text = True
        elif name == "p":
            self.lines.open()
        elif name == "pStyle":
            self._titled = len(self.lines.done) if _value(attrib) == "Title" else -1
            self._heading = _value(attrib).startswith("Heading")
        elif name == "r":
            self._hidden.append(False)
        elif name == "vanish" and self._hidden:
            self._hidden[-1] = _value(attrib) not in _OFF
        elif name in ("br", "cr"):  # a line of a paragraph that goes on
            self.lines.add(" ")
        elif name == "tr":
            self.lines.row()
        elif name == "tc":
            self.lines.cell()
        elif name in _SIGNS and self._hidden:  # `tab` is a tab stop too, outside of runs
            self.lines.add(_SIGNS[name])

    def _end(self, name: str) -> None:
        if name == "t":
            self._text = False
        elif name == "p":
            self.lines.close(heading=self._heading)
            self._heading = False
            if self._titled >= 0 and not self.title:
                self.title = " ".join(line.text for line in self.lines.done[self._titled :])
            self._titled = -1
        elif name == "r" and self._hidden:
            self._hidden.pop()
        elif name == "tr":
            self.lines.end_row()

    def _choose(self, name: str) -> None:
        """Take the first of several forms of the same thing, such as a text box."""
        if name == "AlternateContent":
            self._chosen.append(False)
        elif self._chosen:
            if self._chosen[-1]:
                self._skipped = 1
            self._chosen[-1] = True


def _value(attrib: dict[str, str]) -> str:
    return next((value for key, value in attrib.items() if local(key) == "val"), "")
