"""Calls that come while one is in work go together."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from search.embedding.gathering import Gathered
from tests.support import until


class Held:
    """The first batch is held until `go`; a text is answered in capitals, "bad" by an error."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.started, self._go = threading.Event(), threading.Event()
        self.gathered = Gathered[str, str](
            self._run, kind=len, most=lambda text: 9 // len(text), name="held"
        )
        self._callers = ThreadPoolExecutor(16)

    def _run(self, texts: Sequence[str]) -> list[str]:
        self.started.set()
        assert self._go.wait(60)
        self.batches.append(list(texts))
        if "bad" in texts:
            raise ValueError("bad")
        return [text.upper() for text in texts]

    def call(self, text: str) -> Future[str]:
        """Return when the call is in work or waits."""
        before = len(self.gathered._waiting)
        future = self._callers.submit(self.gathered, text)
        if self.started.is_set():
            until(lambda: len(self.gathered._waiting) > before)
        assert self.started.wait(60)
        return future

    def go(self) -> None:
        self._go.set()
        self._callers.shutdown()


@pytest.fixture
def held() -> Iterator[Held]:
    made = Held()
    yield made
    made.go()


def test_those_alike_go_together_in_bounds_and_the_oldest_first(held: Held) -> None:
    texts = ["one", "two", "four", "six", "ten", "five", "the"]
    futures = [held.call(text) for text in texts]
    held.go()
    assert [future.result(60) for future in futures] == [text.upper() for text in texts]
    assert held.batches == [["one"], ["two", "six", "ten"], ["four", "five"], ["the"]]


def test_what_one_fails_by_the_others_do_not(held: Held) -> None:
    futures = [held.call(text) for text in ("one", "two", "bad", "six")]
    held.go()
    assert [futures[at].result(60) for at in (0, 1, 3)] == ["ONE", "TWO", "SIX"]
    with pytest.raises(ValueError, match="bad"):
        futures[2].result(60)


def test_a_call_that_is_given_up_leaves_the_others(held: Held) -> None:
    later: list[Future[str]] = []

    def interrupt() -> None:
        assert held.started.wait(60)
        later.append(held.call("two"))
        # A signal that comes just before somebody waits for a lock is told when the wait ends.
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        held.gathered("one")
    held.go()
    assert later[0].result(60) == "TWO"
