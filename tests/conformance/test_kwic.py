"""Keywords in context on every engine: where they stand, in which order, how many are told."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from indexer.ingestion.preparing import prepare
from search import Query, kwic
from search.domain import Filter
from search.engines.protocol import Engine
from search.errors import InputError
from search.ranking import kwic as module
from search.ranking.kwic import Kwic, as_csv, frequencies_csv
from search.ranking.searcher import Searcher
from search.settings import Settings
from tests.conformance.corpus import EMBEDDER
from tests.support import article

ARTICLES = [
    article("1", "قال «وزير النفط» إن سعر النفط يرتفع\nلا شيء هنا", source="CNN",
            published=date(2024, 2, 29)),
    article("2", "=نفط بغداد، ثم نفط البصرة", source="BBC", published=date(1999, 3, 1)),
    article("3", "سعر الذهب", title="النفط", source="BBC"),
    article("4", "حزب الله وحزب الله وكتائب حزب الله"),
]  # fmt: skip


@pytest.fixture(scope="module")
def library(shared: Engine) -> Searcher:
    shared.write(prepare(ARTICLES, EMBEDDER, Settings()))
    return Searcher(shared, EMBEDDER)


def lines(found: Kwic) -> list[tuple[str, str, str]]:
    return [(line.before, line.word, line.after) for line in found.lines]


def test_every_occurrence_between_the_words_around_it(library: Searcher) -> None:
    found = kwic(library, Query("نفط"), width=2)
    assert sorted(lines(found)) == sorted(
        [
            ("=", "نفط", " بغداد، ثم"),
            ("بغداد، ثم ", "نفط", " البصرة"),
            ("إن سعر ", "النفط", " يرتفع"),
            ("قال «وزير ", "النفط", "» إن سعر"),
        ]
    )
    for line in found.lines:
        before, word, after = line.before, line.word, line.after
        assert line.passage.text[line.span.start : line.span.end] == word
        begin = line.span.start - len(before)
        assert line.passage.text[begin : line.span.end + len(after)] == before + word + after
    # A title's word brings the passage, and is no occurrence in it.
    assert (found.read, found.passages) == (3, 3)
    assert (found.occurrences.value, found.occurrences.exact) == (4, True)
    assert {
        field: [(f.value, f.passages, f.occurrences) for f in its]
        for field, its in found.frequencies.items()
    } == {"source": [("BBC", 2, 2), ("CNN", 1, 2)], "year": [("1999", 1, 2), ("2024", 1, 2)]}


@pytest.mark.parametrize(
    ("sort", "expected"),
    [("before", ["", "ثم", "سعر", "وزير"]), ("after", ["البصره", "ان", "بغداد", "يرتفع"])],
)
def test_lines_in_order_of_the_words_beside(
    library: Searcher, sort: Any, expected: list[str]
) -> None:
    found = kwic(library, Query("نفط"), sort=sort)
    side = [getattr(line, sort) for line in found.lines]
    words = [module._words(text)[:: -1 if sort == "before" else 1] for text in side]
    assert [some[0] if some else "" for some in words] == expected
    pages = [kwic(library, Query("نفط", size=1, start=n), sort=sort) for n in range(5)]
    assert [line for page in pages for line in page.lines] == list(found.lines)
    assert {page.occurrences.value for page in pages} == {4}


def test_a_phrase_is_one_occurrence(library: Searcher) -> None:
    found = kwic(library, Query("«حزب الله»"), width=1)
    assert lines(found) == [
        ("", "حزب الله", " وحزب"),
        ("الله ", "وحزب الله", " وكتائب"),
        ("وكتائب ", "حزب الله", ""),
    ]
    assert len(kwic(library, Query("حزب الله")).lines) == 6


def test_only_what_a_match_level_reaches(library: Searcher) -> None:
    found = kwic(library, Query("نفط", match="exact"))
    assert {line.word for line in found.lines} == {"نفط"}
    assert (found.occurrences.value, found.passages) == (2, 1)


def test_what_is_read_of_how_many_is_told(
    library: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = kwic(library, Query("نفط"), passages=1)
    assert (found.read, found.passages, found.occurrences.exact) == (1, 3, False)
    assert sum(f.passages for f in found.frequencies["source"]) == 3
    monkeypatch.setattr(module, "MAX_OCCURRENCES", 3)
    cut = kwic(library, Query("نفط"))
    assert (cut.read, cut.occurrences.value, cut.occurrences.exact) == (3, 3, False)
    inside = kwic(library, Query("نفط", filter=Filter(sources=("CNN",))))
    assert {f.value for f in inside.frequencies["source"]} == {"CNN"}
    nothing = kwic(library, Query(" "))
    assert (nothing.lines, nothing.passages, nothing.occurrences.exact) == ((), 0, True)


def test_a_table_that_no_spreadsheet_runs(library: Searcher) -> None:
    head, *rows = as_csv(kwic(library, Query("بغداد"))).splitlines()
    assert head == "\ufeff" + ",".join(module.COLUMNS)
    assert rows == ["'=نفط,بغداد,، ثم نفط البصرة,2,,BBC,,1999-03-01,2#0,,5"]
    head, *rows = frequencies_csv(kwic(library, Query("بغداد"))).splitlines()
    assert head == "\ufefffield,value,passages,occurrences"
    assert rows == ["source,BBC,1,1", "year,1999,1,1"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"width": 0},
        {"width": 31},
        {"sort": "left"},
        {"passages": 1_001},
        {"size": 0},
        {"start": -1},
    ],
)
def test_what_is_out_of_bounds_is_named(library: Searcher, wrong: dict[str, Any]) -> None:
    query = Query("نفط", **{k: v for k, v in wrong.items() if k in ("size", "start")})
    rest = {k: v for k, v in wrong.items() if k not in ("size", "start")}
    with pytest.raises(InputError) as refused:
        kwic(library, query, **rest)
    assert [refused.value.field] == list(wrong)
