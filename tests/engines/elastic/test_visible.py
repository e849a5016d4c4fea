"""Which passages of an answer are shown, and whether they are the best ones; no server."""

from __future__ import annotations

from typing import Any

from search.domain import NO_FILTER
from search.engines.elastic.queries import kind, passages_query
from search.engines.elastic.visible import View, passage_of, shown


def own(article: str, edition: str = "") -> dict[str, Any]:
    """Return an unsettled article's own document as a hit; "": it shows no edition."""
    fields = {"article_id": [article], **({"edition": [edition]} if edition else {})}
    return {"fields": fields}


def passage(article: str, edition: str, position: int = 0) -> dict[str, Any]:
    passage_id = f"{article}#{position}"
    return {"fields": {"passage_id": [passage_id], "article_id": [article], "edition": [edition]}}


def test_without_an_own_document_every_hit_may_be_shown() -> None:
    hits = [passage("a", "1"), passage("b", "1")]
    found = shown(hits, 2)
    assert (found.passages, found.unsettled) == (hits, 0)
    assert found.has(2)


def test_only_the_edition_that_is_shown_is_kept() -> None:
    passages = [passage("a", "1"), passage("a", "2", 1), passage("b", "7"), passage("c", "9")]
    found = shown([own("a", "2"), own("c"), *passages], 9)
    assert [passage_of(hit) for hit in found.passages] == ["a#1", "b#0"]
    assert found.unsettled == 2
    assert found.has(9)  # there are no more


def test_dropped_hits_of_a_full_answer_may_have_displaced_others() -> None:
    found = shown([own("a", "2"), passage("a", "1"), passage("b", "1")], 3)
    assert [passage_of(hit) for hit in found.passages] == ["b#0"]
    assert found.has(1)
    assert not found.has(2)


def test_an_answer_full_of_own_documents_is_not_enough() -> None:
    found = shown([own("x"), own("y")], 2)
    assert found.passages == []
    assert not found.has(1)


def test_at_a_point_in_time_editions_that_are_not_shown_are_excluded_by_name() -> None:
    hidden = [f"e{number}" for number in range(70_000)]
    view = View({}, {"pit": {"id": "x"}}, hidden)
    query = passages_query(None, NO_FILTER, hidden=view.hidden)
    assert view.finding(query) == query
    left_out = [part["terms"]["edition"] for part in query["bool"]["must_not"]]
    assert [name for part in left_out for name in part] == hidden
    assert max(map(len, left_out)) <= 65_536  # Elasticsearch refuses more


def test_a_search_of_the_current_index_also_finds_unsettled_documents() -> None:
    query = View({"index": "x"}).finding(kind("passage"))
    assert query["bool"]["should"][0] == kind("passage")
    assert "unsettled" in str(query["bool"]["should"][1])
