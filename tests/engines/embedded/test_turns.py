"""Two writers: the second is refused at once, and gets its turn soon, whatever the first does."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from search.engines import open_engine
from search.engines.embedded.engine import EmbeddedEngine
from search.errors import EngineBusy
from search.settings import Settings
from tests.conformance.corpus import FINGERPRINT, indexed
from tests.engines.embedded.opening import opened
from tests.processes import processes
from tests.support import until

GENEROUS = 20.0  # seconds: the promise is 10, on a machine that does nothing else


def _write_without_rest(folder: Path, pause: float) -> None:
    """Write until killed, as a long run does that opens the index by name."""
    with _opened(folder) as engine:
        for n in itertools.count():
            engine.write([indexed(f"theirs {n}", f"word{n}")])
            time.sleep(pause)


@contextmanager
def _opened(folder: Path) -> Iterator[EmbeddedEngine]:
    engine = open_engine(Settings(data=folder), FINGERPRINT)
    try:
        yield engine  # type: ignore[misc]
    finally:
        engine.close()


def first_turn(write: Callable[[], object]) -> float:
    """Write as soon as that is possible; return the seconds that took."""
    started = time.monotonic()
    while True:
        asked = time.monotonic()
        try:
            write()
            return time.monotonic() - started
        except EngineBusy:
            assert time.monotonic() - asked < GENEROUS / 2  # at once: after 0.5 s
        time.sleep(0.5)


@pytest.mark.parametrize("pause", [0.0, 0.2, 60.0], ids=["never idle", "now and then", "idle"])
def test_a_writer_that_does_not_rest_gives_way(tmp_path: Path, pause: float) -> None:
    folder = tmp_path / "index"
    with opened(folder) as engine:
        engine.write([indexed("first", "x")])
    other = processes().Process(target=_write_without_rest, args=(folder, pause))
    other.start()
    try:
        with _opened(folder) as engine:
            while not engine.stored(["theirs 0"]):
                time.sleep(0.05)
            assert first_turn(lambda: engine.write([indexed("mine", "y")])) < GENEROUS
            assert engine.stored(["mine"])
            engine.rest()
            if pause < 60:  # and the other one goes on
                before = len(engine.article_ids("", 10_000))
                until(lambda: len(engine.article_ids("", 10_000)) > before)
    finally:
        other.kill()
        other.join()


def test_a_request_of_nobody_costs_a_pause_only(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    with _opened(folder) as engine:
        engine.write([indexed("a", "x")])
        (folder / "writer.wanted").touch()
        os.utime(folder / "writer.wanted", (0, 0))
        started = time.monotonic()
        for n in range(20):
            engine.write([indexed(f"b{n}", "y")])
        assert time.monotonic() - started < GENEROUS
        assert not (folder / "writer.wanted").exists()


def test_two_writers_without_rest_take_turns(tmp_path: Path) -> None:
    folder, done = tmp_path / "index", threading.Event()
    counts, errors = [0, 0], list[Exception]()

    def run(number: int) -> None:
        with _opened(folder) as engine:
            while not done.is_set():
                try:
                    engine.write([indexed(f"{number} {counts[number]}", "x")])
                    counts[number] += 1
                except EngineBusy:
                    time.sleep(0.3)
                except Exception as error:
                    errors.append(error)
                    return

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: errors or min(counts) >= 5)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert not errors
    assert min(counts) >= 5


def test_who_holds_the_index_for_one_operation_is_not_disturbed(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    with opened(folder) as holder, opened(folder) as other:
        with holder.hold("reindexing"):
            end = time.monotonic() + 2.5
            while time.monotonic() < end:
                with pytest.raises(EngineBusy, match="reindexing"):
                    other.write([indexed("a", "x")])
            assert holder.write([indexed("b", "y")])[0].is_stored
        assert first_turn(lambda: other.write([indexed("a", "x")])) < GENEROUS
