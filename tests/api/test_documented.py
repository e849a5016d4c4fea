"""What docs/API.md asks is answered as it says."""

from __future__ import annotations

import json
import shlex
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from fastapi.testclient import TestClient

from api.requests import (
    KwicParameters,
    ListParameters,
    SearchPageParameters,
    SimilarParameters,
    SuggestParameters,
    described,
)
from indexer.ingestion.service import EngineIngest
from search.assembly import fingerprint_of
from search.engines import open_engine
from search.ranking.searcher import Searcher
from search.settings import Settings
from tests.api.support import ToldIngest, client
from tests.support import REPOSITORY, HashingEmbedder

PAGE = (REPOSITORY / "docs" / "API.md").read_text(encoding="utf-8")
WRITES = {"-X", "-T", "-F", "--data-binary", "-H"}
OTHERS = ("/v1/saved", "/v1/annotations", "label=", "/v1/originals/")  # answered in turn below
ASKED = [
    line.strip()
    for line in PAGE.splitlines()
    if line.startswith("    curl ")
    and not WRITES & set(shlex.split(line))
    and not any(part in line for part in OTHERS)
]


def answer(http: TestClient, line: str) -> dict[str, object]:
    """Send what a line would, and return the answer."""
    words = iter(shlex.split(line)[1:])
    address, parameters = "", list[tuple[str, str | int | float | bool | None]]()
    for word in words:
        if word in ("-d", "--data-urlencode"):
            name, _, value = next(words).partition("=")
            parameters.append((name, value))
        elif word != "-G":
            address = urlsplit(word).path
    found = http.get(unquote(address).replace("#", "%23"), params=parameters)
    assert found.status_code == 200, found.text
    if "format=" in line:
        return {"file": found.text}
    content: dict[str, object] = found.json()
    return content


@pytest.mark.parametrize("line", ASKED)
def test_an_example_is_answered(http: TestClient, line: str) -> None:
    found = answer(http, line)
    assert found
    if "format=ris" in line:
        assert str(found["file"]).startswith("TY  - NEWS")
    if "facets=source" in line:
        assert found["facets"]
        assert found["hits"]
    if "group_by=article" in line:
        assert found["groups"]
    if "similar" in line:
        assert found["hits"] or found["groups"]
    if "explain=true" in line:
        hits: list[Any] = found["hits"]  # type: ignore[assignment]
        assert all(hit["explanation"]["reads"]["ar"] for hit in hits)
    if "/v1/collections" in line:
        assert found["collections"]
    if "/v1/kwic" in line:
        assert found["lines"]
        assert found["frequencies"]
    if "/v1/suggest" in line:
        assert found["suggestions"]
    if "format=jsonl" in line:
        assert [json.loads(each)["source"] for each in str(found["file"]).splitlines()] == [
            "CNN Arabic"
        ]
    elif "/v1/articles " in line:
        assert found["articles"]


def test_the_example_of_many_searches_is_answered(http: TestClient) -> None:
    (line,) = (line for line in PAGE.splitlines() if "/v1/multi-search" in line and "curl" in line)
    words = shlex.split(line)
    found = http.post("/v1/multi-search", json=json.loads(words[words.index("-d") + 1]))
    first, second = found.json()["answers"]
    assert first["hits"]
    assert second["facets"]


def test_the_examples_of_saved_searches_are_answered(searcher: Searcher, tmp_path: Path) -> None:
    lines = [line.strip() for line in PAGE.splitlines() if line.startswith("    curl")]
    save, *asked, remove = (line for line in lines if "/v1/saved" in line)
    words = shlex.split(save)
    with client(searcher, Settings(data=tmp_path), ToldIngest()) as http:
        made = http.post("/v1/saved", json=json.loads(words[words.index("-d") + 1]))
        assert made.status_code == 201, made.text
        saved = made.json()["id"]
        listed, matches = (answer(http, line.replace("/ID", f"/{saved}")) for line in asked[:2])
        assert listed == {"saved": [made.json()]}
        assert matches == {"matches": [], "cursor": None}
        feed = http.get(urlsplit(shlex.split(asked[2])[1]).path.replace("/ID", f"/{saved}"))
        assert feed.headers["content-type"] == "application/atom+xml; charset=utf-8"
        address = urlsplit(shlex.split(remove)[1]).path.replace("/ID", f"/{saved}")
        assert http.delete(address).status_code == 204
        assert http.get(address + "/matches").status_code == 404


def test_the_examples_of_annotations_are_answered(tmp_path: Path) -> None:
    lines = [line.strip() for line in PAGE.splitlines() if line.startswith("    curl")]
    own = [line for line in lines if "/v1/annotations" in line or "label=" in line]
    add, find, search, change, remove = own
    settings, embedder = Settings(data=tmp_path), HashingEmbedder()
    engine = open_engine(settings, fingerprint_of(embedder, settings))
    with (
        closing(Searcher(engine, embedder)) as searcher,
        client(searcher, settings, EngineIngest(engine, embedder, settings)) as http,
    ):
        assert http.put("/v1/articles/new", json={"text": "ضربات في العراق"}).status_code == 201
        made = http.post("/v1/annotations", json=_body(add))
        assert made.status_code == 201, made.text
        key = made.json()["id"]
        listed = answer(http, find)
        assert listed["annotations"] == [made.json()]
        assert listed["labels"] == [{"value": "شاهد", "count": 1}]
        found = answer(http, search)
        assert found["facets"] == {"label": [{"value": "شاهد", "count": 1}]}
        assert len(found["hits"]) == 1  # type: ignore[arg-type]
        table = http.get("/v1/annotations", params={"format": "csv"})
        assert "شاهد" in table.text.splitlines()[1]
        address = urlsplit(shlex.split(change)[1]).path.replace("/ID", f"/{key}")
        changed = http.put(address, json=_body(change)).json()
        assert (changed["labels"], changed["note"]) == (["شاهد", "مهم"], "")
        exported = http.get("/v1/articles", params={"format": "jsonl"}).text
        assert json.loads(exported)["fihris_annotations"][0]["labels"] == ["شاهد", "مهم"]
        assert "-X DELETE" in remove
        assert http.delete(address).status_code == 204
        sent = http.post(
            "/v1/articles:bulk", content=exported, headers={"Content-Type": "application/x-ndjson"}
        )
        assert sent.json()["status"] == "unchanged"
        (again,) = http.get("/v1/annotations").json()["annotations"]
        assert again == changed


def _body(line: str) -> object:
    words = shlex.split(line)
    return json.loads(words[words.index("-d") + 1])


def test_there_are_examples_of_everything() -> None:
    for part in (
        "facets=source",
        "group_by=article",
        "match=form",
        "collapse=duplicates",
        "explain=true",
        "passages:similar",
        "articles:similar",
        "sort=newest -d size=3",
        "format=ris",
        "/v1/articles -d sort=newest",
        "/v1/articles -d format=jsonl",
        "/v1/kwic",
        "/v1/suggest",
    ):
        assert any(part in line for line in ASKED), part


def test_every_parameter_is_named() -> None:
    models = (
        SearchPageParameters,
        ListParameters,
        KwicParameters,
        SimilarParameters,
        SuggestParameters,
    )
    names = {each["name"] for model in models for each in described(model)} - {"q"}
    assert [
        name for name in sorted(names) if f"`{name}" not in PAGE and f"{name}=" not in PAGE
    ] == []
