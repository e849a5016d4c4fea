"""Whole searches: the same hits, up to ties, for typed queries in the three modes.

Filters keep fewer passages than the shortlist holds, so that no passage's sentences go
unweighed: which do, where there are more, is told in test_meaning.

Fusing divides by a ranking's spread, and so makes a difference of scores larger the
nearer its first and last hit are.
"""

from __future__ import annotations

import random

import pytest

from search.domain import (
    FACET_FIELDS,
    NO_FILTER,
    SEARCH_SORTS,
    Filter,
    Hit,
    Mode,
    Query,
    Results,
    Vector,
)
from search.embedding.centring import CentredQueries
from search.engines.protocol import SHORTLIST
from search.query.parse import parse
from search.ranking.searcher import KEYWORD_WEIGHT, Searcher
from tests.conformance.corpus import EMBEDDER, passages_of
from tests.congruence.compare import MEANING, TEXT, Tolerance, ranked_apart
from tests.congruence.corpora import any_filter, typed
from tests.congruence.pairs import Pair
from tests.congruence.test_meaning import another_sentence

pytestmark = pytest.mark.slow

QUERIES = CentredQueries(EMBEDDER)
Searchers = tuple[Searcher, Searcher]
PAGED: tuple[tuple[Mode, Tolerance], ...] = (("keyword", TEXT), ("semantic", MEANING))


@pytest.fixture(scope="module")
def searchers(pair: Pair) -> Searchers:
    return Searcher(pair.embedded, EMBEDDER), Searcher(pair.elastic, EMBEDDER)


@pytest.mark.parametrize("mode", ["keyword", "semantic", "hybrid"])
@pytest.mark.parametrize("seed", range(4))
def test_typed_queries(pair: Pair, searchers: Searchers, seed: int, mode: Mode) -> None:
    random_ = random.Random(seed)
    found = 0
    for number in range(10):
        query = Query(typed(random_, pair.passages), mode, 100, 0, _some_articles(random_, pair))
        a, b = (searcher.search(query) for searcher in searchers)
        wrong = differences(pair, a, b)
        assert not wrong, f"{pair.name}, seed {seed}, query {number}: {wrong}\n{query}"
        found += len(a.hits)
    assert found > 100, "hardly a query found anything"


@pytest.mark.parametrize("seed", range(4))
def test_pages_past_the_shortlist(pair: Pair, searchers: Searchers, seed: int) -> None:
    """There every passage's sentences are weighed, and the page is cut on both sides."""
    random_ = random.Random(seed)
    for number in range(5):
        text = " ".join(random_.choice(pair.passages).passage.text.split()[:5])
        for mode, tolerance in PAGED:
            query = Query(text, mode, 10, random_.randint(91, 150))
            a, b = (searcher.search(query) for searcher in searchers)
            about = f"{pair.name}, seed {seed}, query {number}: {query}"
            assert a.total == b.total, about
            scores = [[hit.score for hit in results.hits] for results in (a, b)]
            assert len(scores[0]) == len(scores[1]), about
            assert all(map(tolerance.holds, *scores)), about


@pytest.mark.parametrize("seed", range(4))
def test_facets_and_groups(pair: Pair, searchers: Searchers, seed: int) -> None:
    random_ = random.Random(seed)
    for number in range(6):
        query = Query(
            typed(random_, pair.passages),
            "keyword",
            size=100,
            filter=any_filter(random_) if random_.random() < 0.3 else NO_FILTER,
            facets=FACET_FIELDS,
            group_by="article",
        )
        a, b = (searcher.search(query) for searcher in searchers)
        about = f"{pair.name}, seed {seed}, query {number}: {query}"
        assert (a.facets, a.total, a.articles) == (b.facets, b.total, b.articles), about
        assert a.groups is not None, about
        assert b.groups is not None, about
        best = [[group.hits[0].score for group in each.groups or ()] for each in (a, b)]
        assert len(best[0]) == len(best[1]), about
        assert all(map(TEXT.holds, *best)), about
        others = {group.article.id: group.passages for group in b.groups}
        for group in a.groups:
            assert others.get(group.article.id, group.passages) == group.passages, about


@pytest.mark.parametrize("seed", range(4))
def test_orders_by_date(pair: Pair, searchers: Searchers, seed: int) -> None:
    random_ = random.Random(seed)
    for number in range(6):
        text, sort = typed(random_, pair.passages), random_.choice(SEARCH_SORTS[1:])
        inside = any_filter(random_) if random_.random() < 0.3 else NO_FILTER
        query = Query(text, "hybrid", 50, random_.choice((0, 20)), inside, sort=sort)
        a, b = (searcher.search(query) for searcher in searchers)
        about = f"{pair.name}, seed {seed}, query {number}: {query}"
        assert (a.hits, a.total) == (b.hits, b.total), about


def _some_articles(random_: random.Random, pair: Pair) -> Filter:
    """Return a filter of articles with fewer passages than the shortlist holds."""
    ids = tuple(a.article.id for a in random_.sample(list(pair.articles), 30))
    while len(passages_of(pair.articles, filter=Filter(articles=ids))) > SHORTLIST:
        ids = ids[1:]
    return Filter(articles=ids)


def differences(pair: Pair, a: Results, b: Results) -> list[str]:
    """Return what two answers that list every match differ in beyond ties."""
    wrong = [
        f"{name}: {getattr(a, name)} and {getattr(b, name)}"
        for name in ("total", "degraded", "searched_also", "relaxed")
        if getattr(a, name) != getattr(b, name)
    ]
    of_a, of_b = ([(hit.passage.id, hit.score) for hit in results.hits] for results in (a, b))
    wrong += ranked_apart(of_a, of_b, a.query.size, _tolerance(a))
    others = {hit.passage.id: hit for hit in b.hits}
    vector = QUERIES.embed(parse(a.query.text).meaning)
    for hit in a.hits:
        if other := others.get(hit.passage.id):
            wrong += _hits_apart(pair, vector, hit, other)
    return wrong


def _hits_apart(pair: Pair, query: Vector, a: Hit, b: Hit) -> list[str]:
    key = a.passage.id
    if a.best_sentence != b.best_sentence:
        passage = next(p for p in pair.passages if p.passage.id == key)
        return another_sentence(passage, query, a.best_sentence, b.best_sentence)
    names = ("passage", "article", "segments", "title_segments")
    wrong = [f"{key}: {name}" for name in names if getattr(a, name) != getattr(b, name)]
    for name, tolerance in (("keyword", TEXT), ("semantic", MEANING)):
        x, y = getattr(a, name), getattr(b, name)
        if (x is None) != (y is None) or (x and not tolerance.holds(x.score, y.score)):
            wrong.append(f"{key}: {name} {x} and {y}")
    return wrong


def _tolerance(results: Results) -> Tolerance:
    """Return how far apart the scores of an answer that lists every match may be."""
    keyword = [hit.keyword.score for hit in results.hits if hit.keyword]
    semantic = [hit.semantic.score for hit in results.hits if hit.semantic]
    if not semantic:
        return TEXT
    if not keyword or results.query.mode == "semantic":
        return MEANING
    by_text = _stretched(keyword, TEXT.relative * max(keyword) + TEXT.absolute)
    return Tolerance(0.0, KEYWORD_WEIGHT * by_text + _stretched(semantic, MEANING.absolute))


def _stretched(scores: list[float], error: float) -> float:
    """Return what an error of each score becomes where scores are mapped onto 0..1."""
    spread = max(scores) - min(scores)
    return 2 * error / spread if spread else 0.0
