"""What searches work on, and when it follows the record.

A view is of one moment and replaced when the record has moved on. The text index follows
when this process searches what it wrote, when somebody asks (`show`), when its writer rests,
and else after a write, or now and then by the thread of the writer's lock while they come fast.
"""

from __future__ import annotations

import logging
import math
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from search.engines.embedded.changes import State, read_removals
from search.engines.embedded.derived import OpenText, TextFollower
from search.engines.embedded.locking import WriterLock
from search.engines.embedded.record import Record
from search.engines.embedded.snapshot import is_outdated, read_snapshot, write_snapshot
from search.engines.embedded.vectors import PassageTable, check_ids, follow, no_passages
from search.errors import EngineError, EngineUnavailable

log = logging.getLogger(__name__)

_SHARE = 5  # publishing takes a sixth of a busy writer's time at most
_PAUSE = 2.0  # seconds between two publications nobody waits for: larger segments, faster search
_MOMENT = 1.0  # seconds a search waits for a thread that makes the next view
_FIRST = 2.0  # seconds a first search waits for another process's first text index
_PATIENCE = 10.0  # seconds in which another process shows what it wrote


@dataclass(frozen=True, slots=True)
class View:
    """What one search works on.

    `text` may be behind `table` while another process writes; `hidden` are the
    keys of articles that went in between, so that none of them is counted. `behind`: it
    lacks passages and cannot have them now, or has lacked them for long.
    """

    table: PassageTable
    text: OpenText
    hidden: tuple[int, ...]
    behind: bool = False


class Views:
    """Gives the newest view there can be, and publishes the text index. Any thread.

    Args:
        folder_of: says which folder the record is in.
        state_of: where the record stands; raises in an engine that is closed.

    Attributes:
        latest: the last view that was given.
    """

    def __init__(
        self,
        folder_of: Callable[[], Path],
        record: Record,
        lock: WriterLock,
        dimensions: int,
        state_of: Callable[[], State | None],
    ) -> None:
        self._record = record
        self._text = TextFollower(folder_of, record)
        self._lock = lock
        self._dimensions = dimensions
        self._state_of = state_of
        self._turn = threading.Lock()  # of whoever changes what follows
        self.latest: View | None = None
        self._failed = False  # the last publication, for want of room or a permission
        self._not_before = 0.0  # the next publication that nobody waits for
        self._lacking = 0.0  # since when the text index lacks passages; 0: it does not
        self._waiting = False  # something written for its publication

    # -- reading

    def current(self) -> View | None:
        """Return the newest view; None while there is no index. Raises EngineUnavailable."""
        state = self._state_of()
        if state is None:
            return None
        view = self.latest
        if view is not None and _is_at(view, state):
            return view
        # A writer's own searches see its writes, so they wait for a thread that is at it; others
        # do so for a moment, and then go on with what they have.
        waits = view is None or view.table.record != state.record or self._lock.held
        if not self._turn.acquire(timeout=-1 if waits else _MOMENT):
            return view
        try:
            return self._renewed()
        finally:
            self._turn.release()

    def _renewed(self) -> View | None:
        state = self._state_of()
        if state is None:
            return None
        if self.latest is not None and _is_at(self.latest, state):
            return self.latest  # by the thread before
        table = None if self.latest is None else self.latest.table
        if table is None or table.record != state.record:
            # While the text index's files are read: at 800,000 passages a third of the opening.
            with ThreadPoolExecutor(1) as beside:
                loaded = beside.submit(self._load)
                text = self._followed(state)
                table = loaded.result()
        else:
            text = self._followed(state)
        # Text first: the table is then never behind it, and knows every passage it names.
        with self._record.snapshot() as moment:
            if moment is None:
                return None
            connection, now = moment
            table = self._table_at(table, connection, now)
            hidden = read_removals(connection, text.manifest.sequence)
        lacks = text.manifest.last < now.last
        self._lacking = (self._lacking or time.monotonic()) if lacks else 0.0
        behind = lacks and (self._failed or time.monotonic() - self._lacking > _PATIENCE)
        self.latest = View(table, text, tuple(key for key, _, _ in hidden), behind)
        return self.latest

    def _load(self) -> PassageTable | None:
        with self._record.snapshot() as moment:
            return None if moment is None else self._table_at(None, *moment)

    def _table_at(
        self, table: PassageTable | None, connection: sqlite3.Connection, now: State
    ) -> PassageTable:
        """Return the table of what the record holds now, made of an earlier one if that can be."""
        first = table is None or table.record != now.record
        if table is None or first:
            table = read_snapshot(self._record.path.parent, connection, now.record)
        if table is None or table.sequence < now.horizon:
            table = no_passages(now.record, self._dimensions)
        if table.sequence != now.sequence:
            removals = read_removals(connection, table.sequence) if table.ids else []
            table = follow(table, connection, now, [key for key, _, _ in removals])
        if first:
            check_ids(connection, table.ids)
        if is_outdated(table, now):
            with self._lock.borrowed("saving what it has in memory") as mine:
                if mine:
                    table = write_snapshot(self._record.path.parent, table, now.head())
        return table

    def _followed(self, state: State) -> OpenText:
        """Return the text index at `state`, or the newest one if another process is writing.

        Raises:
            EngineUnavailable: there is none, and none can be made now.
        """
        deadline = time.monotonic() + _FIRST
        while True:
            damage = self._text.open_published(state)
            text = self._text.opened
            if text is not None and text.manifest.sequence >= state.sequence:
                return text
            own = self._lock.held and not self._failed
            if text is None or own or time.monotonic() >= self._not_before:
                try:
                    self._publish()
                except EngineUnavailable as error:
                    if text is None:
                        raise
                    log.warning("searching what the text index had before: %s", error)
            if self._text.opened is not None:
                return self._text.opened
            if time.monotonic() > deadline:
                writing = f"another process is writing: {self._lock.holder()}"
                why = writing if self._lock.can_write() else "the folder cannot be written to"
                raise EngineUnavailable(
                    f"the text index of {self._record.path} must be built ({damage}), and {why}. "
                    "Try again when that is mended or done."
                )
            time.sleep(0.05)

    # -- publishing

    def wrote(self) -> None:
        """Let other processes see what was written: now, or when that is due."""
        self._waiting = True
        self.publish_if_due()

    def publish_if_due(self) -> None:
        """Publish what was written, unless it was done a moment ago; to be called now and then."""
        if self._waiting and time.monotonic() >= self._not_before:
            self.publish()

    def publish(self) -> None:
        """Publish what this process wrote; failing at that harms nobody."""
        with self._turn:
            if not self._lock.held:
                return
            try:
                self._publish()
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
            if _is_at(view, state):
                return
            if time.monotonic() > deadline:
                raise EngineUnavailable(
                    f"what {self._lock.holder()} wrote is not in the text index yet. Try again."
                )
            time.sleep(0.05)

    def _publish(self) -> None:
        """Publish what there is, if nobody else is writing. Raises EngineUnavailable."""
        started, self._waiting = time.monotonic(), False
        self._not_before = math.inf  # what is written meanwhile need not wait for the turn
        with self._lock.borrowed("bringing the text index up to date") as mine:
            try:
                if mine:
                    self._failed = True
                    self._text.publish()
                    self._failed = False
            finally:
                ended = time.monotonic()
                self._not_before = ended + max(_PAUSE, _SHARE * (ended - started))

    def close(self) -> None:
        """Let go of everything; to be called when the engine is closed."""
        with self._turn:
            self.latest = self._text.opened = None


def _is_at(view: View, state: State) -> bool:
    return (
        view.table.record == state.record
        and view.table.sequence >= state.sequence
        and view.text.manifest.sequence >= state.sequence
    )
