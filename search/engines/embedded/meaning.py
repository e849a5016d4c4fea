"""Ranking by meaning: an int8 scan makes the shortlist, the record's vectors its scores."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from search.domain import NO_FILTER, Filter, Span, Vector
from search.engine import SENTENCE_WEIGHT, SHORTLIST, VectorHit
from search.engines.embedded.record import Record
from search.engines.embedded.vectors import PassageTable

_MASKS = 32  # filters whose passages are remembered: 100 KB each at 100,000 passages
_DECIMALS = 7  # of a cosine: what is below depends on how many rows were multiplied at once

Mask = NDArray[np.bool_]


class Meaning:
    """Ranks a table's passages by their vectors. May be called from many threads."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._masks: OrderedDict[tuple[str, int, Filter], Mask] = OrderedDict()

    def rank(
        self, table: PassageTable, vector: Vector, filter: Filter, limit: int
    ) -> tuple[VectorHit, ...]:
        """Return the best `limit` passages a filter lets through.

        Raises LookupError when a passage of the table is no longer in the record.
        """
        if not limit or not len(table):
            return ()
        query = (vector / np.linalg.norm(vector.astype(np.float64))).astype(np.float32)
        shortlist = max(limit, SHORTLIST)
        # A quarter more than the shortlist, which the exact cosines then cut: no passage
        # of it is lost to rounding (measured in tests/engines/embedded/test_vectors.py).
        allowed = None if filter == NO_FILTER else self._allowed(table, filter)
        rows = table.nearest(query, shortlist + max(32, shortlist // 4), allowed)
        numbers = np.sort(table.rows.numbers[rows])
        dimensions = len(query)
        own = _cosines(self._record.own_vectors(numbers.tolist(), dimensions), query)
        ids = [table.passage_id(row) for row in table.rows_of(numbers).tolist()]
        best = sorted(range(len(ids)), key=lambda i: (-own[i], ids[i]))[:shortlist]
        of_passage, spans, vectors = self._record.sentence_vectors(
            [int(numbers[i]) for i in best], dimensions
        )
        of_sentence = _cosines(vectors, query)
        hits = []
        for i in best:
            score, sentence = float(own[i]), None
            start, end = of_passage.get(int(numbers[i]), (0, 0))
            if start < end:
                top = start + int(of_sentence[start:end].argmax())
                sentence = Span(int(spans[top, 0]), int(spans[top, 1]))
                score += SENTENCE_WEIGHT * (float(of_sentence[top]) - score)
            hits.append(VectorHit(ids[i], score, sentence))
        hits.sort(key=lambda hit: (-hit.score, hit.passage_id))
        return tuple(hits[:limit])

    def _allowed(self, table: PassageTable, filter: Filter) -> Mask:
        key = (table.record, table.sequence, filter)
        try:
            self._masks.move_to_end(key)
            return self._masks[key]
        except KeyError:
            pass
        articles = np.array(self._record.matching_articles(filter), np.int64)
        mask = np.isin(table.rows.articles, articles)
        self._masks[key] = mask
        while len(self._masks) > _MASKS:
            self._masks.popitem(last=False)
        return mask


def _cosines(vectors: Vector, query: Vector) -> NDArray[np.float64]:
    cosines = (vectors @ query).astype(np.float64)
    return cosines.round(_DECIMALS)
