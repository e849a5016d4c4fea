"""What is printed for people."""

from __future__ import annotations

from datetime import date

import pytest

from indexer.cli.output import as_json, evaluation_table, marked, results_text
from indexer.cli.terminal import plain
from indexer.evaluation.measures import Evaluation, ModeScores
from search.domain import (
    ArticleInfo,
    Component,
    FacetValue,
    Group,
    Hit,
    Match,
    MatchedWord,
    Mode,
    Passage,
    Query,
    Results,
    Segment,
    Total,
    Understood,
)

HIT = Hit(
    passage=Passage("a", 0, 0, 9, "في العراق"),
    article=ArticleInfo("a", title="خبر", source="CNN", language="ar", published=date(2024, 1, 31)),
    score=0.5,
    keyword=Component(3.25, 1),
    semantic=None,
    segments=(Segment("في ", False), Segment("العراق", True)),
    title_segments=(Segment("خبر", False),),
    match=Match("exact", (MatchedWord("العراق", "exact"), MatchedWord("بغداد", None))),
    best_sentence=None,
)


def shown(mode: Mode = "hybrid", total: Total | None = None) -> str:
    results = Results(
        query=Query("العراق", mode=mode, start=10),
        hits=(HIT,),
        total=total,
        took_ms={"total": 12.3},
    )
    return results_text(results, bold=False).plain


def test_a_hit() -> None:
    assert shown(total=Total(7, exact=False, level="meaning")) == (
        "11. a#0  score 0.500 (keyword 3.250)  exact: العراق; without بغداد  CNN · ar · 2024-01-31\n"
        "   خبر\n"
        "   في **العراق**\n\n"
        "1 shown of at least 7 (12 ms)."
    )


@pytest.mark.parametrize(
    ("total", "line"),
    [
        (Total(7, exact=True, level="near"), "1 shown of 7 (12 ms)."),
        (None, "1 shown, nearest in meaning first (12 ms)."),
    ],
)
def test_totals_are_honest(total: Total | None, line: str) -> None:
    assert shown(total=total).endswith(line)


def test_degraded_is_said() -> None:
    results = Results(query=Query("x"), hits=(), total=None, degraded=("semantic",))
    assert results_text(results, bold=False).plain.startswith("Answered without: semantic.\n")


def test_bold_on_a_terminal_has_no_stars() -> None:
    text = marked(HIT.segments, bold=True)
    assert text.plain == "في العراق"
    assert [(span.start, span.end) for span in text.spans] == [(3, 9)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\x1b[2Jb", "a\\u001b[2Jb"),
        ("\x9b", "\\u009b"),
        ("\u2028", "\\u2028"),
        ("\ud83d", "\\ud83d"),
        ("كَلِمة\n\t", "كَلِمة\n\t"),
    ],
)
def test_plain(text: str, expected: str) -> None:
    assert plain(text) == expected


def test_json() -> None:
    assert as_json(HIT.article) == (
        '{"id": "a", "title": "خبر", "source": "CNN", "author": "", "language": "ar", '
        '"published": "2024-01-31", "tags": [], "url": ""}'
    )
    with pytest.raises(TypeError, match="object has no JSON form"):
        as_json(object())


def test_evaluation_table() -> None:
    table = evaluation_table(
        Evaluation(240, 1190, 0, {"hybrid": ModeScores(0.9744, 0.9, 1, 9.5, 20)})
    )
    assert table.split("\n")[0] == "240 passages, 1,190 queries"
    assert table.split("\n")[2].split() == ["hybrid", "0.9744", "0.9000", "1.0000", "9.5", "20.0"]


def test_groups_and_facets() -> None:
    results = Results(
        query=Query("العراق", start=10, group_by="article"),
        hits=(),
        total=Total(9, exact=True, level="near"),
        articles=Total(7, exact=False, level="near"),
        groups=(Group(HIT.article, (HIT, HIT), 1_234),),
        facets={"source": (FacetValue("CNN", 8), FacetValue("ب", 1)), "year": ()},
        took_ms={"total": 12.3},
    )
    assert results_text(results, bold=False).plain == (
        "11. a  matching passages: 1,234  CNN · ar · 2024-01-31\n"
        "   خبر\n"
        "   #0  في **العراق**\n"
        "   #0  في **العراق**\n\n"
        "source: CNN (8), ب (1)\n"
        "year: -\n"
        "articles: 1 shown of at least 7; matching passages: 9 (12 ms)."
    )


def test_how_operators_were_read_is_told() -> None:
    read = (
        Understood("CNN", "field", "excluded", field="source"),
        Understood("a NEAR/2 b", "near", "required", within=2),
        Understood('"a b"~3', "phrase", "required", within=3),
        Understood("NEAR/99", "word", "optional"),
    )
    results = Results(query=Query("x"), hits=(), total=None, understood=read)
    assert results_text(results, bold=False).plain.startswith(
        "Read as: not source: CNN; a NEAR/2 b (2 words between at most);"
        ' "a b"~3 (in this order, 3 words between at most); NEAR/99 (plain words)\n'
    )


def test_where_nothing_is_found_words_are_told_apart() -> None:
    words = (
        Understood("العراق", "word", "required", 1200),
        Understood("قطط", "word", "required", 0),
        Understood("في", "ignored", "optional"),
    )
    results = Results(query=Query("x"), hits=(), total=None, understood=words)
    assert results_text(results, bold=False).plain.startswith(
        "العراق alone: 1,200 passages.\nقطط: in no passage.\n"
    )
