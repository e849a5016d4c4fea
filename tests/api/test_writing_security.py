"""Who may write at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from search.keys import KeyFile
from search.settings import Settings
from tests.api.support import ToldIngest, ToldSearcher, client

ARTICLE = {"text": "نص"}


@pytest.fixture
def http(told: ToldIngest, settings: Settings) -> Iterator[TestClient]:
    with client(ToldSearcher(), settings, told) as connected:
        yield connected


WRITES = [
    ("PUT", "/v1/articles/a"),
    ("DELETE", "/v1/articles/a"),
    ("POST", "/v1/articles"),
    ("POST", "/v1/articles:bulk"),
]


def problem(http: TestClient, method: str, path: str, **headers: str) -> tuple[int, str]:
    kind = {
        "/v1/articles": "text/plain",
        "/v1/articles:bulk": "application/x-ndjson",
    }.get(path, "application/json")
    body = b'{"id": "a", "text": "x"}\n' if method != "DELETE" else None
    answer = http.request(method, path, content=body, headers={"Content-Type": kind, **headers})
    named = answer.headers.get("content-type") == "application/problem+json"
    return answer.status_code, answer.json()["type"].rpartition("/")[2] if named else ""


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_a_server_that_only_searches(method: str, path: str) -> None:
    with client(ToldSearcher()) as http:
        assert problem(http, method, path) == (403, "read-only")


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_pages_of_other_sites_may_not_write(
    http: TestClient, told: ToldIngest, method: str, path: str
) -> None:
    told.texts["a"] = "y"
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://["},
        {"Origin": "http://localhost:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        assert problem(http, method, path, **headers) == (403, "cross-origin")
    assert told.texts == {"a": "y"}
    own = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert problem(http, method, path, **own)[0] < 300


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_without_keys_only_this_machine_writes(method: str, path: str, tmp_path: Path) -> None:
    for host in ("0.0.0.0", "192.0.2.1", "::", "example.org", ""):
        reached = Settings(data=tmp_path, host=host, public_search=True)
        with client(ToldSearcher(), reached, ToldIngest()) as http:
            assert problem(http, method, path) == (403, "keys-needed")
    for host in ("localhost", "127.0.0.1", "127.9.9.9", "::1"):
        told = ToldIngest()
        told.texts["a"] = "y"
        with client(ToldSearcher(), Settings(data=tmp_path, host=host), told) as http:
            assert problem(http, method, path)[0] < 300


FORWARDED = (
    "Forwarded", "X-Forwarded-For", "x-forwarded-for", "X-Forwarded-Host", "X-Forwarded-Proto",
    "X-Forwarded-Server", "X-Real-IP", "X-Client-IP", "Via", "CF-Connecting-IP", "True-Client-IP",
    "X-Envoy-External-Address", "Fly-Client-IP", "X-Original-Forwarded-For", "Forwarded-For",
    "X-Originating-IP", "X-Azure-ClientIP", "X-Remote-Addr",
)  # fmt: skip


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_what_a_proxy_passes_on_needs_a_key(
    http: TestClient, told: ToldIngest, method: str, path: str, tmp_path: Path
) -> None:
    file = tmp_path / "other" / "keys.json"
    key = {"Authorization": f"Bearer {KeyFile(file).create('writer', ['index'])[1]}"}
    with client(ToldSearcher(), Settings(data=tmp_path, keys=file), told) as keyed:
        for name in FORWARDED:
            told.texts = {"a": "y"}
            for value in ("127.0.0.1", "192.0.2.7", "", "for=127.0.0.1"):
                assert problem(http, method, path, **{name: value}) == (403, "keys-needed"), name
            assert told.texts == {"a": "y"}
            given = {name: "192.0.2.7"}
            assert problem(keyed, method, path, **given, **key)[0] < 300, name
            assert http.get("/v1/search?q=a", headers=given).status_code == 200, name


def test_a_refused_proxy_is_told_what_to_do(http: TestClient) -> None:
    answer = http.put("/v1/articles/a", json=ARTICLE, headers={"X-Forwarded-For": "192.0.2.7"})
    assert "fihris keys create" in answer.json()["detail"]
    assert "x-forwarded-for" in answer.json()["detail"]


def test_what_writes_is_closed_with_the_server(told: ToldIngest, settings: Settings) -> None:
    with client(ToldSearcher(), settings, told) as http:
        http.put("/v1/articles/a", json=ARTICLE)
        assert not told.closed
    assert told.closed
