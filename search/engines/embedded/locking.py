"""One writer at a time, by an operating system lock: a killed holder never blocks the next.

    writer.lock    locked by the holder
    writer.json    who that is, for the others: the lock itself does not say
    writer.wanted  there since somebody was refused: the holder gives way between two batches

Who asks is refused at once all the same, and gets the lock when it tries again: a holder that
is still at work two seconds later looks for the request after each write, and every second
while it writes nothing; then it leaves the lock free for a while, and waits for its next turn.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from search.errors import EngineBusy, EngineUnavailable

PATIENCE = 0.5  # seconds a writer waits: a reader that catches up is mostly done sooner
_AGE = 2.0  # seconds of a request from which a holder gives way: most are done by then
_LOOK = 1.0  # seconds between two looks of a holder for a request
_FREE = 2.0  # seconds the lock is left free for who asked, who may try once a second
_TURN = 8.0  # seconds a writer that gave way waits for its next turn: others give way too


class WriterLock:
    """The right to change an index's folder, for one engine and all its threads.

    Args:
        folder: of the index.
        look: called every second, in a thread of its own, while the lock is kept; should release
            it as soon as it is `wanted` and nothing is being written.
    """

    def __init__(self, folder: Path, look: Callable[[], None] | None = None) -> None:
        self._folder = folder
        self._holder = folder / "writer.json"
        self._request = folder / "writer.wanted"
        self._look = look
        # Not thread-local: an engine may be closed by another thread than the one that wrote.
        self._lock = FileLock(folder / "writer.lock", thread_local=False)
        self._guard = threading.Lock()
        self._kept = False  # by `acquire`, until `release`
        self._gave_way = False  # the last release was for another writer
        self._released = threading.Event()
        self._borrowers = 0

    @property
    def held(self) -> bool:
        return self._kept

    @property
    def wanted(self) -> bool:
        """Whether another writer was refused a while ago, and may be trying again."""
        if not self._kept:
            return False
        try:
            return time.time() - self._request.stat().st_mtime > _AGE
        except OSError:
            return False

    def acquire(self, purpose: str) -> None:
        """Take the lock and keep it, or say who has it. Taking it twice does nothing.

        Raises:
            EngineBusy: another process or engine writes; the message names it, and it is
                asked to give way.
            EngineUnavailable: the folder cannot be written to.
        """
        if self._kept:
            return
        if self._gave_way:
            self._let_pass()
        until = time.monotonic() + (_TURN if self._gave_way else PATIENCE)
        while True:
            try:
                with self._guard:
                    self._take(purpose, ask=True)
                    self._keep()
                return
            except EngineBusy:
                if time.monotonic() > until:
                    raise
            time.sleep(0.02)

    def _keep(self) -> None:
        self._gave_way = False
        self._kept = True
        self._request.unlink(missing_ok=True)
        self._released = threading.Event()
        if self._look is not None:
            arguments = (self._released, self._look)
            threading.Thread(
                target=_every_second, args=arguments, name="fihris-writer", daemon=True
            ).start()

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        with self._guard:
            self._gave_way = self._gave_way or self.wanted
            self._kept = False
            self._released.set()
            self._give_back()

    def _let_pass(self) -> None:
        """Leave the lock free until who asked has it, who then removes the request."""
        until = time.monotonic() + _FREE
        while time.monotonic() < until and self._request.exists():
            time.sleep(0.05)

    @contextmanager
    def borrowed(self, purpose: str) -> Iterator[bool]:
        """Hold the lock for a while if that is possible at once; say whether it is held."""
        with self._guard:
            try:
                self._take(purpose, ask=False)
            except (EngineBusy, EngineUnavailable):
                mine = False
            else:
                mine = True
                self._borrowers += 1
        try:
            yield mine
        finally:
            if mine:
                with self._guard:
                    self._borrowers -= 1
                    self._give_back()

    def can_write(self) -> bool:
        """Tell whether the folder can be written to at all."""
        return os.access(self._folder, os.W_OK)

    def is_signed(self) -> bool:
        """Tell whether somebody has it, or was killed while he had it and nobody had it since."""
        return self._holder.exists()

    def holder(self) -> str:
        """Return who holds the lock, in words."""
        try:
            known = json.loads(self._holder.read_text("utf-8"))
            return (
                f"process {known['pid']} on {known['host']}, {known['purpose']} "
                f"since {known['since']}"
            )
        except (OSError, ValueError, KeyError, TypeError):
            return "a process that has not said who it is"

    def _take(self, purpose: str, *, ask: bool) -> None:
        if self._lock.is_locked:
            return
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            if ask:
                with contextlib.suppress(OSError):  # then the holder rests when it is done
                    self._request.touch(exist_ok=False)
            raise EngineBusy(
                f"another writer is at work in {self._folder}: {self.holder()}. "
                "It was asked to give way, which takes up to ten seconds: try again then."
            ) from None
        except (OSError, NotImplementedError) as error:
            raise EngineUnavailable(
                f"cannot write to {self._folder}: {error}. Check the folder's permissions."
            ) from error
        self._sign(purpose)

    def _give_back(self) -> None:
        if self._lock.is_locked and not self._kept and not self._borrowers:
            self._holder.unlink(missing_ok=True)
            self._lock.release()

    def _sign(self, purpose: str) -> None:
        signature = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
            "purpose": purpose,
        }
        # Where the disk is full it says nothing, and can still remove articles.
        with contextlib.suppress(OSError):
            self._holder.write_text(json.dumps(signature), "utf-8")


def _every_second(released: threading.Event, look: Callable[[], None]) -> None:
    while not released.wait(_LOOK):
        look()
