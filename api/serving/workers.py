"""Several processes that serve one address, and the one that keeps them running.

The parent binds the address, forks, and does nothing else: it has no threads and opens neither
index nor model, so that it can fork again when a worker dies. (Forking after the model is loaded
would share its memory, but OpenVINO's threads do not survive a fork.)
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

STOP_SECONDS = 15.0  # for workers to end; then they are killed
_STEADY = 30.0  # seconds a worker lives to be started anew at once
_WAIT = 2.0  # seconds until one that lived less is

Told = Callable[[str], None]


class Lifeline:
    """Tells the workers that their parent is gone, however it ended: a pipe that only it holds."""

    def __init__(self) -> None:
        self._ends, self._held = os.pipe()

    def let_go(self) -> None:
        """In a worker: have the parent alone hold it."""
        os.close(self._held)

    def fileno(self) -> int:
        """What can be read from when the parent is gone."""
        return self._ends


def keep_running(count: int, work: Callable[[int], None], lifeline: Lifeline, told: Told) -> int:
    """Fork `count` workers, start each anew that dies, and return the signal that ended them all.

    SIGTERM and SIGINT are passed on as SIGINT, on which a worker drains.

    Args:
        work: what a worker does, given its number from 0.
        told: given a line on each worker that died.
    """
    parent = _Parent(count, work, lifeline, told)
    with _signals() as wake:
        parent.run(wake)
    return parent.signal


class _Parent:
    def __init__(
        self, count: int, work: Callable[[int], None], lifeline: Lifeline, told: Told
    ) -> None:
        self._told = told
        self._work = work
        self._lifeline = lifeline
        self._due = dict.fromkeys(range(count), 0.0)  # worker's number -> when to start it
        self._running: dict[int, tuple[int, float]] = {}  # pid -> number, since when
        self._kill_at = 0.0
        self.signal = 0  # the one that ends it

    def run(self, wake: socket.socket) -> None:
        while self._running or not self.signal:
            now = time.monotonic()
            if not self.signal:
                for number in [n for n, when in self._due.items() if when <= now]:
                    del self._due[number]
                    self._start(number, wake)
            elif now > self._kill_at:
                self._send(signal.SIGKILL)
            next_start = min(self._due.values(), default=now + 60)
            select.select([wake], [], [], 1.0 if self.signal else max(0.0, next_start - now))
            self._heed(wake)
            self._bury()

    def _start(self, number: int, wake: socket.socket) -> None:
        sys.stdout.flush()
        try:
            pid = os.fork()
        except OSError as error:  # no memory or no process left: those that run go on
            self._due[number] = time.monotonic() + _WAIT
            self._told(f"worker {number} cannot be started: {error}; tried again")
            return
        if pid:
            self._running[pid] = number, time.monotonic()
            return
        status = 1
        try:
            os.setpgid(0, 0)  # Ctrl-C is the parent's to pass on, once
            signal.set_wakeup_fd(-1)
            for each in (signal.SIGCHLD, signal.SIGTERM):
                signal.signal(each, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            wake.close()
            self._lifeline.let_go()
            self._work(number)
            status = 0
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            with suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)

    def _heed(self, wake: socket.socket) -> None:
        """Pass on the signals that came."""
        with suppress(BlockingIOError):
            for each in wake.recv(4096):
                if each in (signal.SIGINT, signal.SIGTERM):
                    self.signal = self.signal or each
                    self._kill_at = self._kill_at or time.monotonic() + STOP_SECONDS
                    self._send(signal.SIGINT)

    def _bury(self) -> None:
        """Note which workers have ended, and when to start them anew."""
        while self._running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            number, since = self._running.pop(pid)
            if not self.signal:
                now = time.monotonic()
                self._due[number] = now + (0.0 if now - since > _STEADY else _WAIT)
                code = os.waitstatus_to_exitcode(status)
                how = f"signal {-code}" if code < 0 else f"status {code}"
                self._told(f"worker {number} (process {pid}) ended with {how}: started anew")

    def _send(self, number: int) -> None:
        for pid in self._running:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


@contextmanager
def _signals() -> Iterator[socket.socket]:
    """Give a socket from which the numbers of signals can be read that concern the parent."""
    reading, writing = socket.socketpair()
    reading.setblocking(False)
    writing.setblocking(False)
    handled = (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM)
    before = {each: signal.signal(each, lambda *_: None) for each in handled}
    signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    try:
        yield reading
    finally:
        signal.set_wakeup_fd(-1)
        for each, handler in before.items():
            signal.signal(each, handler)
        reading.close()
        writing.close()
