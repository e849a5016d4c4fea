"""Waiting for the right to write, in a run that had it and gave way to another writer.

Who comes second is refused at once, and gets its turn when it tries again: whoever writes gives
way within ten seconds of being asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from search.errors import EngineBusy

T = TypeVar("T")

NEXT_TURN = 60.0  # seconds
_AGAIN = 0.5  # seconds between two tries


def in_turn(write: Callable[[], T], stopping: Callable[[], bool]) -> T:
    """Return what `write` does, tried again for a while where another writer is at work.

    Raises EngineBusy where it still is then, or when `stopping` says so.
    """
    until = time.monotonic() + NEXT_TURN
    while True:
        try:
            return write()
        except EngineBusy:
            if time.monotonic() > until or stopping():
                raise
        time.sleep(_AGAIN)
