"""Tables: .csv and .tsv, an article a row under a row of heads, streamed.

Cells are divided by the one of `, ; tab | ؛` that gives the most known heads and rows of
one width (Excel writes `;` where a comma divides decimals), or by what a first line
`sep=;` says. Quoting is that of RFC 4180, with line ends inside of quotes. What a row lacks at its
end is unknown; one that has more cells than there are heads fails alone, by its number as a
spreadsheet counts. Of two columns of one name the first is read.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import BinaryIO

from indexer.extraction.documents import encoding_notes
from indexer.extraction.encodings import FileLine, opened_lines
from indexer.extraction.field_names import Fields, key_of
from indexer.extraction.objects import code_of
from indexer.extraction.registry import MEBIBYTE, Extracted, Options, inside_of, suffix_of
from indexer.sources import Failure
from search.errors import SourceError
from search.limits import MAX_LINE

MAX_CELL = MAX_LINE  # characters
MAX_HEADS = 1_000  # cells of a row
DELIMITERS = (",", ";", "\t", "|", "؛")
_SAMPLE_LINES = 200
_SAMPLE_BYTES = MEBIBYTE
_SHOWN = 20  # heads named in an error


class _Feed:
    """A file's lines as `csv` wants them, with what was wrong with those of the last row."""

    def __init__(self, found: Iterator[FileLine]) -> None:
        self._lines = found
        self.size = 0  # bytes since `taken`
        self.problem: FileLine | None = None

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.size += line.size
            if line.problem and self.problem is None:
                self.problem = line
            yield line.text + "\n"

    def taken(self) -> tuple[int, FileLine | None]:
        size, problem = self.size, self.problem
        self.size, self.problem = 0, None
        return size, problem


def read(stream: BinaryIO, name: str, options: Options) -> Iterator[Extracted | Failure]:
    """Yield the article of each row."""
    fields = Fields(options.fields)
    encoding, found = opened_lines(stream, MAX_LINE, options.encoding)
    sample = _sample(found)
    declared = _declared(sample)
    if declared:
        skipped, sample = sample[0].size, sample[1:]
    else:
        skipped = 0
    delimiter = declared or _delimiter(sample, fields, tab_first=suffix_of(name) == ".tsv")
    feed = _Feed(chain(sample, found))
    feed.size = skipped
    csv.field_size_limit(MAX_CELL)
    rows = csv.reader(feed, delimiter=delimiter, strict=True)
    table = Table(_heads(rows, feed, fields), fields, encoding_notes(encoding))
    blank = True
    number = 1
    while True:
        number += 1
        try:
            row = next(rows)
        except StopIteration:
            break
        except csv.Error as error:
            size, problem = feed.taken()
            yield _broken(number, _plainly(error), size, problem)
            blank = False
            continue
        if problem := feed.problem:
            yield _broken(number, problem.problem, feed.taken()[0], problem)
            blank = False
            continue
        if not any(cell.strip() for cell in row):  # its bytes are said with the next row
            continue
        blank = False
        size, _ = feed.taken()
        yield table.item(str(number), dict(enumerate(row)), size)
    if blank:
        raise SourceError("there are no rows under its heads: nothing to index", code="empty")


class Table:
    """Makes articles of the rows under a row of heads; notes on the table go with the first."""

    def __init__(self, heads: Sequence[str], fields: Fields, notes: Sequence[str] = ()) -> None:
        self._width = len(heads)
        self._columns = {head: heads.index(head) for head in dict.fromkeys(heads)}
        self._fields = fields
        self._once = (*notes, *_doubled(heads))
        self._lacking = False

    def item(
        self, place: str, row: Mapping[int, str], size: int = 0, inside: str = ""
    ) -> Extracted | Failure:
        """Return the article of a row's cells by their columns, which is `inside` of its file."""
        width = max(row, default=-1) + 1
        if width > self._width and any(row[n].strip() for n in row if n >= self._width):
            reason = f"{width:,} cells, and {self._width:,} heads: is a cell not quoted?"
            return Failure(place, "bad-field", reason, size)
        if width < self._width and not self._lacking:
            self._lacking = True
            lacking = "cells missing at the end of rows, here first: what they hold is unknown"
            self._once = (*self._once, lacking)
        cells = {head: row.get(n, "") for head, n in self._columns.items()}
        try:
            known, notes = self._fields.article(cells)
        except SourceError as error:
            return Failure(place, error.code, str(error), size)
        once, self._once = self._once, ()
        return Extracted(known, place, size, (*once, *notes), inside + inside_of(known))


def _broken(number: int, reason: str, size: int, problem: FileLine | None) -> Failure:
    if problem is not None:
        return Failure(str(number), code_of(problem), problem.problem, size)
    return Failure(str(number), "damaged", reason, size)


def _sample(found: Iterator[FileLine]) -> list[FileLine]:
    """Take the first lines of a file, a mebibyte of them at most."""
    sample: list[FileLine] = []
    size = 0
    for line in islice(found, _SAMPLE_LINES):
        sample.append(line)
        size += line.size
        if size >= _SAMPLE_BYTES:
            break
    return sample


def _declared(sample: Sequence[FileLine]) -> str:
    """Return the delimiter that Excel's own first line names, "" without one."""
    first = sample[0].text.strip("\r\n ") if sample else ""
    named = first[4:] or "\t"
    return named if first.lower().startswith("sep=") and named in DELIMITERS else ""


def _delimiter(sample: Sequence[FileLine], fields: Fields, *, tab_first: bool) -> str:
    """Return what divides the cells: see the module's head."""
    order = sorted(DELIMITERS, key=lambda one: one != "\t") if tab_first else DELIMITERS
    scores = [(_score(sample, one, fields), -place, one) for place, one in enumerate(order)]
    return max(scores)[2]


def _score(sample: Sequence[FileLine], delimiter: str, fields: Fields) -> tuple[int, float, int]:
    rows = csv.reader((line.text + "\n" for line in sample), delimiter=delimiter)
    try:
        heads = next(rows)
        widths = [len(row) for row in rows if row][:-1] or [len(heads)]  # the last may be cut
    except (csv.Error, StopIteration):
        return (0, 0.0, 0)
    known = fields.recognised(map(str.strip, heads))
    return (len(known), widths.count(len(heads)) / len(widths), len(heads))


def _heads(rows: Iterator[list[str]], feed: _Feed, fields: Fields) -> list[str]:
    """Return the heads of a table.

    Raises:
        SourceError: there are none, or none of them is known to be the text.
    """
    try:
        heads = [head.strip() for head in next(rows, [])]
    except csv.Error as error:
        raise SourceError(f"its heads: {_plainly(error)}", code="damaged") from error
    if feed.problem:
        raise SourceError(f"its heads: {feed.problem.problem}", code=code_of(feed.problem))
    if not any(heads):
        raise SourceError("there is no row of heads: nothing to index", code="empty")
    if len(heads) > MAX_HEADS:
        raise SourceError(
            f"{len(heads):,} heads, and {MAX_HEADS:,} are the most: is it a table?",
            code="bad-field",
        )
    if "text" not in fields.recognised(heads):
        shown = ", ".join(head[:40] for head in heads[:_SHOWN])
        raise SourceError(
            f"no head is known to be the text: {shown}; `--field text=NAME` says which it is",
            code="bad-field",
        )
    return heads


def _doubled(heads: Sequence[str]) -> list[str]:
    """Return a note on each name that two columns have, some of them where they are many."""
    spelt: dict[str, list[str]] = {}
    for head in filter(None, heads):
        spelt.setdefault(key_of(head) or head, []).append(head[:40])
    notes = []
    for same in [heads for heads in spelt.values() if len(heads) > 1][:_SHOWN]:
        names = dict.fromkeys(same)
        which = "the first" if len(names) == 1 else "one of them"
        together = '" and "'.join(names)
        notes.append(f'columns of one name, "{together}": {which} is read')
    return notes


def _plainly(error: csv.Error) -> str:
    said = str(error)
    if "field limit" in said:
        return f"a cell of more than {MAX_CELL:,} characters: is a quote never closed?"
    if "unexpected end" in said:
        return "a quote that is never closed"
    if "expected after" in said:
        return 'a quote inside of a quoted cell that is not doubled ("")'
    if "new-line" in said:
        return "a line end of old Macs (CR) in it: save it with other line ends"
    return f"not a row that can be read: {said}"
