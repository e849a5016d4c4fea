"""Which words of a query may be misspelt, and what may be meant by them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.analysis.tokens import analyse
from search.analysis.transliteration import NO_FORMS
from search.query.clauses import Term
from search.query.misspellings import MAX_WORDS, counted, is_one_edit_away, meant, misspelt
from search.query.parse import parse


def stem(word: str) -> str:
    return analyse(word)[0].stem


def may_mean(typed: str, word: str) -> bool:
    found = analyse(word)[0]
    return meant(analyse(typed)[0]).includes(found.folded, found.stem)


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ("المدرصة", "المدرسة"),  # another letter
        ("مستفى", "مستشفى"),  # one less
        ("المككتبة", "المكتبة"),  # one more
        ("الجماعة", "الجامعة"),  # transposed
        ("اقتصداي", "اقتصادي"),
        ("امدرسة", "المدرسة"),  # in the article
        ("يترغ", "يتفرغ"),  # one less, of five
        ("جوجل", "غوغل"),  # a foreign letter, wherever it stands
        ("libary", "library"),
        ("goverment", "governments"),
    ],
)
def test_meant(typed: str, word: str) -> None:
    assert may_mean(typed, word)


@pytest.mark.parametrize(
    ("typed", "word"), [("قلب", "كلب"), ("جمل", "عمل"), ("المدرصة", "المدينة")]
)
def test_not_meant(typed: str, word: str) -> None:
    assert not may_mean(typed, word)


def test_only_words_that_no_passage_has_are_misspelt() -> None:
    query = parse("المدرصة الكبيرة")
    frequencies = dict.fromkeys(counted(query), 0)
    frequencies |= {Term("folded", "الكبيره"): 1, Term("stem", stem("الكبيرة")): 1}
    found = misspelt(query, frequencies, 1000, NO_FORMS)
    assert [one.word.letters for one in found] == ["المدرصة"]
    assert misspelt(query, {}, 1000, NO_FORMS) == ()


@pytest.mark.parametrize(("passages", "misspelt_too"), [(1000, True), (999, False)])
def test_a_stem_that_few_passages_have_says_little_for_a_word(
    passages: int, misspelt_too: bool
) -> None:
    query = parse("الملاة")
    frequencies = {Term("folded", "الملاه"): 0, Term("stem", stem("الملاة")): 4}
    found = misspelt(query, frequencies, passages, NO_FORMS)
    assert bool(found) == misspelt_too
    assert all(one.stem is None and one.includes("الملهاه", "ملهاه") for one in found)


@pytest.mark.parametrize("text", ["من", "عام", "covid19", "1967", '"المدرصة"', "-المدرصة", "東京"])
def test_not_misspelt(text: str) -> None:
    query = parse(text)
    nowhere = {Term("folded", token.folded): 0 for item in query.items for token in item.tokens}
    assert misspelt(query, nowhere, 1000, NO_FORMS) == ()


def test_only_words_of_a_short_query_are_misspelt() -> None:
    words = ["المدرصة", "الجماعة", "المككتبة", "اقتصداي"]
    short, longer = parse(" ".join([*words[:MAX_WORDS], "في"])), parse(" ".join(words))
    nowhere = {Term("folded", analyse(word)[0].folded): 0 for word in words}
    assert len(misspelt(short, nowhere, 1000, NO_FORMS)) == MAX_WORDS
    assert misspelt(longer, nowhere, 1000, NO_FORMS) == ()


@given(st.text("ابت", max_size=5), st.text("ابت", max_size=5))
def test_one_edit_by_its_definition(a: str, b: str) -> None:
    assert is_one_edit_away(a, b) == (a in edited(b) or a == b) == is_one_edit_away(b, a)


def edited(word: str) -> set[str]:
    """Return what one edit with these letters makes of a word."""
    cuts = [(word[:n], word[n:]) for n in range(len(word) + 1)]
    more = {a + x + b for a, b in cuts for x in "ابت"}
    less = {a + b[1:] for a, b in cuts}
    other = {a + x + b[1:] for a, b in cuts if b for x in "ابت"}
    return more | less | other | {a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1}
