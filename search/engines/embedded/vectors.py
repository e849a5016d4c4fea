"""The passages in memory: who they are, and their vectors as int8 for an exact scan.

100,000 x 384 dimensions are 38 MB and 1.5 ms of one core by numkong's int8
kernel (numpy float32: 154 MB, 2.5 to 8 ms; usearch exact: 6.6 ms and no
filter). The scan only makes a shortlist; scores come from the record's float16
vectors, so what int8 rounds away cannot order hits.

simsimd, numkong's predecessor, is as fast and smaller, but refuses to work in a
process that has imported usearch before (their symbols clash).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from search.domain import Vector

_BATCH = 4096  # rows read and rounded at a time: 6 MB of float32
_SPARSE = 0.25  # below this share of rows, gathering them is cheaper than scanning all


class Rows(NamedTuple):
    """Passages in order of number, a column each."""

    numbers: NDArray[np.int64]
    articles: NDArray[np.int64]  # keys in the record
    positions: NDArray[np.int32]
    codes: NDArray[np.int8]  # shape (n, dimensions)
    scales: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PassageTable:
    """All passages of one moment. Never changed once made, so that searches need no lock."""

    record: str
    sequence: int
    rows: Rows
    ids: Mapping[int, str]  # article key -> article id

    def __len__(self) -> int:
        return len(self.rows.numbers)

    def passage_id(self, row: int) -> str:
        return f"{self.ids[int(self.rows.articles[row])]}#{self.rows.positions[row]}"

    def rows_of(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the row of each number, -1 where it is not here."""
        if not len(self):
            return np.full(len(numbers), -1, np.int64)
        rows = np.searchsorted(self.rows.numbers, numbers).clip(max=len(self) - 1)
        return np.where(self.rows.numbers[rows] == numbers, rows, -1)

    def nearest(
        self, query: Vector, count: int, allowed: NDArray[np.bool_] | None
    ) -> NDArray[np.int64]:
        """Return the rows of about the `count` greatest cosines, in no order.

        Rows tied at the cut are taken in order of passage id, so that equal
        passages come out alike however they were numbered.
        """
        rows = None if allowed is None else np.flatnonzero(allowed)
        total = len(self) if rows is None else len(rows)
        if total <= count:
            return np.arange(len(self)) if rows is None else rows
        if rows is not None and total < _SPARSE * len(self):
            scores = _scan(self.rows.codes[rows], self.rows.scales[rows], query)
        else:
            scores = _scan(self.rows.codes, self.rows.scales, query)
            if rows is not None:
                scores = scores[rows]
        cut = np.partition(scores, total - count)[total - count]
        above, tied = np.flatnonzero(scores > cut), np.flatnonzero(scores == cut)
        if rows is not None:
            above, tied = rows[above], rows[tied]
        room = count - len(above)
        if len(tied) > room:
            tied = np.array(sorted(tied, key=lambda row: self.passage_id(int(row)))[:room])
        return np.concatenate([above, tied])


def _scan(
    codes: NDArray[np.int8], scales: NDArray[np.float32], query: Vector
) -> NDArray[np.float32]:
    import numkong

    rounded, _ = encode(query[None, :])
    products = np.asarray(numkong.cdist(rounded, codes, metric="dot"))[0]
    scores: NDArray[np.float32] = products.astype(np.float32) * scales
    return scores


def encode(vectors: Vector) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return int8 codes and each row's scale: `codes * scales` is about `vectors`."""
    scales = np.abs(vectors).max(axis=1) / 127
    scales[scales == 0] = 1
    return np.rint(vectors / scales[:, None]).astype(np.int8), scales.astype(np.float32)


def no_passages(record: str, dimensions: int) -> PassageTable:
    """Return the table of a record nothing was read from yet."""
    rows = Rows(
        np.zeros(0, np.int64),
        np.zeros(0, np.int64),
        np.zeros(0, np.int32),
        np.zeros((0, dimensions), np.int8),
        np.zeros(0, np.float32),
    )
    return PassageTable(record, 0, rows, {})


def follow(
    table: PassageTable, connection: sqlite3.Connection, sequence: int, removed: list[int]
) -> PassageTable:
    """Return the table at a later sequence: `removed` articles gone, what was added there."""
    rows, ids = table.rows, dict(table.ids)
    newest = max(ids, default=0)
    if removed:
        for key in removed:
            ids.pop(key, None)
        kept = ~np.isin(rows.articles, np.array(removed, np.int64))
        if not kept.all():
            rows = Rows._make(column[kept] for column in rows)
    last = int(table.rows.numbers[-1]) if len(table) else 0
    parts = [rows, *_read(connection, last, rows.codes.shape[1])]
    ids.update(connection.execute("SELECT key, id FROM articles WHERE key > ?", (newest,)))
    if len(parts) > 1:
        rows = Rows._make(map(np.concatenate, zip(*parts, strict=True)))
    return PassageTable(table.record, sequence, rows, ids)


def _read(connection: sqlite3.Connection, after: int, dimensions: int) -> Iterator[Rows]:
    sql = "SELECT number, article, position, vector FROM vectors WHERE number > ? ORDER BY number"
    cursor = connection.execute(sql, (after,))
    while batch := cursor.fetchmany(_BATCH):
        numbers, articles, positions, blobs = zip(*batch, strict=True)
        halves = np.frombuffer(b"".join(blobs), "<f2").reshape(-1, dimensions)
        yield Rows(
            np.array(numbers, np.int64),
            np.array(articles, np.int64),
            np.array(positions, np.int32),
            *encode(halves.astype(np.float32)),
        )
