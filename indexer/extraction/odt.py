"""OpenDocument texts and presentations (LibreOffice), read as if all changes were accepted.

kept      paragraphs, headings, lists, tables (a row is a line), text boxes once,
          footnotes and endnotes after the text
left out  tracked deletions, comments, hidden text, scripts, headers and footers
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from indexer.extraction.documents import Facts, Lines, articles, keywords_of, mark
from indexer.extraction.registry import Extracted, Options
from indexer.extraction.zipped import Package, local, texts
from indexer.sources import Failure
from search.errors import SourceError

_CONTENT = "content.xml"
_META = "meta.xml"
_MANIFEST = "META-INF/manifest.xml"

OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_SVG = "{urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0}"

_SLIDE = "{urn:oasis:names:tc:opendocument:xmlns:drawing:1.0}page"
_BODIES = frozenset({OFFICE + "text", OFFICE + "presentation"})
_CLASS = "{urn:oasis:names:tc:opendocument:xmlns:presentation:1.0}class"
_PARAGRAPHS = frozenset({TEXT + "p", TEXT + "h"})
_SPACES = frozenset({TEXT + "s", TEXT + "tab", TEXT + "line-break"})
_NOTE = TEXT + "note"
_ROW = TABLE + "table-row"
_CELL = TABLE + "table-cell"
_SKIPPED = frozenset({
    TEXT + "tracked-changes", TEXT + "note-citation", TEXT + "page-number", TEXT + "ruby-text",
    TEXT + "hidden-text", TEXT + "hidden-paragraph", TEXT + "script", OFFICE + "annotation",
    OFFICE + "forms", OFFICE + "scripts", _SVG + "title", _SVG + "desc",
})  # fmt: skip


def read(
    stream: BinaryIO,
    name: str,  # noqa: ARG001
    options: Options,  # noqa: ARG001 - its XML says in which encoding it is
) -> Iterator[Extracted | Failure]:
    """Yield the article of a document."""
    package = Package(stream)
    body = _Paragraphs()
    package.feed(checked(package), body)
    lines = [line.text for line in (*body.lines.done, *body.notes.done)]
    yield from articles(
        lines, facts(package, body.title), size=package.size, headings=body.lines.headings
    )


def checked(package: Package) -> str:
    """Return the member that has the content.

    Raises:
        SourceError: there is none, or it is locked.
    """
    if _CONTENT not in package:
        raise SourceError("a zip file, but not OpenDocument's: it has no content", code="damaged")
    if _MANIFEST in package:
        _refuse_encrypted(package)
    return _CONTENT


class _Paragraphs:
    """Takes the content's elements, and has its lines."""

    def __init__(self) -> None:
        self.lines: Lines[None] = Lines()
        self.notes: Lines[None] = Lines()
        self.title = ""
        self._body = False
        self._slides = 0
        self._skipped = 0  # elements inside of one that is left out
        self._depth = 0  # of paragraphs in each other: text between them is white space
        self._noted: list[int] = []  # the depth of each note's paragraph
        self._titled = -1  # lines before the paragraph in the style "Title", while it is open

    def start(self, tag: str, attrib: dict[str, str]) -> None:
        if self._skipped:
            self._skipped += 1
        elif tag in _SKIPPED:
            self._skipped = 1
        elif tag in _PARAGRAPHS:
            self._current().open()
            self._depth += 1
            if attrib.get(TEXT + "style-name") == "Title" and not self.title:
                self._titled = len(self.lines.done)
        elif tag in _SPACES:  # however many: one is all that counts
            self.data(" ")
        elif tag == _SLIDE:
            self._slides += 1
            self.lines.add(mark("slide", self._slides))
            self.lines.end()
        elif tag == _NOTE:
            self._noted.append(self._depth)
            self._depth = 0
        elif attrib.get(_CLASS) == "title" and not self.title:
            self._titled = len(self.lines.done)
        elif tag == _ROW:
            self._current().row()
        elif tag == _CELL:
            self._current().cell()
        elif tag in _BODIES:
            self._body = True

    def end(self, tag: str) -> None:
        if self._skipped:
            self._skipped -= 1
        elif tag in _PARAGRAPHS:
            self._current().close(heading=tag == TEXT + "h")
            self._depth -= 1
            if self._titled >= 0 and not self._depth:
                self.title = " ".join(line.text for line in self.lines.done[self._titled :])
                self._titled = -1
        elif tag == _NOTE:
            self._depth = self._noted.pop()
        elif tag == _ROW:
            self._current().end_row()
        elif tag in _BODIES:
            self._body = False

    def data(self, data: str) -> None:
        if self._body and self._depth and not self._skipped:
            self._current().add(data)

    def _current(self) -> Lines[None]:
        return self.notes if self._noted else self.lines


def _refuse_encrypted(package: Package) -> None:
    for entry in package.xml(_MANIFEST).iterfind(".//{*}file-entry"):
        path = next((value for key, value in entry.items() if local(key) == "full-path"), "")
        if path in (_CONTENT, "encrypted-package") and entry.find("{*}encryption-data") is not None:
            raise SourceError("locked with a password: unlock it first", code="encrypted")


def facts(package: Package, title: str = "") -> Facts:
    """Return what a document says of itself; `title` is for where it does not say that."""
    if _META not in package:
        return Facts(title=title)
    meta = package.xml(_META)
    authors = texts(meta, "initial-creator") or texts(meta, "creator")
    dates = texts(meta, "creation-date") or texts(meta, "date")
    return Facts(
        title=next(iter(texts(meta, "title")), title),
        author=next(iter(authors), ""),
        published=next(iter(dates), ""),
        tags=keywords_of(texts(meta, "keyword")),
        language=next(iter(texts(meta, "language")), ""),
    )
