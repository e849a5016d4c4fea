"""Articles, passages, analysis and status."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import get_args
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from api.schemas import ArticleField
from indexer.ingestion.service import EngineIngest
from search.ingest import BodyLine
from search.ranking.searcher import Searcher
from search.seen_ids import FirstPlaces
from search.settings import Settings
from tests.api.conftest import SEED
from tests.support import SEEDS, HashingEmbedder


def test_an_article_is_given_back_with_its_passages(http: TestClient) -> None:
    answer = http.get(f"/v1/articles/{quote(SEED, safe='')}").json()
    text = answer["text"]
    assert text == (SEEDS / SEED.rpartition("/")[2]).read_text("utf-8")
    assert len(answer["passages"]) == 21
    for n, passage in enumerate(answer["passages"]):
        assert passage["position"] == n
        assert text[passage["start"] : passage["end"]] == passage["text"]
    assert answer["article"]["language"] == "ar"
    assert answer["article"]["published"] is None


def test_an_article_is_marked_as_a_search_marks_its_hits(http: TestClient) -> None:
    path = f"/v1/articles/{quote(SEED, safe='')}"
    assert {p["segments"] for p in http.get(path).json()["passages"]} == {None}
    for q in ("العراق", "al3iraq", "«كتائب حزب الله»"):
        marked = {
            p["id"]: p["segments"] for p in http.get(path, params={"q": q}).json()["passages"]
        }
        parameters: dict[str, str | int] = {"q": q, "mode": "keyword", "article": SEED, "size": 30}
        hits = http.get("/v1/search", params=parameters).json()["hits"]
        assert hits
        assert {hit["passage"]["id"]: hit["segments"] for hit in hits}.items() <= marked.items()
        assert {key for key, segments in marked.items() if any(s["match"] for s in segments)} == {
            hit["passage"]["id"] for hit in hits if any(s["match"] for s in hit["segments"])
        }
    assert http.get(path, params={"q": "ا" * 1001}).status_code == 422


def test_ids_with_slashes_and_dates(http: TestClient) -> None:
    for path in ("old/news.txt", quote("old/news.txt", safe="")):
        answer = http.get(f"/v1/articles/{path}")
        assert answer.json()["article"]["published"] == "2001-02-03"


def test_a_passage_by_its_id(http: TestClient) -> None:
    answer = http.get(f"/v1/passages/{quote('old/news.txt#0', safe='')}").json()
    assert answer["passage"]["text"] == "خبر قديم عن مدينة بغداد"
    assert answer["article"]["title"] == "قديم"


@pytest.mark.parametrize(
    "path",
    [
        "articles/nothing",
        "articles/%00",
        "articles/..%2f..%2fetc%2fpasswd",
        f"articles/{quote(SEED)}%230",
        "passages/nothing%230",
        f"passages/{quote(SEED)}",
        f"passages/{quote(SEED)}%23",
        f"passages/{quote(SEED)}%2399",
        f"passages/{quote(SEED)}%23-1",
        f"articles/{quote(SEED)}%0A",
        f"passages/{quote(SEED)}%230%0A",
        f"passages/{quote(SEED)}%2300",
        f"passages/{quote(SEED)}%23" + "9" * 12,
        "passages/%23",
    ],
)
def test_what_is_not_there(http: TestClient, path: str) -> None:
    answer = http.get(f"/v1/{path}")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


@pytest.mark.parametrize("path", ["articles/", "passages/", "articles/" + "x" * 513])
def test_ids_are_bounded(http: TestClient, path: str) -> None:
    assert http.get(f"/v1/{path}").status_code == 422


def test_analyze_tells_every_layer(http: TestClient) -> None:
    (token,) = http.get("/v1/analyze", params={"text": " وبالعِراق!"}).json()["tokens"]
    assert (token["start"], token["end"], token["text"]) == (1, 10, "وبالعِراق")
    assert (token["letters"], token["stem"], token["stop"]) == ("وبالعراق", "عراق", False)
    assert token["vowelled"] == "وبالعِراق"
    assert "عراق" in token["grams"]


def test_analyze_tells_what_is_asked_beside_a_word(http: TestClient) -> None:
    (token,) = http.get("/v1/analyze", params={"text": "يكتب"}).json()["tokens"]
    assert "كاتب" in token["besides"]["family"]
    assert "كتب" in token["besides"]["homographs"]  # books, or he wrote
    first, _ = http.get("/v1/analyze", params={"text": "عبد الله"}).json()["tokens"]
    assert first["besides"]["names"] == ["عبدالله"]


def test_analyze_is_bounded(http: TestClient) -> None:
    assert http.get("/v1/analyze", params={"text": "ا " * 5000}).status_code == 200
    assert http.get("/v1/analyze", params={"text": "ا" * 10_001}).status_code == 422
    assert http.get("/v1/analyze").status_code == 422


def test_status_counts(http: TestClient) -> None:
    answer = http.get("/v1/status").json()
    assert (answer["articles"], answer["passages"]) == (4, 24)
    assert (answer["model"], answer["dimensions"]) == ("test/hashing", 32)


@pytest.mark.parametrize("path", ["articles/new", "passages/new%230", "status", "analyze"])
def test_no_parameter_is_passed_over(http: TestClient, path: str) -> None:
    answer = http.get(f"/v1/{path}?verbose=1")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "verbose"


def test_every_article_comes_as_a_line_and_goes_back(
    http: TestClient, searcher: Searcher, tmp_path: Path
) -> None:
    answer = http.get("/v1/articles", params={"format": "jsonl", "sort": "newest"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
    lines = answer.content.splitlines()
    listed = http.get("/v1/articles", params={"sort": "newest"}).json()["articles"]
    assert [json.loads(line)["id"] for line in lines] == [each["id"] for each in listed]
    with closing(EngineIngest(searcher.engine, HashingEmbedder(), Settings(data=tmp_path))) as back:
        body = [BodyLine(n, line) for n, line in enumerate(lines, start=1)]
        with closing(FirstPlaces()) as places:
            assert {each.status for each in back.lines(body, places)} == {"unchanged"}
    empty = http.get("/v1/articles", params={"format": "jsonl", "source": "لا مصدر"})
    assert (empty.status_code, empty.content) == (200, b"")
    for name, value in (("size", 2), ("fields", "id")):
        refused = http.get("/v1/articles", params={"format": "jsonl", name: value})
        assert refused.json()["errors"][0]["field"] == name


def test_a_list_has_only_the_fields_that_are_named(http: TestClient) -> None:
    whole = http.get("/v1/articles").json()["articles"]
    besides = {"edition"}  # tests/conformance/test_editions.py
    for names in (("id", "title"), tuple(set(get_args(ArticleField)) - besides)):
        some = http.get("/v1/articles", params={"fields": names}).json()["articles"]
        assert some == [{name: each[name] for name in names} for each in whole]
    assert http.get("/v1/articles", params={"fields": "text"}).status_code == 422
