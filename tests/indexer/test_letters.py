"""How Arabic a run of letters looks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.extraction.encodings.letter_statistics import UNKNOWN, surprise


@pytest.mark.parametrize("word", ["العراق", "الولايات", "المتحدة", "مسؤول", "في", "ایران", "کہ"])
def test_words_surprise_less_than_their_letters_backwards(word: str) -> None:
    assert surprise(word) < surprise(word[::-1])


def test_an_unknown_letter_counts_in_both_its_pairs() -> None:
    assert surprise("پ") == 2 * UNKNOWN


@given(st.text())
def test_any_text_surprises_more_or_less(text: str) -> None:
    assert 0 <= surprise(text) <= 9.9 * (len(text) + 1)
