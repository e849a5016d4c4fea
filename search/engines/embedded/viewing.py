"""Gives searches the state of the index they work on, and decides when the text index follows the record.

A view is of one moment, made anew when the record has moved on. The text index is published

- by the thread of the writer's lock every second, but two seconds or five times as long as
  the last time took after that; never by a write, which nobody should wait longer for (beside
  long embeddings and two busy processes 0.4 to 1 s of a one-line PUT);
- when somebody asks (`show`), and when a writer rests or ends;
- before a search of the process that writes, or of any other where nobody writes.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from search.engines.embedded.connections import Connection
from search.engines.embedded.derived import publish, published
from search.engines.embedded.locking import WriterLock
from search.engines.embedded.reading import read_removals
from search.engines.embedded.record import Record
from search.engines.embedded.segments import Manifest, Segments
from search.engines.embedded.snapshot import is_outdated, read_snapshot, write_snapshot
from search.engines.embedded.state import State
from search.engines.embedded.text import TextIndex, TextIndexError
from search.engines.embedded.vectors import PassageTable, check_ids, follow, no_passages
from search.errors import EngineError, EngineUnavailable, FingerprintMismatch

log = logging.getLogger(__name__)

_SHARE = 5  # publishing takes a sixth of a busy writer's time at most
_PAUSE = 2.0  # seconds between two publications nobody waits for: larger segments, faster search
_MOMENT = 1.0  # seconds a search waits for a thread that makes the next view
_FIRST = 4.0  # seconds a first search waits for another process's first text index
_PATIENCE = 10.0  # seconds in which another process shows what it wrote


@dataclass(frozen=True, slots=True)
class View:
    """What one search works on.

    `text` may be behind `table`; `hidden` are the keys of articles that went in between, so that
    none of them is counted. `behind`: it lacks passages and cannot have them now, or has lacked
    them for long.
    """

    table: PassageTable
    text: TextIndex
    hidden: tuple[int, ...]
    behind: bool = False

    def is_at(self, state: State, *, by_words: bool = True) -> bool:
        """Tell whether the table and, for a search by words, the text have all of the record."""
        oldest = min(self.table.sequence, self.text.sequence) if by_words else self.table.sequence
        return self.table.record == state.record and oldest >= state.sequence


class Views:
    """Gives the newest view there can be, and publishes the text index. Any thread.

    Args:
        state_of: where the record stands; raises in an engine that is closed.

    Attributes:
        latest: the last view that was made.
    """

    def __init__(
        self,
        record: Record,
        segments: Segments,
        lock: WriterLock,
        dimensions: int,
        state_of: Callable[[], State | None],
    ) -> None:
        self._record = record
        self._segments = segments
        self._lock = lock
        self._dimensions = dimensions
        self._state_of = state_of
        self._turn = threading.Lock()  # of whoever changes what is here
        self.latest: View | None = None
        self._text: TextIndex | None = None  # the newest that was opened
        self._not_before = 0.0  # the next publication that nobody waits for
        self._late = math.inf  # when a text index that lacks something is said to be behind

    # -- reading

    def current(self, *, by_words: bool = True) -> View | None:
        """Return the newest view; None while there is no index. Raises EngineUnavailable.

        Not `by_words`, its text may be as it was before this process wrote: a list of articles
        that are changed page by page published the text index for each page (2,500 articles
        of 20,000 passages: 97 s to delete them).
        """
        state, view = self._state_of(), self.latest
        if state is None:
            return None
        if view is not None and view.is_at(state, by_words=by_words):
            return view
        # A writer's own searches see its writes, so they wait for a thread that is at it; others
        # do so for a moment, and then go on with what they have.
        waits = view is None or view.table.record != state.record or self._lock.held
        if not self._turn.acquire(timeout=-1 if waits else _MOMENT):
            return view
        try:
            return self._at(state, by_words)
        finally:
            self._turn.release()

    def _at(self, state: State, by_words: bool) -> View:
        """Return the view at a state, or one whose text is behind where that cannot be mended now.

        Raises:
            EngineUnavailable: there is no text index, and none can be made.
        """
        until, view, damage = time.monotonic() + _FIRST, self.latest, ""
        if view is not None and view.is_at(state, by_words=by_words):
            return view  # by the thread before
        while True:
            try:
                if damage or (by_words and self._is_due()):
                    self._publish()
            except EngineUnavailable as error:
                if damage:
                    raise
                log.warning("searching what the text index had before: %s", error)
            view, damage = self._renewed()
            if view is not None:
                return view
            if time.monotonic() > until:
                writing = f"another process is writing: {self._lock.holder()}"
                why = writing if self._lock.can_write() else "the folder cannot be written to"
                raise EngineUnavailable(
                    f"the text index of {self._record.path} must be built ({damage}), and {why}. "
                    "Try again when that is mended or done."
                )
            time.sleep(0.05)

    def _renewed(self) -> tuple[View | None, str]:
        """Return the view of this moment, with the newest text index that can be opened.

        None if none can, and what is wrong with the published one.
        """
        with self._record.snapshot() as moment:
            if moment is None:
                return None, "there is no record"
            connection, now = moment
            manifest = published(connection, now)
            # Beside each other: at 800,000 passages a third of the opening.
            with ThreadPoolExecutor(1) as beside:
                table_of_now = beside.submit(self._table_at, connection, now)
                damage = self._open(manifest)
                table = table_of_now.result()
            text = self._text
            if text is None:
                return None, damage
            if text.sequence >= now.sequence:
                self._late = math.inf
            elif self._late == math.inf:
                self._late = time.monotonic() + _PATIENCE
            behind = text.last < now.last and time.monotonic() >= self._late
            hidden = tuple(key for key, _, _ in read_removals(connection, text.sequence))
            self.latest = View(table, text, hidden, behind)
            return self.latest, damage

    def _open(self, manifest: Manifest) -> str:
        """Open the published text index unless that is done; return why it cannot be opened."""
        if self._text is not None and self._text.record != manifest.record:
            self._text = None
        if self._text is not None and self._text.sequence >= manifest.sequence:
            return ""
        try:
            self._text = self._segments.opened(manifest)
        except (TextIndexError, OSError) as error:
            return str(error)
        return ""

    def _table_at(self, connection: Connection, now: State) -> PassageTable:
        """Return the table of what the record holds now, made of an earlier one if that can be."""
        view = self.latest
        is_first = view is None or view.table.record != now.record
        if view is None or is_first:
            table = read_snapshot(self._record.path.parent, connection, now.record)
        else:
            table = view.table
        if table is None or table.sequence < now.horizon:
            table = no_passages(now.record, self._dimensions)
        if table.sequence != now.sequence:
            removals = read_removals(connection, table.sequence) if table.ids else []
            table = follow(table, connection, now, [key for key, _, _ in removals])
        if is_first:
            check_ids(connection, table.ids)
        if is_outdated(table, now):
            with self._lock.borrowed("saving what it has in memory") as mine:
                if mine:
                    table = write_snapshot(self._record.path.parent, table, now.head())
        return table

    # -- publishing

    def _is_due(self) -> bool:
        """Tell whether a search publishes first: at once what this process wrote, if that can be."""
        now = time.monotonic()
        if now < self._not_before and not (self._lock.held and now < self._late):
            return False
        with self._record.snapshot() as moment:
            return moment is not None and published(*moment).sequence < moment[1].sequence

    def publish_if_due(self) -> None:
        """Publish what this process wrote, unless that was done a moment ago."""
        if time.monotonic() >= self._not_before:
            self.publish()

    def publish(self) -> None:
        """Publish what this process wrote; failing at that harms nobody."""
        with self._turn:
            try:
                if self._lock.held and self._state_of() is not None:
                    self._publish()
            except FingerprintMismatch:
                pass  # `fihris upgrade` has put another version in the place of what was written
            except EngineError as error:
                # The write itself is safe and acknowledged; a search tries again and says so.
                log.warning("%s", error)

    def show(self) -> None:
        """Return when every process can find what was written. Raises EngineUnavailable."""
        deadline, state = time.monotonic() + _PATIENCE, self._state_of()
        if self._lock.held:
            with self._turn:
                self._publish()
            return
        while state is not None and (view := self.current()) is not None:
            if view.is_at(state):
                return
            if time.monotonic() > deadline:
                raise EngineUnavailable(
                    f"what {self._lock.holder()} wrote is not in the text index yet. Try again."
                )
            time.sleep(0.05)

    def rebuild(self) -> None:
        """Build the text index from nothing. Needs the writer's lock. Raises EngineUnavailable."""
        with self._turn:
            self._publish(anew=True)

    def _publish(self, *, anew: bool = False) -> None:
        """Publish what there is, if nobody else is writing. Raises EngineUnavailable."""
        started = time.monotonic()
        self._not_before = math.inf  # what is written meanwhile need not wait for the turn
        try:
            with self._lock.borrowed("bringing the text index up to date") as mine:
                if mine:
                    self._text = publish(self._record, self._segments, anew=anew) or self._text
        except EngineError:
            self._late = 0.0
            raise
        finally:
            ended = time.monotonic()
            self._not_before = ended + max(_PAUSE, _SHARE * (ended - started))

    def close(self) -> None:
        """Let go of everything; to be called when the engine is closed."""
        with self._turn:
            self.latest = self._text = None
