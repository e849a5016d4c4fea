"""Readers for tests of the sandbox: a file's first line says what goes wrong in it."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from indexer.extraction import dates
from indexer.extraction.encodings import letter_statistics
from indexer.extraction.registry import Extracted, Options, Reader
from indexer.sources import Failure
from search.errors import SourceError

LEFT_BEHIND: list[bytes] = []


def reader_of(name: str) -> Reader:
    """Return what reads `.txt` as an order to follow, `.jsonl` as lines; `a.pdf` ends the zygote."""
    if name == "a.pdf":
        os.kill(os.getpid(), signal.SIGKILL)
    if name.endswith(".epub"):
        raise RuntimeError("this module cannot be loaded")
    return lines if name.endswith(".jsonl") else obey


def lines(stream: BinaryIO, name: str, options: Options) -> Iterator[Extracted | Failure]:
    for number, line in enumerate(stream, start=1):
        text = line.decode("utf-8", "surrogateescape").rstrip("\n")
        part = str(number)
        if text == "broken":
            yield Failure(part, "damaged", "broken it is", len(line))
        elif text == "die":
            ctypes.string_at(0)
        elif text == "wait":
            time.sleep(60)
        elif text == "nap":
            time.sleep(0.4)
            yield Extracted(
                {"id": f"{name}:{number}", "language": "ar", "text": text}, part, len(line)
            )
        else:
            yield Extracted(
                {"id": f"{name}:{number}", "language": "ar", "text": text}, part, len(line)
            )


def obey(stream: BinaryIO, name: str, options: Options) -> Iterator[Extracted | Failure]:
    order, _, argument = stream.readline().decode().strip().partition(" ")
    fields: dict[str, object] = {"id": name, "language": "ar", "text": f"{order} {argument}"}
    notes: tuple[str, ...] = ()
    kept: list[bytes] = []
    match order:
        case "spin":
            while True:
                pass
        case "sleep":
            time.sleep(60)
        case "ignore":  # what code that took the child over would do
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
            time.sleep(60)
        case "eat":
            while True:
                kept.append(b"x" * (1 << 20))
        case "abort":
            os.abort()
        case "eat-abort":  # as native code does that is refused memory
            try:
                while True:
                    kept.append(b"x" * (1 << 20))
            except MemoryError:
                os.abort()
        case "segv":
            ctypes.string_at(0)
        case "exit":
            os._exit(0)
        case "recurse":
            fields["text"] = repr(obey_deeper(0))
        case "raise":
            raise KeyError("a secret of the file")
        case "refuse":
            raise SourceError("locked\x1b[31m\nwith a password", code="encrypted")
        case "unheard":
            raise SourceError("of an unknown code", code="no-such-code")
        case "connect":
            socket.create_connection(("127.0.0.1", 9))
        case "run":
            subprocess.run(["/bin/true"], check=True)
        case "fork":
            os.fork()
        case "write":
            Path(argument).write_text("x")
        case "low-write":
            os.open(argument, os.O_WRONLY | os.O_CREAT)
        case "open":
            fields["text"] = Path(argument).read_text()
        case "import":
            import colorsys

            fields["text"] = str(colorsys.rgb_to_hls(0, 0, 0))
        case "environment":
            fields["text"] = " ".join(sorted(os.environ)) + " " + " ".join(sys.path)
        case "seek":
            stream.seek(0, os.SEEK_END)
            fields["text"] = f"{stream.tell()} {stream.read(10)!r}"
        case "lie":
            fields = {"id": 10**400, "text": "نص", "title": {"a": [[]]}, "tags": ("أ", "ب")}
            notes = ("note\x1b", *("n" * 300 for _ in range(30)))
        case "half":
            fields["text"] = "نص \ud800"
        case "long":
            fields["text"] = "ك" * (34 << 20)
        case "listen":  # not by way of Python's own socket module
            made = ctypes.CDLL(None).socket(2, 1, 0)
            port = int(argument).to_bytes(2, "big")
            address = b"\x02\x00" + port + b"\x7f\x00\x00\x01" + bytes(8)
            fields["text"] = f"connected: {ctypes.CDLL(None).connect(made, address, 16)}"
        case "low-open":
            opened = ctypes.CDLL(None).open(argument.encode(), os.O_RDONLY)
            fields["text"] = f"opened: {opened >= 0}"
        case "limits":
            fields["text"] = Path(argument).name + str(resource.getrlimit(resource.RLIMIT_AS))
        case "garbage":
            os.write(_results(), argument.encode() + b"\n")
        case "flood":
            while True:
                os.write(_results(), b"x" * (1 << 20))
        case "none":
            return
        case "prepared":
            built = (letter_statistics._pairs, dates._named)
            fields["text"] = " ".join(str(each.cache_info().currsize) for each in built)
        case "process":
            fields["text"] = str(os.getpid())
        case "leak":
            LEFT_BEHIND.append(b"x" * (150 << 20))
        case "trap":  # found by the next file, as memory that was written over is
            LEFT_BEHIND.append(b"")
        case "step":
            if b"" in LEFT_BEHIND:
                os.abort()
    yield Extracted(fields, "", 1 << 40, notes)


def _results() -> int:
    """Return the descriptor of the socket to the parent."""
    return next(n for n in range(3, 64) if _is_socket(n))


def _is_socket(descriptor: int) -> bool:
    try:
        return stat.S_ISSOCK(os.fstat(descriptor).st_mode)
    except OSError:
        return False


def obey_deeper(depth: int) -> int:
    return obey_deeper(depth + 1) + 1
