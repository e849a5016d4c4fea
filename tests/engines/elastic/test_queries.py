"""Clauses as Elasticsearch's queries, where what they say has a trap; no server."""

from __future__ import annotations

from typing import Any

import pytest

from search.domain import NO_FILTER
from search.engines.elastic.queries import passages_query
from search.query.clauses import AnyOf, Boost, Clause, Prefer, Term

A, B, C = (Term("stem", value) for value in "abc")


def minimum(wanted: Clause, bonus: Clause) -> Any:
    """Return how many of a bonus' clauses a passage is said to have at least."""
    (query,) = passages_query(Prefer(wanted, bonus), NO_FILTER)["bool"]["must"]
    return query["bool"]["minimum_should_match"]


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
