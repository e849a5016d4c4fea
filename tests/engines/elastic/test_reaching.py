"""A server that is down, busy or slow: retried where that helps, and told in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from search import saved
from search.annotations import open_store as open_annotations
from search.domain import Annotation, Filter, Query
from search.engines import open_engine, temporary_index
from search.engines.elastic.connection import READ_PATIENCE
from search.engines.elastic.engine import ElasticEngine
from search.engines.protocol import RankRequest
from search.errors import EngineError, EngineUnavailable
from search.query.clauses import Everything
from search.saved.domain import SavedSearch
from tests.conformance.corpus import EMBEDDER, FINGERPRINT
from tests.engines.elastic.opening import (
    BULK,
    MGET,
    MSEARCH,
    SEARCH,
    exactly,
    indices,
    opened,
    patience,
    seen,
    settings,
    spent,
    stored,
    write,
)
from tests.servers.node import free_ports
from tests.servers.proxy import Proxy

pytestmark = pytest.mark.slow

OLD = {"a": "v1", "b": "v1", "c": "v1"}
NEW = {"b": "v22", "c": "v22", "d": "v22"}
BOTH = RankRequest(Everything(), EMBEDDER.embed_query("كلمة0"))


@pytest.mark.parametrize("address", ["http://127.0.0.1:{}", "http://nowhere.invalid:{}"])
def test_a_server_that_is_down_at_start(address: str) -> None:
    where = address.format(free_ports(1)[0])
    begun = time.monotonic()
    with pytest.raises(EngineUnavailable) as told:
        open_engine(settings(where, "x"), FINGERPRINT)
    assert time.monotonic() - begun < 30
    assert f"cannot reach Elasticsearch at {where}" in str(told.value)
    assert "Is it running, and is FIHRIS_ELASTICSEARCH_URL its address?" in str(told.value)


def test_a_server_that_is_not_elasticsearch_is_told(url: str) -> None:
    """A server without the path of the greeting is told as such, at once."""
    with Proxy(url) as proxy:
        proxy.fail(r"GET /$", status=404, times=None)
        with pytest.raises(EngineError, match="404"):
            open_engine(settings(proxy.url, "x"), FINGERPRINT)
        assert proxy.count(r"GET /$") == 1


def test_a_server_that_goes_away_and_comes_back(
    engine: ElasticEngine, proxy: Proxy, url: str, alias: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(engine, OLD)
    proxy.refuse()
    begun = time.monotonic()
    for read in (lambda: engine.rank(BOTH), lambda: engine.fetch(["a#0"]), engine.status):
        with pytest.raises(EngineUnavailable, match="cannot reach Elasticsearch"):
            read()
    assert time.monotonic() - begun < 30
    with monkeypatch.context() as shorter:
        patience(shorter, write=0.5)
        with pytest.raises(EngineUnavailable, match="cannot reach Elasticsearch"):
            write(engine, NEW)
    timer = threading.Timer(1.5, proxy.accept)
    timer.start()
    write(engine, NEW)  # a writer has the patience
    timer.join()
    assert stored(engine) == OLD | NEW
    with opened(url, alias) as other:
        assert seen(other, url, alias) == OLD | NEW


@pytest.mark.parametrize("status", [429, 502, 503, 504])
@pytest.mark.parametrize("what", [BULK, MGET], ids=["bulk", "look-up"])
def test_a_writer_retries_temporary_errors(
    engine: ElasticEngine, proxy: Proxy, url: str, alias: str, status: int, what: str
) -> None:
    write(engine, OLD)
    proxy.fail(what, status=status, times=3, retry_after=1)
    write(engine, NEW)
    assert spent(proxy)
    assert stored(engine) == OLD | NEW
    exactly(engine, url, alias)


@pytest.mark.parametrize("status", [429, 503])
def test_a_reader_retries_temporary_errors(
    engine: ElasticEngine, proxy: Proxy, status: int
) -> None:
    write(engine, OLD)
    assert stored(engine) == OLD
    proxy.fail(MSEARCH, status=status, times=2)
    proxy.fail(SEARCH, status=status, times=2)
    assert stored(engine) == OLD
    assert spent(proxy)


@pytest.mark.parametrize("status", [429, 503])
def test_temporary_errors_that_do_not_end_are_told(
    engine: ElasticEngine,
    proxy: Proxy,
    url: str,
    alias: str,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(engine, OLD)
    proxy.fail(MSEARCH, status=status, times=None)
    begun = time.monotonic()
    with pytest.raises(EngineUnavailable, match=f"cannot answer now .{status}"):
        engine.rank(BOTH)
    # READ_PATIENCE is 2: it gives up where a pause, of .8 to 1.6, would end later than that.
    assert 0.7 < time.monotonic() - begun < 30
    tried = proxy.count(MSEARCH)
    assert tried > 1

    patience(monkeypatch, write=1.0)
    for what in (BULK, MGET):
        proxy.clear()
        proxy.fail(what, status=status, times=None)
        before, begun = proxy.count(what), time.monotonic()
        with pytest.raises(EngineUnavailable, match=f"cannot answer now .{status}"):
            write(engine, NEW)
        assert time.monotonic() - begun < 30
        assert proxy.count(what) > before + 1
    proxy.clear()
    assert stored(engine) == OLD
    write(engine, NEW)
    assert stored(engine) == OLD | NEW


def test_an_error_that_is_not_temporary_is_not_retried(engine: ElasticEngine, proxy: Proxy) -> None:
    write(engine, OLD)
    assert engine.rank(BOTH).text
    before = proxy.count(MSEARCH)
    proxy.fail(MSEARCH, status=500, times=None)
    with pytest.raises(Exception, match="500 injected") as told:
        engine.rank(BOTH)
    assert told.type.__module__.startswith("search.")
    assert proxy.count(MSEARCH) == before + 1


@pytest.mark.parametrize(
    ("what", "read"),
    [
        (MSEARCH, lambda engine: engine.rank(BOTH)),
        (SEARCH, lambda engine: engine.fetch(["a#0", "b#0"])),
        (MGET, lambda engine: engine.stored(["a", "b"])),
    ],
    ids=["rank", "fetch", "stored"],
)
def test_a_slow_answer_is_told_and_nothing_partial_returned(
    proxy: Proxy, url: str, alias: str, what: str, read: Callable[[ElasticEngine], object]
) -> None:
    with opened(url, alias) as writer:
        write(writer, OLD)
        seen(writer, url, alias)
    with opened(proxy.url, alias, elasticsearch_timeout=0.5) as engine:
        proxy.delay(what, 1.5, times=1)
        with pytest.raises(EngineUnavailable) as told:
            read(engine)
        assert "did not answer in time" in str(told.value)
        assert "FIHRIS_ELASTICSEARCH_TIMEOUT" in str(told.value)
        assert spent(proxy)
        assert read(engine)


def test_a_first_write_that_fails_makes_one_empty_index(proxy: Proxy, url: str, alias: str) -> None:
    """The first write of all, while no document is taken: the index is made, and is empty."""
    with opened(proxy.url, alias) as engine:
        proxy.fail(r"PUT /[^/]+$", status=503, times=2)
        write(engine, OLD)
        assert spent(proxy)
        assert stored(engine) == OLD
    index = f"{alias}-passages-1"
    assert indices(url, alias) == [alias, index, f"{index}-writes"]


def test_readers_of_labels_and_saved_searches_give_up_as_soon_as_a_search(
    proxy: Proxy, alias: str
) -> None:
    given = settings(proxy.url, alias)
    labelled = RankRequest(Everything(), filter=Filter(labels=("مهم",)))
    with (
        closing(open_engine(given, FINGERPRINT)) as engine,
        closing(open_annotations(given)) as notes,
        closing(saved.open_store(given)) as searches,
        closing(saved.open_store(given, patient=True)) as of_a_writer,
    ):
        write(engine, OLD)
        notes.put([Annotation("n", "a", None, labels=("مهم",))])
        searches.add(SavedSearch("s", "name", Query("نفط"), created="2026-01-01"))
        assert {hit.passage_id.split("#")[0] for hit in engine.rank(labelled).text} == {"a"}
        proxy.refuse()
        begun = time.monotonic()
        for read in (
            lambda: engine.rank(labelled),
            notes.all,
            searches.searches,
            searches.tallies,
            lambda: searches.matches("s", None, 10),
        ):
            with pytest.raises(EngineUnavailable, match="cannot reach Elasticsearch at"):
                read()
        assert time.monotonic() - begun < 50  # not WRITE_PATIENCE, 60 s
        timer = threading.Timer(READ_PATIENCE + 1, proxy.accept)
        timer.start()
        assert of_a_writer.version()
        timer.join()


def test_a_temporary_index_leaves_no_index(url: str, alias: str) -> None:
    with temporary_index(settings(url, alias)) as given:
        with (
            closing(open_engine(given, FINGERPRINT)) as engine,
            closing(saved.open_store(given)) as searches,
        ):
            write(engine, OLD)
            searches.add(SavedSearch("s", "name", Query("نفط"), created="2026-01-01"))
        assert len(indices(url, alias)) == 4  # with two aliases
    assert indices(url, alias) == []
