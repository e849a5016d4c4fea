"""`POST /v1/retrieval`: what Dify sends is answered as its external knowledge API says."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.api.conftest import SEED

PATH = "/v1/retrieval"


def asked(http: TestClient, **body: Any) -> Any:
    given = {
        "knowledge_id": "*",
        "query": "بغداد",
        "retrieval_setting": {"top_k": 5, "score_threshold": 0.0},
        **body,
    }
    return http.post(PATH, json=given, headers={"Authorization": "Bearer key"})


def found(http: TestClient, *conditions: tuple[str, str, object]) -> set[str]:
    """Return the articles found under conditions."""
    told = [{"name": n, "comparison_operator": how, "value": value} for n, how, value in conditions]
    answer = asked(http, metadata_condition={"logical_operator": "and", "conditions": told})
    assert answer.status_code == 200, answer.text
    return {each["metadata"]["article"] for each in answer.json()["records"]}


def test_records_have_the_shape_dify_expects(http: TestClient) -> None:
    answer = asked(http, query="ضربات العراق", metadata_condition=None, user="later versions")
    assert answer.status_code == 200
    records = answer.json()["records"]
    assert len(records) == 5
    for each in records:
        assert each.keys() == {"content", "score", "title", "metadata"}
        assert isinstance(each["metadata"], dict)
        assert 0 <= each["score"] <= 1
    scores = [each["score"] for each in records]
    assert scores == sorted(scores, reverse=True)
    assert records[0]["metadata"]["article"] == SEED
    assert records[0]["metadata"]["passage"].startswith(SEED + "#")


def test_a_score_is_the_share_of_the_best_and_the_threshold_cuts_by_it(http: TestClient) -> None:
    hits = http.post("/v1/search", json={"q": "ضربات العراق", "size": 5}).json()["hits"]
    shares = [hit["score"] / hits[0]["score"] for hit in hits]
    records = asked(http, query="ضربات العراق").json()["records"]
    assert [each["score"] for each in records] == pytest.approx(shares)
    setting = {"top_k": 5, "score_threshold": (shares[1] + shares[2]) / 2}
    fewer = asked(http, query="ضربات العراق", retrieval_setting=setting).json()["records"]
    assert fewer == records[:2]


def test_a_knowledge_is_a_collection(writable: TestClient) -> None:
    for collection in ("news", "books"):
        where = {"collection": collection}
        body = {"text": "خبر عن بغداد"}
        assert writable.put("/v1/articles/a", params=where, json=body).status_code == 201
    (only,) = asked(writable, knowledge_id="news").json()["records"]
    assert only["metadata"]["collection"] == "news"
    assert len(asked(writable).json()["records"]) == 2
    missing = asked(writable, knowledge_id="none")
    assert missing.status_code == 404
    assert missing.json()["error_code"] == 2001
    assert missing.json()["error_msg"] == missing.json()["detail"]


def test_conditions_are_filters(http: TestClient) -> None:
    assert found(http) == {"old/news.txt", "new", "english", SEED}
    assert found(http, ("source", "is", "أ")) == {"old/news.txt"}
    assert found(http, ("source", "in", ["أ", "ب"]), ("language", "=", "ar")) == {
        "old/news.txt",
        "new",
    }
    assert found(http, ("tags", "contains", "جديد")) == {"new"}
    assert found(http, ("published", "before", "2001-02-03")) == set()
    assert found(http, ("published", "≤", "2001-02-03")) == {"old/news.txt"}
    assert found(http, ("published", "is", "2024-05-06")) == {"new"}
    between = ("published", ">", "2001-02-03"), ("published", "<", "2024-05-07")
    assert "new" in found(http, *between)
    assert "old/news.txt" not in found(http, *between)


@pytest.mark.parametrize(
    ("conditions", "joined"),
    [
        ([("source", "not in", ["أ"])], "and"),
        ([("source", "contains", "أ")], "and"),
        ([("source", "is", 3)], "and"),
        ([("source", "in", [])], "and"),
        ([("category", "is", "أ")], "and"),
        ([("published", "before", "today")], "and"),
        ([("published", "before", "0001-01-01")], "and"),
        ([("source", "is", "أ"), ("source", "is", "ب")], "and"),
        ([("source", "is", "أ"), ("tags", "is", "ب")], "or"),
    ],
)
def test_what_a_filter_cannot_say_is_refused(
    http: TestClient, conditions: list[tuple[str, str, object]], joined: str
) -> None:
    meant = [{"name": n, "comparison_operator": how, "value": v} for n, how, v in conditions]
    answer = asked(http, metadata_condition={"logical_operator": joined, "conditions": meant})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].startswith("metadata_condition")
