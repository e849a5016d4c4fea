"""Which texts go through the model together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from search.embedding.bundled.batching import batches, width

lengths = st.lists(st.integers(1, 600), max_size=80)


@given(lengths)
def test_every_text_is_in_one_batch(given: list[int]) -> None:
    found = [position for batch in batches(given, 512) for position in batch]
    assert sorted(found) == list(range(len(given)))


@given(lengths)
def test_a_batch_padded_to_its_longest_is_bounded(given: list[int]) -> None:
    for batch in batches(given, 512):
        padded = max(given[position] for position in batch) * len(batch)
        assert padded <= 512 or len(batch) == 1


@given(lengths)
def test_no_text_is_padded_to_a_longer_one_while_a_like_one_waits(given: list[int]) -> None:
    order = [given[position] for batch in batches(given, 512) for position in batch]
    assert order == sorted(given, reverse=True)


def test_batches_are_as_large_as_the_bound_allows() -> None:
    assert [len(batch) for batch in batches([100] * 11, 512)] == [5, 5, 1]


@given(st.integers(1, 512))
def test_a_padded_length_holds_the_text_and_wastes_little(tokens: int) -> None:
    padded = width(tokens)
    assert tokens <= padded <= 512
    assert padded - tokens < (8 if tokens <= 64 else 16)


def test_there_are_few_padded_lengths() -> None:
    assert len({width(tokens) for tokens in range(1, 513)}) == 36
