"""Every error is a problem of a stable type, and none says more than it should."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

import api.problems
from api.problems import BY_ERROR, KINDS, REFUSALS, Refused, encode, kind_of
from search import errors
from tests.api.support import ToldSearcher, client


def tree(root: type[errors.FihrisError]) -> Iterator[type[errors.FihrisError]]:
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


OURS = [e for e in tree(errors.FihrisError) if e.__module__ == "search.errors"]


def made(error: type[errors.FihrisError]) -> errors.FihrisError:
    if issubclass(error, errors.InputError):
        return error("what and why", field="q")
    return error("what and why")


RAISED = [*map(made, OURS), *(Refused(kind, "what and why") for kind in REFUSALS)]


def test_every_error_has_a_row_of_its_own() -> None:
    assert set(OURS) == set(BY_ERROR)


def test_names_are_stable() -> None:
    """These are a promise: add to them, never rename one."""
    assert set(KINDS) >= {
        "invalid-input", "page-too-deep", "not-found", "unreadable-source", "misconfigured",
        "model-unavailable", "not-ready", "overloaded", "engine-unavailable", "engine-busy",
        "index-mismatch", "index-damaged", "engine-error", "internal", "malformed-request",
        "method-not-allowed", "slow-body", "body-too-large", "unsupported-media-type",
        "unknown-host", "read-only", "cross-origin", "keys-needed", "scope-needed", "unauthorized",
        "too-many-writers", "stopping",
    }  # fmt: skip


def test_a_name_means_one_thing() -> None:
    kinds = {*BY_ERROR.values(), *REFUSALS}
    assert len({k.name for k in kinds}) == len(kinds)


@pytest.mark.parametrize("error", RAISED, ids=lambda e: kind_of(e).name)
def test_an_error_becomes_its_problem(error: errors.FihrisError) -> None:
    with client(ToldSearcher(error=error)) as http:
        answer = http.get("/v1/search?q=a")
    kind = kind_of(error)
    assert kind is BY_ERROR.get(type(error), kind)
    assert answer.status_code == kind.status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers.get("retry-after") == (kind.retry_after and str(kind.retry_after))
    problem = answer.json()
    assert problem["type"] == f"/problems/{kind.name}"
    assert problem["title"] == kind.title
    assert problem["status"] == kind.status
    assert problem["detail"] == "what and why"
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert ("errors" in problem) == isinstance(error, errors.InputError)


def test_an_error_of_tomorrow_is_its_parents() -> None:
    class Tomorrow(errors.EngineBusy):
        pass

    assert kind_of(Tomorrow("x")) is BY_ERROR[errors.EngineBusy]


def test_nothing_of_an_unexpected_error_reaches_the_client(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("fihris"), "handlers", [logging.NullHandler()])
    with client(ToldSearcher(error=ZeroDivisionError("secret"))) as http:
        answer = http.get("/v1/search?q=a", headers={"X-Request-ID": "mine"})
    assert answer.status_code == 500
    assert answer.json()["type"] == "/problems/internal"
    assert answer.json()["request_id"] == "mine"
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.headers["content-security-policy"]
    (record,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert record.exc_info
    assert record.fields["request_id"] == "mine"  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", ["/nothing", "/v1", "/v1/search/", "/docs", "/redoc", "/static/x"])
def test_unknown_paths(path: str) -> None:
    with client(ToldSearcher()) as http:
        answer = http.get(path)
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/search", "GET, POST"),
        ("PUT", "/v1/search", "GET, POST"),
        ("POST", "/v1/articles/a", "DELETE, GET, PUT"),
        ("POST", "/", "GET, HEAD"),
        ("PATCH", "/live", "GET"),
    ],
)
def test_unknown_methods(method: str, path: str, allowed: str) -> None:
    with client(ToldSearcher()) as http:
        answer = http.request(method, path)
    assert (answer.status_code, answer.json()["type"]) == (405, "/problems/method-not-allowed")
    assert answer.headers["allow"] == allowed


def test_thousands_of_errors_are_not_listed() -> None:
    with client(ToldSearcher()) as http:
        answer = http.post("/v1/search", json={"q": "a", **{f"x{n}": 1 for n in range(3000)}})
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == api.problems.MAX_FIELDS
    assert answer.json()["detail"].endswith("and 2,980 more")


def test_a_name_of_half_a_pair_is_written() -> None:
    with client(ToldSearcher()) as http:
        answer = http.post(
            "/v1/search",
            content=b'{"q":"a","\\ud800":1}',
            headers={"Content-Type": "application/json"},
        )
    assert answer.status_code == 422
    answer.content.decode("utf-8")
    assert answer.json()["errors"]


@pytest.mark.parametrize("text", ["نص", "\ud800", "a\udfff\0", "\u2028", "😀"])
def test_encode_is_utf_8_and_loses_nothing(text: str) -> None:
    assert json.loads(encode({"text": text}).decode("utf-8")) == {"text": text}
    assert "نص" in encode("نص").decode("utf-8")  # readable, not escaped


def test_a_problem_type_is_a_page(  # what the type says can be looked up
) -> None:
    with client(ToldSearcher()) as http:
        for kind in KINDS.values():
            answer = http.get(f"/problems/{kind.name}")
            assert answer.status_code == 200
            assert kind.meaning in answer.text
        assert http.get("/problems/nothing").status_code == 404
