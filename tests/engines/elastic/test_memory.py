"""Passages shown lately: by edition, for as long as a ranking just listed it, and bounded."""

from __future__ import annotations

import pytest

from search.domain import ArticleInfo, Passage, StoredPassage
from search.engines.elastic.memory import Memory
from search.engines.elastic.ranking import is_mixed


def stored(passage_id: str, text: str = "x") -> StoredPassage:
    article_id, _, position = passage_id.rpartition("#")
    return StoredPassage(
        Passage(article_id, int(position), 0, len(text), text), ArticleInfo(article_id)
    )


def test_what_a_ranking_listed_is_recalled_by_its_edition() -> None:
    memory = Memory(60)
    memory.keep({("a#0", "1.0"): stored("a#0", "old"), ("a#0", "2.0"): stored("a#0", "new")})
    assert memory.recall(["a#0"]) == {}  # no ranking listed it
    memory.note([("a#0", "1.0"), ("b#0", "1.1")])
    assert memory.recall(["a#0", "b#0", "c#0"]) == {"a#0": stored("a#0", "old")}
    memory.note([("a#0", "2.0")])
    assert memory.recall(["a#0"]) == {"a#0": stored("a#0", "new")}


def test_after_a_write_nothing_is_recalled_until_it_is_listed_again() -> None:
    memory = Memory(60)
    memory.keep({("a#0", "1.0"): stored("a#0")})
    memory.note([("a#0", "1.0")])
    memory.forget()
    assert memory.recall(["a#0"]) == {}
    memory.note([("a#0", "1.0")])
    assert memory.recall(["a#0"]) == {"a#0": stored("a#0")}


def test_a_ranking_of_long_ago_counts_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("search.engines.elastic.memory.time.monotonic", lambda: now)
    memory = Memory(1.0)
    memory.keep({("a#0", "1.0"): stored("a#0")})
    memory.note([("a#0", "1.0")])
    now = 100.9
    assert memory.recall(["a#0"])
    now = 101.1
    assert memory.recall(["a#0"]) == {}


def test_it_is_bounded_and_what_is_used_stays() -> None:
    memory = Memory(60, size=3)
    ids = [f"a#{i}" for i in range(5)]
    memory.note((key, "1.0") for key in ids)
    for key in ids:
        memory.keep({(key, "1.0"): stored(key)})
        memory.recall(["a#0"])
    assert set(memory.recall(ids)) == {"a#0", "a#3", "a#4"}


def test_two_editions_of_one_article_in_an_answer_are_noticed() -> None:
    assert not is_mixed([("a#0", "1.0"), ("a#1", "1.0"), ("b#0", "2.0"), ("a#b#0", "3.0")])
    assert is_mixed([("a#0", "1.0"), ("b#0", "1.1"), ("a#7", "2.0")])
    assert not is_mixed([])
