"""At which level a word of a text meets one of a query, one line a rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.analysis.tokens import analyse
from search.domain import Level, Match, MatchedWord
from search.query.misspellings import meant
from search.query.parse import parse
from search.ranking.highlight import Marker
from search.ranking.levels import Levels


def level(query: str, *words: str) -> Level:
    return Levels(parse(query)).of(words).level


@pytest.mark.parametrize(
    ("query", "word", "expected"),
    [
        ("العراق", "العراق", "exact"),
        ("كتب", "كَتَبَ", "exact"),
        ("كَتَبَ", "كَتَبَ", "exact"),
        ("house", "House", "exact"),
        ("151", "١٥١", "exact"),
        ("كَتَبَ", "كُتِبَ", "spelling"),
        ("كَتَبَ", "كتب", "spelling"),
        ("إيران", "ايران", "spelling"),
        ("مدرسة", "مدرسه", "spelling"),
        ("على", "علي", "spelling"),
        ("رءوس", "رؤوس", "spelling"),
        ("العراق", "وبالعراق", "form"),
        ("العراق", "عراقيين", "form"),
        ("مدرسة", "مدارس", "form"),
        ("مسؤول", "المسئولون", "form"),
        ("استخدم", "يستخدمون", "form"),
        ("استخدام", "يستخدم", "form"),
        ("يكتب", "كتب", "form"),
        ("house", "houses", "form"),
        ("نتنياهو", "نتانياهو", "near"),
        ("عبدالله", "عبد الله", "near"),
        ("عبد الله", "عبدالله", "near"),
        ("العراق", "سوريا", "meaning"),
    ],
)
def test_the_level_of_a_word(query: str, word: str, expected: Level) -> None:
    assert level(query, *word.split()) == expected


def test_what_may_be_meant_by_a_misspelt_word_is_near() -> None:
    parsed = parse("الملاة")
    assert Levels(parsed).of(["الملهاة"]).level == "meaning"
    assert Levels(parsed, unknown=[meant(parsed.words()[0])]).of(["الملهاة"]).level == "near"


def test_each_word_has_its_tightest_level_and_the_hit_that_of_most() -> None:
    levels = Levels(parse("مسؤول العراق في بغداد"))
    assert levels.of(["المسؤولين", "مسئول", "عراقي", "وببغداد"]) == Match(
        "form",
        (
            MatchedWord("مسؤول", "spelling"),
            MatchedWord("العراق", "form"),
            MatchedWord("بغداد", "form"),
        ),
    )


def test_of_as_many_words_the_tighter_level_counts() -> None:
    assert level("مسؤول العراق", "مسؤول", "عراقي") == "exact"


def test_a_word_that_is_not_met_has_no_level() -> None:
    match = Levels(parse("العراق وسوريا")).of(["العراق"])
    assert match.words == (MatchedWord("العراق", "exact"), MatchedWord("وسوريا", None))


_ARABIC = "".join(map(chr, range(0x621, 0x64B))) + "  ،َ"


@given(st.text(_ARABIC, max_size=80), st.text(_ARABIC, min_size=3, max_size=12))
def test_every_marked_word_meets_some_word_of_the_query(text: str, query: str) -> None:
    parsed = parse(query)
    marker, levels = Marker(parsed), Levels(parsed)
    for piece in marker.highlight(f"{text} {query} {text}"):
        # Names of two parts are marked together: either part alone meets nothing.
        if piece.match and len(analyse(piece.text)) == 1 and len(parsed.words()) == 1:
            assert levels.of([piece.text]).level != "meaning", piece
