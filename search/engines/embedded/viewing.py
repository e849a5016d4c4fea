"""What searches work on: a view of one moment, replaced when the record has moved on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from search.engines.embedded.changes import State, read_removals
from search.engines.embedded.derived import OpenText, TextFollower
from search.engines.embedded.locking import WriterLock
from search.engines.embedded.record import Record
from search.engines.embedded.vectors import PassageTable, follow, no_passages

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
    """Gives the newest view there can be. May be asked from many threads.

    Args:
        following: held by whoever changes the text follower, or the view that is made of it.
        state_of: where the record stands; raises in an engine that is closed.

    Attributes:
        latest: the last one that was given.
    """

    def __init__(
        self,
        record: Record,
        text: TextFollower,
        lock: WriterLock,
        following: threading.RLock,
        dimensions: int,
        state_of: Callable[[], State | None],
    ) -> None:
        self._record = record
        self._text = text
        self._lock = lock
        self._following = following
        self._dimensions = dimensions
        self._state_of = state_of
        self.latest: View | None = None
        self._lacking = 0.0  # since when the text index lacks passages; 0: it does not

    def current(self) -> View | None:
        state = self._state_of()
        if state is None:
            return None
        view = self.latest
        if view is not None and _is_at(view, state):
            return view
        # A writer's own searches see its writes, so they wait; others may go on with what
        # they have while one thread brings it up to date, unless something newer was shown.
        wait = view is None or view.table.record != state.record or self._lock.held
        if not self._following.acquire(blocking=wait):
            published = self._text.published()
            if view is not None and (
                published is None or published.sequence <= view.text.manifest.sequence
            ):
                return view
            self._following.acquire()
        try:
            return self._follow(state)
        finally:
            self._following.release()

    def _follow(self, state: State) -> View | None:
        self._state_of()  # it may have been closed meanwhile
        # Text first: the table is then never behind it, and knows every passage it names.
        text = self._text.follow(state)
        with self._record.snapshot() as moment:
            if moment is None:
                return None
            connection, now = moment
            table = self.latest.table if self.latest is not None else None
            if table is None or table.record != now.record or table.sequence < now.horizon:
                table = no_passages(now.record, self._dimensions)
            if table.sequence != now.sequence:
                removals = read_removals(connection, table.sequence) if table.ids else []
                table = follow(table, connection, now, [key for key, _, _ in removals])
            hidden = read_removals(connection, text.manifest.sequence)
        behind = self._is_behind(text.manifest.last < now.last)
        self.latest = View(table, text, tuple(key for key, _, _ in hidden), behind)
        return self.latest

    def _is_behind(self, lacking: bool) -> bool:
        now = time.monotonic()
        self._lacking = (self._lacking or now) if lacking else 0.0
        return lacking and (self._text.failed or now - self._lacking > _PATIENCE)


def _is_at(view: View, state: State) -> bool:
    return (
        view.table.record == state.record
        and view.table.sequence >= state.sequence
        and view.text.manifest.sequence >= state.sequence
    )
