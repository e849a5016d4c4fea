"""The int8 scan: nothing of the shortlist is lost to rounding, whatever the passages are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from search.domain import Vector
from search.engines.embedded.articles import no_articles
from search.engines.embedded.rows import floats
from search.engines.embedded.vectors import Codes, PassageTable, Rows, encode, table_of
from tests.conformance.corpus import indexed, near
from tests.engines.embedded.opening import opened


def table(vectors: Vector) -> PassageTable:
    numbers = np.arange(1, len(vectors) + 1, dtype=np.int64)
    rows = Rows(numbers, numbers, np.zeros(len(vectors), np.int32))
    ids = {int(n): f"a{n:06}" for n in numbers}
    return table_of("record", 1, rows, Codes(numbers, *encode(vectors)), ids, no_articles())


def unit(vectors: NDArray[np.floating[Any]]) -> Vector:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / lengths, np.float32)


def crowded(seed: int, count: int, dimensions: int = 384) -> tuple[Vector, Vector]:
    """Return passages and queries as near each other as e5's: cosines of .75 to .9."""
    rng = np.random.default_rng(seed)
    centre = rng.standard_normal(dimensions)
    topics = rng.standard_normal((40, dimensions)) * 0.35
    passages = (
        centre + topics[rng.integers(0, 40, count)] + rng.standard_normal((count, dimensions)) * 0.4
    )
    queries = centre + topics[rng.integers(0, 40, 50)] + rng.standard_normal((50, dimensions)) * 0.4
    return unit(passages), unit(queries)


def test_every_float16_is_made_the_same_float32() -> None:
    every = np.arange(65_536, dtype=np.uint16).view("<f2")
    finite = every[np.isfinite(every)].reshape(-1, 8)
    assert np.array_equal(floats(finite[:, :5]), finite[:, :5].astype(np.float32))
    assert floats(finite[:0]).shape == (0, 8)


@pytest.mark.parametrize("seed", range(3))
def test_the_shortlist_holds_the_exact_hundred(seed: int) -> None:
    passages, queries = crowded(seed, 5_000)
    rows = table(passages)
    for query in queries:
        exact = set(np.argsort(-(passages @ query))[:100].tolist())
        assert exact <= set(rows.nearest(query, 132, None).tolist())


@pytest.mark.parametrize("share", [0.02, 0.5, 1.0])
def test_a_mask_is_obeyed_whatever_its_share(share: float) -> None:
    passages, queries = crowded(1, 2_000)
    allowed = np.random.default_rng(2).random(2_000) < share
    rows = table(passages)
    for query in queries[:10]:
        found = rows.nearest(query, 30, allowed)
        assert allowed[found].all()
        scores = np.where(allowed, passages @ query, -2)
        assert set(np.argsort(-scores)[:20].tolist()) <= set(found.tolist())


def test_ties_at_the_cut_are_taken_by_id() -> None:
    rows = table(unit(np.ones((50, 8))))
    assert sorted(rows.nearest(np.ones(8, np.float32), 7, None).tolist()) == list(range(7))


@given(st.integers(0, 40), st.integers(1, 50), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_as_many_rows_as_asked_and_there_are(count: int, asked: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = table(unit(rng.integers(-2, 3, (count, 8)) + 0.5))
    allowed = rng.random(count) < 0.6
    found = rows.nearest(unit(rng.standard_normal(8)), asked, allowed)
    assert len(set(found.tolist())) == len(found) == min(asked, int(allowed.sum()))
    assert allowed[found].all()


@given(st.lists(st.floats(-1, 1, width=32), min_size=8, max_size=8))
def test_codes_times_scale_are_the_vector_to_half_a_step(values: list[float]) -> None:
    vector = np.array([values], np.float32)
    codes, scales = encode(vector)
    assert np.abs(codes * scales[:, None] - vector).max() <= scales[0] * 0.51 + 1e-7


def test_rows_of_numbers() -> None:
    rows = table(unit(np.ones((3, 8))))
    assert rows.rows_of(np.array([2, 9, 1, 0])).tolist() == [1, -1, 0, -1]


def test_a_table_that_follows_is_the_table_read_anew(tmp_path: Path) -> None:
    with opened(tmp_path) as engine:
        for turn in range(8):
            engine.write([indexed(f"{i}", f"turn {turn} word {i}. more") for i in range(turn, 12)])
            engine.delete([f"{turn + 2}"])
            followed = near(engine, "turn word", limit=100)
            with opened(tmp_path) as fresh:
                assert near(fresh, "turn word", limit=100) == followed
                assert fresh._views.latest is not None
                assert engine._views.latest is not None
                ours, theirs = engine._views.latest.table, fresh._views.latest.table
                pairs: Iterable[tuple[Any, Any]] = zip(
                    (*ours.rows, *ours.vectors, ours.places),
                    (*theirs.rows, *theirs.vectors, theirs.places),
                    strict=True,
                )
                assert all(np.array_equal(a, b) for a, b in pairs)
                assert engine._views.latest.table.ids == fresh._views.latest.table.ids
