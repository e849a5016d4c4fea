"""The orchestration of a search, over an engine that only records and recites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from search.domain import ArticleInfo, Passage, Query, Span, StoredPassage, Total, Vector
from search.embedding.centring import CentredQueries
from search.engines.protocol import Engine, Ranked, Rankings, RankRequest
from search.errors import EmbedderError, InputError, PageTooDeep
from search.query.clauses import Fuzzy, Not, Phrase, Term
from search.ranking.fusion import coverage
from search.ranking.searcher import KEYWORD_WEIGHT, Searcher
from tests.support import HashingEmbedder

TEXTS = {
    "a#0": "ضربات في العراق. القوات في سوريا.",
    "a#1": "هجمات في اليمن. السفن التجارية.",
    "a#2": "بغداد تطالب بانسحاب.",
}


class Recital:
    """An engine that answers every request with the rankings it was given."""

    def __init__(self, rankings: Rankings, lost: tuple[str, ...] = ()) -> None:
        self.rankings = rankings
        self.lost = lost
        self.requests: list[RankRequest] = []
        self.looked_up: list[Sequence[str]] = []

    def rank(self, request: RankRequest) -> Rankings:
        if request.clause is not None or request.vector is not None:
            self.requests.append(request)  # the rest only asks the vocabulary
        return Rankings(
            text=self.rankings.text if request.clause is not None else (),
            text_total=self.rankings.text_total if request.clause is not None else None,
            vector=self.rankings.vector if request.vector is not None else (),
            frequencies={t: self.rankings.frequencies.get(t, 0) for t in request.frequencies},
            passages=len(TEXTS),
            took_ms={"text": 0.5},
        )

    def terms_with_prefixes(
        self, layer: str, prefixes: Sequence[str], limit: int
    ) -> dict[str, list[tuple[str, int]]]:
        assert layer == "sound"
        self.looked_up.append(prefixes)
        known = [("bgd=بغداد=بغداد", 2), ("rq=عراق=العراق", 3), ("rk=عراق=العراق", 3)]
        return {p: [(t, n) for t, n in known if t.startswith(p)][:limit] for p in prefixes}

    def fetch(self, passage_ids: list[str]) -> list[StoredPassage]:
        return [
            StoredPassage(
                Passage("a", int(key[-1]), 0, len(TEXTS[key]), TEXTS[key]),
                ArticleInfo(id="a", title="ضربات العراق"),
                (Span(0, 15), Span(16, len(TEXTS[key]))) if key != "a#2" else (),
            )
            for key in passage_ids
            if key not in self.lost
        ]


class BrokenEmbedder(HashingEmbedder):
    def embed_query(self, text: str) -> Vector:
        raise EmbedderError("the model is broken")


RANKINGS = Rankings(
    text=(Ranked("a#0", 4.0), Ranked("a#2", 2.0)),
    text_total=2,
    vector=(Ranked("a#1", 0.9, 0), Ranked("a#0", 0.8)),
    frequencies={Term("stem", "عراق"): 1},
)


def searcher(engine: Recital, embedder: HashingEmbedder | None = None) -> Searcher:
    return Searcher(cast(Engine, engine), embedder or HashingEmbedder())


def ids(results: Any) -> list[str]:
    return [hit.passage.id for hit in results.hits]


def test_keyword_asks_and_ranks_by_text_only() -> None:
    engine = Recital(RANKINGS)
    results = searcher(engine).search(Query("العراق", mode="keyword"))
    assert ids(results) == ["a#0", "a#2"]
    assert [hit.score for hit in results.hits] == [4.0, 2.0]
    assert engine.requests[0].vector is None
    assert results.hits[0].keyword is not None
    assert results.hits[0].keyword.rank == 1
    assert results.hits[0].semantic is None
    assert results.total == Total(2, exact=True, level="near")


def test_semantic_asks_and_ranks_by_vector_only() -> None:
    engine = Recital(RANKINGS)
    results = searcher(engine).search(Query("العراق", mode="semantic"))
    assert ids(results) == ["a#1", "a#0"]
    assert engine.requests[0].clause is None
    assert results.total is None


def test_hybrid_fuses_both_in_one_request() -> None:
    engine = Recital(RANKINGS)
    results = searcher(engine).search(Query("العراق"))
    assert len(engine.requests) == 1
    assert ids(results)[0] == "a#0"
    assert set(ids(results)) == {"a#0", "a#1", "a#2"}
    first = results.hits[0]
    spread = CentredQueries(HashingEmbedder()).spread
    by_meaning = 1 - (0.9 - 0.8) / max(0.9 - 0.8, spread)
    assert first.score == pytest.approx(KEYWORD_WEIGHT + (1 - KEYWORD_WEIGHT) * by_meaning)
    assert first.keyword is not None
    assert first.semantic is not None
    assert first.semantic.rank == 2
    assert results.total == Total(3, exact=False, level="meaning")


def test_meaning_alone_decides_when_no_word_is_in_the_vocabulary() -> None:
    hybrid = searcher(Recital(RANKINGS)).search(Query("strikes"))
    assert ids(hybrid)[0] == "a#1"
    assert hybrid.hits[0].score == 0.9


def test_words_weigh_by_how_much_of_the_query_the_index_knows() -> None:
    known, unknown = Term("stem", "a"), Term("stem", "b")
    assert coverage({}, 10) == 0
    assert coverage({unknown: 0}, 10) == 0
    assert coverage({known: 3}, 10) == 1
    assert 0 < coverage({known: 9, unknown: 0}, 10) < coverage({known: 1, unknown: 0}, 10) < 1


def test_the_best_sentence_is_marked_where_no_word_matches() -> None:
    results = searcher(Recital(RANKINGS)).search(Query("هدنة", mode="semantic"))
    assert results.hits[0].best_sentence == Span(0, 15)
    assert [s.text for s in results.hits[0].segments if s.match] == [TEXTS["a#1"][:15]]


def test_words_are_marked_rather_than_the_best_sentence() -> None:
    results = searcher(Recital(RANKINGS)).search(Query("السفن", mode="semantic"))
    assert [s.text for s in results.hits[0].segments if s.match] == ["السفن"]


def test_titles_are_marked_too() -> None:
    results = searcher(Recital(RANKINGS)).search(Query("العراق", mode="keyword"))
    assert [s.text for s in results.hits[0].title_segments if s.match] == ["العراق"]


def test_what_is_demanded_constrains_both_rankings() -> None:
    engine = Recital(RANKINGS)
    searcher(engine).search(Query("ضربات +«في العراق» -اليمن"))
    wanted = engine.requests[0].constraint
    assert isinstance(wanted, Not)
    assert str(Phrase("folded", ("في", "العراق"))) in str(wanted.clause)


def test_a_broken_model_degrades_to_keyword_and_says_so() -> None:
    for mode in ("hybrid", "semantic"):
        results = searcher(Recital(RANKINGS), BrokenEmbedder()).search(Query("العراق", mode=mode))
        assert results.degraded == ("semantic",)
        assert ids(results) == ["a#0", "a#2"]


def test_no_model_degrades_as_well() -> None:
    results = Searcher(cast(Engine, Recital(RANKINGS)), None).search(Query("العراق"))
    assert results.degraded == ("semantic",)


def test_latin_spellings_search_the_arabic_words_of_the_index_and_say_so() -> None:
    engine = Recital(RANKINGS)
    results = searcher(engine).search(Query("baghdad al3iraq", mode="keyword"))
    assert [(v.word, v.forms) for v in results.searched_also] == [
        ("baghdad", ("بغداد",)),
        ("al3iraq", ("العراق",)),
    ]
    assert len(engine.looked_up) == 1, "all sounds are one request"
    clause = str(engine.requests[-1].clause)
    assert str(Term("stem", "بغداد")) in clause
    assert [s.text for s in results.hits[0].segments if s.match] == ["العراق"]


def test_phrases_nothing_holds_are_searched_as_words_and_said_to_be() -> None:
    class Strict(Recital):
        def rank(self, request: RankRequest) -> Rankings:
            found = super().rank(request)
            return found if request.constraint is None else Rankings(frequencies=found.frequencies)

    results = searcher(Strict(RANKINGS)).search(Query("«في ضربات»"))
    assert results.relaxed
    assert ids(results)
    assert not searcher(Recital(RANKINGS)).search(Query("«في العراق»")).relaxed


class Unknown(Recital):
    """An engine that has none of the words, and what it was given for what is nearly them."""

    def rank(self, request: RankRequest) -> Rankings:
        found = super().rank(request)
        return found if not request.frequencies else replace(found, text=(), text_total=0)


def test_where_no_word_is_found_near_ones_are_asked_for() -> None:
    engine = Unknown(RANKINGS)
    results = searcher(engine).search(Query("نتانياهو", mode="keyword", variants=False))
    assert ids(results) == ["a#0", "a#2"]
    assert results.total == Total(2, exact=True, level="near")
    assert len(engine.requests) == 2


def test_near_words_are_asked_for_beside_the_meaning_that_is_known() -> None:
    engine = Unknown(RANKINGS)
    results = searcher(engine).search(Query("نتانياهو", variants=False))
    assert {"a#0", "a#1", "a#2"} == set(ids(results))
    assert [request.vector is None for request in engine.requests] == [False, True]


def test_near_words_are_not_asked_for_where_they_would_weigh_nothing() -> None:
    engine = Unknown(RANKINGS)
    assert ids(searcher(engine).search(Query("strikes", variants=False))) == ["a#1", "a#0"]
    assert len(engine.requests) == 1


def test_one_request_is_enough_where_words_are_found() -> None:
    engine = Recital(RANKINGS)
    searcher(engine).search(Query("العراق", mode="keyword"))
    assert len(engine.requests) == 1


def test_what_may_be_meant_is_asked_for_beside_the_words_that_are_found() -> None:
    engine = Recital(RANKINGS)
    results = searcher(engine).search(Query("العراق ضربلت", mode="keyword"))
    assert len(engine.requests) == 2
    assert str(Fuzzy("folded", "ضربلت")) in str(engine.requests[1].clause)
    assert "ضربات" in [s.text for hit in results.hits for s in hit.segments if s.match]


def test_excluded_words_stay_excluded_when_nothing_is_found() -> None:
    engine = Recital(Rankings())
    results = searcher(engine).search(Query("العراق -بغداد", variants=False))
    assert not results.relaxed
    assert all(request.constraint is not None for request in engine.requests)


def test_a_query_of_exclusions_alone_lists_the_rest() -> None:
    results = searcher(Recital(RANKINGS)).search(Query("-اليمن"))
    assert ids(results) == ["a#0", "a#2"]


def test_variants_can_be_switched_off() -> None:
    results = searcher(Recital(RANKINGS)).search(Query("baghdad", variants=False))
    assert results.searched_also == ()


def test_an_empty_query_finds_nothing() -> None:
    engine = Recital(RANKINGS)
    results = searcher(engine).search(Query("  "))
    assert results.hits == ()
    assert results.total is None


def test_a_passage_deleted_meanwhile_is_no_hit() -> None:
    results = searcher(Recital(RANKINGS, lost=("a#0",))).search(Query("العراق", mode="keyword"))
    assert ids(results) == ["a#2"]


def test_pages_are_cut_from_one_ranking() -> None:
    engine = Recital(RANKINGS)
    results = searcher(engine).search(Query("العراق", mode="keyword", start=1, size=1))
    assert ids(results) == ["a#2"]
    assert results.hits[0].keyword is not None
    assert results.hits[0].keyword.rank == 2


@pytest.mark.parametrize(
    ("start", "size", "depth"),
    [(0, 100, 100), (1, 100, 1_000), (900, 100, 1_000), (950, 100, 10_000)],
)
def test_depth_is_the_shallowest_that_holds_the_page(start: int, size: int, depth: int) -> None:
    engine = Recital(RANKINGS)
    searcher(engine).search(Query("العراق", start=start, size=size))
    assert engine.requests[0].limit == depth


@pytest.mark.parametrize(
    ("query", "field"),
    [
        (Query("ا", size=0), "size"),
        (Query("ا", size=101), "size"),
        (Query("ا", start=-1), "start"),
        (Query("ا", mode=cast(Any, "fuzzy")), "mode"),
        (Query("ا" * 1001), "query"),
        (Query("ا", "semantic", count_articles=True), "count_articles"),
        (Query("ا", facets=("author",), facet_prefix="x" * 201), "facet_prefix"),
        (Query("ا", facets=cast(Any, ("colour",))), "facets"),
        (Query("ا", "semantic", facets=("source",)), "facets"),
        (Query("ا", facets=("source",), facet_size=0), "facet_size"),
        (Query("ا", facets=("source",), facet_size=101), "facet_size"),
        (Query("ا", group_by=cast(Any, "source")), "group_by"),
        (Query("ا", sort=cast(Any, "title")), "sort"),
        (Query("ا", "semantic", sort="newest"), "sort"),
        (Query("ا", match="meaning", sort="newest"), "sort"),
        (Query("ا", explain=True, sort="newest"), "explain"),
    ],
)
def test_out_of_bounds_is_named(query: Query, field: str) -> None:
    with pytest.raises(InputError) as caught:
        searcher(Recital(RANKINGS)).search(query)
    assert caught.value.field == field


def test_the_window_ends_at_ten_thousand() -> None:
    searcher(Recital(RANKINGS)).search(Query("العراق", start=9_990, size=10))
    with pytest.raises(PageTooDeep, match="10,000"):
        searcher(Recital(RANKINGS)).search(Query("العراق", start=9_991, size=10))


def test_every_stage_is_timed() -> None:
    took = searcher(Recital(RANKINGS)).search(Query("العراق")).took_ms
    assert {"parse", "embed", "rank", "fuse", "fetch", "highlight", "text", "total"} <= took.keys()
    assert took["total"] >= took["parse"] >= 0


@pytest.mark.parametrize(
    ("mode", "match", "told"),
    [
        ("keyword", "meaning", "which looks at words only"),
        ("semantic", "form", "which looks at no words"),
        ("hybrid", "loose", "it must be one of exact, spelling, form, near, meaning"),
    ],
)
def test_a_level_that_contradicts_the_mode_is_refused(mode: Any, match: Any, told: str) -> None:
    with pytest.raises(InputError, match=told) as refused:
        searcher(Recital(RANKINGS)).search(Query("العراق", mode, match=match))
    assert refused.value.field == "match"


def test_without_a_model_a_query_by_meaning_is_answered_by_words() -> None:
    engine = Searcher(cast(Engine, Recital(RANKINGS)), None)
    results = engine.search(Query("العراق", "semantic", match="meaning"))
    assert results.total == Total(2, exact=True, level="near")
