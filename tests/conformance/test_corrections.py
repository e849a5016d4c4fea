"""What is offered instead of a query of which a word, or all, is in no passage, on every engine."""

from __future__ import annotations

import pytest

from indexer.ingestion.preparing import prepare
from search.domain import Filter, Mode, Query
from search.engines.protocol import Engine
from search.ranking.searcher import Searcher
from search.settings import Settings
from tests.conformance.corpus import EMBEDDER
from tests.support import article

ARTICLES = [
    article("1", "الانتخابات البرلمانية في العراق", source="CNN"),
    article("2", "نتائج الانتخابات", source="BBC"),
    article("3", "البرلمان العراقي", source="BBC"),
    article("4", "الأخبار من breaking news"),
]


@pytest.fixture(scope="module")
def library(shared: Engine) -> Searcher:
    shared.write(prepare(ARTICLES, EMBEDDER, Settings()))
    return Searcher(shared, EMBEDDER)


@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
@pytest.mark.parametrize(
    ("typed", "meant", "passages"),
    [
        ("الانتخبات", "الانتخابات", 2),
        ("نتائج الانتخاابت", "نتائج الانتخابات", 2),
        ("البرلمانيةة", "البرلمانية", 1),
        ("البرلمانيه الانتخبات", "البرلمانيه الانتخابات", 2),
    ],
)
def test_a_misspelt_word_is_corrected_to_one_that_passages_have(
    library: Searcher, mode: Mode, typed: str, meant: str, passages: int
) -> None:
    offered = library.search(Query(typed, mode)).did_you_mean
    assert offered is not None
    assert offered.text == meant
    assert [(one.kind, one.passages) for one in offered.corrections] == [("spelling", passages)]
    assert library.search(Query(offered.text, mode)).did_you_mean is None


@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
@pytest.mark.parametrize(
    ("typed", "meant"),
    [("hguvhr", "العراق"), ("hgfvglhk hguvhrd", "البرلمان العراقي"), ("ىثصس", "news")],
)
def test_the_other_keyboard_layout(library: Searcher, mode: Mode, typed: str, meant: str) -> None:
    offered = library.search(Query(typed, mode)).did_you_mean
    assert offered is not None
    assert (offered.text, offered.corrections[0].kind) == (meant, "keyboard")


@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
@pytest.mark.parametrize("typed", ["الانتخابات", "زقلطخ", "xyzzy qwrt", "", "؟"])
def test_nothing_is_offered(library: Searcher, mode: Mode, typed: str) -> None:
    assert library.search(Query(typed, mode)).did_you_mean is None


def test_nothing_is_offered_where_variants_are_off(library: Searcher) -> None:
    assert library.search(Query("hguvhr", "keyword", variants=False)).did_you_mean is None


@pytest.mark.parametrize(
    ("query", "offered"),
    [
        (Query("+زقلط +العراق", "keyword"), [("words", "+العراق", 2), ("operators", "العراق", 2)]),
        (Query('+"العراق البرلماني"', "keyword"), []),
        (Query("+نتائج -الانتخابات", "keyword"), [("operators", "نتائج", 1)]),
        (Query("العراق", "keyword", filter=Filter(sources=("AFP",))), [("filter", "العراق", 2)]),
        (Query("انتخاب", "keyword", match="exact"), [("match", "انتخاب", 2)]),
        (Query("العراق source:AFP", "keyword"), [("operators", "العراق", 2)]),
        (Query("العراق NEAR/1 زقلط", "keyword"), [("operators", "العراق زقلط", 2)]),
        (Query('زقلط -source:"A B"', "keyword"), []),
        (Query("العراق", "keyword"), []),
    ],
)
def test_less_demanding_queries_with_what_they_find(
    library: Searcher, query: Query, offered: list[tuple[str, str, int]]
) -> None:
    results = library.search(query)
    assert [(one.kind, one.text, one.passages) for one in results.relaxations] == offered
