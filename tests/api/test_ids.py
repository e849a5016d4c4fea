"""Ids with slashes, spaces, Arabic and what means something in an address, through every route."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

IDS = [
    "/files/srv/أخبار/تقرير ٢٠٢٤.txt",
    "/files/a  b/c#d?e=f&g%.csv/17",
    "/files//outside/of the root.txt",
    "/laws/https://a.example/x?y=1#z",
    "/أنظمة/١",
    "a+b;c=d",
    "~.-_!*'()",
    "/files/" + "د" * 505,
]


@pytest.fixture
def http(writable: TestClient) -> TestClient:
    return writable


@pytest.mark.parametrize("article_id", IDS)
def test_an_id_is_written_read_filtered_by_and_removed(http: TestClient, article_id: str) -> None:
    address = f"/v1/articles/{quote(article_id, safe='')}"
    put = http.put(address, json={"text": "نص الخبر"})
    assert (put.status_code, put.json()["id"]) == (201, article_id)
    line = json.dumps({"id": article_id, "text": "نص الخبر"})
    sent = http.post(
        "/v1/articles:bulk", content=line, headers={"Content-Type": "application/x-ndjson"}
    )
    assert json.loads(sent.text.splitlines()[0])["status"] == "unchanged"
    assert http.get(address).json()["article"]["id"] == article_id
    (hit,) = http.get("/v1/search", params={"q": "الخبر", "article": article_id}).json()["hits"]
    assert hit["article"]["id"] == article_id
    passage = http.get(f"/v1/passages/{quote(hit['passage']['id'], safe='')}")
    assert passage.json()["article"]["id"] == article_id
    assert http.delete(address).status_code == 204
    assert http.get(address).status_code == 404


@pytest.mark.parametrize("article_id", ["/", "//", "/a", "/a/", "//a", "/a b/c", "/.a/c", "/#/c"])
def test_a_slash_first_means_a_collection_through_every_door(
    http: TestClient, article_id: str
) -> None:
    put = http.put(f"/v1/articles/{quote(article_id, safe='')}", json={"text": "نص"})
    assert put.status_code == 422
    assert "is not /collection/id" in put.text
    line = json.dumps({"id": article_id, "text": "نص"})
    sent = http.post(
        "/v1/articles:bulk", content=line, headers={"Content-Type": "application/x-ndjson"}
    )
    answer = json.loads(sent.text.splitlines()[0])
    assert (answer["status"], answer["code"]) == ("failed", "bad-field")
    file = http.post(
        "/v1/articles?name=a.jsonl", content=line, headers={"Content-Type": "application/x-ndjson"}
    )
    assert file.status_code == 422
    assert "bad-field" in file.text
