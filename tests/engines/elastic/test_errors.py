"""No exception of the client leaves the adapter, and no partial answer passes for a whole one."""

from __future__ import annotations

import inspect
import sys
from typing import Any

import elastic_transport
import elasticsearch  # noqa: F401  # so that its modules are loaded
import pytest

from search.engines.elastic.bulk import Operation, send, storing
from search.engines.elastic.connection import Connection, Refused, each_answered, whole
from search.errors import EngineError, EngineUnavailable
from tests.engines.elastic.opening import patience, settings
from tests.support import REPOSITORY

PACKAGES = ("elasticsearch", "elastic_transport")
META = elastic_transport.ApiResponseMeta(
    200, "1.1", elastic_transport.HttpHeaders(), 0.1, elastic_transport.NodeConfig("http", "x", 1)
)


def meta(status: int) -> elastic_transport.ApiResponseMeta:
    return elastic_transport.ApiResponseMeta(
        status, META.http_version, META.headers, META.duration, META.node
    )


def classes() -> list[type[Exception]]:
    """Return every exception class of the client's packages, of every module that is loaded.

    Those of `elasticsearch.helpers` come from its helpers alone, which nothing here uses.
    """
    found: dict[str, type[Exception]] = {}
    for module in [m for name, m in sys.modules.items() if name.split(".")[0] in PACKAGES]:
        for value in vars(module).values():
            if (
                inspect.isclass(value)
                and issubclass(value, Exception)
                and not issubclass(value, Warning)
                and value.__module__.split(".")[0] in PACKAGES
                and not value.__module__.startswith("elasticsearch.helpers")
            ):
                found[f"{value.__module__}.{value.__qualname__}"] = value
    return [found[name] for name in sorted(found)]


def raised(kind: type[Exception]) -> list[Exception]:
    """Return exceptions of a class, as the client would raise them."""
    if issubclass(kind, elastic_transport.ApiError):
        bodies: list[Any] = [
            {"error": {"type": "a_exception", "reason": "because"}},
            {"error": "a word"},
            "text",
            None,
            {},
        ]
        statuses = (300, 400, 401, 403, 404, 405, 408, 409, 413, 429, 500, 502, 503, 504)
        return [kind("m", meta(status), body) for status in statuses for body in bodies]
    return [kind("m")]


def test_the_walk_finds_the_clients_exceptions() -> None:
    names = {kind.__name__ for kind in classes()}
    assert {"ApiError", "TransportError", "TlsError", "ConnectionTimeout"} <= names
    assert {"UnsupportedProductError", "SerializationError", "SniffingError"} <= names
    assert len(classes()) >= 14


def test_the_adapter_uses_no_helpers_of_the_client() -> None:
    for path in (REPOSITORY / "search" / "engines" / "elastic").glob("*.py"):
        assert "elasticsearch.helpers" not in path.read_text("utf-8")
        assert "import helpers" not in path.read_text("utf-8")


@pytest.mark.parametrize("kind", classes(), ids=lambda c: f"{c.__module__}.{c.__name__}")
def test_no_exception_of_the_client_leaks(kind: type[Exception]) -> None:
    connection = Connection(settings("http://127.0.0.1:1", "x"))
    for error in raised(kind):

        def fail(client: object, error: Exception = error) -> None:
            raise error

        with pytest.raises(EngineError) as told:
            connection.call(fail, patience=0.0)
        assert told.type in (EngineUnavailable, Refused)
        assert "127.0.0.1:1" in str(told.value)
        assert "\n" not in str(told.value)
    connection.close()


def answer(**more: object) -> dict[str, Any]:
    return {"timed_out": False, "_shards": {"total": 2, "failed": 0}, "hits": {}} | more


@pytest.mark.parametrize(
    "partial",
    [answer(timed_out=True), answer(_shards={"total": 2, "successful": 1, "failed": 1})],
)
def test_a_partial_answer_is_refused(partial: dict[str, Any]) -> None:
    whole(answer())
    with pytest.raises(EngineUnavailable, match="partial answer"):
        whole(partial)
    both: elastic_transport.ObjectApiResponse[Any] = elastic_transport.ObjectApiResponse(
        {"responses": [answer(status=200), partial | {"status": 200}]}, META
    )
    with pytest.raises(EngineUnavailable, match="partial answer"):
        each_answered(both)


def test_one_search_of_several_that_failed_is_told() -> None:
    error = {"type": "x_exception", "reason": "y", "root_cause": []}
    for status, expected in ((503, EngineUnavailable), (400, Refused)):
        body = {"responses": [answer(status=200), {"status": status, "error": error}]}
        connection = Connection(settings("http://127.0.0.1:1", "x"))
        response: elastic_transport.ObjectApiResponse[Any] = elastic_transport.ObjectApiResponse(
            body, META
        )
        with pytest.raises(expected, match="x_exception"):
            connection.call(lambda client, response=response: each_answered(response), patience=0.0)  # type: ignore[misc]
        connection.close()


# -- items of a bulk request


class Bulk:
    """Stands for a client: answers each bulk request with the next statuses, one an item."""

    def __init__(self, *answers: list[tuple[int, str]]) -> None:
        self.answers = list(answers)
        self.sizes: list[int] = []

    def options(self, **_: object) -> Bulk:
        return self

    def bulk(
        self, *, operations: list[bytes], **_: object
    ) -> elastic_transport.ObjectApiResponse[Any]:
        given = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.sizes.append(len(operations) // 2)
        items = [
            {
                "index": {"status": status}
                | (
                    {"error": {"type": kind, "reason": "r"}}
                    if kind
                    else {"_seq_no": 0, "_primary_term": 1}
                )
            }
            for status, kind in given[: len(operations) // 2]
        ]
        return elastic_transport.ObjectApiResponse({"items": items}, META)


def sent(client: Bulk, count: int) -> dict[int, str]:
    connection = Connection(settings("http://127.0.0.1:1", "x"))
    vars(connection)["_client"] = client
    operations: list[Operation] = [storing(str(n), f"d{n}", {}) for n in range(count)]
    items = send(connection, "x", operations)
    return {int(item.article): item.error for item in items if item.error}


BUSY, DONE = (429, "es_rejected_execution_exception"), (201, "")


def test_only_items_refused_for_the_moment_are_sent_again() -> None:
    client = Bulk([DONE, BUSY, (400, "document_parsing_exception"), BUSY], [BUSY, DONE], [DONE])
    failed = sent(client, 4)
    assert client.sizes == [4, 2, 1]
    assert list(failed) == [2]
    assert "document_parsing_exception" in failed[2]


def test_items_that_stay_refused_end_in_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    patience(monkeypatch, write=0.5)
    client = Bulk([BUSY, BUSY])
    with pytest.raises(EngineUnavailable, match=r"cannot answer now .429"):
        sent(client, 2)
    assert len(client.sizes) > 2


def test_a_full_disk_is_not_sent_to_again() -> None:
    client = Bulk([DONE, (429, "cluster_block_exception")])
    with pytest.raises(EngineUnavailable, match="blocked"):
        sent(client, 2)
    assert client.sizes == [2]
