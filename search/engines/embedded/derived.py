"""The text index follows the record: caught up, rebuilt, and opened only when verified."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from search.domain import LAYERS
from search.engine import Fingerprint
from search.engines.embedded.changes import State, TermRows, read_removals, read_terms
from search.engines.embedded.locking import WriterLock
from search.engines.embedded.record import Record
from search.engines.embedded.segments import Damaged, Manifest, Segments, read_manifest
from search.engines.embedded.text import FORMAT, TextIndex, TextIndexError, change
from search.errors import EngineUnavailable

log = logging.getLogger(__name__)

_SMALL = 500  # passages up to which any removal means building anew (20 ms)
_MOST_REMOVED = 0.1  # share of removed passages from which BM25's statistics drift too far
_RETRY = 1.0  # seconds between attempts while another process writes or the disk is full
_WAIT = 2.0  # seconds a first reader waits for the writer's first text index
_PROGRESS = 20_000  # passages between two lines in the log


@dataclass(frozen=True, slots=True)
class OpenText:
    """A text index, opened to be searched."""

    manifest: Manifest
    index: TextIndex


class TextFollower:
    """Gives the newest text index there can be. One thread at a time.

    Attributes:
        failed: the last attempt to write it failed, for want of room or a permission.
    """

    def __init__(self, folder: Path, record: Record, lock: WriterLock) -> None:
        self._record = record
        self._lock = lock
        self._segments = Segments(folder)
        self._open: OpenText | None = None
        self.failed = False
        self._not_before = 0.0  # the next attempt, while there is one to go on with

    def close(self) -> None:
        self._open = None

    def published(self) -> Manifest | None:
        """Return what the record says of the text index, None without one. Any thread."""
        with self._record.snapshot() as moment:
            return None if moment is None else read_manifest(moment[0])

    def follow(self, state: State) -> OpenText:
        """Return the text index at `state`, or the newest one if another process is writing.

        Raises:
            EngineUnavailable: there is none, and none can be made now.
        """
        deadline, damage = time.monotonic() + _WAIT, ""
        while True:
            if self._open is not None and self._open.manifest.origin != origin_of(state):
                self._open = None  # another record lies there now
            if not self._is_at(state):
                damage = self._open_published(state)
            if not self._is_at(state):
                self._catch_up()
            if self._open is not None:
                return self._open
            if time.monotonic() > deadline:
                writing = f"another process is writing: {self._lock.holder()}"
                why = writing if self._lock.can_write() else "the folder cannot be written to"
                raise EngineUnavailable(
                    f"the text index in {self._segments.folder} must be built ({damage or 'it is old'}"
                    f"), and {why}. Try again when that is mended or done."
                )
            time.sleep(0.05)

    def _is_at(self, state: State) -> bool:
        return self._open is not None and self._open.manifest.sequence >= state.sequence

    def _open_published(self, state: State) -> str:
        """Open the published text index if it is newer; return what is wrong with it, if anything.

        A writer may be replacing its files at this moment: only the holder of the writer's
        lock can tell that from damage (`_base`).
        """
        manifest = self.published()
        if manifest is None or manifest.origin != origin_of(state):
            return "there is none of this record and version"
        if self._open is None or self._open.manifest.sequence < manifest.sequence:
            try:
                self._open = self._opened(manifest)
            except (Damaged, TextIndexError, OSError) as error:
                return str(error)
        return ""

    def _opened(self, manifest: Manifest) -> OpenText:
        self._segments.verify(manifest)
        with self._segments.opened(manifest) as folder:
            return OpenText(manifest, TextIndex(folder))

    def _catch_up(self) -> None:
        """Bring the text index up to the record, if that can be done now.

        Raises EngineUnavailable if it fails and there is none to go on with.
        """
        if self._open is not None and time.monotonic() < self._not_before:
            return
        with self._lock.borrowed("bringing the text index up to date") as mine:
            if mine:
                try:
                    self.advance()
                    return
                except EngineUnavailable as error:
                    if self._open is None:
                        raise
                    log.warning("searching what the text index had before: %s", error)
        self._not_before = time.monotonic() + _RETRY

    def advance(self, *, parallel: bool = False) -> None:
        """Publish and open a text index at the record's state. Needs the writer's lock.

        Args:
            parallel: use several threads of Tantivy: somebody waits, and nobody writes meanwhile.

        Raises:
            EngineUnavailable: Tantivy or the disk failed; the record is whole.
        """
        self.failed = True
        try:
            with self._record.snapshot() as moment:
                if moment is not None:
                    self._bring_to(*moment, parallel)
        except (Damaged, TextIndexError, OSError) as error:
            raise EngineUnavailable(
                f"cannot write the text index in {self._segments.folder}: {error}. What was "
                "acknowledged is safe in the record; free some space or fix the folder's "
                "permissions, and it is built at the next search."
            ) from error
        self.failed = False

    def _bring_to(self, connection: sqlite3.Connection, state: State, parallel: bool) -> None:
        base = self._base(connection, state)
        if base is not None:
            try:
                self._apply(connection, state, base, parallel)
                return
            except (Damaged, TextIndexError) as error:
                log.warning("building the text index anew: %s", error)
        self._apply(connection, state, None, parallel)

    def _base(self, connection: sqlite3.Connection, state: State) -> Manifest | None:
        """Return the published text index if it is whole and changes can be applied to it."""
        manifest = read_manifest(connection)
        why = "there is none that can be read"
        if manifest is not None:
            why = "it was made from another record, or by another version"
            if manifest.origin == origin_of(state):
                try:
                    self._segments.verify(manifest)
                except Damaged as error:
                    why = str(error)
                else:
                    return manifest if manifest.sequence >= state.horizon else None
        if manifest is not None or self._segments.folder.exists():
            log.warning("building the text index anew: %s", why)
        return None

    def _apply(
        self,
        connection: sqlite3.Connection,
        state: State,
        base: Manifest | None,
        parallel: bool,
    ) -> None:
        """Apply to `base` what changed since; without one, build the text index anew."""
        if base is not None and base.sequence >= state.sequence:
            if self._open is None or self._open.manifest != base:
                self._open = self._opened(base)
            return
        removals = read_removals(connection, base.sequence) if base else []
        removed = sum(n for _, first, n in removals if base and first <= base.last)
        if base is not None and _drifted(base, removed):
            base, removals, removed = None, [], 0
        after = base.last if base else 0
        count = state.last - after
        added = _logged(read_terms(connection, after, state.last), count)
        with self._segments.changing(base) as work:
            keys = [key for key, _, _ in removals]
            parallel = parallel or base is None
            passages = change(work, keys, added, passages=count, parallel=parallel)
            segments, files = self._segments.adopt(work, base)
            index = TextIndex(work)
            removed += base.removed if base else 0
            about = origin_of(state), state.sequence, state.last, passages, removed
            manifest = self._record.publish(Manifest(*about, segments, files))
            self._open = OpenText(manifest, index)
        self._segments.keep(manifest, state.head())


@contextmanager
def answering() -> Iterator[None]:
    """Tell a failure inside Tantivy during a search in our words."""
    try:
        yield
    except TextIndexError as error:
        raise EngineUnavailable(
            f"the text index failed on a search: {error}. If it happens again, delete the folder "
            "`text`: it is built anew from the record."
        ) from error


def origin_of(state: State) -> str:
    """Return a name of all that decides a text index besides the record's contents."""
    return _origin(state.record, state.fingerprint, FORMAT)


@functools.lru_cache(maxsize=8)
def _origin(record: str, fingerprint: Fingerprint, format: int) -> str:
    product = version("tantivy").rsplit(".", 1)[0]  # its files' format moves with the minor version
    parts = [record, asdict(fingerprint), format, LAYERS, product]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _drifted(base: Manifest, went: int) -> bool:
    removed = base.removed + went
    return went > 0 and (base.passages <= _SMALL or removed > _MOST_REMOVED * base.passages)


def _logged(rows: Iterator[TermRows], about: int) -> Iterator[TermRows]:
    """Pass rows on, telling the log how far a long build is."""
    done, due = 0, _PROGRESS
    for some in rows:
        if done >= due:
            log.info("building the text index: %d of about %d passages", done, about)
            due += _PROGRESS
        yield some
        done += len(some.terms)
