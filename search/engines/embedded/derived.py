"""The text index is made from the record, brought up to it, and opened only when verified.

When that happens, and what a search does meanwhile, is decided in `viewing`.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from search.domain import LAYERS
from search.engine import Fingerprint
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

    Attributes:
        opened: the newest that was opened.
    """

    def __init__(self, folder: Path, record: Record) -> None:
        self._record = record
        self._segments = Segments(folder)
        self.opened: OpenText | None = None

    def open_published(self, state: State) -> str:
        """Open the published text index if it is newer; return what is wrong with it, if anything.

        A writer may be replacing its files at this moment: only the holder of the writer's
        lock can tell that from damage (`publish`).
        """
        if self.opened is not None and self.opened.manifest.origin != _origin_of(state):
            self.opened = None  # another record lies there now
        try:
            with self._record.snapshot() as moment:
                manifest = None if moment is None else _published(*moment)
            if manifest is not None:
                self._open(manifest)
        except (TextIndexError, OSError) as error:
            return str(error)
        return ""

    def _open(self, manifest: Manifest) -> None:
        if self.opened is None or self.opened.manifest.sequence < manifest.sequence:
            self._segments.verify(manifest)
            with self._segments.opened(manifest) as folder:
                self.opened = OpenText(manifest, TextIndex(folder))

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
            about = _origin_of(state), state.sequence, state.last, passages, removed
            manifest = self._record.publish(Manifest(*about, segments, files))
            self.opened = OpenText(manifest, index)
        self._segments.keep(manifest, state.head())


def _published(connection: sqlite3.Connection, state: State) -> Manifest:
    """Return what a record says of its text index. Raises TextIndexError if it is of no use."""
    manifest = read_manifest(connection)
    if manifest is None or manifest.origin != _origin_of(state):
        raise TextIndexError("there is none, or it is of another record or by another version")
    return manifest


def _origin_of(state: State) -> str:
    """Return a name of all that decides a text index besides the record's contents."""
    return _origin(state.record, state.fingerprint, FORMAT)


@functools.lru_cache(maxsize=8)
def _origin(record: str, fingerprint: Fingerprint, format: int) -> str:
    product = version("tantivy").rsplit(".", 1)[0]  # its files' format moves with the minor version
    parts = [record, asdict(fingerprint), format, LAYERS, product]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


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
