"""The processes that parse untrusted files: `python -m indexer.extraction.sandbox.child`, a zygote.

Its standard input is a socket to the parent (`indexer.extraction.sandbox.wire`). It has no threads,
reads no file, and imports what reads a kind of file the first time one is asked for. It
forks children (3 ms instead of 360 ms of imports), each with limits of its own, which read
what the parent sends them until they are ended, and all when the parent closes the socket,
however it ended. (Not by a signal at the parent's death: Linux gives that when the *thread*
ends that started the zygote.)
"""

from __future__ import annotations

import gc
import os
import resource
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, BinaryIO

from indexer.extraction.dates import find_date
from indexer.extraction.encodings.letter_statistics import surprise
from indexer.extraction.registry import MEBIBYTE, Options
from indexer.extraction.sandbox import confinement, page
from indexer.extraction.sandbox.wire import End, Piece, Said, Scan, failed, line_of, receive, send
from indexer.sources import Failure
from search.errors import SourceError

OUT_OF_MEMORY = 77  # the exit status of a child that could not even say so

_BUFFER = MEBIBYTE >> 2  # bytes read at once
_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes, of ru_maxrss


def main() -> None:
    """Fork and end children as the parent asks, until it closes the socket."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN if number == signal.SIGINT else signal.SIG_DFL)
    confinement.leave_network()
    children: set[int] = set()
    with socket.socket(fileno=0) as control, suppress(EOFError, ConnectionError):
        while True:
            order, descriptors = receive(control)
            if descriptors:
                children.add(_fork(control, descriptors[0], order))
                continue
            children.remove(order["end"])
            os.kill(order["end"], signal.SIGKILL)
            _, status, used = os.wait4(order["end"], 0)
            send(control, [status, used.ru_maxrss * _UNIT])
    for child in children:
        os.kill(child, signal.SIGKILL)


def _fork(control: socket.socket, descriptor: int, order: dict[str, Any]) -> int:
    """Return the process of a child that is asked over a socket's descriptor."""
    formats: Any = import_module(order["formats"])
    for name in order["names"]:
        with suppress(Exception):  # the child meets it again, and can say so
            formats.reader_of(name)
    surprise("")  # a table and patterns are made once, for 100 ms in each child otherwise
    find_date("")
    zygote = os.getpid()
    gc.freeze()  # what is loaded is shared with the child, not copied by its collector
    if child := os.fork():
        os.close(descriptor)
        return child
    try:
        control.close()
        asked = socket.socket(fileno=descriptor)
        confinement.end_with(zygote)
        if order["program"]:
            page.recognise(asked, order["program"], order["memory"], order["cpu_seconds"])
        confinement.bound(order["memory"], order["cpu_seconds"])
        packages = confinement.packages_of("indexer", "search", order["formats"])
        confinement.refuse_other_work(packages)
        sys.dont_write_bytecode = True
        _write(descriptor, b"%d" % os.getpid())  # it can be asked
        while True:
            request, (file,) = receive(asked)
            _read(asked, file, formats, request)
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    finally:
        os._exit(1)


def _read(asked: socket.socket, file: int, formats: Any, request: dict[str, Any]) -> None:  # noqa: ANN401
    """Say what is in a file. Each item has its seconds, in which the parent's do not count."""

    def say(said: Said | Piece | Scan) -> None:
        line = line_of(said)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _write(asked.fileno(), line)

    def allow() -> None:
        # No handler: the signal ends the process, also in the middle of native code.
        signal.setitimer(signal.ITIMER_REAL, request["seconds"])

    def recognise(document: BinaryIO, kind: str, numbers: Sequence[int]) -> Iterator[str | Failure]:
        if request["without_ocr"]:
            raise SourceError(request["without_ocr"], code="no-text-layer")
        say(Piece(b""))
        if document is not stream:
            document.seek(0)
            while piece := document.read(MEBIBYTE):
                say(Piece(piece))
        for number in numbers:
            say(Scan(kind, number))
            answer, _ = receive(asked)
            allow()
            yield answer if isinstance(answer, str) else Failure("", *answer)

    allow()
    with open(file, "rb", _BUFFER) as stream:
        try:
            stream.seek(0)
            read = formats.reader_of(request["name"])
            options = Options(**request["options"], recognise=recognise)
            for item in read(stream, request["name"], options):
                say(item)
                allow()
        except MemoryError:
            raise
        except BaseException as error:
            say(_failed(error))
    say(End(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT))


def _failed(error: BaseException) -> Failure:
    """Return what to tell of an exception: for people, so never a traceback."""
    match error:
        case SourceError():
            return failed(error.code, str(error))
        case RecursionError():
            return failed("damaged", "nested more deeply than a text can be")
        case confinement.ConfinementRefused():
            return failed("crashed", f"its reader tried what it may not: {error}")
        case OSError():
            return failed("unreadable", error.strerror or type(error).__name__)
    where, last = "", error.__traceback__
    while last is not None:
        file = "/".join(last.tb_frame.f_code.co_filename.split("/")[-2:])
        where, last = f" at {file}:{last.tb_lineno}", last.tb_next
    return failed("crashed", f"its reader failed: {type(error).__name__}{where}")


def _write(descriptor: int, line: bytes) -> None:
    view = memoryview(line)
    while view:
        view = view[os.write(descriptor, view) :]


if __name__ == "__main__":
    main()
