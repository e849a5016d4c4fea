"""What each file of a watched folder was like when it was read: a table in the data folder.

It is only an aid, for which articles a file has the index itself tells. Without it all files
are read again, which content hashes make cheap, failures are told again, and articles of
files that were reached through a link out of the folder and removed meanwhile stay.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from indexer.sources.naming import shown
from search.errors import EngineUnavailable, InputError
from search.settings import Settings

# Not of the file's content: it may be read another time, and until then what it gave stays.
TRANSIENT = frozenset(
    {"changed", "no-permission", "not-found", "timeout", "unreadable", "model", "refused"}
)
_TABLE = """
CREATE TABLE IF NOT EXISTS files (
    key TEXT PRIMARY KEY, path BLOB, mount BLOB, version TEXT, codes TEXT, digest TEXT
) WITHOUT ROWID
"""
_PUT = "files VALUES (?, ?, ?, ?, ?, ?)"

Version = tuple[int, ...]  # what a file was like


@dataclass(frozen=True, slots=True)
class Entry:
    """A file when it was read the last time.

    path     as it was listed
    mount    the mount point that it lay under
    version  of the file
    codes    why some of that version could not be read or stored
    digest   of its articles as they are stored, "" if it is to be read again
    """

    path: Path
    mount: str = ""
    version: Version = ()
    codes: frozenset[str] = frozenset()
    digest: str = ""

    @property
    def may_pass(self) -> bool:
        """Whether it failed in a way that may pass."""
        return not TRANSIENT.isdisjoint(self.codes)


def place_of(folder: Path, settings: Settings) -> Path:
    """Return where the catalogue of a folder is: another one for every index."""
    index = settings.elasticsearch_index if settings.engine == "elasticsearch" else ""
    known = f"{settings.engine}\0{index}\0".encode() + os.fsencode(os.path.realpath(folder))
    return settings.data / "watch" / f"{hashlib.sha256(known).hexdigest()[:32]}.sqlite"


class Catalogue:
    """The files of one folder by their keys, held by one process at a time.

    Every method raises EngineUnavailable where the table cannot be read or written; nothing
    changed then. `lost` says why an earlier table could not be used, "" if none was lost.
    """

    def __init__(self, place: Path, folder: Path) -> None:
        """Open the catalogue of a folder, or begin one. Raises InputError: another process has it."""
        self.lost = ""
        self._place = place
        try:
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._table = self._opened()
        except (OSError, sqlite3.Error) as error:
            if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_BUSY:
                raise InputError(
                    f"{shown(folder)} is already being watched", field="FOLDER"
                ) from None
            raise EngineUnavailable(f"cannot open {place}: {error}") from error

    def entries(self) -> dict[str, Entry]:
        return dict(map(_entry, self._rows("SELECT * FROM files")))

    def get(self, key: str) -> Entry | None:
        rows = self._rows("SELECT * FROM files WHERE key = ?", key)
        return _entry(rows[0])[1] if rows else None

    def expect(self, entries: Mapping[str, Entry]) -> None:
        """Know files that are about to be read, where they are not known."""
        self._change(f"INSERT OR IGNORE INTO {_PUT}", map(_row, entries.items()))

    def record(self, entries: Mapping[str, Entry]) -> None:
        """Keep what files were like."""
        self._change(f"INSERT OR REPLACE INTO {_PUT}", map(_row, entries.items()))

    def again(self, keys: Iterable[str]) -> None:
        """Have files read again, though they did not change."""
        self._change("UPDATE files SET digest = '' WHERE key = ?", ((key,) for key in keys))

    def forget(self, keys: Iterable[str]) -> None:
        self._change("DELETE FROM files WHERE key = ?", ((key,) for key in keys))

    def close(self) -> None:
        self._table.close()

    def _rows(self, query: str, *values: str) -> list[tuple[object, ...]]:
        try:
            return self._table.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise EngineUnavailable(f"cannot read {self._place}: {error}") from error

    def _change(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        try:
            with self._table:
                self._table.executemany(statement, rows)
        except sqlite3.Error as error:
            raise EngineUnavailable(f"cannot write {self._place}: {error}") from error

    def _opened(self) -> sqlite3.Connection:
        earlier = self._place.with_suffix(".log")
        if earlier.exists():
            self.lost = "was written by version 0.1"
            earlier.unlink()
        try:
            return self._connected()
        except sqlite3.OperationalError:  # in use, a full disk, no permission
            raise
        except (sqlite3.DatabaseError, ValueError) as error:
            self.lost = f"is damaged ({error})"
        for suffix in ("", "-wal"):
            self._place.with_name(self._place.name + suffix).unlink(missing_ok=True)
        return self._connected()

    def _connected(self) -> sqlite3.Connection:
        # Readable by its owner only: names of people's files, perhaps of people.
        os.close(os.open(self._place, os.O_RDWR | os.O_CREAT, 0o600))
        table = sqlite3.connect(self._place, timeout=0, check_same_thread=False)
        try:
            table.execute("PRAGMA locking_mode = EXCLUSIVE")  # until it is closed
            # A power cut may take the last changes: those files are read again.
            table.execute("PRAGMA journal_mode = WAL")
            table.execute("PRAGMA synchronous = NORMAL")
            table.execute(_TABLE)
            ((found,),) = table.execute("PRAGMA quick_check(1)")
            if found != "ok":
                raise sqlite3.DatabaseError(found)
            for row in table.execute("SELECT * FROM files"):
                _entry(row)
        except BaseException:
            table.close()
            raise
        return table


def _row(item: tuple[str, Entry]) -> tuple[object, ...]:
    key, entry = item
    version, codes = " ".join(map(str, entry.version)), " ".join(sorted(entry.codes))
    return key, os.fsencode(entry.path), os.fsencode(entry.mount), version, codes, entry.digest


def _entry(row: tuple[object, ...]) -> tuple[str, Entry]:
    """Return (key, entry) of a row. Raises ValueError: it is damaged."""
    match row:
        case str(key), bytes(path), bytes(mount), str(version), str(codes), str(digest):
            numbers = tuple(map(int, version.split()))
            where = Path(os.fsdecode(path)), os.fsdecode(mount)
            return key, Entry(*where, numbers, frozenset(codes.split()), digest)
    raise ValueError("a row that is none of a file")
