"""`DELETE` and `PATCH /v1/articles`: as docs/API.md shows, by a filter, never without one."""

from __future__ import annotations

import json
import shlex

import pytest
from fastapi.testclient import TestClient

from search.keys import KeyFile
from search.settings import Settings
from tests.api.support import ToldIngest, ToldSearcher, client
from tests.api.test_documented import PAGE

PATH = "/v1/articles"
SHOWN = [
    shlex.split(line)
    for line in PAGE.splitlines()
    if line.startswith("    curl ") and "/v1/articles?source" in line
]


@pytest.fixture
def http(writable: TestClient) -> TestClient:
    for n, day in enumerate(("2019-05-06", "2024-05-06")):
        writable.put(f"{PATH}/a{n}", json={"text": "نص", "source": "CNN", "published": day})
    return writable


def sources(http: TestClient) -> list[str]:
    return [each["source"] for each in http.get(PATH).json()["articles"]]


def test_what_the_documentation_shows(http: TestClient) -> None:
    delete, patch = SHOWN
    answer = http.request("DELETE", delete[1])
    assert (answer.status_code, answer.json()) == (
        200, {"matched": 1, "removed": 1, "cursor": None}
    )  # fmt: skip
    assert sources(http) == ["CNN", "CNN"]
    answer = http.request("PATCH", patch[1], json=json.loads(patch[patch.index("-d") + 1]))
    assert (answer.status_code, answer.json()) == (
        200,
        {"matched": 2, "changed": 2, "unchanged": 0, "failures": 0, "failed": [], "cursor": None},
    )
    assert sources(http) == ["CNN Arabic", "CNN Arabic"]
    found = http.get(PATH, params={"tag": "حرب"}).json()
    assert found["total"] == 2
    really = delete[1].replace("&dry_run=true", "").replace("CNN", "CNN Arabic")
    assert http.request("DELETE", really).json()["removed"] == 1
    assert [each["id"] for each in http.get(PATH).json()["articles"]] == ["a1"]


@pytest.mark.parametrize("method", ["DELETE", "PATCH"])
@pytest.mark.parametrize(
    ("query", "field"),
    [("", "source"), ("?dry_run=true", "source"), ("?title=x", "title"),
     ("?source=CNN&cursor=x", "cursor"), ("?from=2024-02-01&to=2024-01-01", "from")],
)  # fmt: skip
def test_nothing_changes_without_a_filter_that_is_clear(
    http: TestClient, method: str, query: str, field: str
) -> None:
    body = {"source": "BBC"} if method == "PATCH" else None
    answer = http.request(method, PATH + query, json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field
    assert sources(http) == ["CNN", "CNN"]


@pytest.mark.parametrize(
    "body", [{}, [], {"title": "x"}, {"tags": ["ا" * 101]}, {"language": None}]
)
def test_what_cannot_be_set_is_refused(http: TestClient, body: object) -> None:
    answer = http.patch(PATH, params={"source": "CNN"}, json=body)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-input")
    large = http.patch(PATH, params={"source": "CNN"}, json={"author": "ا" * 70_000})
    assert large.status_code == 413
    assert http.patch(PATH, params={"source": "CNN"}, content=b"{}").status_code == 415


def test_who_may_not_write_may_not_change_many(told: ToldIngest, settings: Settings) -> None:
    KeyFile(settings.data / "keys.json").create("reader", ["search"])
    with client(ToldSearcher(), settings, told) as http:
        for method in ("DELETE", "PATCH"):
            assert http.request(method, f"{PATH}?source=CNN", json={}).status_code == 401
    with client(ToldSearcher(), Settings()) as http:
        assert http.request("DELETE", f"{PATH}?source=CNN").status_code == 403
