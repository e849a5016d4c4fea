"""Which words are asked beside a typed one."""

from __future__ import annotations

import pytest

from search.analysis.lexicon import read_lists
from search.analysis.tokens import analyse
from search.query.clauses import Term
from search.query.expansion import MAX_STEMS, homographs, kin, kin_of, other_seats
from search.query.parse import parse


def stem(word: str) -> str:
    return analyse(word)[0].stem


@pytest.mark.parametrize(
    ("word", "other"),
    [
        ("يستخدمون", "استخدام"),
        ("استخدام", "يستخدم"),
        ("المستخدمين", "استخدام"),
        ("يلتزم", "ملتزم"),
        ("ذهبوا", "ذاهب"),
        ("يكتب", "مكتوب"),
        ("تنسج", "المنسوجات"),
    ],
)
def test_words_of_a_verb_are_kin(word: str, other: str) -> None:
    assert stem(other) in kin_of(stem(word))


@pytest.mark.parametrize(
    ("word", "other"),
    [("مكتوب", "كاتب"), ("كتاب", "يكتب"), ("نقل", "قال"), ("يسار", "سار"), ("iraq", "عراق")],
)
def test_words_of_other_meaning_are_no_kin(word: str, other: str) -> None:
    assert stem(other) not in kin_of(stem(word))


def test_kin_of_a_query_are_bounded_and_none_of_its_own_words() -> None:
    words = [past for past, _ in read_lists("families.txt")[:100]]
    query = parse(" ".join(words))
    found = kin(query)
    assert len(found) == MAX_STEMS
    assert not set(found).intersection(word.stem for word in query.words())


def test_kin_of_demanded_phrases_and_of_stop_words_are_not_asked() -> None:
    assert kin(parse('"استخدم"')) == ()
    assert kin(parse("استخدم كان")) == kin(parse("استخدم"))


def test_stems_of_families_are_those_that_the_stemmer_gives_their_words() -> None:
    """The list is of stems: made by another stemmer, its terms would be of no passage."""
    stems = {one for past, others in read_lists("families.txt") for one in (past, *others)}
    same = sum(stem(one) == one for one in stems)
    assert same >= 0.9 * len(stems)


def test_a_verb_asks_for_its_past_that_has_another_words_stem_and_that_for_the_verb() -> None:
    assert Term("folded", "كتب") in homographs(parse("يكتب"))
    assert homographs(parse("كتب")) == (Term("stem", "كتب"),)
    assert homographs(parse("كتاب مكتب")) == ()
    assert homographs(parse('"كتب"')) == ()


def test_homographs_have_another_stem_than_their_verb() -> None:
    """Made by another stemmer, the list would ask for what the stem finds."""
    assert not [
        form for verb, forms in read_lists("homographs.txt") for form in forms if stem(form) == verb
    ]


def test_homographs_of_a_query_are_bounded() -> None:
    words = [forms[0] for _, forms in read_lists("homographs.txt")[:100]]
    assert len(homographs(parse(" ".join(words)))) == MAX_STEMS


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ("تئخير", "تأخير"),
        ("تأخير", "تئخير"),
        ("والرئس", "الرأس"),
        ("سءال", "سؤال"),
        ("مفاجئة", "مفاجأة"),
    ],
)
def test_hamza_inside_of_a_word_is_asked_on_its_other_seats(typed: str, word: str) -> None:
    assert analyse(word)[0].stem in other_seats(analyse(typed)[0])


@pytest.mark.parametrize(
    "word", ["رئيس", "شؤون", "الأمر", "وأمر", "أمر", "شيء", "كتاب", "باب", "iraq"]
)
def test_hamza_stays_where_it_has_one_seat(word: str) -> None:
    assert other_seats(analyse(word)[0]) == ()
