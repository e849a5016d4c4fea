"""OpenDocument spreadsheets: their sheets' rows, streamed (`sheets` says what becomes of them).

Cells are read as they are shown, but dates as dates and numbers without their format. Hidden
sheets, comments and what is drawn are left out; a row that is there many times is read once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from indexer.extraction import sheets
from indexer.extraction.documents import left_out, noted_at_the_end
from indexer.extraction.odt import OFFICE, TABLE, TEXT, checked, facts
from indexer.extraction.registry import Extracted, Options
from indexer.extraction.xlsx import number_shown
from indexer.extraction.zipped import Package
from indexer.sources import Failure
from search.errors import SourceError

_DRAW = "{urn:oasis:names:tc:opendocument:xmlns:drawing:1.0}"
_STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
_MAX_COLUMNS = 16_384
_SKIPPED = frozenset(
    {OFFICE + "annotation", TABLE + "shapes", OFFICE + "forms", TEXT + "ruby-text"}
)
_SPACES = {TEXT + "s": " ", TEXT + "tab": " ", TEXT + "line-break": " "}
_CELLS = frozenset({TABLE + "table-cell", TABLE + "covered-table-cell"})


def read(stream: BinaryIO, name: str, options: Options) -> Iterator[Extracted | Failure]:  # noqa: ARG001
    """Yield the articles of a spreadsheet."""
    package = Package(stream)
    content = checked(package)
    reading = _Sheets()
    rows = _rows(package, content, reading)
    items = sheets.articles(rows, options, facts(package), package.size, ())
    yield from noted_at_the_end(items, lambda: left_out(reading.hidden, "hidden sheet"))


def _rows(package: Package, content: str, reading: _Sheets) -> Iterator[sheets.Row]:
    for _ in package.fed(content, reading):
        yield from reading.taken()
    if not reading.found:
        raise SourceError("an OpenDocument, but no spreadsheet", code="damaged")


class _Sheets:
    """Takes the content's elements, and has its rows."""

    def __init__(self) -> None:
        self.found = False
        self.hidden = 0
        self._rows: list[sheets.Row] = []
        self._hidden: set[str] = set()  # styles
        self._style = ""
        self._skipped = 0  # elements inside of one that is left out
        self._sheet = ""
        self._number = self._next = 1
        self._column = self._wide = 0
        self._cells: dict[int, str] = {}
        self._spans: dict[int, int] = {}
        self._unknown = False
        self._cell: dict[str, str] | None = None  # the attributes of the one that is open
        self._text: list[str] = []

    def taken(self) -> list[sheets.Row]:
        """Return the rows since the last time."""
        rows, self._rows = self._rows, []
        return rows

    def start(self, tag: str, attrib: dict[str, str]) -> None:
        if self._skipped:
            self._skipped += 1
        elif tag in _SKIPPED or tag.startswith(_DRAW):
            self._skipped = 1
        elif tag == _STYLE + "style":
            self._style = attrib.get(_STYLE + "name", "")
        elif tag == _STYLE + "table-properties" and attrib.get(TABLE + "display") == "false":
            self._hidden.add(self._style)
        elif tag == OFFICE + "spreadsheet":
            self.found = True
        elif tag == TABLE + "table" and self.found:
            if attrib.get(TABLE + "style-name") in self._hidden:
                self._skipped = 1
                self.hidden += 1
                return
            self._sheet, self._next = attrib.get(TABLE + "name", ""), 1
        elif tag == TABLE + "table-row":
            self._number = self._next
            self._next += _count(attrib, "rows-repeated")
            self._cells, self._spans, self._column, self._unknown = {}, {}, 0, False
        elif tag in _CELLS:
            self._cell, self._text = attrib, []
            self._wide = _count(attrib, "columns-repeated")
        elif self._cell is not None and tag.startswith(TEXT):
            self._text.append("\n" if tag == TEXT + "p" else _SPACES.get(tag, ""))

    def data(self, data: str) -> None:
        if self._cell is not None and not self._skipped:
            self._text.append(data)

    def end(self, tag: str) -> None:
        if self._skipped:
            self._skipped -= 1
        elif tag in _CELLS and self._cell is not None:
            self._end_cell(self._cell)
            self._cell = None
        elif tag == TABLE + "table-row" and (self._cells or self._unknown):
            self._rows.append(
                sheets.Row(self._sheet, self._number, self._cells, self._spans, self._unknown)
            )

    def _end_cell(self, attrib: dict[str, str]) -> None:
        text = "".join(self._text).strip()
        kind = attrib.get(OFFICE + "value-type", "")
        if kind == "date" and (day := attrib.get(OFFICE + "date-value")):
            text = day.replace("T", " ").removesuffix(" 00:00:00")
        elif kind == "float" and (value := attrib.get(OFFICE + "value")):
            text = number_shown(value, "")
        self._unknown |= not kind and not text and TABLE + "formula" in attrib
        if text:
            for column in range(self._column, min(self._column + self._wide, _MAX_COLUMNS)):
                self._cells[column] = text
            if (tall := _count(attrib, "rows-spanned")) > 1:
                self._spans[self._column] = self._number + tall - 1
        self._column += self._wide


def _count(attrib: dict[str, str], what: str) -> int:
    given = attrib.get(f"{TABLE}number-{what}", "1")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 8 else 1
