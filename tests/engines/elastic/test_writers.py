"""Several writers: one at a time, and one that was taken for dead can show nothing."""

from __future__ import annotations

import os
import random
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from search.engines.elastic import bulk, ledger, writing
from search.engines.elastic.engine import ElasticEngine
from search.errors import EngineBusy
from tests.engines.elastic.journal import entries, logger, write_beside_others
from tests.engines.elastic.opening import (
    bump,
    documents,
    exactly,
    opened,
    patience,
    processes,
    seen,
    stored,
    versioned,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def children() -> Iterator[list[Any]]:
    """Give a list of child processes; none of them outlives the test."""
    started: list[Any] = []
    yield started
    for child in started:
        if child.is_alive():
            child.kill()
        child.join()


def calls_of(log: Path) -> list[tuple[dict[str, str], bool]]:
    """Return the writes a log tells of, each with whether it was acknowledged."""
    calls: list[tuple[dict[str, str], bool]] = []
    for entry in entries(log):
        if isinstance(entry, dict) and "write" in entry:
            calls.append((entry["write"], False))
        elif isinstance(entry, dict) and "busy" in entry:
            calls.pop()
        elif entry == "acknowledged":
            calls[-1] = (calls[-1][0], True)
    return calls


def test_writers_at_once_some_killed(
    direct: ElasticEngine, url: str, alias: str, tmp_path: Path, children: list[Any]
) -> None:
    """Two write at any time, overlapping articles; one is killed and replaced, again and again."""
    bump(direct)
    random_ = random.Random(4)
    logs = [tmp_path / f"log{seed}" for seed in range(8)]

    def start(seed: int, turns: int) -> Any:
        arguments = (url, alias, logs[seed], seed, turns)
        child = processes().Process(target=write_beside_others, args=arguments)  # type: ignore[attr-defined]
        children.append(child)
        child.start()
        return child

    steady = start(0, 60)
    for seed in range(1, 7):
        victim = start(seed, 10_000)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and '"ack' not in (
            logs[seed].read_text() if logs[seed].exists() else ""
        ):
            time.sleep(0.01)
        time.sleep(random_.uniform(0, 0.3))
        assert victim.is_alive(), "the writer ended by itself"
        victim.kill()
        victim.join()
    last = start(7, 5)
    for child in (steady, last):
        child.join(60)
        assert child.exitcode == 0
    begun = time.monotonic()
    bump(direct)
    assert time.monotonic() - begun < 5, "a dead writer blocked"

    state = seen(direct, url, alias)
    candidates: dict[str, set[str]] = {}
    for log in logs:
        mine: dict[str, set[str]] = {}
        for call, acknowledged in calls_of(log):
            for key, version in call.items():
                # What this writer had before is replaced, by it or by another meanwhile.
                mine[key] = {version} if acknowledged else mine.get(key, set()) | {version}
        for key, versions in mine.items():
            candidates.setdefault(key, set()).update(versions)
    assert set(state) == set(candidates)
    for key, version in state.items():
        assert version in candidates[key], key
    assert sum(ok for log in logs for _, ok in calls_of(log)) > 60
    exactly(direct, url, alias)


def sign_and_wait(url: str, alias: str, log: str) -> None:
    """Hold the index until killed."""
    say = logger(Path(log))
    with opened(url, alias) as engine, engine.hold("a test"):
        say("held")
        time.sleep(300)


def test_a_live_writer_is_named_and_a_killed_one_does_not_block(
    direct: ElasticEngine,
    url: str,
    alias: str,
    tmp_path: Path,
    children: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bump(direct)
    patience(monkeypatch, busy=0.5)
    log = tmp_path / "log"
    child = processes().Process(target=sign_and_wait, args=(url, alias, str(log)))  # type: ignore[attr-defined]
    children.append(child)
    child.start()
    wait_for(log, "held")
    with pytest.raises(EngineBusy) as told:
        direct.write([versioned("a", "v1")])
    assert f"process {child.pid} on {socket.gethostname()}, a test since 20" in str(told.value)
    with pytest.raises(EngineBusy):
        direct.delete(["~"]) if direct.stored(["~"]) else direct.write([versioned("b", "v")])
    child.kill()
    child.join()
    begun = time.monotonic()
    direct.write([versioned("a", "v1")])
    assert time.monotonic() - begun < 3
    assert stored(direct) == {"a": "v1"}


def sleep_in_a_batch(url: str, alias: str, log: str, lease: float) -> None:
    """Write, with a long pause between the signing and the documents, and after them."""
    ledger.LEASE = lease
    say = logger(Path(log))
    plain = bulk.send

    def slow(*arguments: Any, **more: Any) -> Any:
        say("signed")
        os.kill(os.getpid(), signal.SIGSTOP)
        sent = plain(*arguments, **more)
        say("sent")
        os.kill(os.getpid(), signal.SIGSTOP)
        return sent

    vars(writing)["send"] = slow
    # The documents go out although the signature ran out: the worst there is.
    keep = ledger.LedgerKeeper.keep
    ledger.LedgerKeeper.keep = lambda self, ledger: ledger  # type: ignore[method-assign]
    with opened(url, alias) as engine:
        try:
            engine.write([versioned("a", "v333"), versioned("b", "v333")])
        except EngineBusy as error:
            say({"busy": str(error)})
        ledger.LedgerKeeper.keep = keep  # type: ignore[method-assign]
        vars(writing)["send"] = plain
        outcomes = engine.write([versioned("c", "v4")])
        say([outcome.status for outcome in outcomes])


def wait_for(log: Path, word: str, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if log.exists() and word in log.read_text():
            return
        time.sleep(0.01)
    raise AssertionError(f"{word!r} was not said in time")


def test_a_writer_that_was_asleep_shows_nothing(
    direct: ElasticEngine, url: str, alias: str, tmp_path: Path, children: list[Any]
) -> None:
    direct.write([versioned("a", "v1")])
    log = tmp_path / "log"
    child = processes().Process(target=sleep_in_a_batch, args=(url, alias, str(log), 1.0))  # type: ignore[attr-defined]
    children.append(child)
    child.start()
    wait_for(log, "signed")
    time.sleep(1.1)  # its lease
    direct.write([versioned("a", "v22")])
    os.kill(child.pid, signal.SIGCONT)
    wait_for(log, "sent")
    assert documents(url, alias) > direct.status().articles + direct.status().passages + 1
    assert seen(direct, url, alias) == {"a": "v22"}  # its documents are there, and hidden
    direct.write([versioned("b", "v55555")])
    os.kill(child.pid, signal.SIGCONT)
    child.join(20)
    assert child.exitcode == 0
    said = entries(log)
    assert isinstance(said[2], dict)
    assert "another writer took over" in said[2]["busy"]
    assert said[3] == ["written"]  # awake, it can write again
    assert seen(direct, url, alias) == {"a": "v22", "b": "v55555", "c": "v4"}
    exactly(direct, url, alias)


def test_a_writer_believes_the_index_not_its_memory(
    direct: ElasticEngine, url: str, alias: str
) -> None:
    """What it wrote last may have been replaced or removed by another since."""
    with opened(url, alias, elasticsearch_refresh=3600) as one:
        one.write([versioned("a", "v1"), versioned("b", "v1")])
        assert direct.stored(["a"]) == {}  # not shown to others yet
        assert direct.write([versioned("a", "v22")])[0].status == "written"
        assert direct.delete(["b"]) == 1
        assert one.stored(["b"]) == {}
        outcomes = one.write([versioned("a", "v1"), versioned("b", "v1")])
        assert [o.status for o in outcomes] == ["written", "written"]
        assert stored(one) == {"a": "v1", "b": "v1"}
    assert seen(direct, url, alias) == {"a": "v1", "b": "v1"}
