"""`POST /v1/multi-search`: answers in order, a faulty search fails alone, bounds by their fields."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.requests import MAX_SEARCHES
from search.errors import EngineUnavailable
from tests.api.support import ToldSearcher, client

PATH = "/v1/multi-search"


def untimed(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "took_ms"}


def test_each_search_is_answered_as_alone_and_in_order(http: TestClient) -> None:
    searches: list[dict[str, Any]] = [
        {"q": "ضربات جوية في العراق", "size": 2},
        {"q": "بغداد", "mode": "keyword", "source": ["ب"], "facets": ["source"]},
        {"q": "مدينة", "group_by": "article", "match": "exact"},
    ]
    answer = http.post(PATH, json={"searches": searches})
    assert answer.status_code == 200, answer.text
    alone = [http.post("/v1/search", json=each).json() for each in searches]
    assert list(answer.json()) == ["answers"]
    assert [untimed(a) for a in answer.json()["answers"]] == [untimed(a) for a in alone]
    assert alone[0]["hits"]
    assert alone[1]["facets"]
    assert alone[2]["groups"]


@pytest.mark.parametrize(
    ("faulty", "kind", "field"),
    [
        ({"q": "x", "from": "2024-02-01", "to": "2024-01-01"}, "invalid-input", "from"),
        ({"q": "x", "size": 100, "start": 9_950}, "page-too-deep", "start"),
        ({"q": "x", "mode": "semantic", "facets": ["source"]}, "invalid-input", "facets"),
    ],
)
def test_a_faulty_search_fails_alone(
    http: TestClient, faulty: dict[str, Any], kind: str, field: str
) -> None:
    good = {"q": "بغداد"}
    answer = http.post(
        PATH, json={"searches": [good, faulty, good]}, headers={"X-Request-ID": "mine"}
    )
    assert answer.status_code == 200
    first, failed, last = answer.json()["answers"]
    assert first["hits"]
    assert untimed(first) == untimed(last)
    alone = http.post("/v1/search", json=faulty, headers={"X-Request-ID": "mine"})
    assert failed == {"problem": alone.json()}
    assert failed["problem"]["type"] == f"/problems/{kind}"
    assert failed["problem"]["errors"][0]["field"] == field


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "searches"),
        ({"searches": []}, "searches"),
        ({"searches": [{"q": "x"}] * (MAX_SEARCHES + 1)}, "searches"),
        ({"searches": [{"q": "x", "size": 100}] * 10 + [{"q": "x", "size": 1}]}, "searches"),
        ({"searches": [{"q": "x"}, {"q": "x", "size": 101}]}, "searches.1.size"),
        ({"searches": [{"q": "x", "sise": 1}]}, "searches.0.sise"),
        ({"searches": [{}]}, "searches.0.q"),
        ({"searches": [{"q": "x"}], "size": 3}, "size"),
    ],
)
def test_a_malformed_body_is_refused_by_its_field(
    http: TestClient, body: dict[str, Any], field: str
) -> None:
    answer = http.post(PATH, json=body)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-input")
    assert answer.json()["errors"][0]["field"] == field


def test_the_bounds_themselves_are_taken(http: TestClient) -> None:
    most = [{"q": "x", "mode": "keyword", "size": 20}] * MAX_SEARCHES
    assert len(http.post(PATH, json={"searches": most}).json()["answers"]) == MAX_SEARCHES
    large = http.post(PATH, json={"searches": [{"q": "ب" * 1000}] * MAX_SEARCHES})
    assert (large.status_code, large.json()["type"]) == (413, "/problems/body-too-large")


def test_what_would_fail_every_search_fails_the_request() -> None:
    class Down(ToldSearcher):
        def search(self, query: object) -> Any:
            raise EngineUnavailable("down")

    with client(Down()) as http:
        answer = http.post(PATH, json={"searches": [{"q": "x"}, {"q": "y"}]})
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/engine-unavailable")
    assert answer.headers["Retry-After"]
