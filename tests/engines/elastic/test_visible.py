"""Which hits of an answer may be shown, and how a search is asked again; no server."""

from __future__ import annotations

from typing import Any

import pytest

from search.engines.elastic.visible import Look, first_look, passage_of, seen


def own(article: str, edition: str = "") -> dict[str, Any]:
    """Return an unsettled article's own document as a hit; "": it shows no edition."""
    fields = {"article_id": [article], **({"edition": [edition]} if edition else {})}
    return {"fields": fields}


def passage(article: str, edition: str, position: int = 0) -> dict[str, Any]:
    passage_id = f"{article}#{position}"
    return {"fields": {"passage_id": [passage_id], "article_id": [article], "edition": [edition]}}


def test_without_an_own_document_every_hit_may_be_shown() -> None:
    hits = [passage("a", "1"), passage("b", "1")]
    found = seen(Look(2), hits, 2)
    assert (found.passages, found.again, found.unsettled) == (hits, None, 0)


@pytest.mark.parametrize("last", [False, True], ids=["own first", "own last, as rescored"])
def test_only_the_edition_that_is_shown_is_kept(last: bool) -> None:
    passages = [passage("a", "1"), passage("a", "2", 1), passage("b", "7"), passage("c", "9")]
    told = [own("a", "2"), own("c")]
    found = seen(Look(9), [*passages, *told] if last else [*told, *passages], 9)
    assert [passage_of(hit) for hit in found.passages] == ["a#1", "b#0"]
    assert (found.again, found.unsettled) == (None, 2)


def test_what_took_the_places_of_others_is_asked_again_with_more_room() -> None:
    found = seen(Look(3), [own("a", "2"), passage("a", "1"), passage("a", "1", 1)], 3)
    assert found.passages == []
    assert found.again is not None
    assert found.again.size > 3 + 1
    assert found.again.among is None


def test_a_page_that_is_full_without_them_is_not_asked_again() -> None:
    look = Look(2, room=2)
    found = seen(look, [own("a", "2"), passage("b", "1"), passage("c", "1"), passage("a", "1")], 2)
    assert [passage_of(hit) for hit in found.passages] == ["b#0", "c#0"]
    assert found.again is None


def test_more_own_documents_than_places_are_asked_for_by_their_passages() -> None:
    found = seen(Look(2), [own("x"), own("y")], 2)
    assert found.again == Look(2, among=frozenset())
    found = seen(found.again, [passage("a", "1"), passage("b", "1")], 2)
    assert found.passages == []  # nothing tells yet which edition is shown
    assert found.again == Look(2, among=frozenset({"a", "b"}))
    found = seen(found.again, [own("a", "2"), passage("a", "1"), passage("b", "1")], 2)
    assert [passage_of(hit) for hit in found.passages] == ["b#0"]


def test_a_search_after_a_crowded_one_begins_as_that_one_ended() -> None:
    assert first_look(10, None) == Look(10)
    assert first_look(10, Look(40, room=20)) == Look(10, room=20)
    assert first_look(10, Look(40, among=frozenset({"a"}))) == Look(10, among=frozenset())
