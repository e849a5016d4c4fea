"""Excel's spreadsheets: their sheets' rows, streamed (`sheets` says what becomes of them).

Formulas have the values that were kept with them, dates are dates in either of Excel's two
calendars, other numbers as they are, without the format's decimals. Hidden sheets are left out.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import BinaryIO

from lxml import etree

from indexer.extraction import sheets
from indexer.extraction.documents import left_out
from indexer.extraction.office_open import facts, related, relations
from indexer.extraction.registry import Extracted, Options
from indexer.extraction.zipped import Package, local
from indexer.sources import Failure
from search.errors import SourceError

_CELL = re.compile(r"([A-Z]{1,3})(\d{1,7})")
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^<>]*?ref="([A-Z]{1,3}\d{1,7}:[A-Z]{1,3}\d{1,7})"')
_LONGEST_MERGED = 200  # bytes of such an element
_MAX_MERGED = 100_000  # of a sheet: 10 MB
_DATES = frozenset({*range(14, 23), *range(27, 37), 45, 46, 47, *range(50, 59)})  # built-in formats
_UNSAID = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|_.')  # of a format: literals, colours, spaces
_LAST_DAY = 2_958_465  # 9999-12-31


def read(stream: BinaryIO, name: str, options: Options) -> Iterator[Extracted | Failure]:  # noqa: ARG001
    """Yield the articles of a spreadsheet."""
    package = Package(stream)
    main = related(package, "").get("officeDocument", "xl/workbook.xml")
    book = package.xml(main) if main in package else None
    if book is None or local(book.tag) != "workbook":
        raise SourceError("a zip file, but not Excel's: it has no workbook", code="damaged")
    hidden = [sheet for sheet in _sheets(book) if sheet.get("state", "visible") != "visible"]
    notes = left_out(len(hidden), "hidden sheet")
    rows = _rows(package, main, book)
    yield from sheets.articles(rows, options, facts(package), package.size, notes)


def _sheets(book: etree._Element) -> list[etree._Element]:
    return list(book.iterfind("{*}sheets/{*}sheet"))


def _rows(package: Package, main: str, book: etree._Element) -> Iterator[sheets.Row]:
    beside = related(package, main)
    parts = {relation.id: relation for relation in relations(package, main)}
    strings = _Strings()
    if (part := beside.get("sharedStrings", "")) in package:
        package.feed(part, strings)
    formats = _formats(package, beside.get("styles", ""))
    properties = book.find("{*}workbookPr")
    since_1904 = properties is not None and properties.get("date1904") in ("1", "true")
    for sheet in _sheets(book):
        key = next((value for key, value in sheet.items() if local(key) == "id" and "}" in key), "")
        relation = parts.get(key)
        if sheet.get("state", "visible") != "visible" or relation is None:
            continue
        if relation.kind == "worksheet":
            spans = _spans(package, relation.part)
            reading = _Sheet(sheet.get("name", ""), strings, formats, spans, since_1904)
            for _ in package.fed(relation.part, reading):
                yield from reading.taken()


class _Strings:
    """Takes the texts that cells share, in one run of bytes: a text each takes 60 more."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._ends = array("I", [0])
        self._open = False
        self._unspoken = 0  # phonetic readings

    def start(self, tag: str, attrib: dict[str, str]) -> None:  # noqa: ARG002
        name = local(tag)
        self._unspoken += name == "rPh"
        self._open = name == "t" and not self._unspoken

    def end(self, tag: str) -> None:
        name = local(tag)
        self._open = False
        self._unspoken -= name == "rPh"
        if name == "si":
            self._ends.append(len(self._bytes))

    def data(self, data: str) -> None:
        if self._open:
            self._bytes += data.encode("utf-8", "surrogatepass")

    def __getitem__(self, number: int) -> str:
        start, end = self._ends[number], self._ends[number + 1]
        return self._bytes[start:end].decode("utf-8", "surrogatepass")


class _Sheet:
    """Takes a sheet's elements, and has its rows."""

    def __init__(
        self,
        name: str,
        strings: _Strings,
        formats: list[str],
        spans: Mapping[tuple[int, int], int],
        since_1904: bool,
    ) -> None:
        self._name, self._strings, self._formats = name, strings, formats
        self._spans, self._since_1904 = spans, since_1904
        self._rows: list[sheets.Row] = []
        self._number = 0
        self._cells: dict[int, str] = {}
        self._unknown = False
        self._column = -1
        self._kind = self._style = ""
        self._formula = self._open = False
        self._text: list[str] = []

    def taken(self) -> list[sheets.Row]:
        """Return the rows since the last time."""
        rows, self._rows = self._rows, []
        return rows

    def start(self, tag: str, attrib: dict[str, str]) -> None:
        name = local(tag)
        if name == "row":
            given = attrib.get("r", "")
            self._number = int(given) if _is_number(given) else self._number + 1
            self._cells, self._column, self._unknown = {}, -1, False
        elif name == "c":
            place = _CELL.fullmatch(attrib.get("r", ""))
            self._column = _column(place[1]) if place else self._column + 1
            self._kind, self._style = attrib.get("t", "n"), attrib.get("s", "")
            self._text, self._formula = [], False
        elif name == "f":
            self._formula = True
        self._open = name in ("v", "t")

    def data(self, data: str) -> None:
        if self._open:
            self._text.append(data)

    def end(self, tag: str) -> None:
        name = local(tag)
        self._open = False
        if name == "c":
            text = self._value("".join(self._text))
            if text and not text.isspace():
                self._cells[self._column] = text
            elif self._formula and not self._text and self._kind != "str":
                self._unknown = True
        elif name == "row" and (self._cells or self._unknown):
            spans = {
                column: last
                for column in (self._cells if self._spans else ())
                if (last := self._spans.get((self._number, column)))
            }
            self._rows.append(
                sheets.Row(self._name, self._number, self._cells, spans, self._unknown)
            )

    def _value(self, text: str) -> str:
        if self._kind == "s":
            try:
                return self._strings[int(text)] if _is_number(text) else ""
            except IndexError as error:
                raise SourceError("a cell's text is not among its texts", code="damaged") from error
        if self._kind == "e":  # #N/A
            return ""
        if self._kind == "b":
            return {"1": "TRUE", "0": "FALSE"}.get(text, text)
        if self._kind == "n" and text:
            style = int(self._style) if _is_number(self._style) else 0
            kind = self._formats[style] if style < len(self._formats) else ""
            return number_shown(text, kind, since_1904=self._since_1904)
        return text


def number_shown(text: str, kind: str, *, since_1904: bool = False) -> str:
    """Return a number as people see it; `kind` is "date", "percent" or ""."""
    try:
        value = float(text)
    except ValueError:
        return text
    if kind == "date" and 0 <= value < _LAST_DAY - 1462 * since_1904:
        if value < 1:
            return str(timedelta(seconds=round(value * 86_400)))
        # Excel has a 29th of February in 1900, its day 60.
        first = datetime(1904, 1, 1) if since_1904 else datetime(1899, 12, 30 + (value < 60))  # noqa: DTZ001
        moment = first + timedelta(seconds=round(value * 86_400))
        return moment.isoformat(" ").removesuffix(" 00:00:00")
    if kind == "percent":
        return f"{value * 100:.15g}%"
    return f"{value:.15g}" if abs(value) < 1e15 else text


def _formats(package: Package, part: str) -> list[str]:
    """Return the kind of each style's numbers, as `number_shown` has them."""
    if part not in package:
        return []
    styles = package.xml(part)
    codes = {
        element.get("numFmtId", ""): element.get("formatCode", "")
        for element in styles.iterfind("{*}numFmts/{*}numFmt")
    }
    kinds = []
    for style in styles.iterfind("{*}cellXfs/{*}xf"):
        key = style.get("numFmtId", "")
        code = _UNSAID.sub("", codes.get(key, "")).partition(";")[0].lower()
        built_in = key not in codes and _is_number(key) and int(key)
        if built_in in _DATES or (re.search("[dmyhs]", code) and "general" not in code):
            kinds.append("date")
        else:
            kinds.append("percent" if built_in in (9, 10) or "%" in code else "")
    return kinds


def _spans(package: Package, part: str) -> dict[tuple[int, int], int]:
    """Return the last row of each cell merged with those under it; a sheet says it at its end."""
    found: dict[tuple[int, int], int] = {}
    before = b""
    for piece in package.pieces(part, again=True):
        for match in _MERGED.finditer(before + piece):
            first, last = map(_CELL.fullmatch, match[1].decode().split(":"))
            if first and last and int(first[2]) < int(last[2]) and len(found) < _MAX_MERGED:
                found[int(first[2]), _column(first[1])] = int(last[2])
        before = piece[-_LONGEST_MERGED:]
    return found


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10
