"""When the text index follows what is written: at once, or now and then while writes come fast."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from search.engines.embedded.derived import TextFollower
from search.engines.embedded.locking import WriterLock
from search.errors import EngineError

log = logging.getLogger(__name__)

_SHARE = 5  # publishing takes a sixth of a busy writer's time at most
_PAUSE = 2.0  # seconds between a busy writer's publications: larger segments, faster search


class Publisher:
    """Publishes the text index of what this process writes. Any thread.

    Args:
        following: held by whoever changes the follower, or the view that is made of it.
        is_open: whether the engine is, asked under `following`.
    """

    def __init__(
        self,
        text: TextFollower,
        lock: WriterLock,
        following: threading.RLock,
        is_open: Callable[[], bool],
    ) -> None:
        self._text = text
        self._lock = lock
        self._following = following
        self._is_open = is_open
        self._guard = threading.Lock()  # of what follows
        self._timer: threading.Timer | None = None
        self._not_before = 0.0  # a busy writer's next publication

    def soon(self) -> None:
        """Let other processes see what was written: now, or in a while beside a busy writer."""
        with self._guard:
            wait = self._not_before - time.monotonic()
            if wait > 0:
                if self._timer is None:
                    self._timer = threading.Timer(wait, self.now)
                    self._timer.daemon = True
                    self._timer.start()
                return
        self.now()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def now(self, *, last: bool = False) -> None:
        """Publish what was written; failing at that harms nobody.

        Args:
            last: nothing follows for a while.
        """
        with self._following:
            with self._guard:
                self._disarm()  # a change from here on arms another one
            if not self._is_open() or not self._lock.held:
                return
            started = time.monotonic()
            try:
                self._text.advance(parallel=last)
            except EngineError as error:
                # The write itself is safe and acknowledged; a search tries again and says so.
                log.warning("%s", error)
            ended = time.monotonic()
            self._not_before = ended + max(_PAUSE, _SHARE * (ended - started))

    def stop(self) -> None:
        """Publish what is due and nothing more."""
        with self._guard:
            self._disarm()
        self.now(last=True)
