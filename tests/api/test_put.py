"""One article at a time: stored, replaced, removed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from api import bodies
from api.routes import articles
from search.errors import EmbedderError, EngineBusy
from search.settings import Settings
from tests.api.support import ToldIngest, ToldSearcher, client

ARTICLE = {"text": "نص"}


@pytest.fixture
def http(told: ToldIngest, settings: Settings) -> Iterator[TestClient]:
    with client(ToldSearcher(), settings, told) as connected:
        yield connected


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


def test_a_byte_order_mark_is_read(http: TestClient, told: ToldIngest) -> None:
    body = b"\xef\xbb\xbf" + '{"text": "نص"}'.encode()
    answer = http.put("/v1/articles/a", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 201
    assert told.texts == {"a": "نص"}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"text": 7}', b"[" * 100_000])
def test_what_is_no_article_is_refused(http: TestClient, body: bytes) -> None:
    answer = http.put("/v1/articles/a", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-input")


def test_a_key_twice_is_refused(http: TestClient, told: ToldIngest) -> None:
    body = '{"text": "نص", "title": "أول", "title": "ثان"}'.encode()
    answer = http.put("/v1/articles/a", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-input")
    assert '"title" stands twice' in answer.text.replace("\\", "")
    assert told.texts == {}


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


def test_a_field_that_is_wrong_is_named(http: TestClient) -> None:
    answer = http.put("/v1/articles/a", json={"text": 7})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "text", "message": '"text" must be a text'}]


def test_packed_bodies_are_for_streams_only(http: TestClient) -> None:
    headers = {"Content-Encoding": "gzip"}
    assert http.put("/v1/articles/a", json=ARTICLE, headers=headers).status_code == 415
    plain = {**headers, "Content-Type": "text/plain"}
    assert http.post("/v1/articles", content=b"x", headers=plain).status_code == 415


def test_a_body_has_only_so_much_time(http: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "LONGEST", -1.0)
    answer = http.put("/v1/articles/a", json=ARTICLE)
    assert (answer.status_code, answer.json()["type"]) == (408, "/problems/slow-body")


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


def test_an_id_may_have_line_ends_and_is_not_another_without_them(
    http: TestClient, told: ToldIngest
) -> None:
    for path in ("a", "a%0A", "a%0Ab", "%0A"):
        assert http.put(f"/v1/articles/{path}", json={"text": "نص"}).status_code == 201
    assert [*told.texts] == ["a", "a\n", "a\nb", "\n"]
    assert http.delete("/v1/articles/a%0A").status_code == 204
    assert [*told.texts] == ["a", "a\nb", "\n"]
