"""Which words are nearly others, and which clauses a query becomes."""

from __future__ import annotations

import pytest

from search.analysis import analyse
from search.clauses import AnyOf, Not, Phrase, Prefer, Term
from search.matching import constraint, near, near_clause, text_clause, with_clitics
from search.parse import parse


def is_near(word: str, other: str) -> bool:
    wanted = near(analyse(word)[0])
    return wanted is not None and len(wanted.grams & set(analyse(other)[0].grams)) >= wanted.least


@pytest.mark.parametrize(
    ("word", "other"),
    [
        ("نتنياهو", "نتانياهو"),
        ("مسؤول", "مسئول"),
        ("أفغانستان", "افغانستن"),
        ("غورباتشوف", "جورباتشوف"),
    ],
)
def test_near(word: str, other: str) -> None:
    assert is_near(word, other)


@pytest.mark.parametrize(
    ("word", "other"),
    [
        ("العراق", "أوراق"),
        ("العراق", "العرائض"),
        ("كتاب", "كاتب"),
        ("مهاراتهما", "سياراتهما"),
        ("الوزير", "الوزن"),
        ("من", "عن"),
    ],
)
def test_not_near(word: str, other: str) -> None:
    assert not is_near(word, other)


def test_words_match_by_their_stems_alone_and_score_by_more() -> None:
    query = parse("رئيس نتنياهو")
    stems = tuple(Term("stem", token.stem) for token in analyse("رئيس نتنياهو"))
    assert matching(text_clause(query)) == stems
    scored = str(text_clause(query).bonus)  # type: ignore[union-attr]
    assert all(str(Term("grams", gram)) in scored for gram in analyse("نتنياهو")[0].grams)


def test_near_matches_have_half_of_a_words_grams() -> None:
    (wanted,) = matching(near_clause(parse("من نتنياهو")))
    assert isinstance(wanted, AnyOf)
    assert wanted.minimum == 3
    assert set(wanted.clauses) == {
        Term("grams", gram)
        for gram in near(analyse("نتنياهو")[0]).grams  # type: ignore[union-attr]
    }


@pytest.mark.parametrize("text", ["", "من", "عن حي", "-نتنياهو", '"نتنياهو"'])
def test_nothing_is_near_short_words_and_what_is_demanded_as_it_stands(text: str) -> None:
    assert near_clause(parse(text)) is None


def matching(clause: object) -> tuple[object, ...]:
    assert isinstance(clause, Prefer)
    return clause.clause.clause.clauses  # type: ignore[union-attr]


def test_what_is_excluded_is_no_part_of_the_ranking() -> None:
    wanted = constraint(parse("العراق -بغداد"))
    assert isinstance(wanted, Not)
    assert wanted.excluded == AnyOf((AnyOf((Term("stem", analyse("بغداد")[0].stem),)),))
    assert "بغداد" not in str(text_clause(parse("العراق -بغداد")))


def test_a_word_of_several_tokens_is_demanded_as_a_phrase() -> None:
    assert Phrase("stem", ("covid", "19")) in constraint(parse("+COVID-19")).clauses  # type: ignore[union-attr]


def test_the_first_word_of_a_phrase_may_carry_clitics() -> None:
    assert {"قوات", "وقوات", "بقوات", "لقوات"} <= set(with_clitics("قوات"))
    assert {"للتحالف", "والتحالف", "بالتحالف"} <= set(with_clitics("التحالف"))
    assert with_clitics("covid") == ("covid",)
