"""Where a passage stands, as docs/API.md has it: sent, read, found, in context and cited."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from indexer.ingestion.service import EngineIngest
from search.assembly import fingerprint_of
from search.engines import open_engine
from search.ranking.searcher import Searcher
from search.settings import Settings
from tests.api.support import client
from tests.api.test_documented import PAGE
from tests.support import HashingEmbedder

LATER = {"kind": "page", "value": "13"}


@pytest.fixture
def http(settings: Settings) -> Iterator[TestClient]:
    embedder = HashingEmbedder()
    engine = open_engine(settings, fingerprint_of(embedder, settings))
    ingest = EngineIngest(engine, embedder, settings)
    with client(Searcher(engine, embedder), settings, ingest) as connected:
        yield connected
    engine.close()


def test_what_the_documentation_sends_is_found_with_its_page(http: TestClient) -> None:
    (line,) = (line for line in PAGE.splitlines() if "-d '" in line and "fihris_places" in line)
    words = shlex.split(line)
    sent = json.loads(words[words.index("-d") + 1])
    assert http.put(words[1], json=sent).status_code == 201
    (hit,) = http.get("/v1/search", params={"q": "التالية", "mode": "keyword"}).json()["hits"]
    assert hit["passage"]["place"] == LATER
    whole = http.get("/v1/articles/b1").json()
    assert [each["place"]["value"] for each in whole["passages"]] == ["12", "13"]
    (shown,) = http.get("/v1/kwic", params={"q": "التالية"}).json()["lines"]
    assert shown["place"] == LATER
    cited = http.get("/v1/search", params={"q": "التالية", "mode": "keyword", "format": "ris"})
    assert "SP  - 13\r\n" in cited.text
    exported = http.get("/v1/articles", params={"format": "jsonl"}).text
    assert json.loads(exported)["fihris_places"] == sent["fihris_places"]
    again = http.post(
        "/v1/articles:bulk", content=exported, headers={"Content-Type": "application/x-ndjson"}
    )
    assert json.loads(again.text)["status"] == "unchanged"


def test_one_that_is_none_is_refused_and_without_any_there_is_null(http: TestClient) -> None:
    wrong = {"text": "نص", "fihris_places": [[0, "leaf", "1"]]}
    sent = http.put("/v1/articles/a", json=wrong)
    assert sent.status_code == 422
    assert "fihris_places" in sent.json()["detail"]
    http.put("/v1/articles/a", json={"text": "نص", "places": ["بغداد"]})
    (hit,) = http.get("/v1/search", params={"q": "نص", "mode": "keyword"}).json()["hits"]
    assert hit["passage"]["place"] is None
