"""Connections cut inside a request or an answer: what was asked may have been done, or not."""

from __future__ import annotations

import pytest

from search.engines.elastic.engine import ElasticEngine
from search.errors import EngineUnavailable
from tests.conformance.corpus import indexed
from tests.engines.elastic.opening import (
    BULK,
    MGET,
    MSEARCH,
    REFRESH,
    exactly,
    patience,
    seen,
    spent,
    stored,
    versioned,
    write,
)
from tests.servers.proxy import Proxy

pytestmark = pytest.mark.slow

OLD = {f"a{i}": "v1" for i in range(6)}
NEW = {f"a{i}": "v22" for i in range(3, 9)}  # half of them replace


@pytest.mark.parametrize(
    ("what", "nth"),
    [(BULK, 0), (BULK, 1), (BULK, 2), (BULK, 3), (BULK, 4), (MGET, 0), (REFRESH, 0)],
    ids=["naming", "passages", "commit", "removal", "settling", "look-up", "refresh"],
)
@pytest.mark.parametrize("how", ["answer", "request"])
def test_a_batch_is_written_once_though_a_connection_is_cut(
    engine: ElasticEngine,
    direct: ElasticEngine,
    proxy: Proxy,
    url: str,
    alias: str,
    what: str,
    nth: int,
    how: str,
) -> None:
    write(engine, OLD)
    proxy.cut_answer(what, after=10**9, times=nth)  # so many pass whole
    if how == "request":
        proxy.cut_request(what)
    else:
        proxy.cut_answer(what, after=10)
    write(engine, NEW)
    assert stored(engine) == OLD | NEW
    assert spent(proxy)
    exactly(direct, url, alias)


def test_a_search_whose_connection_is_cut_is_retried(engine: ElasticEngine, proxy: Proxy) -> None:
    write(engine, OLD)
    assert stored(engine) == OLD
    before = proxy.count(MSEARCH)
    proxy.cut_answer(MSEARCH, after=50)
    assert stored(engine) == OLD
    assert proxy.count(MSEARCH) > before + 1


@pytest.mark.parametrize("nth", [0, 1], ids=["naming", "passages"])
def test_answers_that_are_always_cut_end_in_an_error(
    engine: ElasticEngine,
    direct: ElasticEngine,
    proxy: Proxy,
    url: str,
    alias: str,
    nth: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The writer cannot know what became of it; trying again gives what was wanted."""
    write(engine, OLD)
    patience(monkeypatch, write=0.6)
    before = proxy.count(BULK) + nth
    proxy.cut_answer(BULK, after=10**9, times=nth)  # so many pass whole
    proxy.cut_answer(BULK, times=None)
    with pytest.raises(EngineUnavailable, match="cannot reach Elasticsearch"):
        engine.write([versioned(key, version) for key, version in NEW.items()])
    assert proxy.count(BULK) > before + 1
    assert seen(direct, url, alias) == OLD  # it never got as far as the commit
    proxy.clear()
    write(engine, NEW)
    assert seen(direct, url, alias) == OLD | NEW
    exactly(direct, url, alias)


def test_a_commit_whose_answers_are_lost_is_seen_when_tried_again(
    engine: ElasticEngine,
    direct: ElasticEngine,
    proxy: Proxy,
    url: str,
    alias: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The commit arrives, and neither its answer nor one to the question whether it did."""
    write(engine, {"a": "v1"})
    patience(monkeypatch, write=0.6)
    proxy.cut_answer(BULK, after=10**9, times=2)  # naming and passages pass whole
    named = proxy.count(BULK)
    proxy.cut_answer(BULK, times=None)
    with pytest.raises(EngineUnavailable):
        engine.write([versioned("a", "v22"), indexed("b", "غيره")])
    assert proxy.count(BULK) > named + 3
    proxy.clear()
    assert direct.stored(["b"])  # it was committed, though not acknowledged
    outcomes = engine.write([versioned("a", "v22"), indexed("b", "غيره")])
    assert {o.status for o in outcomes} == {"unchanged"}
    engine.delete(["b"])
    assert seen(direct, url, alias) == {"a": "v22"}
    exactly(direct, url, alias)
