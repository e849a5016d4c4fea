"""The OpenAPI document says all that can come back, in words of the seed."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from api.app import create_app
from api.examples import SEARCH
from api.schemas import HitOut, SearchOut
from search.settings import Settings
from tests.api.support import ToldSearcher, client


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(settings=Settings()).openapi()


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(p, m, o) for p, found in document["paths"].items() for m, o in found.items()]


def test_it_is_served() -> None:
    with client(ToldSearcher()) as http:
        assert http.get("/openapi.json").json()["openapi"].startswith("3.1")


def test_every_path_is_there(document: dict[str, Any]) -> None:
    assert {(m, p) for p, m, _ in operations(document)} == {
        ("get", "/live"), ("get", "/ready"), ("get", "/v1/search"), ("post", "/v1/search"),
        ("get", "/v1/articles/{id}"), ("get", "/v1/passages/{id}"), ("get", "/v1/analyze"),
        ("get", "/v1/status"), ("post", "/v1/articles"), ("post", "/v1/articles:bulk"),
        ("put", "/v1/articles/{id}"), ("delete", "/v1/articles/{id}"), ("get", "/v1/articles"),
        ("post", "/v1/multi-search"), ("post", "/v1/retrieval"), ("get", "/v1/kwic"), ("get", "/v1/suggest"), ("get", "/v1/articles:similar"),
        ("get", "/v1/passages:similar"), ("get", "/v1/collections"),
            ("get", "/v1/originals"), ("get", "/v1/originals/{id}"),
        ("delete", "/v1/articles"), ("patch", "/v1/articles"),
        ("post", "/v1/saved"), ("get", "/v1/saved"), ("delete", "/v1/saved/{id}"),
        ("post", "/v1/annotations"), ("get", "/v1/annotations"),
        ("put", "/v1/annotations/{id}"), ("delete", "/v1/annotations/{id}"),
        ("get", "/v1/saved/{id}/matches"), ("get", "/v1/saved/{id}/feed.atom"),
    }  # fmt: skip


def test_every_error_is_declared_as_a_problem(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        errors = {s: r for s, r in operation["responses"].items() if s >= "400"}
        assert {"400", "408", "413", "421", "422", "500"} <= set(errors)
        names_one = "{id}" in path or path.endswith((":similar", "/retrieval"))
        assert ("404" in errors) == (names_one or (path, method) == ("/v1/annotations", "post"))
        assert ("415" in errors) == (method in ("post", "put"))
        assert ({"401", "403", "429"} <= set(errors)) == path.startswith("/v1/")
        for answer in errors.values():
            (content,) = answer["content"]
            assert content == "application/problem+json"
            assert answer["description"]


def test_everything_is_described(document: dict[str, Any]) -> None:
    for _, _, operation in operations(document):
        assert operation["summary"]
        assert operation["description"]
        for parameter in operation.get("parameters", []):
            assert parameter["schema"].get("examples") or parameter.get("description")


def test_no_error_of_the_framework_is_left(document: dict[str, Any]) -> None:
    assert "HTTPValidationError" not in str(document)


def test_examples_are_arabic_and_answered(document: dict[str, Any]) -> None:
    (q,) = [p for p in document["paths"]["/v1/search"]["get"]["parameters"] if p["name"] == "q"]
    assert "ضربات جوية في العراق" in q["schema"]["examples"]
    examples = document["components"]["schemas"]["SearchBody"]["examples"]
    answer = document["paths"]["/v1/search"]["get"]["responses"]["200"]
    assert "ضربات" in str(answer["content"]["application/json"]["example"])
    with client(ToldSearcher()) as http:
        assert [http.post("/v1/search", json=e).status_code for e in examples] == [200, 200]


def test_the_example_is_an_answer() -> None:
    (given,) = TypeAdapter(SearchOut).validate_python(SEARCH)["hits"]
    hit = TypeAdapter(HitOut).validate_python(given)
    assert hit["segments"][1].match


def test_what_writes_has_examples(document: dict[str, Any]) -> None:
    answers = {
        (m, p): content.get("example")
        for p, m, o in operations(document)
        for content in o["responses"].get("200", {}).get("content", {}).values()
        if m in ("post", "put")
    }
    assert all(answers.values())
    bulk = document["paths"]["/v1/articles:bulk"]["post"]["requestBody"]["content"]
    assert "\n" in bulk["application/x-ndjson"]["example"]
