"""Grades over HTTP: kept at once, by who may write, and only where the server was told to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.routes.judging import Judge as ApiJudge
from indexer.evaluation.judging import Judge, judging
from search.keys import KeyFile
from search.ranking.searcher import Searcher
from search.settings import Settings
from tests.api.support import ToldIngest, ToldSearcher, client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "judged"


def connected(judge: ApiJudge, settings: Settings | None = None) -> TestClient:
    searcher = cast("Searcher", ToldSearcher())
    made = create_app(searcher, settings or Settings(), lambda _: ToldIngest(), judge)
    return TestClient(made, base_url="http://localhost", raise_server_exceptions=False)


@pytest.fixture
def http(folder: Path) -> Iterator[TestClient]:
    with judging(folder) as judgements, connected(Judge(judgements)) as http:
        yield http


def put(http: TestClient, **given: object) -> int:
    return http.put("/v1/judgements", json=given).status_code


def test_a_grade_is_on_disk_when_the_answer_comes(http: TestClient, folder: Path) -> None:
    assert http.get("/v1/judgements").json() == {"queries": []}
    assert "<html data-judging " in http.get("/").text
    [hit] = http.get("/v1/judgements/hits", params={"q": "سؤال"}).json()["hits"]
    assert (hit["article"]["id"], hit["grade"]) == ("a", None)
    assert put(http, q="سؤال", article="a", grade=2) == 200
    assert (folder / "qrels" / "test.tsv").read_text().splitlines()[1:] == ["q1\ta\t2"]
    assert put(http, q="سؤال", article="a", grade=3) == 200  # the last one counts
    [hit] = http.get("/v1/judgements/hits", params={"q": "سؤال"}).json()["hits"]
    assert hit["grade"] == 3
    assert http.get("/v1/judgements").json() == {"queries": [{"text": "سؤال", "graded": 1}]}


@pytest.mark.parametrize(
    "given",
    [
        {"q": "", "article": "a", "grade": 1}, {"q": " ", "article": "a", "grade": 1},
        {"q": "x" * 1001, "article": "a", "grade": 1}, {"q": "x", "article": "", "grade": 1},
        {"q": "x", "article": "a", "grade": 4}, {"q": "x", "article": "a", "grade": -1},
        {"q": "x", "article": "a", "grade": "1"}, {"q": "x", "article": "a", "grade": True},
        {"q": "x", "article": "a"}, {"q": "x", "article": "a", "grade": 1, "more": 1},
        {"q": "x", "article": "a\tb", "grade": 1}, {"q": "x", "article": " a", "grade": 1},
    ],
)  # fmt: skip
def test_what_is_no_grade_is_refused_and_nothing_kept(
    http: TestClient, folder: Path, given: dict[str, object]
) -> None:
    answer = http.put("/v1/judgements", json=given)
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert (folder / "qrels" / "test.tsv").read_text() == ""


def test_who_may_not_write_may_not_grade(folder: Path) -> None:
    with judging(folder) as judgements:
        judge = Judge(judgements)
        with connected(judge) as http:
            body = {"q": "x", "article": "a", "grade": 1}
            crossing = {"Origin": "http://elsewhere.example"}
            assert http.put("/v1/judgements", json=body, headers=crossing).status_code == 403
            assert http.put("/v1/judgements", content="{}").status_code == 415
        with client(ToldSearcher()) as http:
            assert http.put("/v1/judgements", json=body).status_code == 404
        KeyFile(folder / "keys.json").create("reader", ["search"])
        with connected(judge, Settings(keys=folder / "keys.json")) as http:
            assert http.put("/v1/judgements", json=body).status_code == 401
    assert (folder / "qrels" / "test.tsv").read_text() == ""


def test_a_server_that_was_not_told_to_takes_no_grades() -> None:
    with client(ToldSearcher()) as http:
        assert http.get("/v1/judgements").status_code == 404
        assert "data-judging" not in http.get("/").text
