"""Keeping writers out of a version while the last differences are copied to the next one.

A write block of Elasticsearch keeps them out, and one document says who set it and why.
Writers that meet it wait, and go on with whatever version the alias stands for then. A block
whose setter was killed on this host is lifted by the next writer.
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
from typing import TypeVar

from search.engines.elastic import versions
from search.engines.elastic.asking import Index
from search.engines.elastic.connection import (
    WRITE_PATIENCE,
    Blocked,
    Connection,
    Refused,
    pauses,
)
from search.errors import EngineBusy, EngineError

log = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE = 10.0  # seconds a writer waits for who holds the index
_HOLD = "hold"  # the document's id


@dataclass(frozen=True, slots=True)
class Holder:
    """Who keeps writers out, and why."""

    purpose: str
    pid: int
    host: str
    since: str

    def is_gone(self) -> bool:
        """Tell whether its process is surely not there any more."""
        if self.host != socket.gethostname():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:  # it is there and somebody else's
            return False
        return False


def busy(connection: Connection, index: str, holder: Holder) -> EngineBusy:
    return EngineBusy(
        f"the index {index} of Elasticsearch at {connection.name} is held by process "
        f"{holder.pid} on {holder.host}, {holder.purpose} since {holder.since}. Wait until it is "
        "done and try again; where that process is gone, run the same command once more."
    )


@contextmanager
def held(
    connection: Connection, version: versions.Version, alias: str, purpose: str
) -> Iterator[None]:
    """Keep writers out of a version; those at work end first.

    Raises:
        EngineBusy: somebody else holds it for `PATIENCE` seconds.
    """
    _sign(connection, version, purpose)
    try:
        connection.call(
            lambda client: client.options(request_timeout=WRITE_PATIENCE).indices.add_block(
                index=version.index, block="write"
            ),
            WRITE_PATIENCE,
        )
        yield
    finally:
        try:
            # A version that another has replaced stays as it is: nothing may be written to it.
            if versions.current_name(connection, alias) == version.index:
                release(connection, version)
        except EngineError as error:
            log.warning("the next writer lifts the block of %s: %s", version.index, error)


class Moved(Exception):
    """The alias stands for another version than what was begun in."""


def steadily(index: Index, work: Callable[[versions.Version], T]) -> T:
    """Return what is done in the version behind the alias, whichever that is in the end.

    Args:
        work: begun anew where another version took that one's place meanwhile.

    Raises:
        EngineBusy: the version is held for longer than a writer waits.
        EngineUnavailable: it was deleted, or somebody has blocked it.
    """
    end, unheld = time.monotonic() + PATIENCE, False
    for pause in pauses():
        version = index.opened()
        if version is None:
            raise index.gone()
        try:
            return work(version)
        except Moved:
            continue
        except Refused as error:
            if error.kind != "index_not_found_exception":
                raise
            if index.check() in (version, None):
                raise index.gone() from error
            continue
        except Blocked:
            if index.check() != version:
                continue
            holder = holder_of(index.connection, version)
            if holder is None and unheld:  # somebody has blocked it by hand
                raise
            unheld = holder is None  # or it was given back just now
            if holder is None:
                continue
            if holder.is_gone():
                release(index.connection, version)
            elif time.monotonic() + pause > end:
                raise busy(index.connection, version.index, holder) from None
        time.sleep(min(pause, 0.5))
    raise AssertionError("pauses never end")


def holder_of(connection: Connection, version: versions.Version) -> Holder | None:
    """Return who holds a version, None where nobody says so."""
    try:
        found = connection.call(lambda client: client.get(index=version.index, id=_HOLD))
    except Refused as error:
        if error.status != 404:
            raise
        return None
    return Holder(**found["_source"]["state"])


def release(connection: Connection, version: versions.Version) -> None:
    """Let writers in again."""
    lifted = {"index.blocks.write": None}
    connection.call(
        lambda client: client.indices.put_settings(index=version.index, settings=lifted),
        WRITE_PATIENCE,
    )
    try:
        connection.call(
            lambda client: client.delete(index=version.target, id=_HOLD), WRITE_PATIENCE
        )
    except Refused as error:
        if error.status != 404:
            raise


def _sign(connection: Connection, version: versions.Version, purpose: str) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    mine = Holder(purpose, os.getpid(), socket.gethostname(), now)
    end, unheld = time.monotonic() + PATIENCE, False
    for pause in pauses():
        try:
            _create(connection, version, mine)
        except Blocked:
            holder = holder_of(connection, version)
            if holder is None and unheld:  # somebody has blocked it by hand
                raise
            unheld = holder is None  # or it was given back just now
        except Refused as error:
            if error.status != 409:
                raise
            holder = holder_of(connection, version)
        else:
            return
        if holder == mine:  # our own, whose answer was lost
            return
        if holder is not None and holder.is_gone():
            release(connection, version)
        elif holder is not None and time.monotonic() + pause > end:
            raise busy(connection, version.index, holder)
        time.sleep(min(pause, 0.5))


def _create(connection: Connection, version: versions.Version, holder: Holder) -> None:
    connection.call(
        lambda client: client.create(
            index=version.target,
            id=_HOLD,
            document={"kind": "hold", "state": asdict(holder)},
            require_alias=True,
        ),
        WRITE_PATIENCE,
    )
