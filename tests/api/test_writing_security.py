"""Who may write at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from search.errors import SettingsError
from search.settings import Settings, read_settings
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
def test_a_server_others_can_reach_needs_a_token(method: str, path: str, tmp_path: Path) -> None:
    for host in ("0.0.0.0", "192.0.2.1", "::", "example.org", ""):
        reached = Settings(data=tmp_path, host=host)
        with client(ToldSearcher(), reached, ToldIngest()) as http:
            assert problem(http, method, path) == (403, "write-token-needed")
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
def test_what_a_proxy_passes_on_needs_a_token(
    http: TestClient, told: ToldIngest, method: str, path: str, tmp_path: Path
) -> None:
    settings = Settings(data=tmp_path, write_token=SecretStr("a-long-secret-token"))
    token = {"Authorization": "Bearer a-long-secret-token"}
    with client(ToldSearcher(), settings, told) as trusted:
        for name in FORWARDED:
            told.texts = {"a": "y"}
            for value in ("127.0.0.1", "192.0.2.7", "", "for=127.0.0.1"):
                assert problem(http, method, path, **{name: value}) == (403, "forwarded"), name
            assert told.texts == {"a": "y"}
            given = {name: "192.0.2.7"}
            assert problem(trusted, method, path, **given, **token)[0] < 300, name
            assert http.get("/v1/search?q=a", headers=given).status_code == 200, name


def test_a_refused_proxy_is_told_what_to_set(http: TestClient) -> None:
    answer = http.put("/v1/articles/a", json=ARTICLE, headers={"X-Forwarded-For": "192.0.2.7"})
    assert "FIHRIS_WRITE_TOKEN" in answer.json()["detail"]
    assert "x-forwarded-for" in answer.json()["detail"]


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_with_a_token_only_who_knows_it_writes(method: str, path: str, tmp_path: Path) -> None:
    told = ToldIngest()
    told.texts["a"] = "y"
    settings = Settings(data=tmp_path, host="0.0.0.0", write_token=SecretStr("سر-geheim-سر-geheim"))
    with client(ToldSearcher(), settings, told) as http:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "geheim"}):
            assert problem(http, method, path, **headers) == (401, "unauthorized")
        assert http.get("/v1/search", params={"q": "x"}).status_code == 200
        assert told.texts == {"a": "y"}


def test_the_right_token_writes(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, host="0.0.0.0", write_token=SecretStr("a-long-secret-token"))
    with client(ToldSearcher(), settings, ToldIngest()) as http:
        headers = {"Authorization": "Bearer a-long-secret-token"}
        assert http.put("/v1/articles/a", json=ARTICLE, headers=headers).status_code == 201


def test_a_token_may_be_any_text_and_its_scheme_in_any_case(tmp_path: Path) -> None:
    token = "مفتاح طويل للكتابة"
    settings = Settings(data=tmp_path, host="0.0.0.0", write_token=SecretStr(token))
    with client(ToldSearcher(), settings, ToldIngest()) as http:
        for scheme in ("Bearer", "bearer", "BEARER "):
            given = [(b"Authorization", f"{scheme} {token}".encode())]
            assert http.put("/v1/articles/a", json=ARTICLE, headers=given).status_code < 300
        for wrong in ("", token, f"Basic {token}", f"Bearer {token}x"):
            given = [(b"Authorization", wrong.encode())]
            answer = http.put("/v1/articles/a", json=ARTICLE, headers=given)
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_that_cannot_be_used_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIHRIS_WRITE_TOKEN", "short-secret")
    monkeypatch.setenv("FIHRIS_PORT", "x1")
    with pytest.raises(SettingsError) as caught:
        read_settings()
    assert "FIHRIS_WRITE_TOKEN" in str(caught.value)
    assert "short-secret" not in str(caught.value)
    assert "'x1'" in str(caught.value)


def test_what_writes_is_closed_with_the_server(told: ToldIngest, settings: Settings) -> None:
    with client(ToldSearcher(), settings, told) as http:
        http.put("/v1/articles/a", json=ARTICLE)
        assert not told.closed
    assert told.closed
