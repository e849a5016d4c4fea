"""Original files: which file an article was read from, its size and time then, and opening it.

Whoever indexes with `Settings.originals` writes both down in a table of its own in the data
folder. An id alone would not do: an article of any id can be written over HTTP.
"""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO, Literal

from search.engines.protocol import Engine
from search.errors import EngineUnavailable
from search.settings import Settings
from search.sqlite_file import make_private

OriginalState = Literal["same", "changed", "gone"]

_TABLE = """CREATE TABLE IF NOT EXISTS files
    (id TEXT PRIMARY KEY, path BLOB, size INTEGER, changed INTEGER) WITHOUT ROWID"""
_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | getattr(os, "O_PATH", os.O_RDONLY)
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


@dataclass(frozen=True, slots=True)
class Original:
    """A file as it was when it was indexed: `changed` is nanoseconds since 1970."""

    path: bytes  # real and absolute
    size: int
    changed: int

    @property
    def name(self) -> str:
        return self.path.rpartition(b"/")[2].decode("utf-8", "replace")


class OriginalFiles:
    """The original files inside one folder."""

    def __init__(self, settings: Settings) -> None:
        self._inside: bytes | None = None
        if settings.originals is not None:
            folder = os.path.realpath(settings.originals)
            self._inside = os.fsencode(os.path.join(folder, ""))  # noqa: PTH118
        self._table = settings.data / "originals.sqlite"
        self._waiting: dict[str, Original] = {}
        self._last = ""

    @property
    def are_open(self) -> bool:
        """Whether there is a folder of them."""
        return self._inside is not None

    def note(self, article_id: str, file_id: str, path: Path) -> None:
        """Take down, for the next `keep`, what a file is like that gave an article."""
        # In a collection articles may have ids of their own.
        key = file_id if article_id.startswith(file_id) else article_id
        if key == self._last or not self.are_open:
            return
        self._last = key
        real = os.fsencode(os.path.realpath(path))
        with suppress(OSError):  # it is gone already
            if self._holds(real):
                status = os.stat(real)  # noqa: PTH116
                self._waiting[key] = Original(real, status.st_size, status.st_mtime_ns)

    def keep(self) -> None:
        """Write down what was noted. Raises EngineUnavailable."""
        if not self._waiting:
            return
        rows = [(key, o.path, o.size, o.changed) for key, o in self._waiting.items()]
        with self._told():
            make_private(self._table)  # names of people's files
            with closing(sqlite3.connect(self._table, timeout=10)) as table, table:
                table.execute(_TABLE)
                table.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", rows)
        self._waiting.clear()

    def forget(self, article_ids: Sequence[str], engine: Engine) -> None:
        """Remove what is known of articles that were removed, of files that gave no other.

        Raises EngineUnavailable.
        """
        if not self._table.exists():
            return
        keys = {key for each in article_ids for key in _above(each)}
        with self._told(), closing(sqlite3.connect(self._table, timeout=10)) as table, table:
            select = "SELECT id FROM files WHERE id IN (SELECT value FROM json_each(?))"
            known = [key for (key,) in table.execute(select, (json.dumps(list(keys)),))]
            gone = [
                (key,)
                for key in known
                if not engine.stored([key])
                and not any(i.startswith(f"{key}/") for i in engine.article_ids(f"{key}/", 1))
            ]
            table.executemany("DELETE FROM files WHERE id = ?", gone)

    def of(self, article_ids: Iterable[str]) -> Mapping[str, Original]:
        """Return the original files of those articles that have one. Raises EngineUnavailable."""
        if not self.are_open or not self._table.exists():
            return {}
        found: dict[str, Original] = {}
        address = f"{self._table.absolute().as_uri()}?mode=ro"
        with self._told(), closing(sqlite3.connect(address, uri=True, timeout=10)) as table:
            for article_id in article_ids:
                for key in reversed(_above(article_id)):
                    select = "SELECT path, size, changed FROM files WHERE id = ?"
                    if row := table.execute(select, (key,)).fetchone():
                        if self._holds(row[0]):
                            found[article_id] = Original(*row)
                        break
        return found

    def opened(self, original: Original) -> tuple[OriginalState, BinaryIO | None]:
        """Return what became of a file, and it, open to be read, unless it is gone.

        A symbolic link in the place of it or of a folder above it is no file of ours.
        """
        try:
            descriptor = _open(original.path)
        except OSError:
            return "gone", None
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            return "gone", None
        is_same = (status.st_size, status.st_mtime_ns) == (original.size, original.changed)
        return "same" if is_same else "changed", os.fdopen(descriptor, "rb")

    def _holds(self, path: bytes) -> bool:
        return self._inside is not None and path.startswith(self._inside)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise EngineUnavailable(f"cannot use {self._table}: {error}") from error


def _above(article_id: str) -> list[str]:
    """Return the ids of what an article may stand in, and its own, the last."""
    return [*accumulate(article_id.split("/"), "{}/{}".format)]


def _open(path: bytes) -> int:
    """Open a file to be read, folder by folder, so that none of them is a link."""
    *folders, name = path.split(b"/")[1:]
    above = os.open(b"/", _FOLDER)
    try:
        for folder in folders:
            inner = os.open(folder, _FOLDER, dir_fd=above)
            os.close(above)
            above = inner
        return os.open(name, _FILE, dir_fd=above)
    finally:
        os.close(above)
