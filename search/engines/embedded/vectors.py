"""Ranking by meaning: the passages in memory, with their vectors as int8 for an exact scan.

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
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from search.domain import Vector
from search.engines.embedded.articles import Articles, no_articles
from search.engines.embedded.reading import read_own_vectors, read_sentence_vectors
from search.engines.embedded.record import Record
from search.engines.embedded.rows import ARTICLE, article_rows, damaged, damaged_index, unseal
from search.engines.embedded.state import State
from search.engines.protocol import SENTENCE_WEIGHT, Ranked, RankRequest, shortlist_size

_BATCH = 512  # rows read and rounded at a time: 0.8 MB of float32, which stays in the cache
_SPARSE = 0.25  # below this share of rows, gathering them is cheaper than scanning all
_DECIMALS = 7  # of a cosine: what is below depends on how many rows were multiplied at once


class Rows(NamedTuple):
    """Passages in order of number, a column each."""

    numbers: NDArray[np.int64]
    articles: NDArray[np.int64]  # keys in the record
    positions: NDArray[np.int32]


class Codes(NamedTuple):
    """The rounded vectors of the passages that have one, in order of number."""

    numbers: NDArray[np.int64]
    codes: NDArray[np.int8]  # shape (n, dimensions)
    scales: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PassageTable:
    """All passages of one moment. Never changed once made, so that searches need no lock."""

    record: str
    sequence: int
    rows: Rows
    vectors: Codes
    places: NDArray[np.int64]  # the row of each of the vectors
    ids: Mapping[int, str]  # article key -> article id
    articles: Articles
    saved: tuple[int, int] = 0, 0  # greatest article key and sequence of its file (`snapshot`)

    def __len__(self) -> int:
        return len(self.rows.numbers)

    def passage_ids(self, rows: NDArray[np.int64]) -> list[str]:
        """Return the passage id of each row. All at once: 0.3 us each, singly 1 us."""
        articles, positions = self.rows.articles[rows], self.rows.positions[rows]
        return [
            f"{self.ids[key]}#{position}"
            for key, position in zip(articles.tolist(), positions.tolist(), strict=True)
        ]

    def rows_of(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the row of each number, -1 where it is not here."""
        if not len(self):
            return np.full(len(numbers), -1, np.int64)
        known = self.rows.numbers
        rows = numbers - known[0]  # where none is missing: a fifth of the time of a search for each
        if known[-1] - known[0] >= len(known):
            rows = np.searchsorted(known, numbers)
        rows = rows.clip(0, len(known) - 1)
        return np.where(known[rows] == numbers, rows, -1)

    def nearest(
        self, query: Vector, count: int, allowed: NDArray[np.bool_] | None
    ) -> NDArray[np.int64]:
        """Return the rows of about the `count` greatest cosines, in no order.

        Rows tied at the cut are taken in order of passage id, so that equal
        passages come out alike however they were numbered.
        """
        vectors, places = self.vectors, self.places
        some = None if allowed is None else np.flatnonzero(allowed[places])
        total = len(places) if some is None else len(some)
        if total <= count:
            return places if some is None else places[some]
        if some is not None and total < _SPARSE * len(places):
            scores = _scan(vectors.codes[some], vectors.scales[some], query)
        else:
            scores = _scan(vectors.codes, vectors.scales, query)
            if some is not None:
                scores = scores[some]
        if some is not None:
            places = places[some]
        cut = np.partition(scores, total - count)[total - count]
        above, tied = places[scores > cut], places[scores == cut]
        room = count - len(above)
        if len(tied) > room:
            ids = self.passage_ids(tied)
            tied = tied[sorted(range(len(ids)), key=ids.__getitem__)[:room]]
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


def table_of(
    record: str,
    sequence: int,
    rows: Rows,
    vectors: Codes,
    ids: Mapping[int, str],
    articles: Articles,
) -> PassageTable:
    """Return the table of these passages; every vector is of one of the rows."""
    places = np.searchsorted(rows.numbers, vectors.numbers)
    return PassageTable(record, sequence, rows, vectors, places, ids, articles)


def no_passages(record: str, dimensions: int) -> PassageTable:
    """Return the table of a record nothing was read from yet."""
    none = np.zeros(0, np.int64)
    rows = Rows(none, none, np.zeros(0, np.int32))
    vectors = Codes(none, np.zeros((0, dimensions), np.int8), np.zeros(0, np.float32))
    return table_of(record, 0, rows, vectors, {}, no_articles())


def follow(
    table: PassageTable, connection: sqlite3.Connection, state: State, removed: list[int]
) -> PassageTable:
    """Return the table at a later state: `removed` articles gone, what was added there.

    Raises RecordCorrupt where the record does not hold what its state says.
    """
    rows, vectors, ids, articles = table.rows, table.vectors, dict(table.ids), table.articles
    newest = max(ids, default=0)
    last = int(rows.numbers[-1]) if len(table) else 0
    if removed:
        for key in removed:
            ids.pop(key, None)
        articles = articles.without(removed)
        kept = ~np.isin(rows.articles, np.array(removed, np.int64))
        if not kept.all():
            stay = kept[table.places]
            vectors = Codes._make(column[stay] for column in vectors)
            rows = Rows._make(column[kept] for column in rows)
    sql = f"SELECT {ARTICLE} FROM articles a WHERE a.key > ? ORDER BY a.key"  # noqa: S608
    cursor = connection.execute(sql, (newest,))
    numbers: list[tuple[int, int, int]] = []
    embedded: list[int] = []
    added: list[Articles] = []
    while batch := cursor.fetchmany(_BATCH):  # not all at once: memory
        known = article_rows(batch)
        ids.update([(about.key, about.id) for about in known])
        added.append(articles.columns_of(known))
        numbers += [about[:3] for about in known]
        embedded += [about.key for about in known if about.embedded]
    expected = np.zeros(0, np.int64)
    if added:
        articles = articles.joined(added)
        new = _rows(numbers, last, state.last)
        expected = new.numbers[np.isin(new.articles, embedded)]
        rows = Rows._make(map(np.concatenate, zip(*[rows, new], strict=True)))
    parts = list(_read(connection, last, vectors.codes.shape[1]))
    read = np.concatenate([np.zeros(0, np.int64), *(part.numbers for part in parts)])
    if not np.array_equal(read, expected):
        raise damaged_index("vectors are missing, or are of no article")
    if parts:
        vectors = Codes._make(map(np.concatenate, zip(*[vectors, *parts], strict=True)))
    if (len(ids), len(rows.numbers)) != (state.articles, state.passages):
        raise damaged_index(
            f"it holds {len(ids):,} articles and {len(rows.numbers):,} passages, and "
            f"{state.articles:,} and {state.passages:,} were written"
        )
    after = table_of(table.record, state.sequence, rows, vectors, ids, articles)
    return replace(after, saved=table.saved)


def check_ids(connection: sqlite3.Connection, ids: Mapping[int, str]) -> None:
    """Raise RecordCorrupt where SQLite's index of ids does not lead to each article."""
    # Its own order is not asked for, so that SQLite reads the index alone.
    sql = "SELECT key, id FROM articles INDEXED BY sqlite_autoindex_articles_1"
    if dict(connection.execute(sql).fetchall()) != ids or len(set(ids.values())) != len(ids):
        raise damaged_index("its index of ids does not lead to every article")


def _rows(articles: list[tuple[int, int, int]], after: int, last: int) -> Rows:
    """Return the passages of articles (key, first passage's number, passages), in order."""
    try:
        keys, firsts, sizes = np.array(articles, np.int64).T
    except (TypeError, ValueError, OverflowError) as error:
        raise damaged(f"its article's numbers cannot be read: {error}", after + 1) from error
    ends = firsts + sizes
    # Anything else is damage, and might ask for more memory than there is.
    starts = np.concatenate([[after + 1], ends[:-1]])
    if (sizes < 0).any() or (firsts < starts).any() or ends[-1] > last + 1:
        raise damaged("its article's numbers are not in order", after + 1)
    positions = np.arange(sizes.sum()) - np.repeat(sizes.cumsum() - sizes, sizes)
    return Rows(
        np.repeat(firsts, sizes) + positions, np.repeat(keys, sizes), positions.astype(np.int32)
    )


def _read(connection: sqlite3.Connection, after: int, dimensions: int) -> Iterator[Codes]:
    sql = "SELECT number, sentences, vector FROM vectors WHERE number > ? ORDER BY number"
    cursor = connection.execute(sql, (after,))
    while batch := cursor.fetchmany(_BATCH):
        vectors = unseal(batch, dimensions, own=True)
        yield Codes(np.array([row[0] for row in batch], np.int64), *encode(vectors))


def rank_by_meaning(
    record: Record,
    table: PassageTable,
    request: RankRequest,
    allowed: NDArray[np.bool_] | None,
) -> tuple[Ranked, ...]:
    """Return the best passages for the request's vector. Any thread.

    Args:
        allowed: which rows of the table may be returned, None for all.

    Raises:
        LookupError: a passage of the table is no longer in the record, or another record lies there.
    """
    vector, limit = request.vector, request.limit
    if vector is None or not limit or not len(table.places):
        return ()
    query = (vector / np.linalg.norm(vector.astype(np.float64))).astype(np.float32)
    shortlist = shortlist_size(limit)
    # A quarter more than the shortlist, which the exact cosines then cut: no passage
    # of it is lost to rounding (measured in tests/engines/embedded/test_vectors.py).
    rows = table.nearest(query, shortlist + max(32, shortlist // 4), allowed)
    rows = np.sort(rows)
    numbers, ids = table.rows.numbers[rows].tolist(), table.passage_ids(rows)
    dimensions = len(query)
    with record.reading_of(table.record) as connection:
        vectors, counts = read_own_vectors(connection, numbers, dimensions)
        own = _cosines(vectors, query)
        best = sorted(range(len(ids)), key=lambda i: (-own[i], ids[i]))[:shortlist]
        of_passage, vectors = read_sentence_vectors(
            connection, {numbers[i]: counts[i] for i in best}, dimensions
        )
    of_sentence = _cosines(vectors, query)
    hits = []
    for i in best:
        score, sentence = own[i], None
        if found := of_sentence[slice(*of_passage.get(numbers[i], (0, 0)))]:
            best_sentence = max(found)
            sentence = found.index(best_sentence)
            score += SENTENCE_WEIGHT * (best_sentence - score)
        hits.append(Ranked(ids[i], score, sentence))
    hits.sort(key=lambda hit: (-hit.score, hit.passage_id))
    return tuple(hits[:limit])


def _cosines(vectors: Vector, query: Vector) -> list[float]:
    # Not `@`: BLAS would wake its threads for 0.05 ms of work, and wait milliseconds for
    # them on busy cores.
    products: list[float] = (
        np.einsum("ij,j->i", vectors, query).astype(np.float64).round(_DECIMALS).tolist()
    )
    return products
