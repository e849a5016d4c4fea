"""Which words are nearly others, and which clauses a query becomes."""

from __future__ import annotations

import pytest

from search.analysis.stemming import stem
from search.analysis.tokens import analyse
from search.analysis.transliteration import NO_FORMS
from search.engines.checks import check_clause
from search.query.clauses import (
    AllOf,
    AnyOf,
    Boost,
    Clause,
    Fuzzy,
    Not,
    Phrase,
    Prefer,
    Term,
)
from search.query.matching import constraint, near, near_clause, text_clause
from search.query.misspellings import meant
from search.query.parse import parse
from search.query.phrases import with_clitics


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
    asked = [str(Term("grams", gram)) in scored for gram in analyse("نتنياهو")[0].grams]
    assert asked == [True, False] * 3


def test_words_that_may_be_met_nearly_score_by_all_their_grams() -> None:
    scored = str(near_of("رئيس نتنياهو").bonus)  # type: ignore[union-attr]
    assert all(str(Term("grams", gram)) in scored for gram in analyse("نتنياهو")[0].grams)


def test_near_matches_have_half_of_a_words_grams() -> None:
    _, wanted = matching(near_of("من نتنياهو"))
    assert isinstance(wanted, AnyOf)
    assert wanted.minimum == 3
    assert set(wanted.clauses) == {
        Term("grams", gram)
        for gram in near(analyse("نتنياهو")[0]).grams  # type: ignore[union-attr]
    }


@pytest.mark.parametrize("text", ["", "من", "عن حي", "-نتنياهو", '"نتنياهو"'])
def test_nothing_is_near_short_words_and_what_is_demanded_as_it_stands(text: str) -> None:
    assert near_of(text) is None


def test_a_word_that_no_passage_has_matches_what_may_be_meant() -> None:
    query = parse("المدرصة")
    clause = near_clause(query, NO_FORMS, (), tuple(map(meant, query.words())))
    assert isinstance(clause, Prefer)
    assert isinstance(clause.clause, AnyOf)
    found = {part.clause for part in clause.clause.clauses if isinstance(part, Boost)}
    assert {Fuzzy("folded", "المدرصه"), Fuzzy("stem", stem("المدرصه"))} <= found


def near_of(text: str) -> Clause | None:
    query = parse(text)
    return near_clause(query, NO_FORMS, query.words(exact=False), ())


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


def demanded(text: str) -> set[tuple[str, ...]]:
    wanted = constraint(parse(text))
    assert isinstance(wanted, AllOf)
    (phrase,) = wanted.clauses
    assert isinstance(phrase, AnyOf)
    layer = "letters" if text.startswith("=") else "folded"
    assert {part.layer for part in phrase.clauses} == {layer}  # type: ignore[union-attr]
    return {
        part.values if isinstance(part, Phrase) else (part.value,)  # type: ignore[union-attr]
        for part in phrase.clauses
    }


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("«الاسلامي»", "الإسلامي"),
        ("«العالم الإسلامى»", "العالم الاسلامي"),
        ("«أسماء ٱلسور»", "اسماء السور"),
        ("«بيت المقدس»", "بَيْتُ المَقدِسِ"),
        ("«زيد وعمرو»", "زيد و عمرو"),
        ("«زيد و عمرو»", "زيد وعمرو"),
        ("«محمد بن موسى»", "محمد ابن موسى"),
        ("«خالد ابن الوليد»", "خالد بن الوليد"),
        ("«عبد الله»", "عبدالله"),
        ("«أبوبكر»", "أبي بكر"),
        ("«قوات التحالف»", "وقوات التحالف"),
        ('="على"', "على"),
        ('="قوات التحالف"', "لقوات التحالف"),
    ],
)
def test_a_phrase_may_be_written(typed: str, written: str) -> None:
    layer = "letters" if typed.startswith("=") else "folded"
    assert tuple(getattr(t, layer) for t in analyse(written)) in demanded(typed)


@pytest.mark.parametrize(
    ("typed", "written"),
    [('="الاسلامي"', "الإسلامي"), ('="علي"', "على"), ("«محمد موسى»", "محمد بن موسى")],
)
def test_a_phrase_may_not_be_written(typed: str, written: str) -> None:
    layer = "letters" if typed.startswith("=") else "folded"
    assert tuple(getattr(t, layer) for t in analyse(written)) not in demanded(typed)


def test_a_phrase_of_many_words_has_a_bounded_number_of_rows() -> None:
    words = " ".join(["وزير"] * 150)
    assert len(demanded(f"«{words}»")) <= 24 * 10
    many = " ".join(["«وابن وعبدالله وابوبكر»"] * 40)
    wanted = constraint(parse(many))
    assert wanted is not None
    check_clause(wanted)


def test_names_of_two_parts_match_written_the_other_way() -> None:
    assert Phrase("stem", (stem("عبد"), stem("الناصر"))) in matching(
        text_clause(parse("عبدالناصر"))
    )
    assert Term("stem", stem("عبدالناصر")) in matching(text_clause(parse("جمال عبد الناصر")))
    assert Term("stem", stem("ابوبكر")) in matching(text_clause(parse("أبي بكر")))
    assert Term("stem", stem("نورالدين")) in matching(text_clause(parse("نور الدين")))
    assert not any(isinstance(c, Phrase) for c in matching(text_clause(parse("والله بالله أبواب"))))
