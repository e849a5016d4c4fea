"""The text index follows the record: caught up, rebuilt, and opened only when verified."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from search.domain import LAYERS
from search.engine import Fingerprint
from search.engines.embedded.changes import (
    State,
    TermRows,
    read_articles,
    read_removals,
    read_terms,
)
from search.engines.embedded.locking import WriterLock
from search.engines.embedded.record import Record
from search.engines.embedded.segments import Damaged, Manifest, Segments, read_manifest
from search.engines.embedded.text import (
    FORMAT,
    MERGED_AT_ONCE,
    TextIndex,
    TextIndexError,
    change,
    condense,
    small_segments,
)
from search.errors import EngineUnavailable

log = logging.getLogger(__name__)

_BULK = 2_000  # passages by one writer from which it is worth while to condense
_SMALL = 500  # passages up to which any removal means building anew (20 ms)
_MOST_REMOVED = 0.1  # share of removed passages from which BM25's statistics drift too far
_RETRY = 0.2  # seconds between attempts to catch up while another process writes
_RETRY_FAILED = 2.0  # seconds between attempts while the disk is full
_WAIT = 2.0  # seconds a first reader waits for the writer's first text index
_FEW_SEGMENTS = 4
_CHEAP = 20_000  # passages in small segments whose merging takes a second
_CHEAP_SHARE = 0.25  # of all passages: then it is a tenth of the time they took
_PROGRESS = 20_000  # passages between two lines in the log


@dataclass(frozen=True, slots=True)
class OpenText:
    """A text index, opened to be searched."""

    manifest: Manifest
    index: TextIndex


class TextFollower:
    """Gives the newest text index there can be. One thread at a time."""

    def __init__(self, folder: Path, record: Record, lock: WriterLock) -> None:
        self._record = record
        self._lock = lock
        self._segments = Segments(folder)
        self._open: OpenText | None = None
        self.failed = False  # the last try to write it, for want of room or a permission
        self._not_before = 0.0  # while there is one to go on with, catching up waits so long

    def close(self) -> None:
        self._open = None

    @property
    def passages(self) -> int:
        """How many passages the text index had when it was opened last. Any thread."""
        text = self._open
        return 0 if text is None else text.manifest.passages

    def published(self) -> int:
        """Return the commit that the published text index is of, -1 without one. Any thread."""
        with self._record.snapshot() as moment:
            manifest = None if moment is None else read_manifest(moment[0])
        return -1 if manifest is None else manifest.sequence

    def follow(self, state: State) -> OpenText:
        """Return the text index at `state`, or the newest one if another process is writing.

        Raises:
            EngineUnavailable: there is none, and none can be made now.
        """
        deadline = time.monotonic() + _WAIT
        while not (text := self._current(state)) or text.manifest.sequence < state.sequence:
            damage = self._open_published(state)
            text = self._current(state)
            if text is None or text.manifest.sequence < state.sequence:
                self._catch_up(damage)
            if (text := self._current(state)) is not None:
                return text
            if time.monotonic() > deadline:
                writing = f"another process is writing: {self._lock.holder()}"
                why = writing if self._lock.can_write() else "the folder cannot be written to"
                raise EngineUnavailable(
                    f"the text index in {self._segments.folder} must be built ({damage or 'it is old'}"
                    f"), and {why}. Try again when that is mended or done."
                )
            time.sleep(0.05)
        return text

    def _current(self, state: State) -> OpenText | None:
        """Return what is open, unless it is of a record that was replaced by another."""
        if self._open is not None and self._open.manifest.origin != origin_of(state):
            self._open = None
        return self._open

    def _open_published(self, state: State) -> str:
        """Open the published text index if it is newer; return what is wrong with it, if anything."""
        for _ in range(5):  # a writer may publish the next one meanwhile
            with self._record.snapshot() as moment:
                manifest = None if moment is None else read_manifest(moment[0])
            if manifest is None:
                return "there is none that can be read"
            if manifest.origin != origin_of(state):
                return "it was made from another record, or by another version"
            if self._open is not None and self._open.manifest.sequence >= manifest.sequence:
                return ""
            try:
                self._open = self._opened(manifest)
            except (Damaged, TextIndexError, OSError) as error:
                damage = str(error)
                continue
            return ""
        return damage

    def _opened(self, manifest: Manifest) -> OpenText:
        self._segments.verify(manifest)
        with self._segments.opened(manifest) as folder:
            return OpenText(manifest, TextIndex(folder))

    def _catch_up(self, damage: str) -> None:
        """Bring the text index up to the record, if that can be done now.

        Raises EngineUnavailable if it fails and there is none to go on with.
        """
        if self._open is not None and time.monotonic() < self._not_before:
            return
        with self._lock.borrowed("bringing the text index up to date") as mine:
            if not mine:
                self._not_before = time.monotonic() + _RETRY
                return
            try:
                self.advance(damage)
            except EngineUnavailable as error:
                if self._open is None:
                    raise
                log.warning("searching what the text index had before: %s", error)
                self._not_before = time.monotonic() + _RETRY_FAILED

    def advance(self, damage: str = "", *, waited_for: bool = False) -> None:
        """Publish and open a text index at the record's state. Needs the writer's lock.

        Args:
            damage: what is wrong with the published one, if anything.
            waited_for: somebody waits for it, and nobody writes meanwhile.

        Raises:
            EngineUnavailable: Tantivy or the disk failed; the record is whole.
        """
        self.failed = True
        self._advance(damage, waited_for=waited_for)
        self.failed = False

    def _advance(self, damage: str, *, waited_for: bool) -> None:
        with self._record.snapshot() as moment:
            if moment is None:
                return
            connection, state = moment
            base = self._base(read_manifest(connection), state, damage)
            if base is not None and base.sequence >= state.sequence:
                if self._open is None or self._open.manifest != base:
                    self._open = self._opened(base)
                return
            removals = read_removals(connection, base.sequence) if base else []
            went = sum(n for _, first, n in removals if base and first <= base.last)
            if base is not None and _drifted(base, went):
                base, removals, went = None, [], 0
            after = base.last if base else 0
            passages = state.last - after
            added = _told(read_terms(connection, after, state.last), passages)

            def make(folder: Path) -> int:
                return change(
                    folder,
                    [key for key, _, _ in removals],
                    added,
                    passages=passages,
                    waited_for=waited_for or base is None,
                )

            try:
                self._make(state, base, went, make)
            except TextIndexError as error:
                if base is None:
                    raise _failed(self._segments.folder, error) from error
                self._advance(str(error), waited_for=waited_for)

    def _base(self, manifest: Manifest | None, state: State, damage: str) -> Manifest | None:
        """Return the published text index if changes can be applied to it."""
        if manifest is not None and not damage:
            try:
                self._segments.verify(manifest)
            except Damaged as error:
                damage = str(error)
        if damage:
            log.warning("building the text index anew: %s", damage)
        usable = manifest is not None and not damage and manifest.origin == origin_of(state)
        return manifest if usable and manifest and manifest.sequence >= state.horizon else None

    def settle(self, written: int) -> bool:
        """After `written` passages by one writer, merge segments if search gains by it.

        What is written little by little leaves up to a dozen small segments of Tantivy's;
        a query over 100,000 passages is a quarter faster over 3 (2.2 to 1.7 ms). Needs the
        writer's lock, and a text index that is up to date. Tells whether enough was written.
        """
        text = self._open
        if text is None or written < max(_BULK, text.manifest.passages // 2):
            return False
        base = text.manifest
        small = small_segments(base.segments)
        lacking = MERGED_AT_ONCE - len(small)
        if (
            text.index.segments <= _FEW_SEGMENTS
            or sum(small) > max(_CHEAP, _CHEAP_SHARE * base.passages)
            or lacking <= 0
        ):
            return True
        with self._record.snapshot() as moment:
            if moment is None or moment[1].sequence != base.sequence:
                return True
            articles = read_articles(moment[0], lacking)
            again = sum(len(rows.terms) for article in articles for rows in article)
            if lacking == len(articles):
                try:
                    self._make(moment[1], base, again, lambda folder: condense(folder, articles))
                except (TextIndexError, EngineUnavailable) as error:
                    log.warning("the text index keeps its segments: %s", error)
        return True

    def _make(
        self, state: State, base: Manifest | None, went: int, make: Callable[[Path], int]
    ) -> None:
        """Publish and open what `make` makes of `base`; it returns its passages.

        Raises:
            TextIndexError: Tantivy failed.
            EngineUnavailable: the disk failed.
        """
        try:
            with self._segments.changing(base) as work:
                passages = make(work)
                segments, files = self._segments.adopt(work, base)
                index = TextIndex(work)
                removed = (base.removed if base else 0) + went
                about = origin_of(state), state.sequence, state.last, passages, removed
                manifest = self._record.publish(Manifest(*about, segments, files))
                self._open = OpenText(manifest, index)
            self._segments.keep(manifest, state.head())
        except OSError as error:
            raise _failed(self._segments.folder, error) from error


def _failed(folder: Path, error: Exception) -> EngineUnavailable:
    return EngineUnavailable(
        f"cannot write the text index in {folder}: {error}. What was acknowledged is safe in the "
        "record; free some space or fix the folder's permissions, and it is built at the next "
        "search."
    )


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


def _told(rows: Iterator[TermRows], about: int) -> Iterator[TermRows]:
    """Pass rows on, telling the log how far a long build is."""
    done, told = 0, _PROGRESS
    for some in rows:
        if done >= told:
            log.info("building the text index: %d of about %d passages", done, about)
            told += _PROGRESS
        yield some
        done += len(some.terms)
