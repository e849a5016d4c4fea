"""Clauses as Elasticsearch's queries, where what they say has a trap; no server."""

from __future__ import annotations

from typing import Any

import pytest

from search.domain import NO_FILTER
from search.engines.elastic.queries import besides, kind, passages_query
from search.query.clauses import AnyOf, Boost, Clause, Fuzzy, Prefer, Term

A, B, C = (Term("stem", value) for value in "abc")


def minimum(wanted: Clause, bonus: Clause) -> Any:
    """Return how many of a bonus' clauses a passage is said to have at least."""
    return passages_query(Prefer(wanted, bonus), NO_FILTER)["bool"]["minimum_should_match"]


@pytest.mark.parametrize("wanted", [A, Boost(A, 0), AnyOf((A, B)), AnyOf((A, B), minimum=2)])
def test_a_bonus_that_every_match_has_a_part_of_is_demanded(wanted: Clause) -> None:
    assert minimum(wanted, AnyOf((A, Boost(B, 2), C))) == 1


@pytest.mark.parametrize(
    ("wanted", "bonus"),
    [
        (A, AnyOf((B, C))),
        (AnyOf((A, B)), AnyOf((A, C))),
        (A, AnyOf((A, B), minimum=2)),
        (A, AnyOf((C, AnyOf((A, B), minimum=2)))),
    ],
)
def test_a_bonus_that_a_match_may_lack_is_not(wanted: Clause, bonus: Clause) -> None:
    assert minimum(wanted, bonus) == 0


def test_clauses_that_score_stand_side_by_side() -> None:
    """One clause more around them makes Elasticsearch 1.2 times as slow."""
    doubtful = kind("doubtful")
    query = besides(passages_query(Prefer(Boost(A, 0), AnyOf((A, B))), NO_FILTER), doubtful)["bool"]
    assert [next(iter(part)) for part in query["should"]] == ["term", "term", "constant_score"]
    assert query["minimum_should_match"] == 1
    (condition,) = query["filter"]
    assert condition["bool"]["should"][1] == doubtful


def test_what_is_meant_is_looked_for_once_where_it_scores() -> None:
    """Each look into the dictionary costs as much as a fifth of the search."""
    meant = Boost(Fuzzy("stem", "abcde"), 3)
    wanted = AnyOf((Boost(AnyOf((A, B)), 0), meant))
    query = besides(passages_query(Prefer(wanted, AnyOf((A, B))), NO_FILTER), kind("doubtful"))
    assert str(query).count("fuzzy': {") == 1
    assert [next(iter(part)) for part in query["bool"]["should"]] == [
        "term",
        "term",
        "constant_score",
    ]
