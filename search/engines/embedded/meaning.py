"""Ranking by meaning: an int8 scan makes the shortlist, the record's vectors its scores."""

from __future__ import annotations

import numpy as np

from search.domain import NO_FILTER, Vector
from search.engines.embedded.masks import Masks
from search.engines.embedded.reading import read_own_vectors, read_sentence_vectors
from search.engines.embedded.record import Record
from search.engines.embedded.text import TextIndex
from search.engines.embedded.vectors import PassageTable
from search.engines.protocol import SENTENCE_WEIGHT, Ranked, RankRequest, shortlist_size

_DECIMALS = 7  # of a cosine: what is below depends on how many rows were multiplied at once


def rank_by_meaning(
    record: Record, masks: Masks, table: PassageTable, text: TextIndex, request: RankRequest
) -> tuple[Ranked, ...]:
    """Return the best passages the request's filter and constraint let through. Any thread.

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
    allowed = None
    if request.filter != NO_FILTER or request.constraint is not None:
        allowed = masks.allowed(table, text, request.filter, request.constraint)
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
