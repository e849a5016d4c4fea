"""Others delete, block or change the index while it is in use: told, and no index is made by it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from urllib.error import HTTPError

import pytest

from search.engines import check
from search.engines.elastic import bulk, mapping, versions
from search.engines.elastic import write as writing
from search.engines.elastic.engine import ElasticEngine
from search.errors import EngineUnavailable
from search.settings import Settings
from tests.engines.elastic.opening import (
    BULK,
    OLD,
    READS,
    WRITES,
    exactly,
    indices,
    opened,
    patience,
    seen,
    settings,
    stored,
    versioned,
    write,
)
from tests.servers.asking import ask
from tests.servers.proxy import Proxy

pytestmark = pytest.mark.slow

# -- index and alias


@pytest.mark.parametrize("call", [*READS, *WRITES])
def test_an_index_deleted_while_in_use_is_told(
    engine: ElasticEngine, url: str, alias: str, call: Callable[[ElasticEngine], object]
) -> None:
    write(engine, OLD)
    ask(f"{url}/{alias}-passages-1", "DELETE")
    assert indices(url, alias) == []
    begun = time.monotonic()
    with pytest.raises(EngineUnavailable, match=r"somebody deleted the index behind the alias"):
        call(engine)
    assert time.monotonic() - begun < 30  # not WRITE_PATIENCE, 60 s
    assert indices(url, alias) == [], "something was made by accident"


@pytest.mark.parametrize("call", [*READS, *WRITES])
def test_an_alias_removed_while_in_use_is_told(
    engine: ElasticEngine, url: str, alias: str, call: Callable[[ElasticEngine], object]
) -> None:
    write(engine, OLD)
    index = f"{alias}-passages-1"
    ask(f"{url}/{index}/_alias/{alias}", "DELETE")
    with pytest.raises(EngineUnavailable, match=r"Put it back: POST _aliases"):
        call(engine)
    left = [index, f"{index}-writes"]
    assert indices(url, alias) == left, "something was made by accident"
    with opened(url, alias) as another, pytest.raises(EngineUnavailable, match="Put it back"):
        write(another, {"n": "v1"})
    assert indices(url, alias) == left
    ask(f"{url}/{index}/_alias/{alias}", "PUT")
    assert seen(engine, url, alias) == OLD


def test_the_index_is_deleted_in_the_middle_of_a_batch(
    engine: ElasticEngine, url: str, alias: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(engine, OLD)
    plain = bulk.send

    def late(*arguments: Any, **more: Any) -> Any:
        if indices(url, alias):
            ask(f"{url}/{alias}-passages-1", "DELETE")
        return plain(*arguments, **more)

    monkeypatch.setattr(writing, "send", late)
    with pytest.raises(EngineUnavailable, match="somebody deleted the index"):
        engine.write([versioned("n", "v1")])
    assert indices(url, alias) == []


def test_an_alias_that_is_an_index_is_refused(url: str, alias: str) -> None:
    ask(f"{url}/{alias}", "PUT")
    try:
        with (
            pytest.raises(EngineUnavailable, match=r"is an index of .* not an alias"),
            opened(url, alias),
        ):
            pass
    finally:
        ask(f"{url}/{alias}", "DELETE")


def test_an_unassigned_primary_fails_every_search_and_write(
    url: str, alias: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of two shards is nowhere: an error, never the other shard's half."""
    plain = mapping.index_settings

    def one_shard_a_node(settings: Settings) -> dict[str, Any]:
        return plain(settings) | {"routing.allocation.total_shards_per_node": 1}

    monkeypatch.setattr(versions, "index_settings", one_shard_a_node)
    index = f"{alias}-passages-1"
    with opened(url, alias, elasticsearch_shards=2, elasticsearch_timeout=2) as engine:
        outcomes = {}
        with monkeypatch.context() as shorter:
            patience(shorter, write=0.5)
            for key in ("a", "b", "c", "d"):
                with suppress(EngineUnavailable):
                    outcomes[key] = engine.write([versioned(key, "v1")])
        found = ask(f"{url}/_cat/shards/{index}?format=json&h=shard,state")
        assert sorted(row["state"] for row in found) == ["STARTED", "UNASSIGNED"]
        with monkeypatch.context() as shorter:
            patience(shorter, read=0.3, write=2.0)  # a search refreshes what was written
            by_id = {"article", "stored"}  # one article is in one shard, which may be there
            reads = [read for read in READS if by_id.isdisjoint(read.__code__.co_names)]
            assert len(reads) == len(READS) - len(by_id)
            reads.append(lambda engine: engine.stored(["a", "b", "c", "d"]))
            for read in reads:
                with pytest.raises(EngineUnavailable):
                    read(engine)
        lifted = {"index.routing.allocation.total_shards_per_node": None}
        ask(f"{url}/{index}/_settings", "PUT", lifted)
        ask(f"{url}/_cluster/health/{index}?wait_for_status=green&timeout=20s")
        state = dict.fromkeys(("a", "b", "c", "d"), "v1")
        told = engine.write([versioned(key, "v1") for key in state])
        assert all(o.status != "failed" for o in told)
        assert stored(engine) == state


# -- blocks


@pytest.fixture
def block(url: str, alias: str) -> Iterator[Callable[[str, bool | None], None]]:
    def set_block(name: str, value: bool | None) -> None:
        ask(f"{url}/{alias}-passages-1/_settings", "PUT", {f"index.blocks.{name}": value})

    yield set_block
    for name in ("write", "read_only", "read_only_allow_delete"):
        with suppress(HTTPError):
            set_block(name, None)


@pytest.mark.parametrize("name", ["read_only_allow_delete", "write", "read_only"])
def test_a_blocked_index_is_told_at_once(
    engine: ElasticEngine,
    proxy: Proxy,
    url: str,
    alias: str,
    name: str,
    block: Callable[[str, bool | None], None],
) -> None:
    write(engine, OLD)
    assert stored(engine) == OLD
    block(name, True)
    new = {"b": "v22", "c": "v22"}
    before, begun = len(proxy.requests), time.monotonic()
    said = "disk .* is nearly full" if "delete" in name else r"is blocked .*lift the block"
    with pytest.raises(EngineUnavailable, match=said):
        write(engine, new)
    with pytest.raises(EngineUnavailable, match=said):
        engine.delete(["a"])
    assert time.monotonic() - begun < 30  # not WRITE_PATIENCE, 60 s
    assert len(proxy.requests) - before < 20
    assert stored(engine) == OLD  # reads go on
    block(name, None)
    write(engine, new)
    assert stored(engine) == OLD | new
    if name != "read_only":
        exactly(engine, url, alias)


def test_a_disk_that_fills_during_a_batch_is_told(
    engine: ElasticEngine,
    proxy: Proxy,
    url: str,
    alias: str,
    block: Callable[[str, bool | None], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The disk fills after the naming: the passages are refused, item by item."""
    write(engine, OLD)
    plain, calls = bulk.send, []

    def late(*arguments: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            block("read_only_allow_delete", True)
        return plain(*arguments, **more)

    monkeypatch.setattr(writing, "send", late)
    before, begun = proxy.count(BULK), time.monotonic()
    with pytest.raises(EngineUnavailable, match=r"disk .* is nearly full"):
        write(engine, {"b": "v22", "c": "v22"})
    assert time.monotonic() - begun < 30  # not WRITE_PATIENCE, 60 s
    assert proxy.count(BULK) == before + 3  # once more: a holder might just have gone
    monkeypatch.undo()
    block("read_only_allow_delete", None)
    assert stored(engine) == OLD
    with opened(url, alias) as other:
        write(other, {"c": "v3"})  # nobody waits for who was refused
    write(engine, {"b": "v22", "c": "v22"})
    assert stored(engine) == OLD | {"b": "v22", "c": "v22"}
    exactly(engine, url, alias)


def test_check_finds_an_article_changed_by_others(url: str, alias: str) -> None:
    with opened(url, alias) as engine:
        write(engine, {f"a{number}": "v1" for number in range(5)})
    given = settings(url, alias)
    assert list(check(given, lambda *_: None)) == []
    query = {"bool": {"filter": [{"term": {"kind": "text"}}, {"term": {"article_id": "a3"}}]}}
    ask(
        f"{url}/{alias}/_update_by_query?refresh=true",
        "POST",
        {"script": {"source": "ctx._source.title = 'changed'"}, "query": query},
    )
    (problem,) = check(given, lambda *_: None)
    assert "'a3' is not what its hash says" in problem
