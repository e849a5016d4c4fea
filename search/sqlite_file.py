"""A small SQLite file beside the index, made by the first write: saved searches, annotations."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from search.errors import EngineUnavailable

_PATIENCE = 10.0  # seconds that another process's write is waited for
# synchronous=FULL: what was recorded survives a power cut, as the article that is written next.
_OPENING = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value TEXT, until REAL) WITHOUT ROWID;
"""


def make_private(path: Path) -> None:
    """Make a file, unless it is there, that its owner alone may read from the first moment on.

    Raises OSError.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def rewrite(path: Path) -> bool:
    """Write a file anew, so that nothing of what was removed is left in it or its log.

    Returns whether it is so: another process may have it to itself, or be reading for long.
    Raises EngineUnavailable.
    """
    try:
        with closing(sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)) as table:
            table.execute("VACUUM")
            busy, _, _ = table.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return not busy
    except (OSError, sqlite3.Error) as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return False
        raise EngineUnavailable(f"{path} cannot be written anew: {error}") from error


class SqliteFile:
    """Any number of threads and processes may read and write it.

    Args:
        path: of the file.
        what: is in it, for errors.
        main: the table that `version` is of.
        schema: its tables, as SQL.
    """

    def __init__(self, path: Path, what: str, main: str, schema: str) -> None:
        self._path, self._what, self._main, self._schema = path, what, main, schema
        self._table: sqlite3.Connection | None = None
        self._lock = threading.Lock()

    def version(self) -> str:
        """Return what changes with the main table, "" where nothing is in it."""
        with self._reading() as table:
            if table is None:
                return ""
            found = table.execute("SELECT value FROM state WHERE name = 'version'").fetchone()
            return found[0] if found else ""

    def close(self) -> None:
        with self._lock:
            if self._table is not None:
                self._table.close()
                self._table = None

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """Give the open file, None where there is none."""
        with self._lock:
            try:
                if self._table is None and not self._path.exists():
                    yield None
                else:
                    yield self._opened()
            except (OSError, sqlite3.Error, ValueError) as error:
                raise self._unusable(error) from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                table = self._opened()
                table.execute("BEGIN IMMEDIATE")
                try:
                    yield table
                except BaseException:
                    table.execute("ROLLBACK")
                    raise
                table.execute("COMMIT")
            except (OSError, sqlite3.Error) as error:
                raise self._unusable(error) from error

    def _changed(self, table: sqlite3.Connection) -> None:
        """Note another version."""
        some = table.execute(f"SELECT 1 FROM {self._main} LIMIT 1").fetchone()  # noqa: S608
        version = os.urandom(8).hex() if some else ""
        table.execute("INSERT OR REPLACE INTO state VALUES ('version', ?, 0)", (version,))

    def _opened(self) -> sqlite3.Connection:
        if self._table is None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            make_private(self._path)  # secrets, and what people look for
            table = sqlite3.connect(
                self._path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
            )
            try:
                table.executescript(_OPENING + self._schema)
            except BaseException:
                table.close()
                raise
            self._table = table
        return self._table

    def _unusable(self, error: Exception) -> EngineUnavailable:
        return EngineUnavailable(f"the {self._what} in {self._path} cannot be used ({error})")
