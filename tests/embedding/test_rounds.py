"""Calls that share threads are served in turns."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from search.embedding.rounds import Rounds, Submit


class Held:
    """One thread that is held at its first batch, until all is submitted; `order` is what ran."""

    def __init__(self) -> None:
        self.rounds: Rounds[str] = Rounds(1, "held")
        self.order: list[str] = []
        self._go = threading.Event()
        started = threading.Event()

        def hold() -> str:
            started.set()
            assert self._go.wait(20)
            return ""

        self.rounds.call()(hold)
        assert started.wait(20)

    def submit(self, call: Submit[str], name: str) -> Future[str]:
        def run() -> str:
            self.order.append(name)
            return name

        return call(run)

    def go(self) -> None:
        self._go.set()
        self.rounds.call()(lambda: "").result(20)


@pytest.fixture
def held() -> Iterator[Held]:
    made = Held()
    yield made
    made.go()


def test_calls_take_turns_and_a_late_one_joins_the_round(held: Held) -> None:
    first, second, third = (held.rounds.call() for _ in range(3))
    futures = [held.submit(first, f"a{n}") for n in range(5)]
    futures += [held.submit(second, f"b{n}") for n in range(5)]
    futures += [held.submit(third, "c0")]
    held.go()
    assert [future.result(20) for future in futures[:5]] == [f"a{n}" for n in range(5)]
    assert held.order[:5] == ["a0", "b0", "c0", "a1", "b1"]
    assert len(held.order) == 11


def test_a_late_call_is_the_first_of_the_round(held: Held) -> None:
    started, go = threading.Event(), threading.Event()
    first, second = held.rounds.call(), held.rounds.call()
    held.submit(first, "a0")
    held.submit(second, "b0")

    def wait() -> str:
        started.set()
        assert go.wait(20)
        return ""

    first(wait)
    held.submit(second, "b1")
    held.submit(second, "b2")
    held.go()
    assert started.wait(20)
    late = held.submit(held.rounds.call(), "late")
    go.set()
    assert late.result(20) == "late"
    held.go()
    assert held.order[:3] == ["a0", "b0", "late"]


def test_a_call_after_long_work_has_no_more_than_its_share(held: Held) -> None:
    """It begins at the round in work, not at the first one that others had."""
    first = held.rounds.call()
    for n in range(50):
        held.submit(first, f"a{n}")
    held.go()
    second, third = held.rounds.call(), held.rounds.call()
    futures = [held.submit(call, "late") for call in (second, third) for _ in range(3)]
    for future in futures:
        future.result(20)
    assert held.order.count("late") == 6


def test_what_is_cancelled_is_not_run(held: Held) -> None:
    call = held.rounds.call()
    futures = [held.submit(call, f"a{n}") for n in range(5)]
    assert all(future.cancel() for future in futures[2:])
    held.go()
    assert [future.result(20) for future in futures[:2]] == ["a0", "a1"]
    assert held.order == ["a0", "a1"]


def test_a_batch_that_fails_fails_alone(held: Held) -> None:
    def fail() -> str:
        raise ZeroDivisionError

    failing, other = held.rounds.call()(fail), held.submit(held.rounds.call(), "a")
    held.go()
    assert isinstance(failing.exception(20), ZeroDivisionError)
    assert other.result(20) == "a"
