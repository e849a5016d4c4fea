"""The text index follows the record: caught up, rebuilt, and opened only when verified."""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib.metadata import version
from itertools import chain
from pathlib import Path

from search.domain import LAYERS
from search.engines.embedded.changes import (
    State,
    TermRows,
    read_articles,
    read_removals,
    read_state,
    read_terms,
)
from search.engines.embedded.fresh import Fresh, without
from search.engines.embedded.generations import Damaged, Generations, Manifest
from search.engines.embedded.locking import WriterLock
from search.engines.embedded.opening import Opener, OpenText
from search.engines.embedded.record import Record
from search.engines.embedded.text import (
    FORMAT,
    MERGED_AT_ONCE,
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
_WAIT = 2.0  # seconds a first reader waits for the writer's first generation
_FEW_SEGMENTS = 4
_CHEAP = 20_000  # passages in small segments whose merging takes a second
_CHEAP_SHARE = 0.25  # of all passages: then it is a tenth of the time they took
_PROGRESS = 20_000  # passages between two lines in the log


class TextFollower:
    """Gives the newest text index there can be. One thread at a time."""

    def __init__(self, folder: Path, record: Record, lock: WriterLock) -> None:
        self._record = record
        self._lock = lock
        self._generations = Generations(folder)
        self.fresh = Fresh()
        self._open: OpenText | None = None
        self._not_before = 0.0  # while there is one to go on with, catching up waits so long
        self._opener = Opener(self._generations)

    def close(self) -> None:
        self._open = None
        self._opener.close()

    def follow(self, state: State) -> OpenText:
        """Return the text index at `state`, or the newest one if another process is writing.

        Raises:
            EngineUnavailable: there is none, and none can be made now.
        """
        origin = origin_of(state)
        deadline = time.monotonic() + _WAIT
        while not self._is_current(state, origin):
            damage = self._open_published(origin)
            if not self._is_current(state, origin):
                self._catch_up(damage)
            if self._open is not None:
                return self._open
            if time.monotonic() > deadline:
                raise EngineUnavailable(
                    f"the text index in {self._generations.folder} must be built, and "
                    f"{self._why_not()}. Try again when that is done."
                )
            time.sleep(0.05)
        assert self._open is not None  # noqa: S101  # it is current
        return self._open

    @property
    def passages(self) -> int:
        """How many passages the text index had when it was opened last. Any thread."""
        text = self._open
        return 0 if text is None else text.manifest.passages

    def published(self) -> int:
        """Return the sequence of what is published, -1 if there is nothing. Any thread."""
        manifest = self._generations.current()
        return -1 if manifest is None else manifest.sequence

    def _is_current(self, state: State, origin: str) -> bool:
        if self._open is not None and self._open.manifest.origin != origin:
            self._open = None  # of a record that was replaced by another
        return self._open is not None and self._open.manifest.sequence >= state.sequence

    def _why_not(self) -> str:
        if self._lock.can_write():
            return f"another process is writing: {self._lock.holder()}"
        return "the folder cannot be written to"

    def _open_published(self, origin: str) -> str:
        """Open the published generation if it is newer; return what is wrong with it, if anything."""
        for _ in range(5):  # a writer may publish the next one meanwhile
            manifest = self._generations.current()
            if manifest is None:
                return "there is none that can be read"
            if manifest.origin != origin:
                return "it was made from another record, or by another version"
            if self._open is not None and self._open.manifest.sequence >= manifest.sequence:
                return ""
            try:
                self._generations.verify(manifest)
                opened = self._opener.open(manifest)
            except (Damaged, TextIndexError) as error:
                if manifest == self._generations.current():
                    return str(error)
                continue
            self._open = opened
            return ""
        return "it was replaced again and again while it was being opened"

    def _catch_up(self, damage: str) -> None:
        """Bring the published generation up to the record, if that can be done now.

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

    def settle(self, written: int) -> bool:
        """After `written` passages by one writer, merge segments if search gains by it.

        What is written little by little leaves up to a dozen small segments of Tantivy's;
        a query over 100,000 passages is a quarter faster over 3 (2.2 to 1.7 ms). Needs the
        writer's lock, and a text index that is up to date. Tells whether enough was written.
        """
        text = self._open
        if text is None or written < max(_BULK, text.manifest.passages // 2):
            return False
        if text.index.segments > _FEW_SEGMENTS:
            try:
                self._condense(text.manifest)
            except (TextIndexError, OSError) as error:
                log.warning("the text index keeps %d segments: %s", text.index.segments, error)
        return True

    def _condense(self, base: Manifest) -> None:
        small = small_segments(self._generations.path(base))
        lacking = MERGED_AT_ONCE - len(small)
        if sum(small) > max(_CHEAP, _CHEAP_SHARE * base.passages):
            return
        with self._record.reading() as connection:
            state = None if connection is None else read_state(connection)
            if connection is None or state is None or state.sequence != base.sequence:
                return
            articles = read_articles(connection, lacking)
        again = sum(len(rows.terms) for article in articles for rows in article)
        if 0 < lacking == len(articles):
            self._made(
                state, base, base.last_number, again, lambda folder: condense(folder, articles)
            )

    def advance(self, damage: str = "", *, waited_for: bool = False) -> None:
        """Publish and open a generation at the record's state. Needs the writer's lock.

        Args:
            damage: what is wrong with the published one, if anything.
            waited_for: somebody waits for it, and nobody writes meanwhile.

        Raises:
            EngineUnavailable: Tantivy or the disk failed; the record is whole.
        """
        with self._record.reading() as connection:
            state = None if connection is None else read_state(connection)
            if connection is None or state is None:
                return
            origin = origin_of(state)
            base = None if damage else self._base(state, origin)
            if base is not None and base.sequence >= state.sequence:
                self._open_published(origin)
                if self._is_current(state, origin):
                    return
            removals = read_removals(connection, base.sequence) if base else []
            went = sum(n for _, first, n in removals if base and first <= base.last_number)
            if base is not None and _drifted(base, went):
                base, removals, went = None, [], 0
            if damage:
                log.warning("building the text index anew: %s", damage)
            after, last = base.last_number if base else 0, state.last
            gone = {key for key, _, _ in removals}
            added = _told(self._added(connection, base, last, gone), last - after)
            try:
                self._made(
                    state,
                    base,
                    last,
                    went,
                    lambda folder: change(
                        folder,
                        [*gone],
                        added,
                        passages=last - after,
                        waited_for=waited_for or base is None,
                    ),
                )
            except (TextIndexError, OSError) as error:
                if base is not None and not isinstance(error, OSError):
                    log.warning("cannot change the text index, building it anew: %s", error)
                    self.advance(str(error))
                    return
                raise EngineUnavailable(
                    f"cannot write the text index in {self._generations.folder}: {error}. "
                    "What was acknowledged is safe in the record; free some space or fix the "
                    "folder's permissions, and it is built at the next search."
                ) from error
            self.fresh.forget(last)

    def _added(
        self, connection: sqlite3.Connection, base: Manifest | None, last: int, gone: set[int]
    ) -> Iterator[TermRows]:
        """Return what was added since `base`: from memory what is there, else from the record."""
        if base is None:
            return read_terms(connection, 0, last)
        after = base.last_number
        start, end, fresh = self.fresh.between(after, last)
        return chain(
            read_terms(connection, after, start),
            without(iter(fresh), gone),
            read_terms(connection, end, last),
        )

    def _base(self, state: State, origin: str) -> Manifest | None:
        """Return the published generation if changes can be applied to it."""
        manifest = self._generations.current()
        if manifest is None or manifest.origin != origin or manifest.sequence < state.horizon:
            return None
        try:
            self._generations.verify(manifest)
        except Damaged as error:
            log.warning("building the text index anew: %s", error)
            return None
        return manifest

    def _made(
        self,
        state: State,
        base: Manifest | None,
        last: int,
        went: int,
        make: Callable[[Path], int],
    ) -> None:
        """Publish and open what `make` makes of a copy of `base`; it returns its passages."""
        building = self._generations.begin(base)
        try:
            passages = make(building)
            manifest = self._generations.publish(
                building,
                base,
                lambda folder, files: Manifest(
                    origin=origin_of(state),
                    folder=folder,
                    sequence=state.sequence,
                    last_number=last,
                    passages=passages,
                    removed=(base.removed if base else 0) + went,
                    files=files,
                ),
            )
        except BaseException:
            self._generations.discard(building)
            raise
        self._open = self._opener.open(manifest)


def origin_of(state: State) -> str:
    """Return a name of all that decides a text index besides the record's contents."""
    product = version("tantivy").rsplit(".", 1)[0]  # its files' format moves with the minor version
    parts = [state.record, asdict(state.fingerprint), FORMAT, LAYERS, product]
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
