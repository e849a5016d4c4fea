"""SQLite connections to the record: opened late, pooled, their errors translated."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import stat
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from search.errors import EngineBusy, EngineError, EngineUnavailable, RecordCorrupt

RECORD_SCHEMA = 4  # of tables and checksums; a record with a greater one is of a newer Fihris
FORMER_SCHEMA = 2  # of the first release, which `fihris upgrade` reads
_IDLE = 8  # connections kept for the next read


class Connection(sqlite3.Connection):
    """One that keeps what it read while nobody else has committed: `known`, as of `version`."""

    version = -1
    known: object = None
    durable: bool | None = None  # what `writing` asked for last


class Connections:
    """A pool of read connections and one of writing, to a file that may not exist yet.

    Each call says which file: another one may take its place (`versions`).
    """

    def __init__(self) -> None:
        self._idle: deque[tuple[tuple[int, int], Connection]] = deque()
        # Kept from write to write: closing the last connection empties the log, which
        # costs two fsyncs more.
        self._writer: tuple[tuple[int, int], Connection] | None = None
        self._turn = threading.Lock()

    @contextmanager
    def reading(self, path: Path) -> Iterator[Connection | None]:
        """Give a connection whose reads all see one moment; None while there is no file."""
        identity = identity_of(path)
        if identity is None:
            yield None
            return
        with translated(path):
            connection = self._take(path, identity)
            try:
                connection.execute("BEGIN")
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                connection.close()
                raise
            if len(self._idle) < _IDLE:
                self._idle.append((identity, connection))
            else:
                connection.close()

    @contextmanager
    def writing(
        self, path: Path, *, make: bool = False, durable: bool = True
    ) -> Iterator[Connection]:
        """Give a connection inside a transaction: committed at the end, rolled back on an error.

        Threads take turns; only under the writer's lock.

        Args:
            make: a file that is not there is made.
            durable: it is on disk when it is committed; else with the next one that is.
        """
        with self._turn, translated(path):
            connection = self._take_writer(path, "rwc" if make else "rw")
            try:
                if connection.durable is not durable:
                    connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                    connection.durable = durable
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                if connection.in_transaction:
                    connection.execute("COMMIT")
            except BaseException:
                self._drop_writer()  # what was not committed is rolled back
                raise

    def _take_writer(self, path: Path, mode: str) -> Connection:
        if self._writer is not None and self._writer[0] == identity_of(path):
            return self._writer[1]
        self._drop_writer()
        connection = connect(path, mode)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except BaseException:
            connection.close()
            raise
        identity = identity_of(path)
        if identity is None:
            raise EngineUnavailable(f"{path} went while it was being opened. Try again.")
        self._writer = (identity, connection)
        return connection

    @contextmanager
    def sparing(self, path: Path) -> Iterator[None]:
        """Write with the least room: the log is emptied before and after, if the record has room."""
        with self._turn, translated(path):
            self._take_writer(path, "rw").execute("PRAGMA wal_autocheckpoint = 0")
            self._empty_log(path)
        try:
            yield
        finally:
            with self._turn:
                self._empty_log(path)
                self._drop_writer()

    def _empty_log(self, path: Path) -> None:
        with contextlib.suppress(sqlite3.Error, OSError):
            connection = self._take_writer(path, "rw")
            pages, size = (
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "page_size")
            )
            growth = pages * size - path.stat().st_size
            if shutil.disk_usage(path.parent).free > growth:
                connection.execute("PRAGMA busy_timeout = 200")  # somebody may be reading
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _drop_writer(self) -> None:
        if self._writer is not None:
            self._writer[1].close()
            self._writer = None

    def close(self) -> None:
        self._drop_writer()
        while self._idle:
            self._idle.pop()[1].close()

    def _take(self, path: Path, identity: tuple[int, int]) -> Connection:
        while self._idle:
            try:
                known, connection = self._idle.pop()
            except IndexError:  # another thread was quicker
                break
            if known == identity:
                return connection
            connection.close()  # of a record that was deleted since
        return open_for_reading(path)


def identity_of(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another at its path; None if there is none, or an empty one."""
    try:
        found = os.stat(path)  # noqa: PTH116  # a third of Path.stat's time, every read
    except FileNotFoundError:
        return None
    except OSError as error:
        raise EngineUnavailable(f"cannot look at {path}: {error}") from error
    return (found.st_dev, found.st_ino) if found.st_size else None


def open_for_reading(path: Path) -> Connection:
    """Return a connection that cannot change anything, even in a folder that is read-only."""
    for mode in ("rw", "ro", "ro&immutable=1"):
        # WAL needs a writable folder or its files there already. Only a folder nobody
        # can write to is read as immutable, and only if no log waits to be read.
        if "immutable" in mode and _has_log(path):
            continue
        try:
            connection = connect(path, mode)
            connection.execute("PRAGMA query_only = ON")
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in (
                sqlite3.SQLITE_CANTOPEN,
                sqlite3.SQLITE_READONLY,
            ):
                raise
            refused = error
            continue
        return connection
    raise refused


def _has_log(path: Path) -> bool:
    log = path.with_name(path.name + "-wal")
    return log.exists() and log.stat().st_size > 0


def connect(path: Path, mode: str) -> Connection:
    return sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}",
        uri=True,
        isolation_level=None,
        timeout=5.0,
        check_same_thread=False,  # the pool hands a connection to one thread at a time
        factory=Connection,
    )


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Tell SQLite's errors in our words."""
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.InterfaceError):
        raise  # a mistake of ours, not of the disk
    except sqlite3.Error as error:
        raise _told(error, path) from error
    except UnicodeDecodeError as error:  # SQLite's message quotes what is damaged
        raise _corrupt(path, str(error)) from error


def _told(error: sqlite3.Error, path: Path) -> EngineError:
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return _corrupt(path, str(error))
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return EngineBusy(f"another program holds the index {path} locked. Try again.")
    if code == sqlite3.SQLITE_FULL:
        return EngineUnavailable(
            f"the disk of {path} is full. What was acknowledged is safe; free some space and "
            "index the rest again."
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return EngineUnavailable(f"cannot open {path}: {_forbidden(path) or error}.")
    if code == sqlite3.SQLITE_IOERR:
        return EngineUnavailable(
            f"cannot read or write {path}: {error}. What was acknowledged is safe; check the disk "
            "and try again."
        )
    return _corrupt(path, str(error))


def _forbidden(path: Path) -> str:
    """Return which file of a record or folder above it may not be read, "" if none is known."""
    files = [path.with_name(path.name + ending) for ending in ("", "-wal", "-shm")]
    for each in (*reversed(path.parents), *files):
        wanted = os.R_OK if each in files else os.X_OK
        try:
            mode = stat.filemode(each.stat().st_mode)
        except FileNotFoundError:
            continue
        except OSError as error:
            return str(error)
        if not os.access(each, wanted):
            return f"{each} ({mode}) may not be read by this user; change its permissions"
    return ""


def _corrupt(path: Path, why: str) -> RecordCorrupt:
    return RecordCorrupt(
        f"the index {path} is damaged ({why}). Restore it from a backup, or delete the folder "
        f"{path.parent} and index your files again."
    )


def as_json(values: Sequence[str] | Sequence[int]) -> str:
    """Return values for SQLite's json_each: one parameter, however many values.

    It would cut a text at a NUL; none is stored where texts are looked up, so
    such a text is left out.
    """
    return json.dumps([v for v in values if not (isinstance(v, str) and "\x00" in v)])
