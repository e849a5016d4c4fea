"""Formats what `fihris batch` prints: text, CSV for spreadsheets, or lines of JSON."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TextIO

from indexer.cli.output import as_json, total_text
from indexer.cli.terminal import plain
from search import exports
from search.domain import Hit, Results

COLUMNS = ("line", "query", "found", "relation", *exports.COLUMNS, "problem")
SNIPPET = 160  # code points of a passage in the output for people
BEFORE = 50  # of them before the first match


@dataclass(frozen=True, slots=True)
class Answered:
    """A query with its line in the file: its results, or why there are none."""

    line: int
    query: str
    results: Results | None = None
    problem: str | None = None


def csv_rows(stream: TextIO) -> Callable[[Answered], None]:
    """Write a byte order mark and the columns' names, and return what writes a query's rows."""
    stream.write(exports.BYTE_ORDER_MARK)
    rows = csv.writer(stream)
    rows.writerow(COLUMNS)

    def write(answered: Answered) -> None:
        results = answered.results
        row: dict[str, object] = {"line": answered.line, "query": answered.query}
        if results is None:
            row["problem"] = answered.problem
        elif results.total is not None:
            row["found"] = results.total.value
            row["relation"] = results.total.relation
        for rank, hit in enumerate(results.hits if results else (), start=1):
            rows.writerow(_cells({**row, "rank": rank, **exports.cells_of(hit)}))
        if results is None or not results.hits:
            rows.writerow(_cells(row))

    return write


def _cells(row: Mapping[str, object]) -> list[object]:
    return [exports.harmless(row.get(name, "")) for name in COLUMNS]


def json_lines(stream: TextIO) -> Callable[[Answered], None]:
    """Return what writes a query as a line of JSON; its `results` are as `fihris search --json`."""
    return lambda answered: print(as_json(answered), file=stream)


def text_lines(stream: TextIO) -> Callable[[Answered], None]:
    """Return what writes a query as lines for people: how much it finds, then its best passages."""

    def write(answered: Answered) -> None:
        print(f"{plain(answered.query)}\t{_found(answered)}", file=stream)
        for rank, hit in enumerate(answered.results.hits if answered.results else (), start=1):
            cells = (f"{rank}.", hit.match.level, hit.passage.id, hit.article.title, _snippet(hit))
            print("   " + "\t".join(plain(" ".join(cell.split())) for cell in cells), file=stream)

    return write


def _found(answered: Answered) -> str:
    if answered.results is None:
        return f"not asked: {plain(answered.problem or '')}"
    total = answered.results.total
    if total is None:  # by meaning alone
        return "nearest in meaning" if answered.results.hits else "nothing found"
    if not total.value and not answered.results.hits:
        return "nothing found"
    return f"{total_text(total)} found"


def _snippet(hit: Hit) -> str:
    """Return a piece of a passage around its first match."""
    before = 0
    for segment in hit.segments:
        if segment.match:
            break
        before += len(segment.text)
    else:
        before = hit.best_sentence.start if hit.best_sentence else 0
    text = hit.passage.text
    start = max(0, before - BEFORE)
    piece = text[start : start + SNIPPET]
    return f"{'…' if start else ''}{piece}{'…' if start + SNIPPET < len(text) else ''}"


FORMATS: Mapping[str, Callable[[TextIO], Callable[[Answered], None]]] = {
    "text": text_lines,
    "csv": csv_rows,
    "json": json_lines,
}
