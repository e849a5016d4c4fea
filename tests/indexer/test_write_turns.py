"""Who waits for a turn to write: told once, served when the other rests, refused in the end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from search import write_turns
from search.errors import EngineBusy
from search.write_turns import in_turn


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_turns, "_AGAIN", 0.01)


def busy(times: int) -> Callable[[], str]:
    """Return what is refused so many times and then done."""
    left = [times]

    def write() -> str:
        left[0] -= 1
        if left[0] >= 0:
            raise EngineBusy("another writer is at work")
        return "done"

    return write


def test_a_turn_comes_and_the_wait_is_told_once() -> None:
    told: list[EngineBusy] = []
    assert in_turn(busy(3), lambda: False, 20, told.append) == "done"
    assert [str(each) for each in told] == ["another writer is at work"]
    assert in_turn(busy(0), lambda: False, 0, told.append) == "done"
    assert len(told) == 1


@pytest.mark.parametrize(("seconds", "stopping"), [(0.0, False), (20.0, True)])
def test_who_has_waited_long_enough_or_is_stopped_is_refused(
    seconds: float, stopping: bool
) -> None:
    with pytest.raises(EngineBusy):
        in_turn(busy(10**9), lambda: stopping, seconds)
