"""Checks that a record holds all that was acknowledged: its tokens against its head, and its log.

A record is told to be lost (`RecordLost`) where

- it does not know the commit that its head names, or that this process has seen: it is an
  older copy, another index's, or its write-ahead log was cut by damage;
- its file and its log are of different times, one having been copied without the other;
- there is none, beside a head (its own or the text index's), or after this process had it open.

Nothing is answered or made then. `fihris accept` goes on with an older record.
"""

from __future__ import annotations

import functools
import os
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from search.engines.embedded.connections import connect
from search.engines.embedded.state import Head, HeadFile, State, knows, read_state, write_head
from search.engines.embedded.storing import KEPT_COMMITS
from search.errors import RecordLost

HEAD = "head.json"
TEXT = "text"


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The commits known to have been acknowledged, besides by the record itself.

    `seen` is the last one this process read or wrote, `head` what the head file names. `text` is
    what the one beside the text index names, which is still there where the record's was lost or
    put back too.
    """

    seen: State | None
    head: Head | None
    text: Head | None


class Chain:
    """Checks an index's states as they are read. Any thread.

    Args:
        index: which one it must be; "" if any will do.
    """

    def __init__(self, index: str = "") -> None:
        self._head = HeadFile()
        self._text = HeadFile()
        self.index = index
        self.seen: State | None = None
        self._whole: object = None  # the file whose log was found to belong to it
        self._checked: object = None  # what was found right last

    def write_heads(self, folder: Path, state: State, *, durable: bool) -> None:
        """Let the heads name what this process has committed. Raises OSError."""
        self.seen = state
        path, beside_text = _heads(folder)
        write_head(path, state.head(), durable=durable)
        self._head.written(path, state.head())
        with suppress(OSError):  # it is one witness more
            beside_text.parent.mkdir(exist_ok=True)
            write_head(beside_text, state.head(), durable=False)

    def acknowledged(self, folder: Path) -> Acknowledged:
        """Return what was acknowledged; to be asked before the record is read.

        Asked after it, another thread's or process's commit since then would look like a loss.
        """
        head, text = _heads(folder)
        return Acknowledged(self.seen, self._head.read(head), self._text.read(text))

    def check(
        self,
        path: Path,
        connection: sqlite3.Connection | None,
        state: State | None,
        known: Acknowledged,
        identity: object,
    ) -> None:
        """Raise RecordLost unless the record holds all that was acknowledged.

        Args:
            path: of the record.
            identity: tells the record's file from others.
        """
        if connection is None or state is None:
            _check_absence(path, known)
            return
        checked = (known, state, identity)
        if checked == self._checked:
            return
        if self.index and state.index != self.index:
            raise _lost(path, "another index lies in its place")
        seen, head, text = known.seen, known.head, known.text
        # Another record is there after `accept`, unless it is the one before that. Who was idle,
        # and a text index, may be further behind than commits are kept; no head is.
        if seen is not None and state.record in (seen.record, *seen.accepted):
            _check_known(path, connection, state, seen.head(), may_be_forgotten=True)
        if head is not None:
            _check_known(path, connection, state, head)
        # Another record's text index beside a right head is built anew.
        if text is not None and (head is None or text.record == state.record):
            _check_known(path, connection, state, text, may_be_forgotten=True)
        if self._whole != identity:
            if not is_whole(path, connection):
                raise _lost(
                    path,
                    "the file and its log (record.sqlite-wal) are of different times: one was "
                    "copied or put back without the other",
                )
            self._whole = identity
        self.index, self.seen, self._checked = state.index, state, checked


@functools.lru_cache(maxsize=8)  # for every request: 5 us
def _heads(folder: Path) -> tuple[Path, Path]:
    """Return the head file of a record and that of its text index."""
    return folder / HEAD, folder / TEXT / HEAD


def _check_absence(path: Path, known: Acknowledged) -> None:
    if known.seen is not None:
        raise _lost(path, "it was open here and is gone (was its folder moved or unmounted?)")
    if (head := known.head or known.text) is not None:
        raise _lost(path, f"it is missing or empty, and held {_held(head)}")


def _check_known(
    path: Path,
    connection: sqlite3.Connection,
    state: State,
    head: Head,
    *,
    may_be_forgotten: bool = False,
) -> None:
    forgotten = head.sequence <= state.sequence - KEPT_COMMITS
    if may_be_forgotten and forgotten and head.record == state.record:
        return
    if head.token != state.token and not knows(connection, head):
        what = "an older copy, or its log was damaged"
        if head.record != state.record:
            what = "another index's, or of before `fihris accept`"
        raise _lost(
            path,
            f"it holds {_held(state.head())}, and does not know the last that was "
            f"acknowledged, {_held(head)}: it is {what}",
        )


def _lost(path: Path, why: str) -> RecordLost:
    return RecordLost(
        f"the record {path} is not what was written: {why}. Put the right files back; "
        "`fihris accept` goes on with an older record if there is one, and a new index is made "
        "in another folder or when this one is deleted."
    )


def _held(head: Head) -> str:
    return f"commit {head.sequence:,} ({head.articles:,} articles, {head.passages:,} passages)"


def log_of(path: Path) -> str:
    """Return what tells a record's write-ahead log from the one before; "" if there is none."""
    try:
        descriptor = os.open(f"{path}-wal", os.O_RDONLY)  # for every commit
        try:
            return os.pread(descriptor, 8, 16).hex()  # its salts: others after each checkpoint
        finally:
            os.close(descriptor)
    except OSError:
        return ""


def is_whole(path: Path, connection: sqlite3.Connection) -> bool:
    """Tell whether a record's file and its log belong together; `connection` is inside a read.

    All commits that the file alone lacks must stand in the log. Each names the log it found: for
    the first one in this log that may be another one, for those after it only this one.
    """
    for _ in range(5):
        log = log_of(path)
        if not log:
            return True  # all of it is in the file
        alone = _alone(path)
        if alone is None:  # from the first one that names this log on
            sql = "SELECT min(sequence) FROM commits WHERE log = ?"
            first = connection.execute(sql, (log,)).fetchone()[0]
        else:  # its own may be forgotten where the log has more commits than are kept
            sql = "SELECT coalesce(min(sequence), 0) FROM commits"
            oldest = connection.execute(sql).fetchone()[0]
            if oldest <= alone.sequence and not knows(connection, alone.head()):
                return False
            first = alone.sequence + 1
        sql = "SELECT count(*) FROM commits WHERE sequence > ? AND log != ?"
        others = connection.execute(sql, (first, log)).fetchone()[0]
        if log == log_of(path):  # else a writer began another one meanwhile
            return bool(others == 0)
    return True


def _alone(path: Path) -> State | None:
    """Return where the file stands without its log, None if it cannot be told.

    That is so while a checkpoint is under way or waits for a reader, and after one that was
    interrupted: the file's pages are of different times, and the log has all of them.
    """
    try:
        with closing(connect(path, "ro&immutable=1")) as connection:
            return read_state(connection)
    except Exception:
        return None
