"""Several processes that serve one address, and the one that keeps them running.

The parent binds the address, forks, and does nothing else: it has no threads and opens neither
index nor model, so that it can fork again when a worker dies. (Forking after the model is loaded
would share its memory, but OpenVINO's threads do not survive a fork.)
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress

STOP_SECONDS = 15.0  # for workers to end; then they are killed
_STEADY = 30.0  # seconds a worker lives to be started anew at once
_WAIT = 2.0  # seconds until one that lived less is
_HEEDED = (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGALRM)

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


def keep_running(count: int, work: Callable[[int], None], lifeline: Lifeline, told: Told) -> None:
    """Fork `count` workers, start each anew that dies, and return when a signal ended them all.

    SIGTERM and SIGINT are passed on as SIGINT, on which a worker drains.

    Args:
        work: what a worker does, given its number from 0.
        told: given a line on each worker that died.
    """
    # Blocked, and taken one by one: none comes between two steps, and there are no handlers.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HEEDED)
    handled = signal.signal(signal.SIGCHLD, lambda *_: None)  # else the system may drop them

    def begin(number: int) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for each in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(each, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        lifeline.let_go()
        work(number)

    parent = _Parent(count, begin, told)
    try:
        parent.run()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        while signal.SIGALRM in signal.sigpending():
            signal.sigwait([signal.SIGALRM])
        signal.signal(signal.SIGCHLD, handled)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    if parent.signal == signal.SIGTERM:  # the end that a single process has
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)


class _Parent:
    def __init__(self, count: int, begin: Callable[[int], None], told: Told) -> None:
        self._told = told
        self._begin = begin
        self._due = dict.fromkeys(range(count), 0.0)  # worker's number -> when to start it
        self._running: dict[int, tuple[int, float]] = {}  # pid -> number, since when
        self._kill_at = 0.0
        self.signal = 0  # the one that ends it

    def run(self) -> None:
        while self._running or not self.signal:
            now = time.monotonic()
            if not self.signal:
                for number in [n for n, when in self._due.items() if when <= now]:
                    del self._due[number]
                    self._start(number)
            elif now > self._kill_at:
                self._send(signal.SIGKILL)
            next_start = min(self._due.values(), default=now + 60)
            pause = 1.0 if self.signal else max(0.01, next_start - time.monotonic())
            signal.setitimer(signal.ITIMER_REAL, pause)
            came = signal.sigwait(_HEEDED)
            if came in (signal.SIGINT, signal.SIGTERM):
                self.signal = self.signal or came
                self._kill_at = self._kill_at or time.monotonic() + STOP_SECONDS
                self._send(signal.SIGINT)
            self._bury()

    def _start(self, number: int) -> None:
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
            self._begin(number)
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
