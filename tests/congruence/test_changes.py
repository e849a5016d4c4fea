"""After articles were replaced, shortened and deleted.

A known difference: Lucene counts removed documents in BM25's statistics until a merge drops
them, and Elasticsearch keeps them through merges until the shard's own retention lease has
moved past them, which it does every 30 seconds. The embedded engine builds small indexes
anew. So scores, and the order, may differ meanwhile; matches, totals, frequencies, facets,
the vocabulary and rankings by meaning may not, and after a merge that drops the removed
documents scores agree again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest
from elasticsearch import Elasticsearch

from search.domain import LAYERS, NO_FILTER
from search.engines.protocol import RankRequest
from tests.conformance.corpus import facets
from tests.congruence.corpora import (
    VOWELLED,
    analysed_articles,
    clause_requests,
    some_terms,
    typed_requests,
    vector_requests,
)
from tests.congruence.pairs import Pair, paired
from tests.congruence.test_meaning import meaning_differences
from tests.congruence.test_text import assert_alike, text_differences

pytestmark = pytest.mark.slow

COUNT = 60
LEASES_MOVE = 60.0  # seconds, and one more period in reserve


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Pair]]:
    """Give a changed pair by shards; made together, so that their leases move together."""
    before = analysed_articles(6, COUNT, VOWELLED)
    with ExitStack() as stack:
        made = {}
        for shards in (1, 2):
            folder = tmp_path_factory.mktemp("changes")
            both = stack.enter_context(
                paired(folder, f"changed-seed6-shards{shards}", before, shards)
            )
            made[shards] = changed(both)
        yield made


@pytest.fixture(params=[1, 2], ids="shards{}".format)
def pair(request: pytest.FixtureRequest, pairs: dict[int, Pair]) -> Pair:
    return pairs[request.param]


def changed(pair: Pair) -> Pair:
    """Replace some articles by others, cut some short and delete some, in both engines."""
    others = analysed_articles(7, COUNT, VOWELLED)
    replaced = others[:15]
    shortened = [
        replace(
            a, article=replace(a.article, text=a.passages[0].passage.text), passages=a.passages[:1]
        )
        for a in pair.articles[15:30]
    ]
    gone = [a.article.id for a in pair.articles[30:45]]
    for engine in (pair.embedded, pair.elastic):
        outcomes = engine.write([*replaced, *shortened])
        assert all(o.status != "failed" for o in outcomes)
        assert engine.delete(gone) == len(gone)
    return replace(pair, articles=[*replaced, *shortened, *pair.articles[45:]])


@pytest.mark.parametrize("seed", range(3))
def test_what_matches_is_the_same(pair: Pair, seed: int) -> None:
    requests = [*clause_requests(seed, pair.passages, 20), *typed_requests(seed, pair.passages, 20)]
    for number, request in enumerate(requests):
        whole = replace(request, limit=1000)
        a, b = pair.embedded.rank(whole), pair.elastic.rank(whole)
        about = f"{pair.name}, seed {seed}, request {number}: {request}"
        assert {hit.passage_id for hit in a.text} == {hit.passage_id for hit in b.text}, about
        assert a.text_total == b.text_total == len(a.text), about


@pytest.mark.parametrize("seed", range(3))
def test_meaning_is_the_same(pair: Pair, seed: int) -> None:
    for number, request in enumerate(vector_requests(seed, pair.passages, 20)):
        a, b = pair.embedded.rank(request), pair.elastic.rank(request)
        wrong = meaning_differences(pair, request, a, b)
        assert not wrong, f"{pair.name}, seed {seed}, request {number}: {wrong}\n{request}"


@pytest.mark.parametrize("seed", range(3))
def test_counts_are_the_same(pair: Pair, seed: int) -> None:
    random_ = random.Random(seed)
    terms = some_terms(random_, pair.passages, 30)
    a, b = (e.rank(RankRequest(frequencies=terms)) for e in (pair.embedded, pair.elastic))
    assert a.frequencies == b.frequencies, (pair.name, seed)
    assert a.passages == b.passages == len(pair.passages)
    for term in terms:
        counted = [
            facets(e, term, NO_FILTER, ("source", "year")) for e in (pair.embedded, pair.elastic)
        ]
        assert counted[0] == counted[1], (pair.name, seed, term)
    for layer in LAYERS:
        prefix = random_.choice([t.value for t in terms])[:1]
        words = [
            e.terms_with_prefixes(layer, [prefix], 1000) for e in (pair.embedded, pair.elastic)
        ]
        assert words[0] == words[1], (pair.name, seed, layer, prefix)


def test_what_is_stored_is_the_same(pair: Pair) -> None:
    a, b = pair.embedded, pair.elastic
    assert a.article_ids("", 1000) == b.article_ids("", 1000)
    assert a.article_ids("", 1000) == sorted(x.article.id for x in pair.articles)
    known = [x.article.id for x in analysed_articles(6, COUNT, VOWELLED)]
    assert [a.article(key) for key in known] == [b.article(key) for key in known]
    passages = [f"{key}#{position}" for key in known for position in range(4)]
    assert a.fetch(passages) == b.fetch(passages)
    counts = [(s.articles, s.passages, s.sentences) for s in (a.status(), b.status())]
    assert counts[0] == counts[1]


def test_scores_agree_again_once_removed_documents_are_merged_away(pair: Pair) -> None:
    requests = [undated(each) for each in clause_requests(9, pair.passages, 40)]
    assert any(text_differences(pair, request) for request in requests), "nothing was removed"
    merge(pair)
    assert_alike(pair, 9, requests)
    assert_alike(pair, 10, map(undated, typed_requests(10, pair.passages, 40)))


def undated(request: RankRequest) -> RankRequest:
    """Return a request without dates.

    Elasticsearch asks no frequencies of a shard none of whose dates is in a filter's range, so
    scores differ where there are few passages.
    """
    return replace(request, filter=replace(request.filter, published_from=None, published_to=None))


def merge(pair: Pair) -> None:
    """Merge until Elasticsearch holds no removed documents."""
    index, deadline = pair.settings.elasticsearch_index, time.monotonic() + LEASES_MOVE
    with Elasticsearch(pair.settings.elasticsearch_url.split(",")[0]) as client:
        while True:
            client.indices.flush(index=index, force=True)
            client.indices.forcemerge(index=index, max_num_segments=1)
            client.indices.refresh(index=index)
            stats = client.indices.stats(index=index, metric="docs")
            if stats["_all"]["primaries"]["docs"]["deleted"] == 0:
                return
            assert time.monotonic() < deadline, f"{pair.name}: removed documents are kept"
            time.sleep(1)
