"""Documents to Elasticsearch in bulk: what passes by itself is sent again, the rest is told.

Every operation names its document and which state or version of it it replaces, so that
sending it twice does no more than once: that makes it safe to repeat after a lost answer.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from search.engines.elastic.connection import (
    BLOCK,
    MISSING,
    WRITE_PATIENCE,
    Connection,
    Refused,
    is_transient,
    one_line,
    pauses,
)
from search.engines.elastic.documents import key_of
from search.engines.elastic.state import State
from search.errors import EngineUnavailable

MOST_BYTES = 5_000_000  # of one request; a document that is larger is one of its own
MOST_OPERATIONS = 1_000
_REQUEST_TIMEOUT = 30.0  # seconds

# A passage's versions. A request that was cut off may arrive late: what was removed keeps its
# version for a minute (index.gc_deletes) and refuses it; a `void` refuses it for good.
WRITTEN, VOID, REMOVED = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Operation:
    """One document to store or remove, as lines of a bulk request, and which article it is of."""

    article: str
    lines: tuple[bytes, ...]

    @property
    def size(self) -> int:
        return sum(map(len, self.lines))


@dataclass(frozen=True, slots=True)
class Item:
    """What became of an operation: done, met another state (`conflict`), or failed for good."""

    article: str
    error: str = ""
    conflict: bool = False
    place: tuple[int, int] = (0, 0)  # _seq_no, _primary_term of what was written


def storing(article: str, id: str, source: dict[str, Any], version: int = WRITTEN) -> Operation:
    return _operation("index", article, id, source, version=version, version_type="external_gte")


def removing(article: str, id: str) -> Operation:
    return _operation("delete", article, id, version=REMOVED, version_type="external_gte")


def swapping(state: State) -> Operation:
    """Return what makes a state an article's own document, unless another one did since."""
    article, own = state.article_id, key_of(state.article_id)
    if state.place is None:
        return _operation("create", article, own, state.source())
    seq_no, term = state.place
    if state.is_nothing:
        return _operation("delete", article, own, if_seq_no=seq_no, if_primary_term=term)
    source = state.source()
    return _operation("index", article, own, source, if_seq_no=seq_no, if_primary_term=term)


def _operation(
    name: str, article: str, id: str, source: dict[str, Any] | None = None, **more: object
) -> Operation:
    action = orjson.dumps({name: {"_id": id, "routing": key_of(article), **more}})
    return Operation(article, (action,) if source is None else (action, orjson.dumps(source)))


def send(connection: Connection, target: str, operations: Iterable[Operation]) -> list[Item]:
    """Send every operation; return what became of each, in any order.

    Args:
        target: an alias: nothing is made where there is none.

    Raises:
        Blocked: the disks are full or the index takes no writes.
        EngineUnavailable: the cluster took nothing for `WRITE_PATIENCE` seconds.
        Refused: there is no such alias.
    """
    return [item for chunk in _chunks(operations) for item in _send(connection, target, chunk)]


def _chunks(operations: Iterable[Operation]) -> Iterator[list[Operation]]:
    chunk: list[Operation] = []
    size = 0
    for operation in operations:
        if chunk and (size + operation.size > MOST_BYTES or len(chunk) == MOST_OPERATIONS):
            yield chunk
            chunk, size = [], 0
        chunk.append(operation)
        size += operation.size
    if chunk:
        yield chunk


def _send(connection: Connection, target: str, left: list[Operation]) -> list[Item]:
    items: list[Item] = []
    end = time.monotonic() + WRITE_PATIENCE
    for pause in pauses():
        try:
            answers = _request(connection, target, left)
        except Refused as error:
            if error.kind == MISSING:
                raise
            return items + _apart(connection, target, left, error)
        told = [
            _item(connection, operation.article, answer)
            for operation, answer in zip(left, answers, strict=True)
        ]
        items += filter(None, told)
        left = [operation for operation, item in zip(left, told, strict=True) if item is None]
        if not left:
            return items
        if time.monotonic() + pause > end:
            reason = one_line(str(answers[told.index(None)].get("error")))
            raise EngineUnavailable(
                f"Elasticsearch at {connection.name} went on refusing documents for "
                f"{WRITE_PATIENCE:.0f} s ({reason}). What was acknowledged is safe; try again."
            )
        time.sleep(pause)
    raise AssertionError("pauses never end")


def _apart(
    connection: Connection, target: str, chunk: list[Operation], error: Refused
) -> list[Item]:
    """Send each half of a request that was refused as a whole by itself."""
    if len(chunk) == 1:
        return [Item(chunk[0].article, str(error))]
    middle = len(chunk) // 2
    halves = chunk[:middle], chunk[middle:]
    return [item for half in halves for item in _send(connection, target, half)]


def _request(connection: Connection, target: str, chunk: list[Operation]) -> list[dict[str, Any]]:
    lines = [line for operation in chunk for line in operation.lines]
    answer = connection.call(
        lambda client: client.options(request_timeout=_REQUEST_TIMEOUT).bulk(
            index=target,
            operations=lines,  # type: ignore[arg-type]  # ready lines are taken as they are
            require_alias=True,
        ),
        WRITE_PATIENCE,
    )
    return [next(iter(item.values())) for item in answer["items"]]


def _item(connection: Connection, article: str, answer: dict[str, Any]) -> Item | None:
    """Return what became of an operation, None where it is worth another try."""
    status = int(answer["status"])
    error = answer.get("error")
    if error is None:  # 404: what was to be removed is not there
        return Item(article, place=(answer["_seq_no"], answer["_primary_term"]))
    kind, reason = str(error.get("type")), one_line(str(error.get("reason")))
    if kind == "version_conflict_engine_exception":
        return Item(article, conflict=True)
    if kind in (BLOCK, MISSING, "security_exception"):
        raise connection.told(status, kind, reason)
    if is_transient(status, kind):
        return None
    cause = error.get("caused_by") or {}
    detail = f": {one_line(str(cause['reason']))}" if cause.get("reason") else ""
    return Item(article, f"Elasticsearch does not take it ({kind}: {reason}{detail})")
