"""Latin spellings and the Arabic words they stand for, one line per rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.analysis.phonetics import arabic_sound, closeness, latin_sounds
from search.analysis.tokens import analyse, terms
from search.analysis.transliteration import (
    MIN_CLOSENESS,
    Form,
    forms_of,
    may_have_forms,
    meaning_in_arabic,
)
from search.query.parse import parse

ARABIC = (
    "العراق بغداد الحوثيون الأسد صعدوا أوستن الأوسط وزير سريع حماس إسرائيل طهران إيران اليمن من"
    " بلد مسؤول عين البنتاغون سوريا كتائب صواريخ غزة القاهرة خالد جوجل"
)


def vocabulary(prefix: str) -> list[tuple[str, int]]:
    return [(t, 1) for t in sorted(set(terms(ARABIC)["sound"].split())) if t.startswith(prefix)]


def offered(word: str) -> list[str]:
    return [form.letters for form in forms_of(analyse(word)[0], (), vocabulary)]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("baghdad", "بغداد"),
        ("Iraq", "العراق"),
        ("al3iraq", "العراق"),
        ("Irak", "العراق"),
        ("iraqi", "العراق"),
        ("houthis", "الحوثيون"),
        ("asad", "الأسد"),
        ("Austin", "أوستن"),
        ("wazir", "وزير"),
        ("7amas", "حماس"),
        ("isra2il", "إسرائيل"),
        ("Téhéran", "طهران"),
        ("Yemen", "اليمن"),
        ("3ein", "عين"),
        ("Pentagone", "البنتاغون"),
        ("sourya", "سوريا"),
        ("kata2eb", "كتائب"),
        ("sawarikh", "صواريخ"),
        ("ghaza", "غزة"),
        ("5aled", "خالد"),
        ("google", "جوجل"),
    ],
)
def test_the_first_offer_is_what_was_meant(typed: str, meant: str) -> None:
    assert offered(typed)[0] == meant


@pytest.mark.parametrize("typed", ["missile", "strike", "commercial", "xyz", "a", "zz9", "moon"])
def test_words_that_spell_nothing_get_no_offer(typed: str) -> None:
    assert offered(typed) == []


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("baghdad yemen", ["baghdad", "yemen"]),
        ("war in Yemen", ["yemen"]),
        ("war in yemen", ["yemen"]),
        ("the blood of saint nobody", []),
        ("près de la frontière syrienne", ["syrienne"]),
        ("the 7amas statement", ["7amas"]),
        ("wazir el difa3", ["wazir", "difa3"]),
        ("«baghdad»", []),
        ("بغداد", []),
        ("2024", []),
    ],
)
def test_which_words_may_be_arabic(query: str, words: list[str]) -> None:
    assert [t.letters for t in may_have_forms(parse(query))] == words


@pytest.mark.parametrize(
    ("query", "offers"),
    [
        ("frontière syrienne", ["سوريا"]),
        ("the Iraqi army", ["العراق"]),
        ("les États-Unis", ["الولايات", "المتحدة"]),
        ("in the Red Sea", ["البحر", "الأحمر"]),
        ("attacked by the sea", []),
    ],
)
def test_listed_names_stand_for_what_is_listed(query: str, offers: list[str]) -> None:
    names = terms("العراق سوريا الولايات المتحدة البحر الأحمر")["sound"].split()

    def holds(prefix: str) -> list[tuple[str, int]]:
        return [(term, 1) for term in names if term.startswith(prefix)]

    found = [forms_of(w, n, holds) for w, n in may_have_forms(parse(query)).items()]
    assert sorted({form.letters for forms in found for form in forms}) == sorted(offers)


def test_meaning_is_asked_in_arabic_only_where_most_words_are() -> None:
    iraq = (Form("العراق", "عراق", 1.0, 3),)
    assert meaning_in_arabic(parse("al3iraq war"), {"al3iraq": iraq}) == "العراق war"
    assert meaning_in_arabic(parse("war near baghdad al3iraq"), {"al3iraq": iraq}) == (
        "war near baghdad al3iraq"
    )
    assert meaning_in_arabic(parse("the war of Iraq"), {"iraq": iraq}) == "the war of Iraq"


def test_sounds_leave_out_vowels_and_doubles() -> None:
    assert arabic_sound("محمد") == "mhmd"
    assert "mhmd" in latin_sounds("mohammed")


@given(st.text("abcdefghijklmnopqrstuvwxyz0123456789'", max_size=40), st.text(max_size=20))
def test_any_spelling_is_bounded(word: str, stem: str) -> None:
    assert len(latin_sounds(word)) <= 8
    assert 0 <= closeness(word, stem) <= 1


@given(st.text(max_size=200))
def test_no_query_makes_it_fail(text: str) -> None:
    for word, names in may_have_forms(parse(text)).items():
        assert all(f.closeness >= MIN_CLOSENESS for f in forms_of(word, names, vocabulary))
