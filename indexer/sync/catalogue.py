"""What a watched folder held when it was read: a table of its files, and one of their articles.

It is only an aid: without it all files are read again, which content hashes make cheap, and
articles of files that were reached through a link out of the folder and removed meanwhile stay.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

from indexer.sources.naming import shown
from search.article_ids import FILES
from search.errors import EngineUnavailable, InputError
from search.settings import Settings
from search.sqlite_file import make_private

# Held until it is closed. A power cut may take the last changes: those files are read again.
_OPENING = """
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS files (id TEXT PRIMARY KEY, entry TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS articles (id TEXT PRIMARY KEY, file TEXT, hash TEXT, run INTEGER)
    WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS articles_of_file ON articles (file);
"""

PAGE = 1_000  # articles
Version = tuple[int, ...]  # what a file was like: its size and time of change, and more
UNREAD: Version = (0,)  # of a file that is to be read again


@dataclass(frozen=True, slots=True)
class Entry:
    """A file when it was read the last time.

    path     as it was listed
    version  what it was like
    mount    the mount point that it lay under; "": not known
    """

    path: str
    version: Version
    mount: str = ""


def catalogue_path(folder: Path, settings: Settings, collection: str = FILES) -> Path:
    """Return where the catalogue of a folder is: another one for every index and collection."""
    index = settings.elasticsearch_index if settings.engine == "elasticsearch" else ""
    known = f"{settings.engine}\0{index}\0".encode() + os.fsencode(os.path.realpath(folder))
    known += b"" if collection == FILES else f"\0{collection}".encode()
    return settings.data / "watch" / f"{hashlib.sha256(known).hexdigest()[:32]}.sqlite"


def mount_of(path: Path) -> str:
    """Return the mount point that a path lies under; bind mounts of one disk are not told apart."""
    place = Path(os.path.realpath(path))
    return next(str(each) for each in (place, *place.parents) if os.path.ismount(each))


class Catalogue:
    """The files of one folder and their articles, held by one process at a time.

    `entries` is the table of files by their ids, read at the start.
    """

    def __init__(self, path: Path, folder: Path, tell: Callable[[str], None]) -> None:
        """Open the catalogue of a folder; begin one, and tell why, where it cannot be used.

        Raises:
            InputError: another process has it.
            EngineUnavailable: it cannot be read or made.
        """
        self.entries: dict[str, Entry] = {}
        self._path = path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
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

    def add(self, article_id: str, file_id: str, content_hash: str, run: int) -> None:
        """Note an article that a file gave in a run; kept with the next `put`."""
        row = (article_id, file_id, content_hash, run)
        with self._writing():
            self._table.execute("INSERT OR REPLACE INTO articles VALUES (?, ?, ?, ?)", row)

    def put(self, entries: Mapping[str, Entry | None], run: int = 0) -> None:
        """Keep what files were like; None forgets one. What they gave in other runs is forgotten."""
        rows = [(key, json.dumps(astuple(entry))) for key, entry in entries.items() if entry]
        with self._writing(), self._table:
            self._table.executemany(
                "DELETE FROM articles WHERE file = ? AND run != ?", [(key, run) for key in entries]
            )
            self._table.executemany("DELETE FROM files WHERE id = ?", [(key,) for key in entries])
            self._table.executemany("INSERT INTO files VALUES (?, ?)", rows)
        for key, entry in entries.items():
            self.entries.pop(key, None)
            if entry is not None:
                self.entries[key] = entry

    def articles(self) -> Iterator[list[tuple[str, str, str]]]:
        """Yield (id, file's id, content hash) of all articles, page by page."""
        cursor = self._table.execute("SELECT id, file, hash FROM articles")
        while page := cursor.fetchmany(PAGE):
            yield page

    def articles_of(self, file_ids: Iterable[str], run: int = 0) -> Iterator[list[str]]:
        """Yield the ids of what files gave in other runs than this, page by page."""
        select = (
            "SELECT id FROM articles WHERE run != ? AND file IN (SELECT value FROM json_each(?))"
        )
        cursor = self._table.execute(select, (run, json.dumps(list(file_ids))))
        while page := cursor.fetchmany(PAGE):
            yield [article_id for (article_id,) in page]

    def unknown(self, article_ids: Sequence[str]) -> list[str]:
        """Return which of these no file gave."""
        select = "SELECT value FROM json_each(?) WHERE value NOT IN (SELECT id FROM articles)"
        return [each for (each,) in self._table.execute(select, (json.dumps(article_ids),))]

    def close(self) -> None:
        self._table.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise EngineUnavailable(f"cannot write {self._path}: {error}") from error

    def _open(self) -> None:
        make_private(self._path)  # names of people's files, perhaps of people
        self._table = sqlite3.connect(self._path, timeout=0, check_same_thread=False)
        try:
            self._table.executescript(_OPENING)
            if self._table.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
                raise sqlite3.DatabaseError("a page")
            for key, entry in self._table.execute("SELECT id, entry FROM files").fetchall():
                path, version, mount = json.loads(entry)
                self.entries[key] = Entry(path, tuple(version), mount)
        except (sqlite3.Error, ValueError, TypeError):
            self._table.close()
            self.entries.clear()
            raise
