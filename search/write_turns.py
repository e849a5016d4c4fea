"""Waits for the writer's lock: at the beginning of a run, and when a run gave way to another.

Who comes second is refused at once, and gets its turn when it tries again: whoever writes gives
way within ten seconds of being asked, for two seconds. A command takes longer to start than that
on a busy machine (4.5 s at a load of 10: three of four tries came too late), so it tries itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from search.errors import EngineBusy

T = TypeVar("T")

NEXT_TURN = 60.0  # seconds
FIRST_TURN = 10.0  # seconds: within these a writer gives way
_AGAIN = 0.5  # seconds between two tries


def _nothing(_: EngineBusy) -> None:
    pass


def in_turn(
    write: Callable[[], T],
    stopping: Callable[[], bool],
    seconds: float = NEXT_TURN,
    on_wait: Callable[[EngineBusy], None] = _nothing,
) -> T:
    """Return what `write` does, tried again for a while where another writer is at work.

    `on_wait` is called before the first wait. Raises EngineBusy where the other still is at work
    after `seconds`, or when `stopping` says so.
    """
    until = time.monotonic() + seconds
    while True:
        try:
            return write()
        except EngineBusy as error:
            if time.monotonic() > until or stopping():
                raise
            on_wait(error)
            on_wait = _nothing
        time.sleep(_AGAIN)
