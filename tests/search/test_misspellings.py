"""Which words of a query may be misspelt, and what may be meant by them."""

from __future__ import annotations

import pytest

from search.analysis.tokens import analyse
from search.analysis.transliteration import NO_FORMS
from search.query.clauses import Term
from search.query.misspellings import MAX_LETTERS, MAX_WORDS, meant, misspelt
from search.query.parse import parse


def stem(word: str) -> str:
    return analyse(word)[0].stem


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ("المدرصة", "المدرسة"),  # another letter
        ("مستفى", "مستشفى"),  # one less
        ("المككتبة", "المكتبة"),  # one more
        ("الجماعة", "الجامعة"),  # transposed
        ("اقتصداي", "اقتصادي"),
        ("امدرسة", "المدرسة"),  # in the article
        ("جوجل", "غوغل"),  # a foreign letter, wherever it stands
        ("libary", "library"),
        ("goverment", "governments"),
    ],
)
def test_meant(typed: str, word: str) -> None:
    assert stem(word) in meant(analyse(typed)[0].folded)


@pytest.mark.parametrize(
    ("typed", "word"),
    [("قلب", "كلب"), ("جمل", "عمل"), ("المدرسة", "المدرسة"), ("المدرصة", "المدينة")],
)
def test_not_meant(typed: str, word: str) -> None:
    assert stem(word) not in meant(analyse(typed)[0].folded)


def test_only_words_that_no_passage_has_are_misspelt() -> None:
    query = parse("المدرصة الكبيرة")
    frequencies = {Term("stem", stem("المدرصة")): 0, Term("stem", stem("الكبيرة")): 3}
    assert [word.letters for word in misspelt(query, frequencies, NO_FORMS)] == ["المدرصة"]
    assert misspelt(query, {}, NO_FORMS) == ()


@pytest.mark.parametrize("text", ["من", "عام", "covid19", "1967", '"المدرصة"', "-المدرصة", "東京"])
def test_not_misspelt(text: str) -> None:
    query = parse(text)
    nowhere = {Term("stem", token.stem): 0 for item in query.items for token in item.tokens}
    assert misspelt(query, nowhere, NO_FORMS) == ()


def test_only_words_of_a_short_query_are_misspelt() -> None:
    words = ["المدرصة", "الجماعة", "المككتبة", "اقتصداي"]
    nowhere = {Term("stem", stem(word)): 0 for word in words}
    short, longer = parse(" ".join([*words[:MAX_WORDS], "في"])), parse(" ".join(words))
    assert len(misspelt(short, nowhere, NO_FORMS)) == MAX_WORDS
    assert misspelt(longer, nowhere, NO_FORMS) == ()


def test_what_may_be_meant_by_a_word_is_bounded() -> None:
    assert len(meant("مستشفياتكمبج"[:MAX_LETTERS])) < 1_000
