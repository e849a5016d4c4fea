"""What each file of a watched folder was like when it was read: a table in the data folder.

It is only an aid, for which articles a file has the index itself tells. Without it all files
are read again, which content hashes make cheap, failures are told again, and articles of
files that were reached through a link out of the folder and removed meanwhile stay.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path

from indexer.sources.naming import shown
from search.errors import EngineUnavailable, InputError
from search.settings import Settings

# Not of the file's content: it may be read another time, and until then what it gave stays.
TRANSIENT = frozenset(
    {"changed", "no-permission", "not-found", "timeout", "unreadable", "model", "refused"}
)

# Held until it is closed. A power cut may take the last changes: those files are read again.
_OPENING = """
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, entry TEXT) WITHOUT ROWID;
"""

Version = tuple[int, ...]  # what a file was like: its size and time of change, and more


@dataclass(slots=True)
class Entry:
    """A file when it was read the last time.

    path     as it was listed
    mount    the mount point that it lay under; "": not known
    version  of the file
    codes    why some of that version could not be read or stored
    digest   of its articles as they are stored, None if it is to be read again
    """

    path: str
    mount: str = ""
    version: Version = ()
    codes: tuple[str, ...] = ()
    digest: int | None = None

    @property
    def may_pass(self) -> bool:
        """Whether it failed in a way that may pass."""
        return not TRANSIENT.isdisjoint(self.codes)


def catalogue_path(folder: Path, settings: Settings) -> Path:
    """Return where the catalogue of a folder is: another one for every index."""
    index = settings.elasticsearch_index if settings.engine == "elasticsearch" else ""
    known = f"{settings.engine}\0{index}\0".encode() + os.fsencode(os.path.realpath(folder))
    return settings.data / "watch" / f"{hashlib.sha256(known).hexdigest()[:32]}.sqlite"


class Catalogue:
    """The files of one folder by their ids, held by one process at a time.

    `entries` is what is in the table, to be changed by `put` only.
    """

    def __init__(self, path: Path, folder: Path, tell: Callable[[str], None]) -> None:
        """Open the catalogue of a folder; begin one, and tell why, where it cannot be used.

        Raises:
            InputError: another process has it.
            EngineUnavailable: it cannot be read or made.
        """
        self.entries: dict[str, Entry] = {}
        self._path = path
        former = path.with_suffix(".log")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if former.exists():
                tell(f"what version 0.1 knew of {shown(folder)} is not used: all is read again")
                former.unlink()
            try:
                self._open()
            except (sqlite3.Error, ValueError, TypeError) as error:
                if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_BUSY:
                    reason = f"{shown(folder)} is already being watched"
                    raise InputError(reason, field="FOLDER") from None
                tell(f"what was known of {shown(folder)} is damaged ({error}): all is read again")
                for name in (path.name, f"{path.name}-wal"):
                    path.with_name(name).unlink(missing_ok=True)
                self._open()
        except (OSError, sqlite3.Error) as error:
            raise EngineUnavailable(f"cannot open {path}: {error}") from error

    def put(self, entries: Mapping[str, Entry | None]) -> None:
        """Keep what files were like; None forgets one.

        Raises:
            EngineUnavailable: it cannot be written, and nothing changed.
        """
        rows = [(key, json.dumps(astuple(entry))) for key, entry in entries.items() if entry]
        try:
            with self._table:
                self._table.executemany(
                    "DELETE FROM entries WHERE key = ?", [(key,) for key in entries]
                )
                self._table.executemany("INSERT INTO entries VALUES (?, ?)", rows)
        except sqlite3.Error as error:
            raise EngineUnavailable(f"cannot write {self._path}: {error}") from error
        for key, entry in entries.items():
            self.entries.pop(key, None)
            if entry:
                self.entries[key] = entry

    def close(self) -> None:
        self._table.close()

    def _open(self) -> None:
        # Readable by its owner only: names of people's files, perhaps of people.
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        self._table = sqlite3.connect(self._path, timeout=0, check_same_thread=False)
        try:
            self._table.executescript(_OPENING)
            if self._table.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise sqlite3.DatabaseError("a page")
            for key, entry in self._table.execute("SELECT key, entry FROM entries").fetchall():
                path, mount, version, codes, digest = json.loads(entry)
                self.entries[key] = Entry(path, mount, tuple(version), tuple(codes), digest)
        except (sqlite3.Error, ValueError, TypeError):
            self._table.close()
            self.entries.clear()
            raise
