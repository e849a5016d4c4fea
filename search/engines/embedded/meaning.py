"""Ranking by meaning: an int8 scan makes the shortlist, the record's vectors its scores."""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

import numpy as np
from numpy.typing import NDArray

from search.domain import NO_FILTER, Filter, Vector
from search.engines.embedded.articles import facet
from search.engines.embedded.reading import read_own_vectors, read_sentence_vectors
from search.engines.embedded.record import Record
from search.engines.embedded.text import TextIndex
from search.engines.embedded.vectors import PassageTable
from search.engines.protocol import SENTENCE_WEIGHT, FacetField, Ranked, RankRequest, shortlist_size
from search.query.clauses import AllOf, Boost, Clause, Everything, Not, Prefer

_MASKS = 32  # filters whose passages are remembered: 100 KB each at 100,000 passages
_DECIMALS = 7  # of a cosine: what is below depends on how many rows were multiplied at once

Mask = NDArray[np.bool_]


class Meaning:
    """Ranks a table's passages by their vectors. May be called from many threads."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._guard = threading.Lock()
        self._masks: OrderedDict[Hashable, Mask] = OrderedDict()

    def rank(
        self, table: PassageTable, text: TextIndex, request: RankRequest
    ) -> tuple[Ranked, ...]:
        """Return the best passages the request's filter and constraint let through.

        Raises LookupError when a passage of the table is no longer in the record, or another
        record lies there.
        """
        vector, limit = request.vector, request.limit
        if vector is None or not limit or not len(table.places):
            return ()
        query = (vector / np.linalg.norm(vector.astype(np.float64))).astype(np.float32)
        shortlist = shortlist_size(limit)
        # A quarter more than the shortlist, which the exact cosines then cut: no passage
        # of it is lost to rounding (measured in tests/engines/embedded/test_vectors.py).
        allowed = self._allowed(table, text, request)
        rows = table.nearest(query, shortlist + max(32, shortlist // 4), allowed)
        rows = np.sort(rows)
        numbers, ids = table.rows.numbers[rows].tolist(), table.passage_ids(rows)
        dimensions = len(query)
        with self._record.reading_of(table.record) as connection:
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

    def _allowed(self, table: PassageTable, text: TextIndex, request: RankRequest) -> Mask | None:
        masks = []
        if request.filter != NO_FILTER:
            masks.append(self._of_filter(table, request.filter))
        if request.constraint is not None:
            masks.append(self._of_clause(table, text, request.constraint))
        return functools.reduce(np.logical_and, masks) if masks else None

    def facet(
        self, table: PassageTable, filter: Filter, field: FacetField
    ) -> list[tuple[str, int]]:
        """Count all passages that a filter lets through by a field's values, without the text index.

        Raises LookupError when another record lies there.
        """
        rows = table.rows.articles
        if filter != NO_FILTER:
            rows = rows[self._of_filter(table, filter)]
        keys = table.articles.keys
        counted = np.bincount(np.searchsorted(keys, rows), minlength=len(keys))
        return facet(table.articles, counted, field)

    def _of_filter(self, table: PassageTable, filter: Filter) -> Mask:
        def mask() -> Mask:
            allowed = table.articles.matching(filter)
            if filter.articles:
                wanted = [known for known in filter.articles if known]
                keys = self._record.keys_of(wanted, table.record)
                allowed &= np.isin(table.articles.keys, keys)
            return np.isin(table.rows.articles, table.articles.keys[allowed])

        return self._kept((table.record, table.sequence, filter), mask)

    def _of_clause(self, table: PassageTable, text: TextIndex, clause: Clause) -> Mask:
        """Return which rows a clause matches: whole sets at once, Tantivy asked for leaves only.

        What a query excludes is rare, so its complement costs nothing this way.
        """

        def of(part: Clause) -> Mask:
            return self._of_clause(table, text, part)

        match clause:
            case Everything():
                return np.ones(len(table), np.bool_)
            case Boost(clause=part) | Prefer(clause=part):
                return of(part)
            case Not(clause=part, excluded=excluded):
                return of(part) & ~of(excluded)
            case AllOf(clauses=parts) if parts:
                return functools.reduce(np.logical_and, map(of, parts))
            case _:

                def mask() -> Mask:
                    rows = table.rows_of(text.matching(clause))
                    found = np.zeros(len(table), np.bool_)
                    found[rows[rows >= 0]] = True
                    return found

                stamp = (table.record, table.sequence, text.sequence, clause)
                return self._kept(stamp, mask)

    def _kept(self, key: Hashable, make: Callable[[], Mask]) -> Mask:
        """Return a mask made before, or make it."""
        with self._guard:
            if key in self._masks:
                self._masks.move_to_end(key)
                return self._masks[key]
        mask = make()
        with self._guard:
            self._masks[key] = mask
            while len(self._masks) > _MASKS:
                self._masks.popitem(last=False)
        return mask


def _cosines(vectors: Vector, query: Vector) -> list[float]:
    # Not `@`: BLAS would wake its threads for 0.05 ms of work, and wait milliseconds for
    # them on busy cores.
    products: list[float] = (
        np.einsum("ij,j->i", vectors, query).astype(np.float64).round(_DECIMALS).tolist()
    )
    return products
