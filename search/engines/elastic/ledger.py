"""The ledger: one small document that makes a batch of articles change at one moment.

Elasticsearch replaces single documents, and an article is many. So a writing of an article
is an *edition*: all its documents carry the edition's name, and the ledger lists the
editions that no search may show. A batch is written like this:

1. its new editions are listed as hidden, and the writer signs (`take`);
2. their documents are sent, again and again where that is needed;
3. the new editions are taken off the list and those they replace are put on it (`commit`):
   one write of one document, which is the acknowledgement and what every search obeys;
4. the documents of hidden editions are removed, some time.

Whatever dies in between, searches show each article whole, as it was acknowledged last; the
next writer removes what is left over. Each step compares and swaps: a revision is written
as the document's external version, which must be greater than the one that is there, so a
writer that was taken for dead cannot commit. Each version of the index counts from another
trillion, so that nothing meant for one is ever taken by the next behind the same alias.
"""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from search.engines.elastic.connection import (
    READ_PATIENCE,
    WRITE_PATIENCE,
    Connection,
    Refused,
    pauses,
)
from search.engines.elastic.mapping import HIDDEN, LEDGER_ID
from search.errors import EngineBusy, EngineUnavailable

LEASE = 60.0  # seconds a signature holds without being renewed
PATIENCE = 10.0  # seconds a writer waits for another one's batch
# Seconds an aborted edition stays listed: a writer that was only asleep may still send
# documents of it, though it cannot commit them.
GRACE = 600.0


@dataclass(frozen=True, slots=True)
class Signature:
    """Who is writing, until when (seconds since 1970). Clocks may differ by some seconds."""

    token: str
    purpose: str
    pid: int
    host: str
    since: str
    until: float

    def is_over(self) -> bool:
        """Tell whether its writer is surely gone."""
        return self.until < time.time() or (self.host == socket.gethostname() and _gone(self.pid))

    def shown(self) -> str:
        return f"process {self.pid} on {self.host}, {self.purpose} since {self.since}"


@dataclass(frozen=True, slots=True)
class Ledger:
    """The ledger as it was read. `aborted` has each edition with the time it was begun."""

    revision: int
    writer: Signature | None
    superseded: tuple[str, ...]
    aborted: tuple[tuple[str, float], ...]
    token: str = ""  # of the write that made this revision

    @property
    def hidden(self) -> list[str]:
        return [*self.superseded, *(edition for edition, _ in self.aborted)]

    def source(self) -> dict[str, Any]:
        writer = self.writer
        return {
            "kind": "ledger",
            HIDDEN: self.hidden,
            "ledger": {
                "revision": self.revision,
                "token": self.token,
                "writer": None
                if writer is None
                else {name: getattr(writer, name) for name in Signature.__slots__},
                "superseded": list(self.superseded),
                "aborted": [list(pair) for pair in self.aborted],
            },
        }

    def edition(self, number: int) -> str:
        """Return the name of the `number`th edition begun in this revision."""
        return f"{self.revision}.{number}"


class LedgerKeeper:
    """Reads and changes the ledger of the index behind an alias, for one writer at a time."""

    def __init__(self, connection: Connection, alias: str) -> None:
        self._connection = connection
        self._alias = alias
        self._token = uuid.uuid4().hex

    def read(self, patience: float | None = None) -> Ledger:
        """Return the ledger as it stands: not what the last refresh showed.

        Raises:
            EngineUnavailable: the index is there, its ledger is not.
        """
        found = self._found(patience)
        if found is None and self._is_empty(patience):
            self._begin(patience)  # its maker died between the index and its ledger
            found = self._found(patience)
        if found is None:
            raise EngineUnavailable(
                f"the index behind the alias {self._alias!r} has lost its ledger, so nothing can "
                "be written to it safely. Restore it from a snapshot, or delete it and index your "
                "files again."
            )
        return found

    def _found(self, patience: float | None) -> Ledger | None:
        try:
            found = self._connection.call(
                lambda client: client.get(index=self._alias, id=LEDGER_ID),
                WRITE_PATIENCE if patience is None else patience,
            )
        except Refused as error:
            if error.status != 404 or error.kind == "index_not_found_exception":
                raise
            return None
        return _ledger(found["_source"]["ledger"])

    def _is_empty(self, patience: float | None) -> bool:
        """Tell whether the index holds no document at all, shown or not."""
        allowed = WRITE_PATIENCE if patience is None else patience
        refreshed = self._connection.call(
            lambda client: client.indices.refresh(index=self._alias), allowed
        )
        counted = self._connection.call(lambda client: client.count(index=self._alias), allowed)
        failed = refreshed["_shards"]["failed"] or counted["_shards"]["failed"]
        return not failed and not counted["count"]

    def _begin(self, patience: float | None) -> None:
        behind = self._connection.call(
            lambda client: client.indices.get_alias(name=self._alias),
            WRITE_PATIENCE if patience is None else patience,
        )
        (index,) = behind.body
        write_first_ledger(self._connection, index, int(index.rpartition("-")[2]))

    def take(self, purpose: str, editions: int) -> tuple[Ledger, Ledger]:
        """Sign, and list new editions as hidden; return the ledger before and after.

        Raises:
            EngineBusy: another writer kept at it for `PATIENCE` seconds.
        """
        end = time.monotonic() + PATIENCE
        for pause in pauses():
            before = self.read()
            writer = before.writer
            if writer is None or writer.token == self._token or writer.is_over():
                begun = [(f"{before.revision + 1}.{n}", time.time()) for n in range(editions)]
                after = self._swap(
                    before, writer=self._sign(purpose), aborted=(*before.aborted, *begun)
                )
                if after is not None:
                    return before, after
            elif time.monotonic() + pause > end:
                raise EngineBusy(
                    f"another writer is at work in {self._alias!r} of Elasticsearch at "
                    f"{self._connection.name}: {writer.shown()}. Wait until it is done, or stop "
                    "it, and try again."
                )
            time.sleep(min(pause, 0.5))
        raise AssertionError("pauses never end")

    def keep(self, ledger: Ledger) -> Ledger:
        """Renew the signature where it is half over; return the ledger to go on with."""
        writer = ledger.writer
        if writer is None or writer.until - time.time() > LEASE / 2:
            return ledger
        return self._still_mine(ledger, writer=replace(writer, until=time.time() + LEASE))

    def commit(
        self,
        ledger: Ledger,
        shown: Iterable[str],
        superseded: Iterable[str],
        gone: frozenset[str],
    ) -> Ledger:
        """Show new editions, hide those they supersede, and sign off, at one moment.

        Args:
            gone: editions of which no document is left, which need not be listed any more.

        Raises:
            EngineBusy: another writer took this one for dead; nothing was changed.
        """
        listed_no_more, late = frozenset(shown), time.time() - GRACE
        return self._still_mine(
            ledger,
            writer=None,
            superseded=(*(e for e in ledger.superseded if e not in gone), *superseded),
            aborted=tuple(
                (edition, begun)
                for edition, begun in ledger.aborted
                if edition not in listed_no_more and not (edition in gone and begun < late)
            ),
        )

    def release(self, ledger: Ledger) -> None:
        """Sign off without showing anything; harmless where another has signed meanwhile."""
        # The alias may stand for another index by now, whose ledger has numbers like ours.
        if self.read(READ_PATIENCE).token == ledger.token:
            self._swap(ledger, READ_PATIENCE, writer=None)

    def _sign(self, purpose: str) -> Signature:
        return Signature(
            token=self._token,
            purpose=purpose,
            pid=os.getpid(),
            host=socket.gethostname(),
            since=datetime.now(UTC).isoformat(timespec="seconds"),
            until=time.time() + LEASE,
        )

    def _still_mine(self, ledger: Ledger, **changes: Any) -> Ledger:  # noqa: ANN401  # fields of Ledger
        after = self._swap(ledger, **changes)
        if after is None:
            raise EngineBusy(
                f"another writer took over {self._alias!r} of Elasticsearch at "
                f"{self._connection.name}, because this one was silent for {LEASE:.0f} s. What "
                "was not acknowledged was not stored; try again."
            )
        return after

    def _swap(
        self,
        before: Ledger,
        patience: float | None = None,
        **changes: Any,  # noqa: ANN401
    ) -> Ledger | None:
        """Write the next revision, unless somebody did since `before`: None then."""
        after = replace(before, **changes, revision=before.revision + 1, token=uuid.uuid4().hex)
        try:
            self._connection.call(
                lambda client: client.index(
                    index=self._alias,
                    id=LEDGER_ID,
                    document=after.source(),
                    version=after.revision,
                    version_type="external",
                    require_alias=True,
                ),
                WRITE_PATIENCE if patience is None else patience,
            )
        except Refused as error:
            if error.status != 409:
                raise
            now = self.read()  # our own write whose answer was lost looks like another's
            return now if now.token == after.token else None
        return after


def first_ledger(version: int) -> Ledger:
    """Return the ledger of an index's new version, of which there is nothing to hide."""
    return Ledger(revision=version * 10**12, writer=None, superseded=(), aborted=())


def write_first_ledger(connection: Connection, index: str, version: int) -> None:
    """Give an index its ledger; one that is there stays."""
    first = first_ledger(version)
    try:
        connection.call(
            lambda client: client.index(
                index=index,
                id=LEDGER_ID,
                document=first.source(),
                version=first.revision,
                version_type="external",
            ),
            WRITE_PATIENCE,
        )
    except Refused as error:
        if error.status != 409:
            raise


def _ledger(source: Mapping[str, Any]) -> Ledger:
    writer = source["writer"]
    return Ledger(
        revision=int(source["revision"]),
        writer=None if writer is None else Signature(**writer),
        superseded=tuple(source["superseded"]),
        aborted=tuple((str(edition), float(begun)) for edition, begun in source["aborted"]),
        token=str(source["token"]),
    )


def _gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:  # it is there and somebody else's
        return False
    return False
