"""Searches while articles are replaced: each article whole, of one version, once, at any moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from search.clauses import Everything, Term
from search.domain import NO_FILTER
from search.engine import Engine, RankRequest
from search.engines.elastic.engine import ElasticEngine
from tests.conformance.corpus import EMBEDDER, found, indexed
from tests.engines.elastic.opening import bump, documents, opened, refresh

PARAGRAPHS = 3
IDS = sorted(f"{key}#{i}" for key in ("a", "b") for i in range(PARAGRAPHS))
VECTOR = EMBEDDER.embed_query("كلمة0")
SECONDS = 6.0
ENOUGH = 15  # replacements, for this to prove something on a slow machine too


def pair(version: int) -> list[str]:
    return [f"v{version} كلمة{i}. جملة v{version}" for i in range(PARAGRAPHS)]


def by_text(engine: Engine) -> None:
    """Look at a ranking by text."""
    rankings = engine.rank(RankRequest(Everything()))
    assert sorted(hit.passage_id for hit in rankings.text) == IDS
    assert rankings.text_total == len(IDS)


def by_meaning(engine: Engine) -> None:
    """Look at a ranking by meaning."""
    hits = engine.rank(RankRequest(vector=VECTOR)).vector
    assert sorted(hit.passage_id for hit in hits) == IDS


def by_id(engine: Engine) -> None:
    """Look at passages by id: both articles were written by one call, so they are of one version."""
    texts = [passage.passage.text for passage in engine.fetch(IDS)]
    assert len(texts) == len(IDS)
    assert len({text.split(" ")[0] for text in texts}) == 1


def whole_article(engine: Engine) -> None:
    """Look at one article."""
    article = engine.article("a")
    assert article is not None
    assert article.article.text.splitlines() == pair(int(article.article.text[1:].split(" ")[0]))
    assert engine.article_ids("", 10) == ["a", "b"]


def by_facet(engine: Engine) -> None:
    """Look at counts."""
    assert engine.facets(None, NO_FILTER, ["source"]) == {"source": [("cnn", len(IDS))]}


def by_version(engine: Engine) -> None:
    """Look for a version's own word: all its passages have it, or none is shown any more."""
    article = engine.article("b")
    assert article is not None
    word = article.article.text.split(" ")[0]
    assert found(engine, Term("stem", word)) in (IDS, [])


@pytest.mark.slow
@pytest.mark.parametrize("shards", [1, 2])
def test_a_search_never_sees_half_a_replacement(url: str, alias: str, shards: int) -> None:
    looks: list[Callable[[Engine], None]] = [
        by_text,
        by_meaning,
        by_id,
        whole_article,
        by_facet,
        by_version,
    ]
    versions, looked = 0, 0
    stopping = threading.Event()

    def look(engine: ElasticEngine, number: int) -> int:
        done = 0
        while not stopping.is_set():
            try:
                looks[(number + done) % len(looks)](engine)
            except BaseException:
                stopping.set()
                raise
            done += 1
        return done

    with (
        opened(url, alias, elasticsearch_shards=shards) as writer,
        opened(url, alias) as reader,
        ThreadPoolExecutor(3) as pool,
    ):
        writer.write([indexed(key, *pair(0), source="cnn") for key in ("a", "b")])
        refresh(url, alias)
        readers = [pool.submit(look, reader, number) for number in (0, 2)]
        readers.append(pool.submit(look, writer, 4))  # a search through the writer sees its own
        end = time.monotonic() + SECONDS
        while (time.monotonic() < end or versions < ENOUGH) and not stopping.is_set():
            versions += 1
            outcomes = writer.write(
                [indexed(key, *pair(versions), source="cnn") for key in ("a", "b")]
            )
            assert {o.status for o in outcomes} == {"written"}
        stopping.set()
        looked = sum(each.result() for each in readers)
        bump(writer)
        bump(writer)
        for each in looks:
            each(writer)
        assert writer.fetch(["a#0"])[0].passage.text.startswith(f"v{versions} ")
        assert documents(url, alias) == 2 + len(IDS) + 1
    assert looked > 100, "too few searches for this to prove anything"
