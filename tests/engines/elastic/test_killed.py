"""The writer or the server is killed at any moment: what was acknowledged is there, whole and once."""

from __future__ import annotations

import json
import random
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from search.domain import Query, StoredArticle
from search.engines import back_up, restore
from search.engines.elastic.engine import ElasticEngine
from search.errors import EngineUnavailable, InputError
from search.saved import open_store
from search.saved.domain import SavedSearch
from tests.engines.elastic.journal import possible, write_until_killed
from tests.engines.elastic.opening import (
    exactly,
    opened,
    seen,
    settings,
    stored,
    versioned,
    write,
)
from tests.processes import processes
from tests.servers import Node, distribution
from tests.support import until

KILLS = 20


@pytest.mark.slow
def test_a_writer_killed_at_any_moment(
    direct: ElasticEngine, url: str, alias: str, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    log.touch()
    random_ = random.Random(20261124)
    acknowledged, cut_short = 0, 0
    for kill in range(KILLS):
        child = processes().Process(
            target=write_until_killed, args=(url, alias, log, kill, 12, 5, 0.25)
        )
        child.start()
        calls, deadline = random_.randrange(5), time.monotonic() + 60
        while (  # so many calls were begun, however slow the machine is
            log.read_bytes().count(b"\n{") <= calls
            and child.is_alive()
            and time.monotonic() < deadline
        ):
            time.sleep(0.002)
        time.sleep(random_.uniform(0, 0.1))
        assert child.is_alive(), "the writer ended by itself"
        child.kill()
        child.join()
        states = possible(log)
        state = seen(direct, url, alias)
        assert state in states, f"kill {kill}"
        cut_short += len(states) - 1
        acknowledged += log.read_text("utf-8").count("acknowledged")
        log.write_text(json.dumps({"settled": state}) + "\n", "utf-8")
    assert acknowledged > KILLS, "too few calls were acknowledged for this to prove anything"
    assert cut_short > KILLS / 2, "too few calls were cut short for this to prove anything"
    exactly(direct, url, alias)


def _read(engine: ElasticEngine, key: str) -> StoredArticle | None:
    """Read from a server that has just started: a shard may still be recovering."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return engine.article(key)
        except EngineUnavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    """Give a server of our own, which may keep backups in a folder."""
    with tempfile.TemporaryDirectory(prefix="fihris-backups-") as backups:
        Path(backups).chmod(0o777)  # the server is another user
        with Node(distribution.find(), heap="512m", settings={"path.repo": backups}) as node:
            yield node


@pytest.mark.slow
def test_a_server_killed_during_bulk_and_restarted(node: Node) -> None:
    """The writer outlasts the restart; what it had acknowledged before is there."""
    alias = f"f{uuid.uuid4().hex[:16]}"
    with opened(node.url, alias) as engine:
        state: dict[str, str] = {}
        calls: list[dict[str, str]] = []
        stopping = threading.Event()

        def write() -> None:
            while not stopping.is_set():
                turn = len(calls)
                keys = [*(f"a{i}" for i in range(turn % 3, 90, 1 + turn % 2)), f"once{turn}"]
                calls.append({key: f"v{turn}{key}" for key in keys})
                outcomes = engine.write([versioned(k, v) for k, v in calls[-1].items()])
                assert all(outcome.is_stored for outcome in outcomes)
                state.update(calls[-1])

        with ThreadPoolExecutor(1) as pool:
            writer = pool.submit(write)
            try:
                while len(calls) < 4 and not writer.done():
                    time.sleep(0.001)
                time.sleep(0.05)
                node.kill()
                acknowledged, pending = dict(state), calls[-1]
                assert len(acknowledged) > 90
                assert not writer.done()
                with pytest.raises(EngineUnavailable, match="cannot reach Elasticsearch"):
                    engine.fetch(["a0#0"])  # a reader does not wait for a minute
                node.start()
                with opened(node.url, alias) as other:
                    calls_then = len(calls)
                    first = _read(other, "a1")
                assert first is not None
                while len(calls) < calls_then + 2 and not writer.done():
                    time.sleep(0.05)
            finally:
                stopping.set()
            writer.result()
        assert len(calls) > calls_then
        assert set(acknowledged) | set(pending) <= set(state)
        with opened(node.url, alias) as other:
            assert seen(other, node.url, alias) == state
            exactly(other, node.url, alias)


@pytest.fixture
def repository(node: Node) -> str:
    """Give the name of a registered repository of snapshots."""
    (location,) = node.ask("/_nodes/settings?flat_settings")["nodes"].values()
    about = {"type": "fs", "settings": {"location": location["settings"]["path.repo"]}}
    node.ask("/_snapshot/backups", "PUT", about)
    return "backups"


def ignored(what: str, done: int, of: int) -> None: ...


@pytest.mark.slow
def test_a_backup_restored(node: Node, repository: str) -> None:
    """What was there at the backup, with the saved searches; nothing is put over what is there."""
    alias = f"f{uuid.uuid4().hex[:16]}"
    given = settings(node.url, alias)
    with opened(node.url, alias) as engine, closing(open_store(given)) as store:
        write(engine, {"a": "v1", "b": "v1"})
        write(engine, {"a": "v22"})
        store.add(SavedSearch("s1", "name", Query("نفط"), created="2026-01-01"))
        back_up(given, alias, repository, ignored)
        write(engine, {"b": "v333", "c": "v1"})
        with pytest.raises(InputError, match=f"already.*{alias}|{alias}.*already"):
            back_up(given, alias, repository, ignored)
        with pytest.raises(InputError, match=f"{alias}-passages-1, {alias}-saved already"):
            restore(given, alias, repository, ignored)
        for wrong in ("none", repository):
            with pytest.raises(InputError):
                restore(given, "other", wrong, ignored)
    node.ask(f"/{alias}-passages-1", "DELETE")
    node.ask(f"/{alias}-saved", "DELETE")
    restore(given, alias, repository, ignored)
    with opened(node.url, alias) as engine, closing(open_store(given)) as store:
        assert seen(engine, node.url, alias) == {"a": "v22", "b": "v1"}
        assert [each.id for each in store.searches()] == ["s1"]
        write(engine, {"c": "v1"})
        assert stored(engine) == {"a": "v22", "b": "v1", "c": "v1"}
        exactly(engine, node.url, alias)


@pytest.mark.slow
def test_a_backup_made_while_it_is_written_to(node: Node, repository: str) -> None:
    """Each article is whole, in an edition of while the backup was made, over two shards too."""
    alias = f"f{uuid.uuid4().hex[:16]}"
    given = settings(node.url, alias, elasticsearch_shards=2)
    stopping, turn = threading.Event(), 0
    keys = [f"a{number}" for number in range(40)]

    with opened(node.url, alias, elasticsearch_shards=2) as engine:

        def write_on() -> None:
            nonlocal turn
            while not stopping.is_set():
                assert all(
                    outcome.is_stored
                    for outcome in engine.write([versioned(key, f"v{turn}{key}") for key in keys])
                )
                turn += 1

        with ThreadPoolExecutor(1) as pool:
            writer = pool.submit(write_on)
            try:
                until(lambda: turn > 2 or writer.done())
                first = turn - 1
                back_up(given, alias, repository, ignored)
                last = turn
            finally:
                stopping.set()
            writer.result()
    node.ask(f"/{alias}-passages-1", "DELETE")
    restore(given, alias, repository, ignored)
    with opened(node.url, alias) as engine:
        there = seen(engine, node.url, alias)  # whole, or it fails
        assert sorted(there) == sorted(keys)
        assert {there[key] for key in keys} <= {
            f"v{each}{key}" for each in range(first, last + 1) for key in keys
        }
        write(engine, {"a0": "new"})
