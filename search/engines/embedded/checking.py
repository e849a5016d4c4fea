"""Verifies every checksum of an index, reading only: `fihris check`."""

from __future__ import annotations

import sqlite3
import zipfile
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from search.engines import BESIDE, Step
from search.engines.embedded.connections import Connection, open_for_reading, translated
from search.engines.embedded.derived import published
from search.engines.embedded.reading import read_indexed, read_removals, read_terms
from search.engines.embedded.record import Record
from search.engines.embedded.rows import damaged_index
from search.engines.embedded.segments import Segments
from search.engines.embedded.snapshot import SNAPSHOT
from search.engines.embedded.state import State
from search.engines.embedded.text import TextIndexError
from search.engines.embedded.versions import Versions
from search.errors import EngineError, InputError
from search.settings import Settings

_ANEW = "it is made anew from the record by the next write or search"


def check(settings: Settings, on_step: Step) -> Iterator[str]:
    """Yield what is damaged, in words. All of the record is read as of one moment.

    Raises:
        InputError: there is no index.
        EngineError: it is not what was acknowledged last, or cannot be opened at all.
    """
    current = Versions(settings.data).current
    with closing(Record(current)) as record, record.snapshot() as moment:
        if moment is None:
            raise InputError(f"there is no index in {settings.data}", field="index")
        connection, state = moment
        yield from _structure(record.path, connection)
        yield from _caught(record.path, lambda: _articles(connection, state, on_step))
        yield from _caught(record.path, lambda: _terms(connection, state))
        yield from _caught(record.path, lambda: _removals(connection))
        manifest = published(connection, state)
        if manifest.segments:
            try:
                Segments(current).verify(manifest)
            except TextIndexError as error:
                yield f"the text index: {error}; {_ANEW}"
    yield from _memory(record.path.with_name(SNAPSHOT))
    for name in BESIDE:
        path = settings.data / f"{name}.sqlite"
        if path.exists():
            yield from _beside(path)


def _articles(connection: Connection, state: State, on_step: Step) -> Iterator[str]:
    """Read every article with its passages and vectors; count them."""
    articles = passages = sentences = unembedded = 0
    whole = True
    for (article_id,) in connection.execute("SELECT id FROM articles ORDER BY key"):
        if not articles % 100:
            on_step("reading articles", articles, state.articles)
        articles += 1
        try:
            found = read_indexed(connection, article_id, state.fingerprint.dimensions)
        except EngineError as error:
            whole = False
            yield str(error)
            continue
        if found is not None:
            passages += len(found.passages)
            sentences += sum(len(each.sentences) for each in found.passages)
            unembedded += 0 if found.embedded else len(found.passages)
    counted = articles, passages, sentences, unembedded
    said = state.articles, state.passages, state.sentences, state.unembedded
    if whole and counted != said:
        yield str(damaged_index(f"it holds {counted} articles, passages, ..., and says {said}"))


def _terms(connection: Connection, state: State) -> Iterator[str]:
    deque(read_terms(connection, 0, state.last), maxlen=0)
    yield from ()


def _removals(connection: Connection) -> Iterator[str]:
    read_removals(connection, 0)
    yield from ()


def _structure(path: Path, connection: sqlite3.Connection) -> Iterator[str]:
    """Have SQLite compare its tables with their indexes."""

    def lines() -> Iterator[str]:
        for (line,) in connection.execute("PRAGMA integrity_check(20)"):
            if line != "ok":
                yield f"{path}: {line}"

    yield from _caught(path, lines)


def _memory(path: Path) -> Iterator[str]:
    if path.exists():
        try:
            with zipfile.ZipFile(path) as file:
                damaged = file.testzip()
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            damaged = str(error)
        if damaged is not None:
            yield f"{path}: {damaged} is damaged; {_ANEW}"


def _beside(path: Path) -> Iterator[str]:
    def lines() -> Iterator[str]:
        with closing(open_for_reading(path)) as connection:
            yield from _structure(path, connection)

    yield from _caught(path, lines)


def _caught(path: Path, part: Callable[[], Iterator[str]]) -> Iterator[str]:
    """Yield what a part yields, and the error it ends with."""
    try:
        with translated(path):
            yield from part()
    except EngineError as error:
        yield str(error)
