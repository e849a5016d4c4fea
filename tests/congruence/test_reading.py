"""What is read back: passages, articles, ids, hashes, counts; the same, and in the same order."""

from __future__ import annotations

import random
from dataclasses import fields

import numpy as np
import pytest

from search.domain import IndexedArticle, IndexedPassage
from tests.congruence.compare import MEANING
from tests.congruence.pairs import Pair

pytestmark = pytest.mark.slow


def some_ids(random_: random.Random, known: list[str]) -> list[str]:
    """Return ids in any order, some of them twice, some unknown."""
    unknown = ["", "nobody", "nobody#0", "مقال-1#999", "خبر-1#999", "خبر-0#00"]
    return random_.choices([*known, *unknown], k=random_.randint(0, 60))


@pytest.mark.parametrize("seed", range(8))
def test_fetch(pair: Pair, seed: int) -> None:
    asked = some_ids(random.Random(seed), [p.passage.id for p in pair.passages])
    assert pair.embedded.fetch(asked) == pair.elastic.fetch(asked), (pair.name, seed)


@pytest.mark.parametrize("seed", range(8))
def test_stored(pair: Pair, seed: int) -> None:
    asked = some_ids(random.Random(seed), [a.article.id for a in pair.articles])
    assert pair.embedded.stored(asked) == pair.elastic.stored(asked), seed


def test_articles(pair: Pair) -> None:
    for key in [*(a.article.id for a in pair.articles), "nobody", ""]:
        assert pair.embedded.article(key) == pair.elastic.article(key), (pair.name, key)


def test_article_ids(pair: Pair) -> None:
    known = [a.article.id for a in pair.articles]
    lacking = sorted(a.article.id for a in pair.articles if not a.embedded)
    for engine in (pair.embedded, pair.elastic):
        assert engine.unembedded("", 1000) == lacking, pair.name
    for after in ["", *known[:20], "a", "م", "\U0010ffff"]:
        for limit in (0, 1, 10, 1000):
            a, b = (e.article_ids(after, limit) for e in (pair.embedded, pair.elastic))
            assert a == b, (pair.name, after, limit)
            a, b = (e.unembedded(after, limit) for e in (pair.embedded, pair.elastic))
            assert a == b, (pair.name, after, limit)


@pytest.mark.parametrize("seed", range(4))
def test_articles_as_they_were_written(pair: Pair, seed: int) -> None:
    asked = some_ids(random.Random(seed), [a.article.id for a in pair.articles])
    a, b = pair.embedded.indexed(asked), pair.elastic.indexed(asked)
    assert [x.article for x in a] == [x.article for x in b], (pair.name, seed)
    for x, y in zip(a, b, strict=True):
        assert_same_passages(x, y)


def assert_same_passages(a: IndexedArticle, b: IndexedArticle) -> None:
    """Assert that all is equal but the vectors, and these within a float16's precision."""
    vectors = {"vector", "sentence_vectors"}
    exact = [f.name for f in fields(IndexedPassage) if f.name not in vectors]
    for x, y in zip(a.passages, b.passages, strict=True):
        assert [getattr(x, n) for n in exact] == [getattr(y, n) for n in exact]
        for name in vectors:
            u, v = getattr(x, name), getattr(y, name)
            if u is None or v is None:
                assert u is v, x.passage.id
                continue
            assert u.size == v.size
            assert not u.size or np.allclose(u, v, rtol=0, atol=MEANING.absolute), x.passage.id


def test_status(pair: Pair) -> None:
    a, b = pair.embedded.status(), pair.elastic.status()
    assert (a.articles, a.passages, a.sentences) == (b.articles, b.passages, b.sentences)
    assert a.unembedded == b.unembedded
    assert a.articles == len(pair.articles)
    assert a.fingerprint == b.fingerprint
    shards = pair.settings.elasticsearch_shards
    assert b.details["shards"].startswith(f"{shards} primary"), "not the shards this test is for"
