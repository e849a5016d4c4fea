"""When the text index follows what is written: at once, soon, or beside a busy writer."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from search.engines.embedded.derived import TextFollower
from search.engines.embedded.locking import WriterLock
from search.engines.embedded.record import Written
from search.errors import EngineError

log = logging.getLogger(__name__)

_SHARE = 5  # publishing takes a sixth of a busy writer's time at most
_PAUSE = 2.0  # seconds between a busy writer's publications: larger segments, faster search
# Passages that are published beside a writer that goes on writing, and the share of the
# index they must be: Tantivy takes its time while Python's threads wait for each other, and
# segments of growing sizes are not merged again and again (half of the time of adding).
_MANY = 10_000
_MANY_OF = 0.25


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
        self._arming = threading.Lock()  # of what follows
        self._timer: threading.Timer | None = None
        self._due = 0.0
        self._changes = 0
        self._published = (-_PAUSE, 0.0)  # when the last publication ended, seconds it took
        self._waiting = 0  # passages written since a publication began
        self._written = 0  # and since segments were merged last

    def wrote(self, written: Written) -> None:
        """Let other processes see what was written."""
        passages = sum(len(rows.terms) for rows in written.added)
        with self._arming:
            self._written += passages
            self._waiting += passages
        self._text.fresh.add(written.added, written.before, written.last)
        self.soon()

    def soon(self) -> None:
        """Let other processes see a change: now, or later while changes come fast."""
        with self._arming:
            self._changes += 1
            ended, took = self._published
            wait = ended + max(_PAUSE, _SHARE * took) - time.monotonic()
            many = self._waiting >= max(_MANY, _MANY_OF * self._text.passages)
            if many or wait > 0:
                self._arm(0.0 if many else wait)
                return
        self.now()

    def _arm(self, wait: float) -> None:
        due = time.monotonic() + wait
        if self._timer is not None and self._due <= due:
            return
        self._disarm()
        self._timer, self._due = threading.Timer(wait, self._beside), due
        self._timer.daemon = True
        self._timer.start()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _beside(self) -> None:
        """Publish beside the writer, and see to what was written meanwhile."""
        with self._arming:
            if self._timer is not threading.current_thread():
                return
            changes = self._changes
        self.now()
        with self._arming:
            if self._timer is threading.current_thread():
                self._timer = None
            if self._changes == changes:
                return
        self.soon()

    def now(self, *, last: bool = False) -> None:
        """Publish what was written; failing at that harms nobody.

        Args:
            last: nothing follows for a while, so that merging segments is worth it.
        """
        with self._following:
            if not self._is_open() or not self._lock.held:
                return
            started = time.monotonic()
            with self._arming:
                self._waiting = 0
            try:
                self._text.advance(waited_for=last)
                if last and self._text.settle(self._written):
                    self._written = 0
            except EngineError as error:
                # The write itself is safe and acknowledged; a search tries again and says so.
                log.warning("%s", error)
            ended = time.monotonic()
            self._published = (ended, ended - started)

    def stop(self) -> None:
        """Publish what is due and nothing more; let go of what is in memory."""
        with self._arming:
            self._disarm()
        self.now(last=True)
        self._text.fresh.clear()
