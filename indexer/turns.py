"""Waiting for the right to write: whoever has it gives way within ten seconds of being asked."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from search.errors import EngineBusy

T = TypeVar("T")

FIRST_TURN = 12.0  # seconds a command waits at its start
NEXT_TURN = 60.0  # seconds a run waits that gave way to another one
_AGAIN = 0.5  # seconds between two tries


def in_turn(
    write: Callable[[], T], seconds: float, stopping: Callable[[], bool] = lambda: False
) -> T:
    """Return what `write` does, tried again for some seconds while another writer is at work.

    Raises EngineBusy where it still is then, or when `stopping` says so.
    """
    until = time.monotonic() + seconds
    while True:
        try:
            return write()
        except EngineBusy:
            if time.monotonic() > until or stopping():
                raise
        time.sleep(_AGAIN)
