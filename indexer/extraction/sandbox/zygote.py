"""The parent's side of a zygote and its children (`indexer.extraction.sandbox.child`).

Not `multiprocessing`'s fork server: that imports from the folder where the user stands (a
folder `indexer` there would run outside of any sandbox), hands down the environment with
its passwords, imports the main module again, and takes 10 to 38 ms a child instead of 3.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from indexer.extraction.registry import NO_OCR
from indexer.extraction.sandbox.child import OUT_OF_MEMORY
from indexer.extraction.sandbox.wire import (
    MAX_LINE,
    End,
    Piece,
    Said,
    Scan,
    failed,
    receive,
    said_in,
    send,
)
from indexer.sources import Failure

_PIECE = 1 << 18  # bytes read at once
_GRACE = 5.0  # seconds after which a child that did not end itself is ended
_LOOK = 0.2  # seconds between two looks whether a page is still wanted
_LOADING = 60.0  # seconds to load what reads a kind of file: 0.4 s, on a busy machine more

# The environment of what parses untrusted files: of the parent's, which may have passwords,
# only what the interpreter needs. Threads and their arenas would take addresses, which are
# bounded, and a zygote that has threads cannot be forked safely.
_KEPT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME", "SYSTEMROOT", "TESSDATA_PREFIX")
_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "PYTHONUTF8": "1",
    "PYTHONWARNINGS": "ignore",
    "MALLOC_ARENA_MAX": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}

TIMED_OUT = failed("timeout", "parsing it took longer than a file of its size may")
_OVERTIME = failed("timeout", "parsing it took more processor time than a file of its size may")
_TOO_LARGE = failed("memory", "parsing it took more memory than a file may")
_HAS_PAGE = b"\n1\t"  # tesseract's row of a page: without one its picture was not read
_NOT_RECOGNISED = {
    "timeout": "text recognition took longer than it may (FIHRIS_OCR_SECONDS)",
    "memory": "text recognition took more memory than it may (FIHRIS_OCR_MEMORY)",
    "damaged": "its picture is broken, or too large for FIHRIS_OCR_MEMORY",
}
_GONE = "the processes that parse files ended with it"


class ChildGone(Exception):
    """The zygote ended, does not answer, or cannot be started; its text is for people."""


class Zygote:
    """One zygote. It must be closed.

    Raises:
        ChildGone: it cannot be started.
    """

    def __init__(self) -> None:
        self.control, other = socket.socketpair()
        self.control.settimeout(_GRACE)
        root = str(Path(__file__).resolve().parents[3])  # modules are found where ours are
        path = [*(folder for folder in sys.path if Path(folder).is_absolute()), root]
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        try:
            self._process = subprocess.Popen(
                # -P: without it, a folder `indexer` where the user stands would be run
                [sys.executable, "-P", "-m", "indexer.extraction.sandbox.child"],
                stdin=other.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**_ENVIRONMENT, **kept, "PYTHONPATH": os.pathsep.join(path)},
                cwd="/",
                start_new_session=True,  # Ctrl-C is for the parent, which ends its batch
            )
        except OSError as error:  # no memory or no process left for it
            self.control.close()
            raise ChildGone(f"no process to parse files in: {error.strerror}") from error
        finally:
            other.close()

    def alive(self) -> bool:
        """Tell whether it can be asked."""
        return self._process.poll() is None

    def fork(
        self,
        formats: str,
        names: list[str],
        memory: int,
        cpu_seconds: int,
        program: Sequence[str] = (),
    ) -> Child:
        """Return a new child, which must be closed.

        Args:
            formats: the package that reads.
            names: files of these names, whose readers are loaded for all later ones.
            memory: bytes of addresses at most.
            cpu_seconds: processor seconds at most, of all its files.
            program: what it becomes, to recognise a page, and arguments.

        Raises:
            ChildGone: there is none.
        """
        order = {
            "formats": formats,
            "names": names,
            "memory": memory,
            "cpu_seconds": cpu_seconds,
            "program": program,
        }
        asked, other = socket.socketpair()
        try:
            with other:
                send(self.control, order, other.fileno())
            asked.settimeout(_LOADING)
            return Child(self, asked, int(asked.recv(16)), memory)
        except (OSError, ValueError) as error:
            asked.close()
            raise ChildGone(_GONE) from error

    def close(self) -> None:
        """End it and its children. A second call does nothing."""
        self.control.close()
        try:
            self._process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Child:
    """One child, which reads one file after another until it ends.

    `peak` is the most bytes that it had in memory when a file ended, or itself.
    """

    def __init__(self, zygote: Zygote, asked: socket.socket, process: int, memory: int) -> None:
        self._zygote, self._asked, self._process, self._memory = zygote, asked, process, memory
        self.peak = 0
        self.ended = False

    def read(
        self,
        file: int,
        name: str,
        seconds: float,
        options: Mapping[str, object],
        without_ocr: str = NO_OCR,
    ) -> Generator[Said | Piece | Scan, None, None]:
        """Have a file read; yield what is said of it, a failure at last where it ended in it.

        Args:
            file: its descriptor.
            name: tells its kind.
            seconds: for each item.
            options: the fields of `indexer.extraction.registry.Options`.
            without_ocr: why no page is recognised; "" where each `Scan` is answered (`answer`).
        """
        problem: Failure | None = None
        done = False
        try:
            self._asked.settimeout(seconds)
            request = {"name": name, "seconds": seconds, "options": options}
            send(self._asked, {**request, "without_ocr": without_ocr}, file)
            for line in self._lines(seconds + _GRACE):
                said = said_in(line)
                if isinstance(said, End):
                    done, self.peak = True, said.peak
                yield said
                if done:
                    return
        except TimeoutError:
            problem = TIMED_OUT
        except ValueError:
            problem = failed("crashed", "its reader said what is not understood")
        except (EOFError, ConnectionError):
            pass
        finally:  # also where nobody wants to read on
            status = None if done else self.close()
        yield problem or self._failed(status)

    def answer(self, found: str | Failure) -> None:
        """Say what became of a page that is to be recognised. It may have ended meanwhile."""
        with suppress(OSError):
            send(self._asked, found if isinstance(found, str) else [found.code, found.reason])

    def page(
        self, document: int, scan: Scan, seconds: float, most: int, stopping: Callable[[], bool]
    ) -> str | Failure:
        """Return what the program of this child says of a page, and end it.

        Args:
            document: the descriptor of what has the page.
            scan: which page.
            seconds: until it is ended.
            most: bytes that it may say.
            stopping: asked all the time; True ends it.
        """
        kept, until = bytearray(), time.monotonic() + seconds + _GRACE
        whole = False
        request = {"kind": scan.kind, "page": scan.page, "seconds": seconds}
        with suppress(ConnectionError):
            send(self._asked, request, document)
            self._asked.settimeout(_LOOK)
            while not (whole or stopping()) and len(kept) <= most and time.monotonic() < until:
                with suppress(TimeoutError):
                    piece = self._asked.recv(_PIECE)
                    kept += piece
                    whole = not piece
        status = self.close()
        if whole and status == 0 and _HAS_PAGE in kept:
            return kept.decode("utf-8", "replace")
        code = self._failed(status).code
        if status is not None and os.waitstatus_to_exitcode(status) in (0, 1):
            code = "damaged"
        return Failure("", code, _NOT_RECOGNISED.get(code, "text recognition ended early"))

    def interrupt(self) -> None:
        """Have `read` or `page` end as if the child had; from any thread."""
        with suppress(OSError):  # it was closed at this moment
            self._asked.shutdown(socket.SHUT_RDWR)

    def close(self) -> int | None:
        """End it; return its wait status, None where its zygote ended with it or before."""
        self._asked.close()
        if self.ended:
            return None
        self.ended = True
        try:
            send(self._zygote.control, {"end": self._process})
            (status, self.peak), _ = receive(self._zygote.control)
        except (OSError, EOFError):
            self._zygote.close()
            return None
        return int(status)

    def _lines(self, seconds: float) -> Iterator[bytes]:
        """Yield lines without their ends. Only time spent waiting counts.

        Raises:
            TimeoutError: one took longer than it may.
            EOFError: the child ended.
            ValueError: one is longer than any may be.
        """
        kept, left = bytearray(), seconds
        while True:
            self._asked.settimeout(max(left, 0.001))
            begun = time.monotonic()
            piece = self._asked.recv(_PIECE)
            left -= time.monotonic() - begun
            if not piece:
                raise EOFError
            kept += piece
            if b"\n" in piece:
                *lines, kept = kept.split(b"\n")
                yield from map(bytes, lines)
                left = seconds
            elif len(kept) > MAX_LINE:
                raise ValueError("a line is too long")

    def _failed(self, status: int | None) -> Failure:
        """Return what to say of the file in which it ended without a last word."""
        if status is None:
            return failed("crashed", _GONE)
        number = -os.waitstatus_to_exitcode(status)
        if number in (signal.SIGALRM, signal.SIGXCPU):
            return TIMED_OUT if number == signal.SIGALRM else _OVERTIME
        # Native code that is refused memory aborts, or writes to where it is not; the kernel
        # kills the largest when there is none left.
        if number == -OUT_OF_MEMORY or (number > 0 and self.peak > self._memory // 2):
            return _TOO_LARGE
        how = "its reader ended early"
        if number > 0:
            how = f"parsing it ended its process ({signal.strsignal(number)})"
        return failed("crashed", how)
