"""The process that parses untrusted files: `python -m indexer.sources.child DESCRIPTOR`.

    parent --- socket: request with the file's and the pipe's descriptors, "stop" ---> zygote
                                                                                      | fork
    parent <--- pipe: one line an item (`indexer.sources.wire`) ------------------- child
    parent <--- socket: how the child ended, what it took ------------------------- zygote

The zygote has no threads, reads no file itself, and imports what reads a kind of file the
first time one is asked for. Each file then has a child of its own, with limits and state
of its own, for a fork of 3 ms instead of 360 ms of imports. The zygote ends when the
socket is closed, however the parent ended, and its child with it. (Not by a signal at the
parent's death: Linux gives that when the *thread* ends that started the zygote.)
"""

from __future__ import annotations

import errno
import gc
import io
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

from indexer.formats import SUFFIXES, Options, Reader, suffix_of
from indexer.sources import confinement
from indexer.sources.wire import BEGUN, End, Failed, Said, line_of, request_line
from search.errors import SourceError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

STOP = b"stop\n"
OUT_OF_MEMORY = 77  # the exit status of a child that could not even say so

_BUFFER = 1 << 18  # bytes read at once
_REQUEST = 1 << 16


@dataclass(frozen=True, slots=True)
class Request:
    """One file to parse; `seconds` are for each item, `cpu_seconds` for all."""

    name: str
    size: int
    fields: Mapping[str, str]
    encoding: str
    formats: str
    seconds: float
    cpu_seconds: int
    memory: int


def main(descriptor: int) -> None:
    """Serve requests until the parent closes the socket."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN if number == signal.SIGINT else signal.SIG_DFL)
    confinement.leave_network()
    with socket.socket(fileno=descriptor) as control:
        for request, file, results in _requests(control):
            try:
                read = _reader(request)
            except Exception as error:  # of the module: the next kind of file may do better
                _write(results, line_of(_failed(error)))
                answer: dict[str, object] = {"status": 0, "peak": 0, "cpu": 0.0, "seconds": 0.0}
                os.close(file)
                os.close(results)
            else:
                answer = _parse(control, request, read, file, results)
            control.sendall(request_line(answer))


def _requests(control: socket.socket) -> Iterator[tuple[Request, int, int]]:
    """Yield (what to parse, its descriptor, that of the pipe for what is found)."""
    while True:
        line, descriptors, _, _ = socket.recv_fds(control, _REQUEST, 2)
        while line and not line.endswith(b"\n"):
            line += control.recv(_REQUEST)
        if not line:
            return
        line = line.removeprefix(STOP)  # of a file that had ended already
        if line:
            yield Request(**json.loads(line)), *descriptors  # type: ignore[misc]


def _reader(request: Request) -> Reader:
    """Return what reads this kind of file. For an archive all other kinds are loaded as well:
    otherwise each one that holds a page or a PDF would load that anew, for 360 ms.
    """
    formats: Any = import_module(request.formats)
    reader: Reader = formats.reader_of(request.name)
    if SUFFIXES[suffix_of(request.name)] == "archives":
        for suffix in SUFFIXES:
            with suppress(Exception):
                formats.reader_of(f"any{suffix}")
    return reader


def _parse(
    control: socket.socket, request: Request, read: Reader, file: int, results: int
) -> dict[str, object]:
    """Parse one file in a child; return how that ended."""
    zygote = os.getpid()
    alive, life = os.pipe()  # the read end sees the child's end, whatever ends it
    gc.freeze()  # what is loaded is shared with the child, not copied by its collector
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        try:
            os.close(control.detach())
            os.close(alive)
            confinement.end_with(zygote)
            _Child(request, results).run(read, file)
        finally:
            os._exit(1)
    for descriptor in (life, file, results):
        os.close(descriptor)
    try:
        _watch(control, alive, child)
    finally:
        os.close(alive)
        _, status, used = os.wait4(child, 0)
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "status": status,
        "peak": used.ru_maxrss * unit,
        "cpu": used.ru_utime + used.ru_stime,
        "seconds": time.monotonic() - started,
    }


def _watch(control: socket.socket, alive: int, child: int) -> None:
    """Return when the child ended; end it where the parent says so, or is gone."""
    watched: list[socket.socket | int] = [control, alive]
    while True:
        ready, _, _ = select.select(watched, [], [])
        if alive in ready:
            return
        said = control.recv(len(STOP))
        os.kill(child, signal.SIGKILL)
        if not said:
            os._exit(0)


class _Child:
    """One file's parsing, in a process of its own."""

    def __init__(self, request: Request, results: int) -> None:
        self.request = request
        self.results = results

    def run(self, read: Reader, file: int) -> NoReturn:
        request = self.request
        confinement.bound(request.memory, request.cpu_seconds)
        packages = confinement.packages_of("indexer", "search", request.formats)
        confinement.refuse_other_work(packages)
        sys.dont_write_bytecode = True
        options = Options(fields=request.fields, encoding=request.encoding)
        stream = io.BufferedReader(_Bounded(file, request.size), _BUFFER)
        _write(self.results, BEGUN)
        self._allow()
        try:
            for item in read(stream, request.name, options):
                self.say(item)
            self.say(End())
        except MemoryError:
            os._exit(OUT_OF_MEMORY)
        except BaseException as error:
            self.say(_failed(error))
        os._exit(0)

    def say(self, said: Said) -> None:
        """Write what was found. Time in which the parent has no room for it does not count."""
        line = line_of(said)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _write(self.results, line)
        self._allow()

    def _allow(self) -> None:
        # No handler: the signal ends the process, also in the middle of native code.
        signal.setitimer(signal.ITIMER_REAL, self.request.seconds)


class _Bounded(io.RawIOBase):
    """A file's bytes as far as they went when it was opened, however much it grows."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))  # as a file does
        self._at = start + offset
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        with memoryview(buffer).cast("B") as view:
            room = max(0, min(len(view), self._size - self._at))
            done = os.preadv(self._descriptor, [view[:room]], self._at) if room else 0
        self._at += done
        return done


def _failed(error: BaseException) -> Failed:
    """Return what to tell of an exception: for people, so never a traceback."""
    match error:
        case SourceError():
            return Failed(error.code, str(error))
        case RecursionError():
            return Failed("damaged", "nested more deeply than a text can be")
        case confinement.Refused():
            return Failed("crashed", f"its reader tried what it may not: {error}")
        case OSError():
            return Failed("unreadable", error.strerror or type(error).__name__)
        case _:
            last = error.__traceback__
            while last is not None and last.tb_next is not None:
                last = last.tb_next
            where = ""
            if last is not None:
                file = "/".join(last.tb_frame.f_code.co_filename.split("/")[-2:])
                where = f" at {file}:{last.tb_lineno}"
            return Failed("crashed", f"its reader failed: {type(error).__name__}{where}")


def _write(descriptor: int, line: bytes) -> None:
    view = memoryview(line)
    while view:
        view = view[os.write(descriptor, view) :]


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main(int(sys.argv[1]))
