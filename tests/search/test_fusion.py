from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from search.fusion import fuse, normalised

scores = st.dictionaries(
    st.text("abc", min_size=1, max_size=3), st.floats(-100, 100, allow_nan=False), max_size=8
)


def test_scores_are_mapped_onto_zero_to_one() -> None:
    assert normalised({"a": 2.0, "b": 4.0, "c": 3.0}) == {"a": 0.0, "b": 1.0, "c": 0.5}


def test_equal_scores_are_all_one() -> None:
    assert normalised({"a": 2.0, "b": 2.0}) == {"a": 1.0, "b": 1.0}


def test_nothing_fused_is_nothing() -> None:
    assert fuse({}, {}, 0.5) == []


def test_a_hit_of_one_ranking_counts_nothing_in_the_other() -> None:
    assert fuse({"a": 2.0, "b": 1.0}, {"c": 1.0}, 0.5) == [("a", 0.5), ("c", 0.5), ("b", 0.0)]


def test_the_weight_decides_which_ranking_leads() -> None:
    keyword, semantic = {"a": 2.0, "b": 1.0}, {"b": 2.0, "a": 1.0}
    assert fuse(keyword, semantic, 0.6)[0][0] == "a"
    assert fuse(keyword, semantic, 0.4)[0][0] == "b"


def test_ties_are_broken_by_id() -> None:
    assert [key for key, _ in fuse({"b": 1.0, "a": 1.0}, {}, 1.0)] == ["a", "b"]


@given(scores, scores, st.floats(0, 1))
def test_every_hit_is_ranked_once_within_bounds(
    keyword: dict[str, float], semantic: dict[str, float], weight: float
) -> None:
    fused = fuse(keyword, semantic, weight)
    assert {key for key, _ in fused} == keyword.keys() | semantic.keys()
    assert all(-1e-9 <= score <= 1 + 1e-9 for _, score in fused)
    assert fused == sorted(fused, key=lambda pair: (-pair[1], pair[0]))
