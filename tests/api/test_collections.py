"""Collections over HTTP: written to by every door, filtered by, counted, listed and removed."""

from __future__ import annotations

import json
import shlex

import pytest
from fastapi.testclient import TestClient

from tests.api.test_documented import PAGE

NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest.fixture
def http(writable: TestClient) -> TestClient:
    return writable


def bulk(http: TestClient, collection: str, *ids: str) -> list[dict[str, object]]:
    lines = "".join(json.dumps({"id": each, "text": "نص القانون"}) + "\n" for each in ids)
    sent = http.post(
        "/v1/articles:bulk", params={"collection": collection}, content=lines, headers=NDJSON
    )
    return [json.loads(line) for line in sent.text.splitlines()]


def held(http: TestClient, **filters: str) -> list[str]:
    return [each["id"] for each in http.get("/v1/articles", params=filters).json()["articles"]]


def test_every_door_writes_into_a_collection(http: TestClient) -> None:
    assert [each["id"] for each in bulk(http, "laws", "1", "/laws/2", "/files/3")] == [
        "/laws/1", "/laws/2", "/laws//files/3",
    ]  # fmt: skip
    put = http.put("/v1/articles/1", params={"collection": "news"}, json={"text": "نص الخبر"})
    assert (put.status_code, put.json()["id"]) == (201, "/news/1")
    sent = http.post(
        "/v1/articles",
        params={"collection": "news", "name": "a.csv"},
        content="id,text\n7,نص سابع\n".encode(),
        headers={"Content-Type": "text/csv"},
    )
    assert [each["id"] for each in sent.json()["articles"]] == ["/news/7"]
    sent = http.post(
        "/v1/articles",
        params={"collection": "news", "name": "b.txt"},
        content="نص ملف".encode(),
        headers={"Content-Type": "text/plain"},
    )
    assert [each["id"] for each in sent.json()["articles"]] == ["/news/b.txt"]
    assert held(http, collection="news") == ["/news/1", "/news/7", "/news/b.txt"]
    assert http.get("/v1/collections").json() == {
        "collections": [
            {"name": "laws", "articles": 3, "passages": 3},
            {"name": "news", "articles": 3, "passages": 3},
        ]
    }


def test_what_the_documentation_writes(http: TestClient) -> None:
    (line,) = (line for line in PAGE.splitlines() if "articles:bulk?collection" in line)
    line_of = json.dumps({"id": "17", "text": "نص القانون"})
    sent = http.post(shlex.split(line)[1], content=line_of, headers=NDJSON)
    assert json.loads(sent.text)["id"] == "/laws/17"


def test_ids_hold_within_one_and_a_second_time_is_refused_there(http: TestClient) -> None:
    assert [each["status"] for each in bulk(http, "a", "1", "1", "/a/1")] == [
        "created", "failed", "failed",
    ]  # fmt: skip
    assert [each["status"] for each in bulk(http, "b", "1")] == ["created"]
    assert held(http) == ["/a/1", "/b/1"]


def test_a_search_is_narrowed_to_it_counts_it_and_says_it(http: TestClient) -> None:
    bulk(http, "a", "1", "2")
    bulk(http, "b", "1")
    asked = {"q": "القانون", "collection": "b", "facets": "collection", "mode": "keyword"}
    found = http.get("/v1/search", params=asked).json()
    assert [hit["article"]["collection"] for hit in found["hits"]] == ["b"]
    assert found["query"]["collection"] == ["b"]
    assert found["facets"]["collection"] == [{"value": "a", "count": 2}, {"value": "b", "count": 1}]
    posted = http.post("/v1/search", json={"q": "القانون", "collection": ["a", "b"]}).json()
    assert len(posted["hits"]) == 3
    assert http.get("/v1/kwic", params={"q": "القانون", "collection": "b"}).json()["passages"] == {
        "read": 1, "total": 1,
    }  # fmt: skip


def test_one_is_changed_exported_and_removed_by_its_filter(http: TestClient) -> None:
    bulk(http, "a", "1", "2")
    bulk(http, "b", "1")
    http.request("PATCH", "/v1/articles?collection=a", json={"source": "الجريدة"})
    assert held(http, source="الجريدة") == ["/a/1", "/a/2"]
    lines = http.get("/v1/articles", params={"format": "jsonl", "collection": "b"}).text
    assert [json.loads(line)["id"] for line in lines.splitlines()] == ["/b/1"]
    assert bulk(http, "b", "/b/1") == [
        {"line": 1, "id": "/b/1", "status": "unchanged", "error": None, "code": None}
    ]
    removed = http.delete("/v1/articles", params={"collection": "a"}).json()
    assert (removed["matched"], removed["removed"]) == (2, 2)
    assert held(http) == ["/b/1"]


@pytest.mark.parametrize("name", ["", "a/b", ".a", "files", "a" * 65, "a b", "\u202e"])
def test_what_is_no_name_is_refused(http: TestClient, name: str) -> None:
    for sent in (
        http.post("/v1/articles:bulk", params={"collection": name}, content="{}", headers=NDJSON),
        http.put("/v1/articles/1", params={"collection": name}, json={"text": "نص"}),
    ):
        assert sent.status_code == 422
        assert sent.json()["errors"][0]["field"] == "collection"
    assert held(http) == []


def test_it_is_given_once(http: TestClient) -> None:
    sent = http.put("/v1/articles/1?collection=a&collection=b", json={"text": "نص"})
    assert sent.status_code == 422
    assert "twice" in sent.json()["detail"]
