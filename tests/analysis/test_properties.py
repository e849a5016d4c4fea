"""What holds for every text: offsets, bounds, and that nothing makes analysis fail."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from search.analysis.folding import fold_arabic
from search.analysis.stemming import stem
from search.analysis.tokens import MAX_TERM, Token, analyse, layer_terms, terms
from search.domain import LAYERS

ANY_CHARACTER = st.characters(exclude_categories=())  # lone surrogates and NUL included
ARABIC = st.text("ابتثجحخدذرزسشصضطظعغفقكلمنهويءآأؤإئىة", min_size=1, max_size=20)
NOTABLE = st.sampled_from(
    ["ـ", "َ", "ّ", "ٰ", "ﻻ", "ﷺ", "\u200d", "\u200c", "\u202b", "\ufeff", "\u00ad", "١", "٫", "٬", "'",
     "’", "ß", "İ", "東", "😀", "\ud800", "\x00", "\u0301", "é", "\u1112\u1161\u11ab", "ﱞ", "½", "ﬃ"]
)  # fmt: skip
TEXTS = st.lists(ARABIC | NOTABLE | st.text(ANY_CHARACTER, max_size=8) | st.just(" ")).map("".join)


@given(TEXTS)
@example("لا" * 200)
@example("a" + "\u0301" * 600)
@example("ﷺ" * 40)
def test_spans_lie_in_order_inside_the_text(text: str) -> None:
    tokens = analyse(text)
    assert all(0 <= t.start <= t.end <= len(text) for t in tokens)
    assert all(one.end <= other.start for one, other in pairwise(tokens))


@given(TEXTS)
def test_text_cut_at_the_spans_is_the_text(text: str) -> None:
    pieces, position = [], 0
    for token in analyse(text):
        pieces += [text[position : token.start], text[token.start : token.end]]
        position = token.end
    assert "".join([*pieces, text[position:]]) == text


@given(TEXTS)
def test_terms_are_bounded_and_hold_no_space(text: str) -> None:
    for token in analyse(text):
        for term in (token.letters, token.folded, token.stem, *token.grams):
            assert term
        for term in (token.letters, token.folded, token.stem, token.vowelled, *token.grams):
            assert len(term) <= MAX_TERM
            assert not any(c.isspace() for c in term)
            term.encode("utf-8")  # no lone surrogate


@given(TEXTS)
def test_layers_line_up_with_tokens(text: str) -> None:
    tokens = analyse(text)
    layers = layer_terms(tokens)
    assert set(layers) == set(LAYERS)
    for layer in ("letters", "folded", "stem"):
        assert len(layers[layer].split(" ") if layers[layer] else []) == len(tokens)
    assert layers["grams"].split() == [gram for token in tokens for gram in token.grams]
    assert terms(text) == layers


@given(TEXTS)
def test_no_letter_or_digit_is_lost(text: str) -> None:
    covered = {i for t in analyse(text) for i in range(t.start, t.end)}
    for i, char in enumerate(text):
        if "\u0621" <= char <= "\u063a" or "\u0641" <= char <= "\u064a" or char.isdecimal():
            assert i in covered
        if char.isascii() and char.isalpha():
            assert i in covered


@example("ءءآء")
@given(ARABIC)
def test_folding_twice_is_folding_once(word: str) -> None:
    assume(not re.search("[ؤئ][ءاأإآ]", word))  # سؤال is سءال, which is no spelling of سآل
    assert fold_arabic(fold_arabic(word)) == fold_arabic(word)


@given(TEXTS)
def test_letters_of_letters_are_the_letters(text: str) -> None:
    once = [t.letters for t in analyse(text) if _is_arabic(t)]
    again = [t.letters for t in analyse(" ".join(once))]
    assert again == once


def _is_arabic(token: Token) -> bool:
    return all("\u0621" <= c <= "\u064a" for c in token.letters)


@given(ARABIC)
def test_stem_is_neither_empty_nor_much_longer(word: str) -> None:
    folded = fold_arabic(word)
    # A lemma may be longer than its broken plural: كتب is كتاب.
    assert 0 < len(stem(folded)) <= len(folded) + 3
    assert stem(folded) == stem(folded)


@given(ARABIC)
def test_marks_and_tatweel_change_nothing_but_vowels(word: str) -> None:
    decorated = "ـ".join(c + "\u064e" for c in word)
    plain, marked = analyse(word), analyse(decorated)
    assert [t.stem for t in plain] == [t.stem for t in marked]
    assert [t.folded for t in plain] == [t.folded for t in marked]


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    ["ب" * 1_000_000, "ب" + "\u064b" * 1_000_000, "1" * 1_000_000, "1." * 500_000, "a'" * 500_000,
     "\x00" * 1_000_000, "\ud800" * 1_000_000, "ا\u200d" * 500_000, "a" + "\u0301\u0316" * 500_000],
    ids=["letters", "marks", "digits", "decimals", "apostrophes", "nul", "surrogates", "joiners", "accents"],
)  # fmt: skip
@pytest.mark.timeout(60)
def test_a_million_of_anything_stays_linear(text: str) -> None:
    layers = terms(text)
    assert max(map(len, layers["letters"].split()), default=0) <= MAX_TERM
    assert sum(map(len, layers.values())) <= 30 * len(text)
