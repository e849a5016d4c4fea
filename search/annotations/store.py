"""Stores of annotations: the protocol, a SQLite file beside the index, and all of them in memory."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from search.annotations.domain import as_fields, from_fields
from search.domain import Annotation
from search.sqlite_file import SqliteFile

_SCHEMA = "CREATE TABLE IF NOT EXISTS annotations (id TEXT PRIMARY KEY, content TEXT NOT NULL);"


class Store(Protocol):
    """Annotations of one index. Safe to use from many threads and processes.

    What was changed survives a crash once a method has returned. Every method raises
    EngineUnavailable where it cannot be read or written.
    """

    def version(self) -> str:
        """Return what changes with the annotations, "" where there are none."""
        ...

    def all(self) -> list[Annotation]:
        """Return all of them."""
        ...

    def put(self, annotations: Sequence[Annotation]) -> None:
        """Keep annotations, instead of those of the same id."""
        ...

    def remove(self, ids: Sequence[str]) -> None:
        """Remove annotations."""
        ...

    def close(self) -> None: ...


class SqliteStore(SqliteFile):
    """A `Store` in one file, which is made with the first annotation."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "annotations", "annotations", _SCHEMA)

    def all(self) -> list[Annotation]:
        with self._reading() as table:
            rows = [] if table is None else table.execute("SELECT content FROM annotations")
            return [from_fields(json.loads(content)) for (content,) in rows]

    def put(self, annotations: Sequence[Annotation]) -> None:
        rows = [(each.id, json.dumps(as_fields(each))) for each in annotations]
        with self._writing() as table:
            table.executemany("INSERT OR REPLACE INTO annotations VALUES (?, ?)", rows)
            self._changed(table)

    def remove(self, ids: Sequence[str]) -> None:
        with self._writing() as table:
            table.executemany("DELETE FROM annotations WHERE id = ?", [(key,) for key in ids])
            self._changed(table)


class Known:
    """All annotations of a store, read again when another version is there. For many threads."""

    def __init__(self, open_store: Callable[[], Store]) -> None:
        """`open_store`: called when the first are asked for."""
        self._open = open_store
        self._lock = threading.Lock()
        self._store: Store | None = None
        self._version = ""
        self._all: Mapping[str, Annotation] = {}

    @property
    def store(self) -> Store:
        with self._lock:
            return self._opened()

    def all(self) -> Mapping[str, Annotation]:
        """Return them by id. Raises EngineUnavailable."""
        with self._lock:
            version = self._opened().version()
            if version != self._version:
                found = self._opened().all() if version else []
                self._all, self._version = {each.id: each for each in found}, version
            return self._all

    def close(self) -> None:
        with self._lock:
            if self._store is not None:
                self._store.close()

    def _opened(self) -> Store:
        self._store = self._store or self._open()
        return self._store
