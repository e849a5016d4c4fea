"""Documents to Elasticsearch in bulk: what passes by itself is sent again, the rest is told.

Every operation names its document, so that sending it twice is as good as once: that is
what makes it safe to repeat after an answer was lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from search.engines.elastic.connection import (
    WRITE_PATIENCE,
    Connection,
    Refused,
    blocked,
    is_transient,
    one_line,
    pauses,
)
from search.errors import EngineUnavailable

MOST_BYTES = 5_000_000  # of one request; a document that is larger is one of its own
MOST_OPERATIONS = 1_000
_REQUEST_TIMEOUT = 30.0  # seconds


@dataclass(frozen=True, slots=True)
class Operation:
    """One document to store or remove. `article` says which article it is of, for its outcome."""

    article: int
    lines: tuple[bytes, ...]

    @property
    def size(self) -> int:
        return sum(map(len, self.lines))


def storing(article: int, id: str, routing: str, source: dict[str, Any]) -> Operation:
    action = {"index": {"_id": id, "routing": routing}}
    return Operation(article, (_line(action), _line(source)))


def removing(article: int, id: str, routing: str) -> Operation:
    return Operation(article, (_line({"delete": {"_id": id, "routing": routing}}),))


def _line(value: dict[str, Any]) -> bytes:
    return orjson.dumps(value)


def send(
    connection: Connection,
    alias: str,
    operations: Iterable[Operation],
    before_each: Callable[[], None] = lambda: None,
) -> dict[int, str]:
    """Send every operation; return the articles of which one failed for good, with the reason.

    Args:
        before_each: called before every request.

    Raises:
        EngineUnavailable: the cluster took nothing for `WRITE_PATIENCE` seconds, or says
            that its disks are full or the index is blocked, which waiting does not mend.
    """
    failed: dict[int, str] = {}
    for chunk in _chunks(operations):
        failed.update(_send(connection, alias, chunk, before_each))
    return failed


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


def _send(
    connection: Connection,
    alias: str,
    chunk: Sequence[Operation],
    before_each: Callable[[], None],
) -> dict[int, str]:
    failed: dict[int, str] = {}
    end = time.monotonic() + WRITE_PATIENCE
    for pause in pauses():
        before_each()
        try:
            items = _request(connection, alias, chunk)
        except Refused as error:
            return failed | _apart(connection, alias, chunk, before_each, error)
        again = []
        for operation, item in zip(chunk, items, strict=True):
            verdict = _verdict(connection, item)
            if verdict is None:
                again.append(operation)
            elif verdict:
                failed[operation.article] = verdict
        if not again:
            return failed
        if time.monotonic() + pause > end:
            reason = one_line(str(items[chunk.index(again[0])].get("error")))
            raise EngineUnavailable(
                f"Elasticsearch at {connection.name} went on refusing documents for "
                f"{WRITE_PATIENCE:.0f} s ({reason}). What was acknowledged is safe; try again."
            )
        chunk = again
        time.sleep(pause)
    raise AssertionError("pauses never end")


def _request(
    connection: Connection, alias: str, chunk: Sequence[Operation]
) -> list[dict[str, Any]]:
    lines = [line for operation in chunk for line in operation.lines]
    answer = connection.call(
        lambda client: client.options(request_timeout=_REQUEST_TIMEOUT).bulk(
            index=alias,
            operations=lines,  # type: ignore[arg-type]  # ready lines are taken as they are
            require_alias=True,
        ),
        WRITE_PATIENCE,
    )
    return [next(iter(item.values())) for item in answer["items"]]


def _apart(
    connection: Connection,
    alias: str,
    chunk: Sequence[Operation],
    before_each: Callable[[], None],
    error: Refused,
) -> dict[int, str]:
    """Send each article of a request that was refused as a whole by itself."""
    if error.kind == "index_not_found_exception":
        raise error
    articles = dict.fromkeys(operation.article for operation in chunk)
    if len(articles) == 1:
        return dict.fromkeys(articles, str(error))
    failed: dict[int, str] = {}
    for article in articles:
        own = [operation for operation in chunk if operation.article == article]
        failed.update(_send(connection, alias, own, before_each))
    return failed


def _verdict(connection: Connection, item: dict[str, Any]) -> str | None:
    """Return "" for what is done, why it failed for good, or None where it is worth another try."""
    status = int(item["status"])
    error = item.get("error")
    if error is None:  # 404: what was to be removed is not there
        return ""
    kind, reason = str(error.get("type")), one_line(str(error.get("reason")))
    if kind == "cluster_block_exception":
        raise EngineUnavailable(blocked(connection.name, reason))
    if kind == "index_not_found_exception":
        raise Refused(reason, status=status, kind=kind)
    if is_transient(status, kind):
        return None
    cause = error.get("caused_by") or {}
    detail = f": {one_line(str(cause['reason']))}" if cause.get("reason") else ""
    return f"Elasticsearch does not take it ({kind}: {reason}{detail})"
