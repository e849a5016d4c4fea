"""One article, a file of them, removal; and who may write at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from api import articles
from search.errors import EmbedderError, EngineBusy
from search.settings import Settings
from tests.api.support import ToldIngest, ToldSearcher, client

ARTICLE = {"text": "نص"}


@pytest.fixture
def told() -> ToldIngest:
    return ToldIngest()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path)


@pytest.fixture
def http(told: ToldIngest, settings: Settings) -> Iterator[TestClient]:
    with client(ToldSearcher(), settings, told) as connected:
        yield connected


# -- one article


def test_put_creates_then_updates_then_finds_it_unchanged(
    http: TestClient, told: ToldIngest
) -> None:
    first = http.put("/v1/articles/2024/a%23b", json=ARTICLE)
    assert (first.status_code, first.json()["status"]) == (201, "created")
    assert first.json()["id"] == "2024/a#b"
    again = http.put("/v1/articles/2024/a%23b", json=ARTICLE)
    assert (again.status_code, again.json()["status"]) == (200, "unchanged")
    changed = http.put("/v1/articles/2024/a%23b", json={"text": "آخر"})
    assert (changed.status_code, changed.json()["status"]) == (200, "updated")
    assert told.texts == {"2024/a#b": "آخر"}


def test_the_id_is_the_address(http: TestClient, told: ToldIngest) -> None:
    assert http.put("/v1/articles/a", json={**ARTICLE, "id": "a"}).status_code == 201
    wrong = http.put("/v1/articles/a", json={**ARTICLE, "id": "b"})
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["field"] == "id"
    assert set(told.texts) == {"a"}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"text": 7}', b"[" * 100_000])
def test_what_is_no_article_is_refused(http: TestClient, body: bytes) -> None:
    answer = http.put("/v1/articles/a", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-input")


def test_bodies_are_bounded(http: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(articles, "MAX_ARTICLE", 100)
    monkeypatch.setattr(articles, "MAX_FILE", 100)
    json = {"Content-Type": "application/json"}
    assert http.put("/v1/articles/a", content=b" " * 101, headers=json).status_code == 413

    def pieces() -> Iterator[bytes]:  # without a length to trust
        yield b" " * 60
        yield b" " * 60

    assert http.put("/v1/articles/a", content=pieces(), headers=json).status_code == 413
    plain = {"Content-Type": "text/plain"}
    assert http.post("/v1/articles", content=pieces(), headers=plain).status_code == 413
    form = http.post("/v1/articles", files={"file": ("a.txt", b"x" * 101)})
    assert form.status_code == 413


def test_delete(http: TestClient, told: ToldIngest) -> None:
    told.texts["a/b"] = "نص"
    gone = http.delete("/v1/articles/a/b")
    assert (gone.status_code, gone.content) == (204, b"")
    assert http.delete("/v1/articles/a/b").status_code == 404


@pytest.mark.parametrize(
    ("error", "kind"),
    [(EngineBusy("another"), "engine-busy"), (EmbedderError("no"), "model-unavailable")],
)
def test_what_cannot_be_written_now_says_when_to_come_back(
    http: TestClient, told: ToldIngest, error: Exception, kind: str
) -> None:
    told.error = error
    for answer in (
        http.put("/v1/articles/a", json=ARTICLE),
        http.delete("/v1/articles/a"),
        http.post("/v1/articles", content=b"x", headers={"Content-Type": "text/plain"}),
    ):
        assert (answer.status_code, answer.json()["type"]) == (503, f"/problems/{kind}")
        assert int(answer.headers["Retry-After"]) > 0


def test_refresh_waits_until_it_is_seen(http: TestClient, told: ToldIngest) -> None:
    http.put("/v1/articles/a?refresh=wait", json=ARTICLE)
    http.delete("/v1/articles/a?refresh=wait")
    http.post("/v1/articles?refresh=wait", content=b"x", headers={"Content-Type": "text/plain"})
    assert told.shown == 3
    assert http.put("/v1/articles/a?refresh=", json=ARTICLE).status_code == 422


# -- a file


def test_a_file_as_the_body(http: TestClient, told: ToldIngest) -> None:
    answer = http.post(
        "/v1/articles?name=2024/report",
        content="نص".encode(),
        headers={"Content-Type": "text/plain; charset=utf-8"},
    )
    assert answer.status_code == 201
    assert answer.json() == {
        "created": 1,
        "updated": 0,
        "unchanged": 0,
        "failed": 0,
        "articles": [{"id": "2024/report.txt", "status": "created", "error": None, "code": None}],
    }
    assert told.texts == {"2024/report.txt": "نص"}


def test_a_file_in_a_form(http: TestClient, told: ToldIngest) -> None:
    big = "ن" * 1_000_000  # more than the parser keeps in memory
    file = {"file": ("C:\\docs\\خبر.html", big.encode(), "text/html")}
    assert http.post("/v1/articles", files=file).status_code == 201
    assert told.texts == {"خبر.html": big}
    assert http.post("/v1/articles", files=file).status_code == 200


def test_a_file_without_a_name_is_called_by_its_content(http: TestClient, told: ToldIngest) -> None:
    for _ in range(2):
        http.post("/v1/articles", content=b"%PDF", headers={"Content-Type": "application/pdf"})
    (name,) = told.texts
    assert name.startswith("upload/")
    assert name.endswith(".pdf")


def test_a_file_that_gives_nothing_is_a_problem_with_its_reason(http: TestClient) -> None:
    answer = http.post(
        "/v1/articles?name=a.zip", content=b"x", headers={"Content-Type": "application/zip"}
    )
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/unreadable-source")
    assert answer.json()["detail"] == "damaged: broken"


@pytest.mark.parametrize(
    "name", ["", "../a.txt", "a/../b.txt", "/etc/passwd", "a%00b", "a%5Cb", "a" * 401]
)
def test_names_that_are_none(http: TestClient, name: str) -> None:
    answer = http.post(
        f"/v1/articles?name={name}", content=b"x", headers={"Content-Type": "text/plain"}
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "name"


def test_kinds_of_file_that_are_none(http: TestClient) -> None:
    for kind in ("", "application/octet-stream", "image/png"):
        answer = http.post("/v1/articles", content=b"x", headers={"Content-Type": kind})
        assert answer.status_code == 415


@pytest.mark.parametrize("body", [b"", b"nonsense", b"--x\r\n\r\n--x--", b"--x--\r\n"])
def test_forms_that_are_none(http: TestClient, body: bytes) -> None:
    answer = http.post(
        "/v1/articles",
        content=body,
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    assert answer.status_code == 422
    two = {"a": ("a.txt", b"x"), "b": ("b.txt", b"x")}
    assert http.post("/v1/articles", files=two).status_code == 422
    assert http.post("/v1/articles", data={"a": "b"}, files={}).status_code in (415, 422)


# -- Idempotency-Key


def test_a_key_gives_the_same_answer_again(http: TestClient, told: ToldIngest) -> None:
    key = {"Idempotency-Key": "one"}
    assert http.put("/v1/articles/a", json=ARTICLE, headers=key).status_code == 201
    again = http.put("/v1/articles/a", json=ARTICLE, headers=key)
    assert (again.status_code, again.json()["status"]) == (201, "created")
    assert again.headers["Idempotency-Replayed"] == "true"
    other = http.put("/v1/articles/b", json=ARTICLE, headers=key)
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-mismatch")
    gone = {"Idempotency-Key": "two"}
    assert http.delete("/v1/articles/a", headers=gone).status_code == 204
    assert http.delete("/v1/articles/a", headers=gone).status_code == 204
    assert http.delete("/v1/articles/a").status_code == 404
    upload = {"Idempotency-Key": "three", "Content-Type": "text/plain"}
    for _ in range(2):
        answer = http.post("/v1/articles?name=n", content=b"x", headers=upload)
        assert (answer.status_code, answer.json()["created"]) == (201, 1)


# -- who may write

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


def test_what_writes_is_closed_with_the_server(told: ToldIngest, settings: Settings) -> None:
    with client(ToldSearcher(), settings, told) as http:
        http.put("/v1/articles/a", json=ARTICLE)
        assert not told.closed
    assert told.closed
