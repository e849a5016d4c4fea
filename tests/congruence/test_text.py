"""Text rankings: the same matches, totals, scores and order.

What is known not to make a difference, though it might: a passage's length is kept in one
byte, exact to 39 terms (Lucene) or 40 (Tantivy, whose table is Lucene's) and rounded down to
four significant bits above; passages here have up to 180 words and 800 grams. Statistics are
of the whole index in both, several shards included (`dfs_query_then_fetch`).
What does make one stands in test_sparse and test_changes.
"""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from search.domain import FACET_FIELDS, NO_FILTER, SORTS
from search.engines.protocol import CountRequest, ListRequest, Place, RankRequest
from tests.congruence.compare import TEXT, ranked_apart, scored
from tests.congruence.corpora import any_filter, clause_requests, drawn, some_terms, typed_requests
from tests.congruence.pairs import Pair

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("seed", range(5))
def test_clauses_of_any_kind(pair: Pair, seed: int) -> None:
    assert_alike(pair, seed, clause_requests(seed, pair.passages, 50))


@pytest.mark.parametrize("seed", range(5))
def test_typed_queries(pair: Pair, seed: int) -> None:
    assert_alike(pair, seed, typed_requests(seed, pair.passages, 30))


def assert_alike(pair: Pair, seed: int, requests: Iterable[RankRequest]) -> None:
    for number, request in enumerate(requests):
        wrong = text_differences(pair, request)
        assert not wrong, f"{pair.name}, seed {seed}, request {number}: {wrong}\n{request}"


def text_differences(pair: Pair, request: RankRequest) -> list[str]:
    a, b = pair.embedded.rank(request), pair.elastic.rank(request)
    wrong = ranked_apart(scored(a.text), scored(b.text), request.limit, TEXT)
    if a.text_total != b.text_total or a.text_total is None:
        wrong.append(f"totals {a.text_total} and {b.text_total}")
    return wrong


@pytest.mark.parametrize("seed", range(10))
def test_frequencies(pair: Pair, seed: int) -> None:
    asked = some_terms(random.Random(seed), pair.passages, 30)
    a, b = (e.rank(RankRequest(frequencies=asked)) for e in (pair.embedded, pair.elastic))
    assert a.frequencies == b.frequencies, (pair.name, seed)
    assert any(a.frequencies.values())
    assert a.passages == b.passages == len(pair.passages)


@pytest.mark.parametrize("seed", range(4))
def test_counts(pair: Pair, seed: int) -> None:
    random_ = random.Random(seed)
    for number in range(8):
        clause = drawn(random_, pair.passages, 2) if random_.random() < 0.7 else None
        inside = any_filter(random_) if random_.random() < 0.5 else NO_FILTER
        limit = random_.choice([0, 1, 2, 20])
        some = tuple(each.article.id for each in random_.sample(list(pair.articles), 10))
        request = CountRequest(clause, inside, FACET_FIELDS, limit, some, count_articles=True)
        a, b = (engine.count([request]) for engine in (pair.embedded, pair.elastic))
        assert a == b, f"{pair.name}, seed {seed}, request {number}: {request}"


@pytest.mark.parametrize("seed", range(4))
def test_lists(pair: Pair, seed: int) -> None:
    random_ = random.Random(seed)
    for number in range(12):
        inside = any_filter(random_) if random_.random() < 0.5 else NO_FILTER
        after = Place.of(random_.choice(pair.articles).article.info)
        given = after if random_.random() < 0.8 else None
        request = ListRequest(inside, random_.choice(SORTS), given, random_.choice([1, 7, 1_000]))
        a, b = (engine.list_articles(request) for engine in (pair.embedded, pair.elastic))
        assert a == b, f"{pair.name}, seed {seed}, request {number}: {request}"


@pytest.mark.parametrize("seed", range(4))
def test_terms_with_prefixes(pair: Pair, seed: int) -> None:
    random_ = random.Random(seed)
    for term in some_terms(random_, pair.passages, 12):
        prefix, limit = term.value[: random_.randint(0, 4)], random_.choice([0, 1, 5, 200])
        a, b = (
            e.terms_with_prefixes(term.layer, [prefix], limit)
            for e in (pair.embedded, pair.elastic)
        )
        assert a == b, f"{pair.name}, seed {seed}: {term.layer} {prefix!r} {limit}"
