"""The parent's handle on a zygote (`indexer.sources.child`): started, asked, watched, ended."""

from __future__ import annotations

import fcntl
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from indexer.formats import MEBIBYTE
from indexer.sources.child import STOP, Request
from indexer.sources.wire import MAX_LINE, request_line

# Bytes that a child may be ahead of its parent; Linux grants no more to users.
_PIPE = MEBIBYTE
_PIECE = MEBIBYTE
_GRACE = 5.0  # seconds after which a child that did not end itself is ended
_LOADING = 60.0  # seconds to load what reads a kind of file: 0.4 s, on a busy machine more

# What of the environment the interpreter needs. The rest, such as the address of a
# cluster with its password, is no business of what parses untrusted files.
_KEPT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME", "SYSTEMROOT")
_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "PYTHONUTF8": "1",
    "PYTHONWARNINGS": "ignore",
    # Threads and their arenas take addresses, which are what is bounded; and a zygote
    # that has threads cannot be forked safely.
    "MALLOC_ARENA_MAX": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


class Gone(Exception):
    """The zygote ended, does not answer, or cannot be started; its text is for people."""

    def __init__(self, reason: str = "the processes that parse files ended with it") -> None:
        super().__init__(reason)


class Silent(Exception):
    """A child said nothing for longer than it may, and did not end itself."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended: its wait status, bytes at most, processor seconds, seconds."""

    status: int
    peak: int
    cpu: float
    seconds: float


class Zygote:
    """One zygote. It must be closed.

    Raises:
        Gone: it cannot be started.
    """

    def __init__(self) -> None:
        self._control, other = socket.socketpair()
        try:
            self._process = self._started(other)
        except OSError as error:  # no memory or no process left for it
            self._control.close()
            reason = f"no process to parse files in: {error.strerror}"
            raise Gone(reason) from error
        finally:
            other.close()

    def _started(self, other: socket.socket) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and module
            # -P: without it, a folder `indexer` where the user stands would be run
            [sys.executable, "-P", "-m", "indexer.sources.child", str(other.fileno())],
            pass_fds=[other.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            cwd="/",
            start_new_session=True,  # Ctrl-C is for the parent, which ends its batch
        )

    def alive(self) -> bool:
        """Tell whether it can be asked."""
        return self._process.poll() is None

    def start(self, request: Request, file: int) -> int:
        """Have a file parsed; return the descriptor of what is found in it (`lines_of`).

        Raises:
            Gone: it ended.
        """
        results, other = os.pipe()
        with suppress(OSError, AttributeError):
            fcntl.fcntl(other, fcntl.F_SETPIPE_SZ, _PIPE)
        try:
            line = request_line(asdict(request))
            sent = socket.send_fds(self._control, [line], [file, other])
            self._control.sendall(line[sent:])
        except OSError as error:
            os.close(results)
            raise Gone from error
        finally:
            os.close(other)
        return results

    def ended(self, *, stop: bool) -> Ended:
        """Return how the child ended, once it has.

        Raises:
            Gone: the zygote ended with it, or cannot end it.
        """
        answer = b""
        with suppress(OSError):  # it ended: what it said before can still be read
            if stop:
                self._control.sendall(STOP)
        self._control.settimeout(_GRACE)
        try:
            while not answer.endswith(b"\n"):
                piece = self._control.recv(4096)
                if not piece:
                    raise Gone
                answer += piece
        except OSError as error:
            raise Gone from error
        finally:
            self._control.settimeout(None)
        return Ended(**json.loads(answer))

    def close(self) -> None:
        """End it and its child. A second call does nothing."""
        self._control.close()
        try:
            self._process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def lines_of(results: int, seconds: float) -> Iterator[bytes]:
    """Yield the lines that a child writes, without their ends, until it has ended.

    Only time spent waiting for it counts.

    Raises:
        Silent: it took longer for one than it may.
        ValueError: a line is longer than any may be.
    """
    waiting = select.poll()
    waiting.register(results, select.POLLIN)
    kept = bytearray()
    left = seconds + _LOADING
    while True:
        begun = time.monotonic()
        if left <= 0 or not waiting.poll(left * 1000):
            raise Silent
        left -= time.monotonic() - begun
        piece = os.read(results, _PIECE)
        if not piece:
            return
        start = 0
        while (end := piece.find(b"\n", start)) >= 0:
            line = piece[start:end]
            if kept:
                line = bytes(kept + line)
                kept.clear()
            if line:  # an empty one says only that it has begun
                yield line
            left = seconds + _GRACE
            start = end + 1
        kept += piece[start:]
        if len(kept) > MAX_LINE:
            raise ValueError("a line is too long")


def _environment() -> dict[str, str]:
    """Return the environment of a zygote, whose modules are found where ours are."""
    root = Path(__file__).resolve().parents[2]
    path = [folder for folder in sys.path if Path(folder).is_absolute()]
    if str(root) not in path:
        path.append(str(root))
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**_ENVIRONMENT, **kept, "PYTHONPATH": os.pathsep.join(path)}
