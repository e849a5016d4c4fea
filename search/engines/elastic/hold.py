"""Blocks writes to a version of the index while `reindex` makes its last pass over it.

It is Elasticsearch's write block, and one document says which process set it and why. Writers
that meet the block wait, then go on in the version that the alias points to by then. A block
whose process was killed on this host is removed by the next writer.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from search.engines.elastic import versions
from search.engines.elastic.connection import (
    MISSING,
    WRITE_PATIENCE,
    Blocked,
    Connection,
    Refused,
    pauses,
)
from search.engines.elastic.index import Index
from search.engines.elastic.versions import Version
from search.errors import EngineBusy, EngineError

log = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE = 10.0  # seconds that a writer waits for the block to be removed
_HOLD = "hold"  # the document's id


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that set the block, and why."""

    purpose: str
    pid: int
    host: str
    since: str

    def is_gone(self) -> bool:
        """Tell whether the process is known to have ended."""
        if self.host != socket.gethostname():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:  # it is another user's
            return False
        return False


class StartOver(Exception):
    """The work cannot be completed: the alias has moved, or `clean` has abandoned its editions."""


def in_current_version(index: Index, work: Callable[[Version], T]) -> T:
    """Return what `work` returns for the version behind the alias; follow the alias if it moves.

    Args:
        work: called again where it raises `StartOver`, or after a block of `held`.

    Raises:
        EngineBusy: the version is held for longer than a writer waits, or the work had to
            start over for `WRITE_PATIENCE` seconds.
        EngineUnavailable: the version was deleted, or blocked by something else than `held`.
    """
    begun, seen_without_holder = time.monotonic(), False
    for pause in pauses():
        spent = time.monotonic() - begun + pause
        version = index.opened()
        if version is None:
            raise index.gone()
        try:
            return work(version)
        except StartOver as error:
            if spent > WRITE_PATIENCE:
                raise EngineBusy(f"{error} Try again.") from None
        except Refused as error:
            if error.kind != MISSING:
                raise
            if index.check() in (version, None):
                raise index.gone() from error
        except Blocked:
            if index.check() != version:
                continue
            holder = _holder(index.connection, version)
            if holder is None and seen_without_holder:  # the block is not one of `held`
                raise
            seen_without_holder = holder is None  # or it was removed just now: try once more
            if holder is not None and holder.is_gone():
                _release(index.connection, version)
            elif holder is not None and spent > PATIENCE:
                raise EngineBusy(
                    f"the index {version.index} of Elasticsearch at {index.name} is held by "
                    f"process {holder.pid} on {holder.host}, {holder.purpose} since "
                    f"{holder.since}. Wait until it is done and try again; where that process is "
                    "gone, run the same command once more."
                ) from None
        time.sleep(min(pause, 0.5))
    raise AssertionError("pauses never end")


@contextmanager
def held(index: Index, purpose: str) -> Iterator[None]:
    """Block writes to the version behind the alias; requests in progress end first.

    Raises:
        EngineBusy: another process holds it for `PATIENCE` seconds.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    mine = Holder(purpose, os.getpid(), socket.gethostname(), now)
    connection = index.connection
    version = in_current_version(index, partial(_store_holder, connection, mine))
    try:
        versions.block(connection, version.index)
        yield
    finally:
        try:
            # A version that was replaced meanwhile stays blocked: nothing may be written to it.
            if versions.current_name(connection, index.alias) == version.index:
                _release(connection, version)
        except EngineError as error:
            log.warning("the next writer will remove the block of %s: %s", version.index, error)


def _store_holder(connection: Connection, mine: Holder, version: Version) -> Version:
    """Store the holder's document in a version. Raises Blocked where another process holds it."""
    document = {"kind": "hold", "state": asdict(mine)}
    try:
        connection.call(
            lambda client: client.create(
                index=version.target, id=_HOLD, document=document, require_alias=True
            ),
            WRITE_PATIENCE,
        )
    except Refused as error:
        if error.status != 409:
            raise
        if _holder(connection, version) != mine:  # ours is there where only the answer was lost
            raise Blocked("another process holds the index") from error
    return version


def _holder(connection: Connection, version: Version) -> Holder | None:
    """Return who holds a version, None where no process does."""
    found = connection.call(
        lambda client: client.options(ignore_status=404).get(index=version.index, id=_HOLD)
    )
    return Holder(**found["_source"]["state"]) if "_source" in found else None


def _release(connection: Connection, version: Version) -> None:
    """Remove the block, then the holder's document."""
    versions.unblock(connection, version.index)
    connection.call(
        lambda client: client.options(ignore_status=404).delete(index=version.target, id=_HOLD),
        WRITE_PATIENCE,
    )
