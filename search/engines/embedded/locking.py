"""One writer at a time, by an operating system lock: a killed holder never blocks the next.

The lock itself says nothing of its holder, so the holder writes who it is beside it.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from search.errors import EngineBusy, EngineUnavailable

PATIENCE = 0.5  # seconds a writer waits: a reader that catches up is mostly done sooner


class WriterLock:
    """The right to change an index's folder, for one engine and all its threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._holder = folder / "writer.json"
        # Not thread-local: an engine may be closed by another thread than the one that wrote.
        self._lock = FileLock(folder / "writer.lock", thread_local=False)
        self._guard = threading.Lock()
        self._kept = False  # by `acquire`, until `release`
        self._borrowers = 0

    @property
    def held(self) -> bool:
        return self._kept

    def acquire(self, purpose: str) -> None:
        """Take the lock and keep it, or say who has it. Taking it twice does nothing.

        Raises:
            EngineBusy: another process or engine writes; the message names it.
            EngineUnavailable: the folder cannot be written to.
        """
        if self._kept:
            return
        with self._guard:
            self._take(purpose, PATIENCE)
            self._kept = True

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        with self._guard:
            self._kept = False
            self._give_back()

    @contextmanager
    def borrowed(self, purpose: str) -> Iterator[bool]:
        """Hold the lock for a while if that is possible at once; say whether it is held."""
        with self._guard:
            try:
                self._take(purpose, 0)
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

    def _take(self, purpose: str, patience: float) -> None:
        if self._lock.is_locked:
            return
        try:
            self._lock.acquire(timeout=patience, poll_interval=0.02)
        except Timeout:
            raise EngineBusy(
                f"another writer is at work in {self._folder}: {self.holder()}. "
                "Wait until it is done, or stop it, and try again."
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
        try:
            self._holder.write_text(json.dumps(signature), "utf-8")
        except OSError as error:
            self._lock.release()
            raise EngineUnavailable(
                f"cannot write to {self._folder}: {error}. Free space or fix permissions."
            ) from error
