"""The comparison sees what it must see; nothing here needs an engine."""

from __future__ import annotations

import pytest

from tests.congruence.compare import TEXT, Scored, ranked_apart

RANKING = [("a", 3.0), ("b", 2.0), ("c", 1.0)]
NEAR = 1 + 2**-16


@pytest.mark.parametrize(
    ("other", "limit"),
    [
        ([("a", 3.0), ("b", 2.0 * NEAR), ("c", 1.0)], 10),  # a score within the tolerance
        ([("a", 3.0), ("b", 2.0), ("d", NEAR)], 3),  # tied at the cut
    ],
)
def test_rankings_alike_up_to_ties(other: Scored, limit: int) -> None:
    assert ranked_apart(RANKING, other, limit, TEXT) == []


def test_tied_passages_may_change_places() -> None:
    assert ranked_apart([("a", NEAR), ("b", 1.0)], [("b", NEAR), ("a", 1.0)], 10, TEXT) == []


@pytest.mark.parametrize(
    ("other", "limit"),
    [
        ([("a", 3.0), ("b", 2.001), ("c", 1.0)], 10),  # another score
        ([("b", 3.0), ("a", 2.0), ("c", 1.0)], 10),  # another order
        ([("a", 3.0), ("c", 1.0), ("b", 2.0)], 10),  # not in order
        ([("a", 3.0), ("b", 2.0)], 10),  # one is missing
        ([("a", 3.0), ("b", 2.0), ("d", 1.0)], 10),  # another one, with nothing cut off
        ([("a", 3.0), ("d", 2.0), ("c", 1.0)], 3),  # another one that is not the last
        ([("a", 3.0), ("b", 2.0), ("b", 1.0)], 3),  # one twice
        ([], 10),
    ],
)
def test_rankings_that_differ(other: Scored, limit: int) -> None:
    assert ranked_apart(RANKING, other, limit, TEXT)
    assert ranked_apart(other, RANKING, limit, TEXT)
