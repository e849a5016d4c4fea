"""Vector rankings, alone and beside a text ranking in one request.

A known difference: which passages are in the shortlist whose sentences are weighed is told
by the passages' own cosines, which differ by `MEANING` at most. Where more passages are let
through than the shortlist holds, those as near to its cut as that may be in one only, and
so are left out of the comparison.
"""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search.domain import IndexedArticle, IndexedPassage, Span, Vector
from search.engines.protocol import Rankings, RankRequest, shortlist_size
from tests.conformance.corpus import DIMENSIONS, indexed, passages_of
from tests.congruence.compare import MEANING, ranked_apart, scored
from tests.congruence.corpora import typed_requests, vector_requests
from tests.congruence.pairs import Pair, paired
from tests.congruence.test_text import text_differences

pytestmark = pytest.mark.slow

SHOWN = 30  # hits whose best sentences are compared


@pytest.mark.parametrize("seed", range(5))
def test_vectors(pair: Pair, seed: int) -> None:
    for number, request in enumerate(vector_requests(seed, pair.passages, 20)):
        a, b = pair.embedded.rank(request), pair.elastic.rank(request)
        wrong = meaning_differences(pair, request, a, b)
        assert not wrong, f"{pair.name}, seed {seed}, request {number}: {wrong}\n{request}"
        assert (a.text_total, b.text_total) == (None, None)


@pytest.mark.parametrize("seed", range(4))
def test_both_in_one_request(pair: Pair, seed: int) -> None:
    random_ = random.Random(seed)
    vectors = [r.vector for r in vector_requests(seed, pair.passages, 10)]
    for number, asked in enumerate(typed_requests(seed, pair.passages, 10)):
        request = RankRequest(
            asked.clause,
            vectors[number],
            asked.filter,
            asked.constraint,
            random_.choice([10, 1000]),
        )
        a, b = pair.embedded.rank(request), pair.elastic.rank(request)
        wrong = meaning_differences(pair, request, a, b)
        if request.clause is not None:
            wrong += text_differences(pair, request)
        assert not wrong, f"{pair.name}, seed {seed}, request {number}: {wrong}\n{request}"


def test_a_tie_longer_than_the_shortlist(tmp_path: Path) -> None:
    """`beyond` is further by its own cosine than all that tie, nearer with its sentence's."""
    tied = [_with_vectors(f"tied-{number}", _unit(0.8, 0.6)) for number in range(150)]
    beyond = _with_vectors("beyond", _unit(0.7, 0.7), _unit(1.0), _unit(0.0, 1.0))
    request = RankRequest(vector=_unit(1.0), limit=3)
    with paired(tmp_path, "tie", [*tied, beyond]) as pair:
        a, b = pair.embedded.rank(request), pair.elastic.rank(request)
    assert not ranked_apart(scored(a.vector), scored(b.vector), request.limit, MEANING)


def _with_vectors(id: str, own: Vector, *sentences: Vector) -> IndexedArticle:
    """Return an article of one passage with these vectors."""
    plain = indexed(id, "ماء. نفط" if sentences else "ماء")
    passage = replace(
        plain.passages[0],
        vector=own,
        sentence_vectors=np.stack(sentences)
        if sentences
        else np.zeros((0, DIMENSIONS), np.float32),
    )
    return replace(plain, passages=(passage,))


def _unit(*values: float) -> Vector:
    vector = np.zeros(DIMENSIONS, np.float32)
    vector[: len(values)] = values
    return vector / np.float32(np.linalg.norm(vector))


def meaning_differences(pair: Pair, request: RankRequest, a: Rankings, b: Rankings) -> list[str]:
    assert request.vector is not None
    admitted = {
        key: passage
        for key, passage in passages_of(pair.articles, request.constraint, request.filter).items()
        if passage.vector is not None
    }
    size = min(request.limit, len(admitted))
    unsure = _near_the_cut(admitted, request.vector, shortlist_size(request.limit))
    sure_a, sure_b = ([h for h in r.vector if h.passage_id not in unsure] for r in (a, b))
    wrong = [f"{len(r.vector)} hits of {size}" for r in (a, b) if len(r.vector) != size]
    if unsure:  # one that is listed in one only pushes the last out of it
        shorter = min(len(sure_a), len(sure_b))
        sure_a, sure_b, size = sure_a[:shorter], sure_b[:shorter], shorter
    wrong += ranked_apart(scored(sure_a), scored(sure_b), size, MEANING)
    named = {hit.passage_id: hit.sentence for hit in b.vector}
    for hit in a.vector[:SHOWN]:
        if hit.passage_id in named:
            spans = admitted[hit.passage_id].sentences
            x, y = (None if n is None else spans[n] for n in (hit.sentence, named[hit.passage_id]))
            wrong += another_sentence(admitted[hit.passage_id], request.vector, x, y)
    return wrong


def _near_the_cut(admitted: dict[str, IndexedPassage], query: Vector, shortlist: int) -> set[str]:
    """Return the passages that float16 may move into the shortlist, or out of it."""
    if len(admitted) <= shortlist:
        return set()
    own = {
        key: cosine(passage.vector, query)
        for key, passage in admitted.items()
        if passage.vector is not None
    }
    inside, outside = sorted(own.values(), reverse=True)[shortlist - 1 : shortlist + 1]
    return {
        key
        for key, value in own.items()
        if outside - 2 * MEANING.absolute <= value <= inside + 2 * MEANING.absolute
        and inside - outside <= 2 * MEANING.absolute
    }


def another_sentence(
    passage: IndexedPassage, query: Vector, a: Span | None, b: Span | None
) -> list[str]:
    """Return what is wrong, unless both name the same sentence or equally good ones."""
    if a == b:
        return []
    known = dict(zip(passage.sentences, passage.sentence_vectors, strict=True))
    if a is None or b is None or not {a, b} <= known.keys():
        return [f"{passage.passage.id}: sentences {a} and {b}"]
    x, y = cosine(known[a], query), cosine(known[b], query)
    if MEANING.holds(x, y):
        return []
    return [f"{passage.passage.id}: sentence {a} of {x:.6f}, {b} of {y:.6f}"]


def cosine(a: Vector, b: Vector) -> float:
    x, y = a.astype(np.float64), b.astype(np.float64)
    return float(x @ y / np.linalg.norm(x) / np.linalg.norm(y))
