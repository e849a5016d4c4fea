"""The head: which commit of the record was the last one, in a small file beside it.

    {"record": ..., "token": ..., "sequence": ..., "articles": ..., "passages": ..., "checksum": ...}

Every commit of the record carries a random token, and is acknowledged when the head names it.
So a record that does not know its head's token has lost what was acknowledged: it is an older
copy, another index's, or its log was cut by damage. A head that names an earlier commit of the
record is left by a writer that died before it wrote it, and harms nobody.

It is one block, written in place: with its fsync half of a commit's time, so that a writer of
many commits asks for one a second at most. A half written one fails its checksum and counts
as missing.
"""

from __future__ import annotations

import functools
import json
import os
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

from search.durable import sync_folder

# Without the time of change: the file keeps its size. Not everywhere is there such a call.
_sync = getattr(os, "fdatasync", os.fsync)
_BLOCK = 512  # bytes: written whole by a disk
_TICK = 20_000_000  # nanoseconds by which times of change may be behind
_TRIES = 5  # a reader may meet a writer at work


@dataclass(frozen=True, slots=True)
class Head:
    """A commit of a record, and how much the record held then."""

    record: str
    token: str
    sequence: int
    articles: int
    passages: int


class HeadFile:
    """A head file that is read again only when it was written. Any thread."""

    def __init__(self) -> None:
        self._known: tuple[tuple[int, int, int], Head | None] | None = None

    def read(self, path: Path) -> Head | None:
        """Return what it names, None where there is none that is whole."""
        try:
            key = _key(path)
        except OSError:
            return None
        known = self._known
        if known is not None and known[0] == key:
            return known[1]
        head = read_head(path)
        # What was written a moment ago may be written again without another time.
        if head is not None and time.time_ns() - key[2] > _TICK:
            self._known = key, head
        return head

    def written(self, path: Path, head: Head) -> None:
        """Note what was written by this process, which alone may write."""
        self._known = _key(path), head


def _key(path: Path) -> tuple[int, int, int]:
    found = os.stat(path)  # noqa: PTH116  # for every request
    return found.st_ino, found.st_size, found.st_mtime_ns


def read_head(path: Path) -> Head | None:
    """Return what a head file names, None where there is none that is whole."""
    for _ in range(_TRIES):
        try:
            descriptor = os.open(path, os.O_RDONLY)
            try:
                content = os.read(descriptor, _BLOCK)
            finally:
                os.close(descriptor)
        except OSError:
            return None
        head = _parsed(content)
        if head is not None:
            return head
        time.sleep(0.001)
    return None


def write_head(path: Path, head: Head, *, durable: bool = True) -> None:
    """Write a head file: on disk when this returns, if `durable`. Raises OSError."""
    about = json.dumps({name: getattr(head, name) for name in Head.__slots__})
    content = f'{about[:-1]}, "checksum": {zlib.crc32(about.encode())}}}'.encode()
    try:
        descriptor, new = os.open(path, os.O_WRONLY), False
    except FileNotFoundError:
        descriptor, new = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666), True
    try:
        os.pwrite(descriptor, content.ljust(_BLOCK - 1) + b"\n", 0)
        if durable:
            _sync(descriptor)
    finally:
        os.close(descriptor)
    if new and durable:
        sync_folder(path.parent)


@functools.lru_cache(maxsize=8)  # it is read for every request
def _parsed(content: bytes) -> Head | None:
    try:
        values = json.loads(content)
        checksum = values.pop("checksum")
        return Head(**values) if checksum == zlib.crc32(json.dumps(values).encode()) else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
