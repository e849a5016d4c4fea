"""How far a match may go: whole searches over every engine, of words in known variants."""

from __future__ import annotations

import pytest

from search.analysis.tokens import analyse, layer_terms
from search.domain import LEVELS, Level, Mode, Query, Results, Total
from search.engines.protocol import Engine
from search.ranking.searcher import Searcher
from tests.conformance.corpus import EMBEDDER, indexed

# One word a passage, and its level to the query مسؤول.
TEXTS: dict[str, Level] = {
    "مسؤول": "exact",
    "مسئول": "spelling",
    "والمسؤولين": "form",
    "المسئولة": "form",
    "لمسئول": "form",
    "طائرة": "meaning",
}
QUERY = "مسؤول"


@pytest.fixture(scope="module")
def searcher(shared: Engine) -> Searcher:
    texts = [*TEXTS, "سافر نتانياهو", "كَتَبَ رسالة", "كتب رسالة", "قوات التحالف", "قوات تحالف"]
    shared.write(
        [
            indexed(str(number), text, layers=layer_terms(analyse(text)))
            for number, text in enumerate(texts)
        ]
    )
    return Searcher(shared, EMBEDDER)


def found(searcher: Searcher, text: str, match: Level | None, mode: Mode = "keyword") -> Results:
    return searcher.search(Query(text, mode, match=match))


def texts(results: Results) -> set[str]:
    return {hit.passage.text for hit in results.hits}


@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
@pytest.mark.parametrize("match", ["exact", "spelling", "form", "near"])
def test_a_level_admits_it_and_tighter_ones(searcher: Searcher, match: Level, mode: Mode) -> None:
    results = found(searcher, QUERY, match, mode)
    reached = LEVELS[: LEVELS.index(match) + 1]
    assert texts(results) == {text for text, level in TEXTS.items() if level in reached}
    assert results.total == Total(len(results.hits), exact=True, level=match)


@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
def test_each_hit_says_its_level(searcher: Searcher, mode: Mode) -> None:
    for hit in found(searcher, QUERY, None, mode).hits:
        assert hit.match.level == TEXTS.get(hit.passage.text, "meaning"), hit.passage.text


def test_a_hit_by_meaning_has_the_level_meaning(searcher: Searcher) -> None:
    results = found(searcher, QUERY, None, "hybrid")
    assert texts(results) >= TEXTS.keys()
    assert results.total is not None
    assert (results.total.exact, results.total.level) == (False, "meaning")


@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
def test_near_words_are_found_at_near_only(searcher: Searcher, mode: Mode) -> None:
    near = found(searcher, "نتنياهو", "near", mode)
    assert texts(near) == {"سافر نتانياهو"}
    assert near.hits[0].match.level == "near"
    assert not found(searcher, "نتنياهو", "form", mode).hits


def test_tashkeel_that_is_typed_must_agree_to_be_exact(searcher: Searcher) -> None:
    assert texts(found(searcher, "كَتَبَ", "exact")) == {"كَتَبَ رسالة"}
    assert texts(found(searcher, "كَتَبَ", "spelling")) == {"كَتَبَ رسالة", "كتب رسالة"}
    assert texts(found(searcher, "كتب", "exact")) == {"كَتَبَ رسالة", "كتب رسالة"}


def test_demands_and_exclusions_reach_as_far(searcher: Searcher) -> None:
    assert texts(found(searcher, "+مسؤول", "exact")) == {"مسؤول"}
    assert texts(found(searcher, "-مسؤول +طائرة", "exact")) == {"طائرة"}
    assert texts(found(searcher, "مسؤول -مسئول", "form")) == set()
    assert texts(found(searcher, "والمسؤولين -مسؤول", "exact")) == {"والمسؤولين"}


def test_a_word_after_an_equals_sign_is_met_as_typed(searcher: Searcher) -> None:
    assert texts(found(searcher, "=مسئول", None)) == {"مسئول"}
    assert texts(found(searcher, "=مسئول", None, "hybrid")) == {"مسئول"}
    assert texts(found(searcher, "مسؤول -=مسئول", None)) == {
        text for text, level in TEXTS.items() if level != "meaning"
    } - {"مسئول"}


def test_a_phrase_at_the_level_exact_is_met_as_typed(searcher: Searcher) -> None:
    assert texts(found(searcher, '"قوات تحالف"', "exact")) == {"قوات تحالف"}
    assert not texts(found(searcher, '"مسءول كبير"', "exact"))


@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
def test_a_star_finds_every_word_that_begins_so(searcher: Searcher, mode: Mode) -> None:
    results = found(searcher, "مسئ*", "near", mode)
    assert {hit.passage.text: hit.match.level for hit in results.hits} == {
        "مسئول": "exact",
        "مسؤول": "spelling",
        "المسئولة": "form",
        "والمسؤولين": "form",
        "لمسئول": "form",
    }
    assert all(any(s.match for s in hit.segments) for hit in results.hits)
    assert texts(found(searcher, "مسئ*", "exact")) == {"مسئول"}
    assert texts(found(searcher, "مسؤول -مسئ*", "exact")) == {"مسؤول"}
    assert texts(found(searcher, "مسؤول -مسئ*", "form")) == set()


def test_by_both_what_begins_so_stands_first(searcher: Searcher) -> None:
    hits = found(searcher, "مسئ*", None, "hybrid").hits
    assert {hit.match.level for hit in hits[:5]} == {"exact", "spelling", "form"}
    assert {hit.match.level for hit in hits[5:]} == {"meaning"}


def test_any_of_several_words_is_demanded_or_excluded(searcher: Searcher) -> None:
    assert texts(found(searcher, "+تحالف|طائرة", "form")) == {"قوات التحالف", "قوات تحالف", "طائرة"}
    assert texts(found(searcher, "قوات|رسالة -كتب|تحالف", "form")) == set()


def test_an_answer_says_how_the_query_was_read(searcher: Searcher) -> None:
    results = found(searcher, '+مسؤول في "قوات التحالف" طائ* -حرب|سلم', None)
    assert [(one.text, one.kind, one.occur) for one in results.understood] == [
        ("مسؤول", "word", "required"),
        ("في", "ignored", "optional"),
        ("قوات التحالف", "phrase", "optional"),
        ("طائ*", "prefix", "optional"),
        ("حرب|سلم", "any_of", "excluded"),
    ]


def test_where_nothing_is_found_each_word_says_what_it_alone_would_find(searcher: Searcher) -> None:
    results = found(searcher, "+طائرة +تحالف +غائب", "form")
    assert not results.hits
    assert [(one.text, one.passages) for one in results.understood] == [
        ("طائرة", 1),
        ("تحالف", 2),
        ("غائب", 0),
    ]
