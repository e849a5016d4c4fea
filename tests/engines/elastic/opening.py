"""What these tests share: engines on the tests' server, straight or through a proxy that fails."""

from __future__ import annotations

import functools
import urllib.error
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from search.domain import NO_FILTER, IndexedArticle
from search.engines.elastic.engine import ElasticEngine
from search.engines.protocol import Engine, RankRequest
from search.query.clauses import Everything, Term
from search.settings import Settings
from tests import servers
from tests.conformance.corpus import EMBEDDER, FINGERPRINT, facets, found, indexed, passages_of
from tests.servers import asking
from tests.servers.proxy import Proxy

BULK = r"(PUT|POST) /[^/]*/?_bulk"  # how every change looks to a proxy
MGET = r"(GET|POST) /[^/]+/_mget"
SEARCH = r"POST /[^/]+/_search"
REFRESH = r"POST /[^/]+/_refresh"
MSEARCH = r"(GET|POST) /_msearch"


def server_url() -> str:
    """Return the shared server's address; raises Unavailable."""
    url = servers.shared().url.split(",")[0].strip()
    if not url.startswith("http://"):
        pytest.skip("these tests put a proxy before the server, which reads plain HTTP only")
    return url


def settings(url: str, alias: str, **more: object) -> Settings:
    """Return settings of an index on a server."""
    about = {"engine": "elasticsearch", "elasticsearch_replicas": 0, "elasticsearch_timeout": 20}
    return Settings.model_validate(
        about | {"elasticsearch_url": url, "elasticsearch_index": alias} | more
    )


@contextmanager
def opened(url: str, alias: str, **more: object) -> Iterator[ElasticEngine]:
    """Give an engine on a server, closed at the end."""
    engine = ElasticEngine(settings(url, alias, **more), FINGERPRINT)
    try:
        yield engine
    finally:
        engine.close()


def indices(url: str, alias: str) -> list[str]:
    """Return every index and alias whose name begins so, as the server has them."""
    names = asking.ask(f"{url}/_cat/indices?format=json&h=index")
    aliases = asking.ask(f"{url}/_cat/aliases?format=json&h=alias")
    every = [row["index"] for row in names] + [row["alias"] for row in aliases]
    return sorted(name for name in every if name.startswith(alias))


def refresh(url: str, alias: str) -> None:
    """Let every process see what was acknowledged, without waiting for the interval.

    Where a first writer was killed before it made the index there is nothing to see.
    """
    try:
        asking.ask(f"{url}/{alias}/_refresh", "POST")
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise


def documents(url: str, alias: str) -> int:
    """Return how many documents there are, but for `void` ones."""
    refresh(url, alias)
    query = {"query": {"bool": {"must_not": [{"term": {"kind": "void"}}]}}}
    return int(asking.ask(f"{url}/{alias}/_count", "POST", query)["count"])


def spent(proxy: Proxy) -> bool:
    """Tell whether every fault that was ordered happened as often as it was ordered."""
    return all(rule.left == 0 for rule in proxy._rules)


# -- articles whose every paragraph names their version


@functools.cache
def versioned(key: str, version: str, paragraphs: int = 0) -> IndexedArticle:
    """Return an article every paragraph of which names its version; as many as it tells."""
    count = paragraphs or 1 + sum(map(ord, version)) % 5
    return indexed(key, *(f"{version} كلمة{i}. جملة {version}" for i in range(count)))


def write(engine: Engine, state: dict[str, str]) -> None:
    """Write articles, each of which must be written."""
    outcomes = engine.write([versioned(key, version) for key, version in state.items()])
    assert all(outcome.is_stored for outcome in outcomes), outcomes


def exactly(engine: Engine, url: str, alias: str) -> None:
    """Check that the index holds no document but those that are shown."""
    engine.clean()
    status = engine.status()
    assert documents(url, alias) == 2 * status.articles + status.passages


def stored(engine: Engine) -> dict[str, str]:
    """Return each article's version, having checked that it is whole everywhere and once."""
    state: dict[str, str] = {}
    expected: list[IndexedArticle] = []
    for key in engine.article_ids("", 10_000):
        assert key not in state, f"{key} is there twice"
        article = engine.article(key)
        assert article is not None
        version = article.article.text.split(" ", 1)[0]
        expected.append(versioned(key, version, len(article.article.text.splitlines())))
        assert article.article == expected[-1].article
        assert article.passages == tuple(p.passage for p in expected[-1].passages)
        state[key] = version
    passages = passages_of(expected)
    texts = found(engine, Everything(), limit=10_000)
    assert sorted(texts) == sorted(passages)
    request = RankRequest(vector=EMBEDDER.embed_query("كلمة0"), limit=1_000)
    near = [hit.passage_id for hit in engine.rank(request).vector]
    assert len(near) == len(set(near)) == min(1_000, len(passages))
    assert set(near) <= set(passages)
    fetched = engine.fetch(sorted(passages))
    assert {f.passage.id: f.passage for f in fetched} == {
        key: p.passage for key, p in passages.items()
    }
    for version in [*dict.fromkeys(state.values())][:8]:
        own = passages_of(e for e in expected if state[e.article.id] == version)
        assert sorted(found(engine, Term("stem", version), limit=10_000)) == sorted(own)
    status = engine.status()
    assert (status.articles, status.passages) == (len(state), len(passages))
    return state


def seen(engine: Engine, url: str, alias: str) -> dict[str, str]:
    """Return what `stored` returns, after a refresh."""
    refresh(url, alias)
    return stored(engine)


def patience(
    monkeypatch: pytest.MonkeyPatch, *, write: float = 0.0, read: float = 0.0, busy: float = 0.0
) -> None:
    """Make writers, readers, or those who wait for who holds the index give up sooner."""
    from search.engines.elastic import bulk, connection, hold, index, versions
    from search.engines.elastic import write as writing

    if write:
        for module in (connection, index, bulk, hold, writing, versions):
            monkeypatch.setattr(module, "WRITE_PATIENCE", write)
    if read:
        defaults: Any = (read,)
        monkeypatch.setattr(connection.Connection.call, "__defaults__", defaults)
    if busy:
        monkeypatch.setattr(hold, "PATIENCE", busy)


OLD = {"a": "v1", "b": "v1"}
BOTH = RankRequest(Everything(), EMBEDDER.embed_query("كلمة0"))
READS: list[Callable[[ElasticEngine], object]] = [
    lambda engine: engine.rank(BOTH),
    lambda engine: engine.fetch(["a#0"]),
    lambda engine: engine.article("a"),
    lambda engine: engine.article_ids("", 10),
    lambda engine: facets(engine, None, NO_FILTER, ["source"]),
    lambda engine: engine.stored(["z"]),
    lambda engine: engine.status(),
]
WRITES: list[Callable[[ElasticEngine], object]] = [
    lambda engine: engine.write([versioned("n", "v1")]),
    lambda engine: engine.delete(["a"]),
]
