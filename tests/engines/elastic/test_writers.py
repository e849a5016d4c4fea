"""Several writers at once; writers that are killed or suspended; an index that is held."""

from __future__ import annotations

import os
import random
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from search.domain import Filter
from search.engines.elastic import bulk, hold
from search.engines.elastic import write as writing
from search.engines.elastic.engine import ElasticEngine
from search.engines.elastic.index import Index
from search.engines.protocol import RankRequest
from search.errors import EngineBusy, EngineUnavailable
from search.query.clauses import Everything, Term
from tests.conformance.corpus import found
from tests.engines.elastic.journal import entries, logger, write_beside_others
from tests.engines.elastic.opening import (
    documents,
    exactly,
    opened,
    patience,
    seen,
    stored,
    versioned,
    write,
)
from tests.processes import processes
from tests.servers.asking import ask
from tests.support import until

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


def started(children: list[Any], target: Any, *arguments: object) -> Any:
    child = processes().Process(target=target, args=arguments)
    children.append(child)
    child.start()
    return child


def wait_for(log: Path, word: str) -> None:
    until(lambda: log.exists() and word in log.read_text(), lambda: f"{word!r} was not said")


def calls_of(log: Path) -> list[tuple[dict[str, str], bool]]:
    """Return the writes a log tells of, each with whether it was acknowledged."""
    calls: list[tuple[dict[str, str], bool]] = []
    for entry in entries(log):
        if isinstance(entry, dict) and "write" in entry:
            calls.append((entry["write"], False))
        elif entry == "acknowledged":
            calls[-1] = (calls[-1][0], True)
    return calls


def test_writers_at_once_some_killed(
    direct: ElasticEngine, url: str, alias: str, tmp_path: Path, children: list[Any]
) -> None:
    """Two write at any time, overlapping articles; one is killed and replaced, again and again."""
    random_ = random.Random(4)
    logs = [tmp_path / f"log{seed}" for seed in range(8)]
    write(direct, {"first": "v1"})
    direct.delete(["first"])

    def start(seed: int, turns: int) -> Any:
        return started(children, write_beside_others, url, alias, logs[seed], seed, turns)

    steady = start(0, 60)
    for seed in range(1, 7):
        victim = start(seed, 10_000)
        wait_for(logs[seed], '"ack')
        time.sleep(random_.uniform(0, 0.3))
        assert victim.is_alive(), "the writer ended by itself"
        victim.kill()
        victim.join()
    last = start(7, 5)
    for child in (steady, last):
        child.join(60)
        assert child.exitcode == 0

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


# -- ten writers

WRITERS = 10


def test_ten_writers_of_different_articles_at_once(url: str, alias: str) -> None:
    """All that each wrote is there, and none waited for another: no request of them conflicts."""
    turns, at_once = 5, 8

    def write_own(number: int) -> None:
        with opened(url, alias) as engine:
            for turn in range(turns):
                write(engine, {f"{number}-{turn}-{i}": f"v{number}" for i in range(at_once)})
                write(engine, {f"{number}-{turn}-{i}": f"w{turn}" for i in range(at_once)})

    with opened(url, alias) as engine:
        write(engine, {"first": "v1"})
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(write_own, range(WRITERS)))
        expected = {
            f"{n}-{turn}-{i}": f"w{turn}"
            for n in range(WRITERS)
            for turn in range(turns)
            for i in range(at_once)
        }
        assert seen(engine, url, alias) == expected | {"first": "v1"}
        status = engine.status()
        assert documents(url, alias) == 2 * status.articles + status.passages


def test_ten_writers_of_one_article_at_once(url: str, alias: str) -> None:
    """One of them wins whole, whoever looks in between sees one edition, and nothing is left."""
    turns = 6

    def write_it(number: int) -> None:
        with opened(url, alias) as engine:
            for turn in range(turns):
                outcomes = engine.write([versioned("a", f"v{number}t{turn}")])
                assert outcomes[0].status != "failed"

    with opened(url, alias) as engine:
        write(engine, {"a": "v1"})
        engine.show()
        with ThreadPoolExecutor(WRITERS) as pool:
            writers = [pool.submit(write_it, number) for number in range(WRITERS)]
            looked = 0
            while not all(each.done() for each in writers):
                rankings = engine.rank(RankRequest(Everything(), limit=20, texts=True))
                texts = [p.passage.text for p in rankings.passages_read.values()]
                assert len({text.split(" ")[0] for text in texts}) == 1, texts
                looked += 1
            for each in writers:
                each.result()
        assert looked > 10
        state = seen(engine, url, alias)
        assert set(state) == {"a"}
        assert state["a"].endswith(f"t{turns - 1}")
        exactly(engine, url, alias)


# -- a writer that is killed during a batch, or suspended


def stop_in_a_batch(url: str, alias: str, log: str, step: int) -> None:
    """Write two articles, and stop after so many of a batch's requests; go on when woken."""
    say = logger(Path(log))
    plain, calls = bulk.send, []

    def slow(*arguments: Any) -> Any:
        items = plain(*arguments)
        calls.append(1)
        if len(calls) == step:
            say("stopped")
            os.kill(os.getpid(), signal.SIGSTOP)
        return items

    with opened(url, alias) as engine:
        vars(writing)["send"] = slow
        outcomes = engine.write([versioned("a", "v333"), versioned("b", "v333")])
        say([outcome.status for outcome in outcomes])


def killed_after(step: int, children: list[Any], url: str, alias: str, log: Path) -> None:
    """Have a writer killed after a step of its batch."""
    child = started(children, stop_in_a_batch, url, alias, str(log), step)
    wait_for(log, "stopped")
    child.kill()
    child.join()


STEPS = {"named": 1, "passages": 2, "committed": 3, "removed": 4}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("how", ["next write", "command"])
def test_what_a_killed_writer_left_is_never_shown_and_is_removed(
    direct: ElasticEngine,
    url: str,
    alias: str,
    tmp_path: Path,
    children: list[Any],
    step: int,
    how: str,
) -> None:
    write(direct, {"a": "v1", "c": "v1"})
    killed_after(step, children, url, alias, tmp_path / "log")
    state = {"a": "v1", "c": "v1"} if step < 3 else {"a": "v333", "b": "v333", "c": "v1"}
    assert seen(direct, url, alias) == state
    if step == 2:  # its passages match, and are left out
        assert found(direct, Term("stem", "v333")) == []
        rankings = direct.rank(RankRequest(Everything(), limit=1))
        assert len(rankings.text) == 1
        assert rankings.text_total == direct.status().passages or not rankings.total_is_exact
    assert "being written" in direct.status().details
    if how == "command":
        direct.clean()
    else:
        state = {"a": "v22", "b": "v22", "c": "v1"}
        write(direct, {"a": "v22", "b": "v22"})
    assert seen(direct, url, alias) == state
    assert "being written" not in direct.status().details
    status = direct.status()
    assert documents(url, alias) == 2 * status.articles + status.passages


def test_void_documents_are_removed_an_hour_later(
    direct: ElasticEngine,
    url: str,
    alias: str,
    tmp_path: Path,
    children: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(direct, {"a": "v1"})
    killed_after(2, children, url, alias, tmp_path / "log")
    write(direct, {"a": "v22", "b": "v22"})
    direct.show()
    status = direct.status()
    shown = 2 * status.articles + status.passages
    assert ask(f"{url}/{alias}/_count")["count"] > shown
    direct.clean()
    assert ask(f"{url}/{alias}/_count")["count"] > shown  # its writer might be suspended
    monkeypatch.setattr(writing, "VOID_SECONDS", -5)
    direct.clean()
    assert ask(f"{url}/{alias}/_count")["count"] == shown


@pytest.mark.parametrize("step", [1, 2], ids=["named", "passages"])
def test_a_suspended_writer_shows_nothing(
    direct: ElasticEngine,
    url: str,
    alias: str,
    tmp_path: Path,
    children: list[Any],
    step: int,
) -> None:
    """Others replaced one of its articles meanwhile; it sends its passages late."""
    write(direct, {"a": "v1"})
    log = tmp_path / "log"
    child = started(children, stop_in_a_batch, url, alias, str(log), step)
    wait_for(log, "stopped")
    write(direct, {"a": "v22"})
    assert seen(direct, url, alias) == {"a": "v22"}
    os.kill(child.pid, signal.SIGCONT)
    deadline = time.monotonic() + 20
    while child.is_alive() and time.monotonic() < deadline:
        direct.show()
        assert found(direct, Term("stem", "كلمة0"), filter=Filter(articles=("a",))) == ["a#0"]
    child.join(1)
    assert child.exitcode == 0
    assert entries(log)[-1] == ["updated", "created"]  # the one of `a` before the other's
    assert seen(direct, url, alias) == {"a": "v22", "b": "v333"}
    status = direct.status()
    assert ask(f"{url}/{alias}/_count")["count"] == 2 * status.articles + status.passages


def test_a_writer_whose_editions_clean_abandoned_starts_over(
    direct: ElasticEngine, url: str, alias: str, tmp_path: Path, children: list[Any]
) -> None:
    write(direct, {"a": "v1"})
    log = tmp_path / "log"
    child = started(children, stop_in_a_batch, url, alias, str(log), 2)
    wait_for(log, "stopped")
    assert direct.clean() == 2
    assert seen(direct, url, alias) == {"a": "v1"}
    os.kill(child.pid, signal.SIGCONT)
    child.join(20)
    assert child.exitcode == 0
    assert entries(log)[-1] == ["updated", "created"]
    assert seen(direct, url, alias) == {"a": "v333", "b": "v333"}
    exactly(direct, url, alias)


def test_a_removal_while_another_writes_is_before_or_after_it(
    direct: ElasticEngine, url: str, alias: str, tmp_path: Path, children: list[Any]
) -> None:
    write(direct, {"a": "v1"})
    log = tmp_path / "log"
    child = started(children, stop_in_a_batch, url, alias, str(log), 2)
    wait_for(log, "stopped")
    assert direct.delete(["a"]) == 1
    assert seen(direct, url, alias) == {}
    os.kill(child.pid, signal.SIGCONT)
    child.join(20)
    assert entries(log)[-1] == ["updated", "created"]
    assert seen(direct, url, alias) == {"b": "v333"}
    exactly(direct, url, alias)


def test_many_articles_being_written_change_no_hits_or_totals(
    direct: ElasticEngine, url: str, alias: str, tmp_path: Path, children: list[Any]
) -> None:
    """More unsettled articles than a search has room for: what is shown is found as ever."""
    state = {f"a{i}": "v1" for i in range(40)}
    write(direct, state)
    request = RankRequest(Term("stem", "جملة"), limit=10, texts=True)
    before = direct.rank(request)
    log = tmp_path / "log"
    child = started(children, stop_many, url, alias, str(log))
    wait_for(log, "stopped")
    for _ in range(2):  # the second one begins where the first one ended
        direct.show()
        rankings = direct.rank(request)
        assert len(rankings.text) == 10
        assert rankings.text_total == before.text_total
        assert rankings.total_is_exact
        texts = rankings.passages_read.values()
        assert {p.passage.text.split(" ")[0] for p in texts} == {"v1"}
    assert stored(direct) == state
    child.kill()
    child.join()
    direct.clean()
    assert seen(direct, url, alias) == state


def stop_many(url: str, alias: str, log: str) -> None:
    say = logger(Path(log))
    plain, calls = bulk.send, []

    def slow(*arguments: Any) -> Any:
        items = plain(*arguments)
        calls.append(1)
        if len(calls) == 2:
            say("stopped")
            os.kill(os.getpid(), signal.SIGSTOP)
        return items

    with opened(url, alias) as engine:
        vars(writing)["send"] = slow
        engine.write([versioned(f"a{i}", "v22") for i in range(80)])


# -- an index that is held


def hold_and_wait(url: str, alias: str, log: str) -> None:
    """Hold the index until killed."""
    say = logger(Path(log))
    with opened(url, alias) as engine, engine.hold("a test"):
        say("held")
        time.sleep(300)


def test_a_live_holder_is_named_and_a_killed_one_does_not_block(
    direct: ElasticEngine,
    url: str,
    alias: str,
    tmp_path: Path,
    children: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(direct, {"a": "v1"})
    patience(monkeypatch, busy=0.5)
    log = tmp_path / "log"
    child = started(children, hold_and_wait, url, alias, str(log))
    wait_for(log, "held")
    with pytest.raises(EngineBusy) as told:
        direct.write([versioned("a", "v22")])
    assert f"process {child.pid} on {socket.gethostname()}, a test since 20" in str(told.value)
    with pytest.raises(EngineBusy):
        direct.delete(["a"])
    with pytest.raises(EngineBusy), direct.hold("another"):
        pass
    assert stored(direct) == {"a": "v1"}
    child.kill()
    child.join()
    begun = time.monotonic()
    write(direct, {"a": "v22"})
    assert time.monotonic() - begun < 30  # a lease takes 60
    assert stored(direct) == {"a": "v22"}
    exactly(direct, url, alias)


def test_a_writer_waits_for_a_holder_and_goes_on(
    direct: ElasticEngine, url: str, alias: str
) -> None:
    write(direct, {"a": "v1"})
    with opened(url, alias) as other, ThreadPoolExecutor(1) as pool:
        with direct.hold("a test"):
            writer = pool.submit(other.write, [versioned("a", "v22")])
            time.sleep(0.5)
            assert not writer.done()
        assert writer.result()[0].is_stored
    assert hold.PATIENCE > 1
    assert seen(direct, url, alias) == {"a": "v22"}
    exactly(direct, url, alias)


def test_a_writer_reads_the_index_before_each_write(
    direct: ElasticEngine, url: str, alias: str
) -> None:
    """What it wrote last may have been replaced or removed by another since."""
    with opened(url, alias, elasticsearch_refresh=3600) as one:
        one.write([versioned("a", "v1"), versioned("b", "v1")])
        assert direct.write([versioned("a", "v22")])[0].is_stored
        assert direct.delete(["b"]) == 1
        assert one.stored(["b"]) == {}
        outcomes = one.write([versioned("a", "v1"), versioned("b", "v1")])
        assert [o.status for o in outcomes] == ["updated", "created"]
        assert stored(one) == {"a": "v1", "b": "v1"}
    assert seen(direct, url, alias) == {"a": "v1", "b": "v1"}


def test_asking_for_nothing_refreshes_nothing(
    direct: ElasticEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each batch asks for what it replaces: 5 s of processor time of 14.6 for 6,400 passages."""
    direct.write([versioned("a", "v1")])
    with monkeypatch.context() as patched:
        patched.setattr(Index, "refresh", lambda *_: pytest.fail("a refresh"))
        assert direct.indexed([]) == []
    assert [each.article.info.id for each in direct.indexed(["a"])] == ["a"]


def test_an_index_made_by_another_process_meanwhile_is_used(url: str, alias: str) -> None:
    with opened(url, alias) as late, opened(url, alias) as early:
        assert late._index.opened() is None
        write(early, {"a": "v1"})
        late._index.create()
        version = late._index.opened()
        assert version is not None
        assert version == early._index.opened()
        ask(f"{url}/{version.index}/_alias/{alias}", "DELETE")
        with pytest.raises(EngineUnavailable, match="is missing from Elasticsearch"):
            late._index.create()
