"""Synonyms of a person's file are searched, marked and told on every engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.ingestion.preparing import prepare
from search.domain import Mode, Query
from search.engines.protocol import Engine
from search.query.synonyms import SynonymFile
from search.ranking.searcher import Searcher
from search.settings import Settings
from tests.conformance.corpus import EMBEDDER
from tests.support import article

ARTICLES = [
    article("car", "السيارات في الشارع"),
    article("vehicle", "مركبة على الطريق"),
    article("group", "تنظيم الدولة في الموصل"),
    article("apart", "الدولة تنظيم"),
    article("daesh", "هجوم لداعش"),
]
RULES = """
# vehicles
مركبة => سيارة, شاحنة
داعش, تنظيم الدولة
"""


@pytest.fixture(scope="module")
def library(shared: Engine, tmp_path_factory: pytest.TempPathFactory) -> Searcher:
    file: Path = tmp_path_factory.mktemp("synonyms") / "synonyms.txt"
    file.write_text(RULES, encoding="utf-8")
    shared.write(prepare(ARTICLES, EMBEDDER, Settings()))
    return Searcher(shared, EMBEDDER, synonyms=SynonymFile(file))


def found(searcher: Searcher, query: Query) -> list[str]:
    return [hit.article.id for hit in searcher.search(query).hits if hit.match.level != "meaning"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("مركبة", ["vehicle", "car"]),
        ("للمركبات", ["vehicle", "car"]),
        ("سيارة", ["car"]),
        ("داعش", ["daesh", "group"]),
        ("تنظيم الدولة", ["apart", "group", "daesh"]),
        ("+مركبة", ["vehicle"]),
        ('"مركبة"', ["vehicle"]),
        ("الشارع -مركبة", ["car"]),
    ],
)
@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
def test_what_synonyms_find(library: Searcher, mode: Mode, text: str, expected: list[str]) -> None:
    hits = found(library, Query(text, mode))
    assert sorted(hits) == sorted(expected)
    if mode == "keyword":
        assert hits[0] == expected[0], "what has the words typed stands first"


def test_synonyms_are_told_marked_and_near(library: Searcher) -> None:
    results = library.search(Query("هجوم داعش", "keyword"))
    assert [(v.word, v.forms, v.kind) for v in results.searched_also] == [
        ("داعش", ("تنظيم الدولة",), "synonym")
    ]
    group = next(hit for hit in results.hits if hit.article.id == "group")
    assert [s.text for s in group.segments if s.match] == ["تنظيم", "الدولة"]
    assert [(word.word, word.level) for word in group.match.words] == [
        ("هجوم", None),
        ("داعش", "near"),
    ]


@pytest.mark.parametrize(
    "query",
    [
        Query("مركبة", "keyword", also=("latin",)),
        Query("مركبة", "keyword", variants=False),
        Query("مركبة", "keyword", match="form"),
    ],
)
def test_synonyms_can_be_switched_off(library: Searcher, query: Query) -> None:
    assert found(library, query) == ["vehicle"]
