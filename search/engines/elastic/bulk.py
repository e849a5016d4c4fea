"""Bulk requests: what fails for the moment is sent again, everything else is reported per item.

Every operation carries the version of its document or the state it replaces, so that sending it
twice has the effect of sending it once: that makes it safe to repeat after a lost answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson

from search.engines.elastic.connection import (
    BLOCK,
    MISSING,
    WRITE_PATIENCE,
    Connection,
    is_transient,
    one_line,
)
from search.engines.elastic.documents import key_of
from search.engines.elastic.state import State

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

MOST_BYTES = 5_000_000  # of one request; a document that is larger is one of its own
MOST_OPERATIONS = 1_000
_REQUEST_TIMEOUT = 30.0  # seconds

# A passage's versions. A request that was cut off may arrive late: a removed document keeps its
# version for a minute (index.gc_deletes) and refuses it; a `void` document refuses it for good.
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
    """The result of an operation: done, refused (`error`), or not applicable (`conflict`).

    `conflict`: the document has another version or state, or an update found none.
    """

    article: str
    error: str = ""
    conflict: bool = False
    revision: tuple[int, int] = (0, 0)  # _seq_no, _primary_term of what was written


def storing(article: str, id: str, source: dict[str, Any], version: int = WRITTEN) -> Operation:
    return _operation("index", article, id, source, version=version, version_type="external_gte")


def removing(article: str, id: str) -> Operation:
    return _operation("delete", article, id, version=REMOVED, version_type="external_gte")


def swapping(state: State) -> Operation:
    """Return the compare-and-swap that makes an article's own document say `state`."""
    article, own = state.article_id, key_of(state.article_id)
    if state.revision is None:
        return _operation("create", article, own, state.source())
    seq_no, term = state.revision
    if state.is_nothing:
        return _operation("delete", article, own, if_seq_no=seq_no, if_primary_term=term)
    source = state.source()
    return _operation("index", article, own, source, if_seq_no=seq_no, if_primary_term=term)


def _operation(
    name: str, article: str, id: str, source: dict[str, Any] | None = None, **more: object
) -> Operation:
    action = orjson.dumps({name: {"_id": id, "routing": key_of(article), **more}})
    return Operation(article, (action,) if source is None else (action, orjson.dumps(source)))


def send(
    connection: Connection,
    target: str,
    operations: Iterable[Operation],
    *,
    require_alias: bool = True,
    refresh: bool = False,
) -> list[Item]:
    """Send every operation; return the result of each, in any order.

    Args:
        target: an alias: no index is made where there is none.
        require_alias: False for an index of that name.
        refresh: whether searches see the changes when this returns.

    Raises:
        Blocked: the disks are full or the index takes no writes.
        EngineUnavailable: the cluster took nothing for `WRITE_PATIENCE` seconds.
        Refused: there is no such alias, or Elasticsearch refuses the whole request.
    """
    options: dict[str, Any] = {"index": target, "require_alias": require_alias, "refresh": refresh}
    return [item for chunk in _chunks(operations) for item in _send(connection, chunk, options)]


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
    connection: Connection, chunk: Sequence[Operation], options: dict[str, Any]
) -> list[Item]:
    items: list[Item] = []
    left = chunk

    def request(client: Elasticsearch) -> None:
        """Send what is left; raise as for a refused request while some must be sent again."""
        from elasticsearch import ApiError

        nonlocal left
        lines: Any = [line for operation in left for line in operation.lines]
        response = client.options(request_timeout=_REQUEST_TIMEOUT).bulk(
            operations=lines, **options
        )
        again: list[tuple[Operation, dict[str, Any]]] = []
        for operation, told in zip(left, response["items"], strict=True):
            (answer,) = told.values()
            item = _item(connection, operation.article, answer)
            if item is None:
                again.append((operation, answer))
            else:
                items.append(item)
        left = [operation for operation, _ in again]
        if again:
            answer = again[0][1]
            raise ApiError("bulk", replace(response.meta, status=answer["status"]), answer)

    connection.call(request, WRITE_PATIENCE)
    return items


def _item(connection: Connection, article: str, answer: dict[str, Any]) -> Item | None:
    """Return an operation's result, None where it is to be sent again."""
    status = int(answer["status"])
    error = answer.get("error")
    if error is None:  # 404: what was to be removed is not there
        return Item(article, revision=(answer["_seq_no"], answer["_primary_term"]))
    kind, reason = str(error.get("type")), one_line(str(error.get("reason")))
    if kind in ("version_conflict_engine_exception", "document_missing_exception"):
        return Item(article, conflict=True)
    if kind in (BLOCK, MISSING, "security_exception"):
        raise connection.told(status, kind, reason)
    if is_transient(status, kind):
        return None
    cause = error.get("caused_by") or {}
    detail = f": {one_line(str(cause['reason']))}" if cause.get("reason") else ""
    return Item(article, f"Elasticsearch does not take it ({kind}: {reason}{detail})")
