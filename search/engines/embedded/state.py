"""A record's state, and the head: a small file beside the record that names its last commit.

    {"record": ..., "token": ..., "sequence": ..., "articles": ..., "passages": ..., "checksum": ...}

Every commit of the record carries a random token, and is acknowledged when the head names it.
So a record that does not know its head's token has lost what was acknowledged: it is an older
copy, another index's, or its log was cut by damage (`chain`). A head that names an earlier
commit of the record is left by a writer that died before it wrote it, and harms nobody.

It is one block, written in place: with its fsync half of a commit's time, so that a writer of
many commits asks for one a second at most. A half written one fails its checksum and counts
as missing.
"""

from __future__ import annotations

import functools
import json
import os
import sqlite3
import time
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from search.durable import sync_folder
from search.engines.embedded.connections import FORMER_SCHEMA, RECORD_SCHEMA, Connection
from search.engines.embedded.rows import damaged_index
from search.engines.protocol import Fingerprint
from search.errors import FingerprintMismatch

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
        head = _head_of(content)
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
def _head_of(content: bytes) -> Head | None:
    try:
        values = json.loads(content)
        checksum = values.pop("checksum")
        return Head(**values) if checksum == zlib.crc32(json.dumps(values).encode()) else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


@dataclass(frozen=True, slots=True)
class State:
    """Where a record stands: what it is, and its last commit.

    Attributes:
        record: tells this record from every other one.
        index: the same for all versions of one index, however often it is made anew.
        sequence, token: of the last commit; the token is random.
        articles, passages, sentences: how many there are (of sentences: vectors).
        unembedded: passages that have no vector.
        last, key: the greatest passage number and article key ever used.
        horizon: removals up to this sequence are no longer listed.
        accepted: the records that this one took the place of by `fihris accept`.
    """

    record: str
    index: str
    fingerprint: Fingerprint
    sequence: int = 0
    token: str = ""
    articles: int = 0
    passages: int = 0
    sentences: int = 0
    unembedded: int = 0
    last: int = 0
    key: int = 0
    horizon: int = 0
    accepted: tuple[str, ...] = ()

    def head(self) -> Head:
        return Head(self.record, self.token, self.sequence, self.articles, self.passages)

    def about(self) -> tuple[tuple[str, str], ...]:
        """Return the rows of the record's table `meta`, in order."""
        fingerprint = json.dumps(asdict(self.fingerprint))
        about = {"record": self.record, "index": self.index, "fingerprint": fingerprint}
        if self.accepted:
            about["accepted"] = " ".join(self.accepted)
        return tuple(sorted(about.items()))

    def commit(self, log: str) -> tuple[object, ...]:
        """Return the row of its last commit, whose checksum covers `about` too."""
        values = (
            self.sequence, self.token, self.articles, self.passages, self.sentences,
            self.unembedded, self.last, self.key, self.horizon, log,
        )  # fmt: skip
        return (*values, _checksum(self.about(), values))


# In the order of State's fields.
COMMIT = (
    "sequence", "token", "articles", "passages", "sentences", "unembedded", "last", "key",
    "horizon", "log", "checksum",
)  # fmt: skip
_READ_COMMIT = f"SELECT {', '.join(COMMIT)} FROM commits ORDER BY sequence DESC LIMIT 1"  # noqa: S608


def state_of(connection: Connection) -> State | None:
    """Return what `read_state` does, which is read again only after another connection's commit.

    Inside a transaction that has changed nothing yet. Who commits through this connection notes
    the state of then as `known`.
    """
    version = connection.execute("PRAGMA data_version").fetchone()[0]
    if version != connection.version:
        connection.known, connection.version = read_state(connection), version
    known = connection.known
    return known if isinstance(known, State) else None


def read_state(connection: sqlite3.Connection) -> State | None:
    """Return where the record stands, None in a file that is still empty.

    Raises:
        FingerprintMismatch: the record is of another version of Fihris.
        RecordCorrupt: it is damaged.
    """
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != RECORD_SCHEMA:
        if not version and connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None:
            return None
        raise FingerprintMismatch(_other_schema(version))
    about = tuple(connection.execute("SELECT name, value FROM meta ORDER BY name"))
    row = connection.execute(_READ_COMMIT).fetchone()
    try:
        record, index, fingerprint, accepted = _parsed(about)
        if row is None:
            return State(record, index, fingerprint, accepted=accepted)
        if row[-1] == _checksum(about, row[:-1]):
            values = dict(zip(COMMIT, row[:-2], strict=False))
            return State(record, index, fingerprint, **values, accepted=accepted)
        why = "its checksum is wrong"
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError) as error:
        why = str(error)
    raise damaged_index(f"where it stands cannot be read: {why}")


def _parsed(about: tuple[tuple[str, str], ...]) -> tuple[str, str, Fingerprint, tuple[str, ...]]:
    """Return record, index, fingerprint and the accepted records that the rows of `meta` say."""
    known = dict(about)
    fingerprint = Fingerprint(**json.loads(known["fingerprint"]))
    return known["record"], known["index"], fingerprint, tuple(known.get("accepted", "").split())


def _checksum(about: tuple[tuple[str, str], ...], commit: Sequence[object]) -> int:
    return zlib.crc32(repr(commit).encode(), zlib.crc32(repr(about).encode()))


def _other_schema(version: object) -> str:
    if version == FORMER_SCHEMA:
        return (
            "the index was written by an older version of Fihris. Run `fihris upgrade`: it keeps "
            "every article and every vector."
        )
    return (
        f"the index was written by a version of Fihris with other tables (schema {version}, "
        f"this one reads {RECORD_SCHEMA}). Update Fihris, or choose another folder with "
        "FIHRIS_DATA and index your files into it."
    )


def knows(connection: sqlite3.Connection, head: Head) -> bool:
    """Tell whether a head names one of the record's commits."""
    sql = "SELECT 1 FROM commits WHERE sequence = ? AND token = ?"
    return connection.execute(sql, (head.sequence, head.token)).fetchone() is not None
