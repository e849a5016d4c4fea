"""The text index is made from the record, brought up to it, and opened only when verified.

When that happens, and what a search does meanwhile, is decided in `viewing`.
"""

from __future__ import annotations

import functools
import logging
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from search.domain import LAYERS
from search.engines.embedded.changes import State, TermRows, read_removals, read_terms
from search.engines.embedded.record import Record
from search.engines.embedded.segments import Manifest, Segments, read_manifest
from search.engines.embedded.text import FORMAT, TextIndex, TextIndexError, change
from search.errors import EngineUnavailable

log = logging.getLogger(__name__)

_SMALL = 500  # passages up to which any removal means building anew (20 ms)
_MOST_REMOVED = 0.1  # share of removed passages from which BM25's statistics drift too far
_PROGRESS = 20_000  # passages between two lines in the log


@dataclass(frozen=True, slots=True)
class OpenText:
    """A text index, opened to be searched."""

    manifest: Manifest
    index: TextIndex


class TextFollower:
    """Opens the published text index, and publishes the next one. One thread at a time.

    Args:
        folder_of: says which folder the record is in.

    Attributes:
        opened: the newest that was opened.
    """

    def __init__(self, folder_of: Callable[[], Path], record: Record) -> None:
        self._record = record
        self._segments = Segments(folder_of)
        self.opened: OpenText | None = None

    def open_published(self, state: State) -> str:
        """Open the published text index if it is newer; return what is wrong with it, if anything.

        A writer may be replacing its files at this moment: only the holder of the writer's
        lock can tell that from damage (`publish`).
        """
        if self.opened is not None and self.opened.manifest.record != state.record:
            self.opened = None  # another record lies there now
        try:
            with self._record.snapshot() as moment:
                if moment is not None:
                    self._open(_published(*moment))
        except (TextIndexError, OSError) as error:
            return str(error)
        return ""

    def _open(self, manifest: Manifest) -> None:
        if self.opened is None or self.opened.manifest.sequence < manifest.sequence:
            self._segments.verify(manifest)
            with self._segments.opened(manifest) as folder:
                index = TextIndex(folder)
            # Once more: Tantivy opens a segment whose positions a writer has just removed as one
            # without positions, and fails in the first search that needs them.
            self._segments.verify(manifest)
            self.opened = OpenText(manifest, index)

    def publish(self) -> None:
        """Publish and open a text index at the record's state. Needs the writer's lock.

        Raises:
            EngineUnavailable: Tantivy or the disk failed; the record is whole.
        """
        try:
            with self._record.snapshot() as moment:
                if moment is not None:
                    self._bring_to(*moment)
        except (TextIndexError, OSError) as error:
            raise EngineUnavailable(
                f"cannot write the text index in {self._segments.folder}: {error}. What was "
                "acknowledged is safe in the record; free some space or fix the folder's "
                "permissions, and it is built at the next search."
            ) from error

    def _bring_to(self, connection: sqlite3.Connection, state: State) -> None:
        try:
            base = _published(connection, state)
            self._segments.verify(base)
            if base.sequence >= state.sequence:
                self._open(base)
                return
            if base.sequence >= state.horizon:
                removals = read_removals(connection, base.sequence)
                removed = base.removed + sum(n for _, first, n in removals if first <= base.last)
                if not _drifted(base, removed):
                    keys = [key for key, _, _ in removals]
                    self._change(connection, state, base, keys, removed)
                    return
        except TextIndexError as error:
            if self._segments.folder.exists():
                log.warning("building the text index anew: %s", error)
        self._change(connection, state, None, [], 0)

    def _change(
        self,
        connection: sqlite3.Connection,
        state: State,
        base: Manifest | None,
        keys: list[int],
        removed: int,
    ) -> None:
        """Make the next text index of `base` and what came since, or all of it anew."""
        after = base.last if base else 0
        count = state.last - after
        added = _logged(read_terms(connection, after, state.last), count)
        with self._segments.changing(base) as work:
            passages = change(work, keys, added, passages=count)
            segments, files = self._segments.adopt(work, base)
            index = TextIndex(work)
            about = state.record, _format(), state.sequence, state.last, passages, removed
            manifest = self._record.publish(Manifest(*about, segments, files))
            self.opened = OpenText(manifest, index)
        self._segments.keep(manifest, state.head())


def _published(connection: sqlite3.Connection, state: State) -> Manifest:
    """Return what a record says of its text index. Raises TextIndexError if it is of no use."""
    manifest = read_manifest(connection)
    if manifest is None or (manifest.record, manifest.format) != (state.record, _format()):
        raise TextIndexError("there is none, or it is of another record or by another version")
    return manifest


def _format() -> str:
    """Return what the files are made by: of another one they are built anew."""
    return f"{FORMAT} {' '.join(LAYERS)}, {_tantivy()}"


@functools.cache
def _tantivy() -> str:
    return "tantivy " + version("tantivy").rsplit(".", 1)[0]  # its format moves with that


def _drifted(base: Manifest, removed: int) -> bool:
    return removed > base.removed and (
        base.passages <= _SMALL or removed > _MOST_REMOVED * base.passages
    )


def _logged(rows: Iterator[TermRows], about: int) -> Iterator[TermRows]:
    """Pass rows on, telling the log how far a long build is."""
    done, due = 0, _PROGRESS
    for some in rows:
        if done >= due:
            log.info("building the text index: %d of about %d passages", done, about)
            due += _PROGRESS
        yield some
        done += len(some.terms)
