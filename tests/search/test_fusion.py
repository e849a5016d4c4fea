from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.ranking.fusion import by_distance, by_share, fuse

SPREAD = 0.1

texts = st.dictionaries(
    st.text("abc", min_size=1, max_size=3), st.floats(0, 100, allow_nan=False), max_size=8
)
cosines = st.dictionaries(
    st.text("abc", min_size=1, max_size=3), st.floats(-1, 1, allow_nan=False), max_size=8
)


def test_words_count_by_their_share_of_the_best_score() -> None:
    assert by_share({"a": 2.0, "b": 4.0, "c": 3.0}) == {"a": 0.5, "b": 1.0, "c": 0.75}


def test_words_without_any_score_are_all_one() -> None:
    assert by_share({"a": 0.0, "b": 0.0}) == {"a": 1.0, "b": 1.0}
    assert by_share({}) == {}


def test_meaning_counts_by_its_distance_from_the_best() -> None:
    assert by_distance({"a": 0.75, "b": 0.25, "c": 0.5}, SPREAD) == {"a": 1.0, "b": 0.0, "c": 0.5}
    assert by_distance({}, SPREAD) == {}


def test_cosines_nearer_to_each_other_than_the_spread_differ_by_less() -> None:
    assert by_distance({"a": 0.55, "b": 0.5}, SPREAD) == pytest.approx({"a": 1.0, "b": 0.5})
    assert by_distance({"a": 0.5}, SPREAD) == {"a": 1.0}


def test_nothing_fused_is_nothing() -> None:
    assert fuse({}, {}, 0.5, SPREAD) == []


def test_a_passage_beyond_the_nearest_means_as_much_as_the_last_of_them() -> None:
    fused = dict(fuse({"a": 2.0}, {"b": 0.55, "c": 0.5}, 0.5, SPREAD))
    assert fused == pytest.approx({"a": 0.5 + 0.25, "b": 0.5, "c": 0.25})


def test_exact_hits_that_are_not_among_the_nearest_stand_on_the_first_page() -> None:
    """One word, in five short titles: their scores are much alike, and a hundred others are near."""
    keyword = {f"exact {i}": 5.0 - i / 10 for i in range(5)}
    semantic = {f"near {i:03}": 0.6 - math.sqrt(i) / 100 for i in range(100)}
    first_page = [key for key, _ in fuse(keyword, semantic, 0.5, SPREAD)[:10]]
    assert keyword.keys() <= set(first_page)


def test_the_weight_decides_which_ranking_leads() -> None:
    keyword, semantic = {"a": 2.0, "b": 1.0}, {"b": 0.9, "a": 0.8}
    assert fuse(keyword, semantic, 0.7, SPREAD)[0][0] == "a"
    assert fuse(keyword, semantic, 0.4, SPREAD)[0][0] == "b"


def test_ties_are_broken_by_id() -> None:
    assert [key for key, _ in fuse({"b": 1.0, "a": 1.0}, {}, 1.0, SPREAD)] == ["a", "b"]


@given(texts, cosines, st.floats(0, 1), st.floats(1e-6, 1))
def test_every_hit_is_ranked_once_within_bounds(
    keyword: dict[str, float], semantic: dict[str, float], weight: float, spread: float
) -> None:
    fused = fuse(keyword, semantic, weight, spread)
    assert {key for key, _ in fused} == keyword.keys() | semantic.keys()
    assert all(-1e-9 <= score <= 1 + 1e-9 for _, score in fused)
    assert fused == sorted(fused, key=lambda pair: (-pair[1], pair[0]))
