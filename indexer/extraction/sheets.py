"""Shared by the readers of spreadsheets: rows to articles, streamed.

    a table    where one of a sheet's first rows has heads of which one is known to be the text:
               an article a row under it, as of a .csv; what stands above is passed over
    otherwise  the sheet is one article, a row a line; a long one is several

Cells merged over rows have their text in each of these rows that has cells of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, groupby, islice

from indexer.extraction.documents import Facts, article, mark
from indexer.extraction.field_names import Fields
from indexer.extraction.registry import Extracted, Options
from indexer.extraction.tables import Table
from indexer.sources import Failure
from search.article_lines import PLACES
from search.errors import SourceError
from search.limits import MAX_PLACE

_HEADED = 20  # rows among which the heads are looked for
_MAX_HEAD = 60  # characters; what is longer is no head
_PART = 1_000_000  # characters after which the rest of a sheet is an article of its own
_UNKNOWN = "formulas without values, here first: save it in a spreadsheet program"


@dataclass(frozen=True, slots=True)
class Row:
    """A row that has cells, by their columns from 0; none of them is blank.

    `spans` has the last row of each cell that is merged with those under it; `unknown` says
    that a formula has no value.
    """

    sheet: str
    number: int
    cells: dict[int, str]
    spans: Mapping[int, int] = field(default_factory=dict)
    unknown: bool = False


def articles(
    rows: Iterator[Row], options: Options, facts: Facts, size: int, notes: Sequence[str]
) -> Iterator[Extracted | Failure]:
    """Yield the articles of a spreadsheet's rows, its size and notes with the first.

    Raises:
        SourceError: there are none.
    """
    fields = Fields(options.fields)
    for sheet, its in groupby(rows, key=lambda row: row.sheet):
        for item in _of_sheet(sheet, _filled(its), fields, facts):
            if isinstance(item, Failure):
                yield replace(item, size=size)
            else:
                yield replace(item, size=size, notes=(*notes, *item.notes))
                notes = ()
            size = 0
    if size:
        raise SourceError("there are no cells with a text: nothing to index", code="empty")


def _filled(rows: Iterator[Row]) -> Iterator[Row]:
    """Yield rows with what is merged from above in them."""
    merged: dict[int, tuple[int, str]] = {}
    for row in rows:
        merged = {column: value for column, value in merged.items() if value[0] >= row.number}
        for column, last in row.spans.items():
            if column in row.cells:
                merged[column] = (last, row.cells[column])
        above = {column: text for column, (_, text) in merged.items()}
        yield replace(row, cells={**above, **row.cells}) if above else row


def _of_sheet(
    sheet: str, rows: Iterator[Row], fields: Fields, facts: Facts
) -> Iterator[Extracted | Failure]:
    first = list(islice(rows, _HEADED))
    at = next((n for n, row in enumerate(first) if _is_heads(row, fields, alone=not n)), None)
    if at is None:
        yield from _parts(sheet, chain(first, rows), facts)
        return
    cells = first[at].cells
    heads = [cells.get(column, "").strip() for column in range(max(cells) + 1)]
    table = Table(heads, fields)
    last, unknown, told = len(heads) - 1, False, False
    for row in chain(first[at + 1 :], rows):
        unknown |= row.unknown
        known = {n: text for n, text in row.cells.items() if n <= last}
        if not known:
            continue
        where = f"{sheet}!{row.number}"
        item = table.item(where, {last: "", **known}, inside=f"/{sheet}")
        if isinstance(item, Extracted):
            place = (0, "row", " ".join(where.split())[-MAX_PLACE:])
            item = replace(item, fields={**item.fields, PLACES: [place]})
        if unknown and not told and isinstance(item, Extracted):
            item, told = replace(item, notes=(*item.notes, _UNKNOWN)), True
        yield item


def _is_heads(row: Row, fields: Fields, *, alone: bool) -> bool:
    """Tell whether a row names the text and another field, or alone in the first row the text."""
    names = [text.strip() for text in row.cells.values()]
    known = fields.recognised(names) if max(map(len, names), default=0) <= _MAX_HEAD else set()
    return "text" in known and (len(known) > 1 or (alone and len(names) == 1))


def _parts(sheet: str, rows: Iterator[Row], facts: Facts) -> Iterator[Extracted | Failure]:
    """Yield a sheet that is no table as an article, or several where it is long."""
    lines: list[str] = []
    length, start, unknown = 0, 0, False
    for row in chain(rows, (None,)):
        if (lines or unknown) and (row is None or length > _PART):
            place = f"{sheet}!{start}" if start else sheet
            title = " - ".join(filter(None, (facts.title, sheet)))
            notes = (_UNKNOWN,) if unknown else ()
            try:
                found = article(lines, replace(facts, title=title), size=0, notes=notes)
                yield replace(found, place=place, inside=f"/{place}")
            except SourceError as error:
                yield Failure(place, error.code, ": ".join((str(error), *notes)))
            lines, length, start, unknown = [], 0, row.number if row else 0, False
        if row is not None:
            unknown |= row.unknown
        if row is not None and row.cells:
            line = " | ".join(" ".join(row.cells[n].split()) for n in sorted(row.cells))
            lines.append(mark("row", f"{sheet}!{row.number}") + line)
            length += len(line)
