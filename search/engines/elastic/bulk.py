"""Documents to Elasticsearch in bulk: what passes by itself is sent again, the rest is told.

Every operation names its document and which state or version of it it replaces, so that
sending it twice does no more than once: that makes it safe to repeat after a lost answer.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from search.engines.elastic.connection import (
    WRITE_PATIENCE,
    Blocked,
    Connection,
    Refused,
    blocked,
    forbidden,
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
    """One document to store or remove. `article` says which article it is of."""

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
    action = {"_id": id, "routing": key_of(article), **_version(version)}
    return Operation(article, (orjson.dumps({"index": action}), orjson.dumps(source)))


def removing(article: str, id: str) -> Operation:
    action = {"_id": id, "routing": key_of(article), **_version(REMOVED)}
    return Operation(article, (orjson.dumps({"delete": action}),))


def _version(version: int) -> dict[str, Any]:
    return {"version": version, "version_type": "external_gte"}


def swapping(state: State) -> Operation:
    """Return what makes a state an article's own document, unless another one did since."""
    key = key_of(state.article_id)
    action: dict[str, Any] = {"_id": key, "routing": key}
    if state.place is None:
        return Operation(
            state.article_id, (orjson.dumps({"create": action}), orjson.dumps(state.source()))
        )
    action["if_seq_no"], action["if_primary_term"] = state.place
    if state.is_nothing:
        return Operation(state.article_id, (orjson.dumps({"delete": action}),))
    return Operation(
        state.article_id, (orjson.dumps({"index": action}), orjson.dumps(state.source()))
    )


def send(connection: Connection, target: str, operations: Iterable[Operation]) -> list[Item]:
    """Send every operation; return what became of each, in order.

    Args:
        target: an alias: nothing is made where there is none.

    Raises:
        Blocked: the disks are full or the index takes no writes.
        EngineUnavailable: the cluster took nothing for `WRITE_PATIENCE` seconds.
        Refused: there is no such alias.
    """
    items: list[Item] = []
    for chunk in _chunks(operations):
        items += _send(connection, target, chunk)
    return items


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


def _send(connection: Connection, target: str, chunk: Sequence[Operation]) -> list[Item]:
    told: dict[int, Item] = {}
    left = list(range(len(chunk)))
    end = time.monotonic() + WRITE_PATIENCE
    for pause in pauses():
        try:
            answers = _request(connection, target, [chunk[n] for n in left])
        except Refused as error:
            if error.kind == "index_not_found_exception":
                raise
            told |= _apart(connection, target, chunk, left, error)
            break
        again = []
        for number, answer in zip(left, answers, strict=True):
            item = _item(connection, chunk[number].article, answer)
            if item is None:
                again.append(number)
            else:
                told[number] = item
        if not again:
            break
        if time.monotonic() + pause > end:
            reason = one_line(str(answers[left.index(again[0])].get("error")))
            raise EngineUnavailable(
                f"Elasticsearch at {connection.name} went on refusing documents for "
                f"{WRITE_PATIENCE:.0f} s ({reason}). What was acknowledged is safe; try again."
            )
        left = again
        time.sleep(pause)
    return [told[number] for number in range(len(chunk))]


def _request(
    connection: Connection, target: str, chunk: Sequence[Operation]
) -> list[dict[str, Any]]:
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


def _apart(
    connection: Connection,
    target: str,
    chunk: Sequence[Operation],
    left: Sequence[int],
    error: Refused,
) -> dict[int, Item]:
    """Send each article of a request that was refused as a whole by itself."""
    articles = dict.fromkeys(chunk[number].article for number in left)
    if len(articles) == 1:
        return {number: Item(chunk[number].article, str(error)) for number in left}
    told: dict[int, Item] = {}
    for article in articles:
        own = [number for number in left if chunk[number].article == article]
        items = _send(connection, target, [chunk[number] for number in own])
        told |= zip(own, items, strict=True)
    return told


def _item(connection: Connection, article: str, answer: dict[str, Any]) -> Item | None:
    """Return what became of an operation, None where it is worth another try."""
    status = int(answer["status"])
    error = answer.get("error")
    if error is None:  # 404: what was to be removed is not there
        return Item(article, place=(answer["_seq_no"], answer["_primary_term"]))
    kind, reason = str(error.get("type")), one_line(str(error.get("reason")))
    if kind == "version_conflict_engine_exception":
        return Item(article, conflict=True)
    if kind == "cluster_block_exception":
        raise Blocked(blocked(connection.name, reason))
    if kind == "index_not_found_exception":
        raise Refused(reason, status=status, kind=kind)
    if kind == "security_exception":
        raise EngineUnavailable(forbidden(connection.name, reason))
    if is_transient(status, kind):
        return None
    cause = error.get("caused_by") or {}
    detail = f": {one_line(str(cause['reason']))}" if cause.get("reason") else ""
    return Item(article, f"Elasticsearch does not take it ({kind}: {reason}{detail})")
