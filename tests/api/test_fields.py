"""Fields over HTTP, with what really writes: each refusal is a 422 that names the field."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from indexer.ingestion.preparing import prepare
from search.engines.protocol import Engine
from search.settings import Settings
from tests.search.test_code_points import CHANGED
from tests.support import HashingEmbedder, article

TEXT = "نص عن بغداد"
WRONG = "".join(map(chr, TEXT.encode()))  # UTF-8 read as Latin-1


@pytest.fixture
def http(writable: TestClient) -> TestClient:
    return writable


REFUSED: list[tuple[str, object]] = [
    ("published", "yesterday"),
    ("published", "2250-01-01"),
    ("published", "1402/10/12"),
    ("published", "2024"),
    ("published", "31/02/2024"),
    ("published", 99),
    ("published", 1e300),
    ("published", True),
    ("published", [2024]),
    ("published", {"$date": 1}),
    ("url", "javascript:alert(1)"),
    ("url", " JAVASCRIPT:alert(1)"),
    ("url", "java\nscript:alert(1)"),
    ("url", "data:text/html,x"),
    ("url", "//a.example"),
    ("url", "file:///etc/passwd"),
    ("url", 7),
    ("title", "ط" * 1_001),
    ("title", "\ud800"),
    ("title", WRONG),
    ("title", ["ع"]),
    ("author", "?" * 5 + " ???? ???"),
    ("author", "ط" * 201),
    ("source", {}),
    ("source", WRONG),
    ("tags", ["حرب", WRONG]),
    ("language", 1),
    ("language", "x" * 36),
    ("tags", ["ط" * 101]),
    ("tags", [str(n) for n in range(65)]),
    ("tags", "وسم"),
    ("text", WRONG),
    ("text", "????? ??? ????"),
    ("text", "\ufffd\ufffd\ufffd"),
    ("text", "a\0b"),
    ("text", "\udc00"),
    ("text", None),
]


@pytest.mark.parametrize(("field", "value"), REFUSED)
def test_what_does_not_fit_is_refused_by_its_name(
    http: TestClient, field: str, value: object
) -> None:
    body = json.dumps({"text": TEXT, field: value})
    put = http.put("/v1/articles/a", content=body, headers={"Content-Type": "application/json"})
    assert put.status_code == 422, put.text
    assert put.json()["errors"][0]["field"] == field
    line = json.dumps({"id": "a", "text": TEXT, field: value})
    kind = {"Content-Type": "application/x-ndjson"}
    bulk = http.post("/v1/articles:bulk", content=line + "\n", headers=kind)
    assert bulk.status_code == 200
    answer = json.loads(bulk.text.splitlines()[0])
    assert answer["status"] == "failed"
    assert f'"{field}"' in answer["error"]
    assert answer["code"] in ("bad-field", "garbled")


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("15/7/1445 هـ", "2024-01-27"),
        ("1402/10/12 ش", "2024-01-02"),
        ("12 كانون 2 2024", "2024-01-12"),
        (1706659200, "2024-01-31"),
        (1706659200.5, "2024-01-31"),
        (1706659200000, "2024-01-31"),
        ("1706659200", "2024-01-31"),
        ("Wed Oct 10 20:19:24 +0000 2018", "2018-10-10"),
        ("0850-05-01", "0850-05-01"),
    ],
)
def test_dates_are_read_as_in_files(http: TestClient, value: object, day: str) -> None:
    assert http.put("/v1/articles/a", json={"text": TEXT, "published": value}).status_code == 201
    assert http.get("/v1/articles/a").json()["article"]["published"] == day


def test_a_file_that_is_sent_has_its_notes(http: TestClient) -> None:
    lines = [{"id": "a", "text": WRONG, "date": "1402/10/12", "link": "javascript:x"}]
    content = "\n".join(map(json.dumps, lines))
    kind = {"Content-Type": "application/x-ndjson"}
    answer = http.post("/v1/articles?name=a.jsonl", content=content, headers=kind)
    assert answer.status_code == 201, answer.text
    (only,) = answer.json()["articles"]
    notes = " ".join(only["notes"])
    assert "date left out: " in notes
    assert "link left out: " in notes
    assert "mended: " in notes


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//a", "urn:isbn:1"])
def test_an_address_that_0_1_stored_is_not_given_out(
    http: TestClient, engine: Engine, url: str
) -> None:
    old = article("old", TEXT)
    stored = replace(old, info=replace(old.info, url=url))
    engine.write(prepare([stored], HashingEmbedder(), Settings()))
    whole = http.get("/v1/articles/old").json()
    hits: list[Any] = http.get("/v1/search", params={"q": "بغداد"}).json()["hits"]
    passage = http.get("/v1/passages/old%230").json()
    assert [whole["article"]["url"], hits[0]["article"]["url"], passage["article"]["url"]] == [
        ""
    ] * 3


@pytest.mark.slow
def test_every_kind_of_character_that_nfkc_changes_gets_an_answer(http: TestClient) -> None:
    """One of each way of changing: by the categories of what it becomes."""
    http.put("/v1/articles/a", json={"text": TEXT})
    kinds: dict[tuple[str, ...], str] = {}
    for char in CHANGED:
        becomes = unicodedata.normalize("NFKC", char)
        kinds.setdefault(tuple(map(unicodedata.category, becomes)), char)
    for char in [*kinds.values(), *"℅℆㎨㏆㎯ﷺﷲ﷽"]:
        for text in (char, f"{char} {char}", f"م{char}", f'"{char}"', f"-{char} بغداد"):
            for mode in ("keyword", "hybrid"):
                answer = http.get("/v1/search", params={"q": text, "mode": mode})
                assert answer.status_code == 200, f"U+{ord(char):04X} in {text!r}"
        assert http.get("/v1/analyze", params={"text": char}).status_code == 200
        assert http.get("/v1/search", params={"q": "بغداد", "tag": char}).status_code == 200
        wanted = {"text": f"{char} {TEXT}", "title": char, "tags": [char], "source": char}
        assert http.put("/v1/articles/b", json=wanted).status_code in (200, 201)
