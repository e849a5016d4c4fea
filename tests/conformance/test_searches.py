"""Facets and groups of whole searches, counted by hand on every engine."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import date

import pytest

from indexer.ingestion.preparing import prepare
from search.domain import FACET_FIELDS, Article, Filter, Mode, Query, Results, SearchSort
from search.engines.protocol import Engine
from search.errors import PageTooDeep
from search.ranking import searcher as searching
from search.ranking.searcher import Searcher
from search.settings import Settings
from tests.conformance.corpus import EMBEDDER
from tests.support import article

ARTICLES = [
    article("1", "نفط العراق\nنفط الخليج\nماء", source="CNN", author="أحمد", language="ar",
            published=date(2024, 2, 29), tags=("نفط", "مال")),
    article("2", "نفط وغاز", source="BBC", author="سعاد", language="ar",
            published=date(2024, 3, 1), tags=("نفط",)),
    article("3", "سعر النفط\nسعر الذهب", source="BBC", language="en", published=date(1999, 12, 31)),
    article("4", "النفط"),
    article("5", "ذهب وفضة", source="CNN"),
]  # fmt: skip


def stored(engine: Engine, articles: list[Article]) -> Searcher:
    engine.write(prepare(articles, EMBEDDER, Settings()))
    return Searcher(engine, EMBEDDER)


@pytest.fixture(scope="module")
def library(shared: Engine) -> Searcher:
    return stored(shared, ARTICLES)


def facets(results: Results) -> dict[str, list[tuple[str, int]]]:
    assert results.facets is not None
    return {f: [(v.value, v.count) for v in values] for f, values in results.facets.items()}


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("أح", [("أحمد", 2)]),
        ("احمد", [("أحمد", 2)]),
        ("س", [("سعاد", 1)]),
        ("حمد", []),
        ("x" * 200, []),
    ],
)
def test_facet_values_that_begin_so(
    library: Searcher, prefix: str, found: list[tuple[str, int]]
) -> None:
    query = Query("نفط", facets=("author",), facet_prefix=prefix, facet_size=1)
    assert facets(library.search(query)) == {"author": found}


@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
def test_articles_are_counted_without_grouping(library: Searcher, mode: Mode) -> None:
    results = library.search(Query("نفط", mode, size=1, count_articles=True))
    assert results.total is not None
    assert results.articles is not None
    assert (results.total.value, results.articles.value, len(results.hits)) == (5, 4, 1)
    assert results.groups is None
    assert library.search(Query("نفط", mode)).articles is None


@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
def test_every_facet_of_what_matches_by_words(library: Searcher, mode: Mode) -> None:
    results = library.search(Query("نفط", mode, facets=FACET_FIELDS))
    assert facets(results) == {
        "source": [("BBC", 2), ("CNN", 2)],
        "author": [("أحمد", 2), ("سعاد", 1)],
        "language": [("ar", 3), ("en", 1)],
        "tag": [("نفط", 3), ("مال", 2)],
        "year": [("2024", 3), ("1999", 1)],
        "month": [("2024-02", 2), ("1999-12", 1), ("2024-03", 1)],
        "collection": [],
        "label": [],
    }
    assert results.total is not None
    assert (results.total.value, results.total.exact) == (5, True)


def test_a_field_is_counted_without_its_own_filter(library: Searcher) -> None:
    chosen = Filter(sources=("BBC",), published_from=date(2000, 1, 1))
    found = library.search(Query("نفط", "keyword", filter=chosen, facets=("source", "year", "tag")))
    assert [hit.article.id for hit in found.hits] == ["2"]
    assert found.total is not None
    assert found.total.value == 1
    assert facets(found) == {
        "source": [("CNN", 2), ("BBC", 1)],  # published since 2000, of any source
        "year": [("1999", 1), ("2024", 1)],  # of the BBC, of any date
        "tag": [("نفط", 1)],
    }


def test_facets_obey_what_is_demanded(library: Searcher) -> None:
    found = library.search(Query("نفط -الخليج +سعر", "keyword", facets=("source",)))
    assert {hit.passage.id for hit in found.hits} == {"3#0", "3#1"}
    assert facets(found) == {"source": [("BBC", 2)]}
    assert library.search(Query("-نفط", "keyword", facets=("source",))).facets is not None


def test_facets_are_cut(library: Searcher) -> None:
    found = library.search(Query("نفط", "keyword", facets=("tag", "month"), facet_size=1))
    assert facets(found) == {"tag": [("نفط", 3)], "month": [("2024-02", 2)]}


def test_what_has_no_word_has_no_values(library: Searcher) -> None:
    assert facets(library.search(Query(" ", facets=("source",)))) == {"source": []}
    assert library.search(Query("نفط")).facets is None


@pytest.mark.parametrize("text", ["نفظ الخليچ", "البترولل", "«نفط الذهب»"])
def test_what_is_nearly_a_word_or_relaxed_is_counted_as_it_was_found(
    library: Searcher, text: str
) -> None:
    plain = library.search(Query(text, "keyword", size=100))
    counted = library.search(Query(text, "keyword", size=100, facets=("source",)))
    assert counted.hits == plain.hits
    assert counted.total == plain.total
    of = Counter(hit.article.source for hit in plain.hits if hit.article.source)
    assert dict(facets(counted)["source"]) == dict(of)


def test_groups_have_an_articles_passages_and_counts(library: Searcher) -> None:
    found = library.search(Query("نفط", "keyword", group_by="article"))
    assert found.hits == ()
    assert found.groups is not None
    groups = {group.article.id: group for group in found.groups}
    assert {key: group.passages for key, group in groups.items()} == {
        "1": 2,
        "2": 1,
        "3": 1,
        "4": 1,
    }
    assert [hit.passage.article_id for hit in groups["1"].hits] == ["1", "1"]
    assert groups["1"].hits[0].score >= groups["1"].hits[1].score
    best = [group.hits[0].score for group in found.groups]
    assert best == sorted(best, reverse=True)
    assert found.total is not None
    assert found.articles is not None
    assert (found.total.value, found.articles.value, found.articles.exact) == (5, 4, True)


def test_a_group_shows_three_passages_at_most(engine: Engine) -> None:
    library = stored(engine, [article("1", "نفط\n" * 5), article("2", "نفط")])
    found = library.search(Query("نفط", "keyword", group_by="article"))
    assert found.groups is not None
    assert [(len(group.hits), group.passages) for group in found.groups] == [(3, 5), (1, 1)]


def test_what_is_found_by_meaning_alone_has_no_passages_by_words(library: Searcher) -> None:
    found = library.search(Query("نفط", "hybrid", group_by="article", size=100))
    assert found.groups is not None
    assert {g.article.id: g.passages for g in found.groups} == {
        "1": 2,
        "2": 1,
        "3": 1,
        "4": 1,
        "5": 0,
    }
    found = library.search(Query("نفط", "semantic", group_by="article", size=100))
    assert found.groups is not None
    assert [group.passages for group in found.groups] == [None] * 5
    assert (found.total, found.articles) == (None, None)


# -- properties


def random_library(seed: int, count: int) -> list[Article]:
    random_ = random.Random(seed)
    words = ["نفط", "ماء", "ذهب", "قمح", "حديد", "خشب"]
    return [
        article(
            f"م{number:03}",
            "\n".join(
                " ".join(random_.choices(words, k=random_.randint(1, 6)))
                for _ in range(random_.randint(1, 8))
            ),
            source=random_.choice(["CNN", "BBC", "DW"]),
            language=random_.choice(["ar", "en"]),
            author=random_.choice(["أحمد", "سعاد"]),
            published=date(random_.randint(2020, 2023), random_.randint(1, 12), 1),
            tags=tuple(random_.sample(["أ", "ب", "ج"], random_.randint(0, 3))),
        )
        for number in range(count)
    ]


@pytest.fixture(scope="module")
def many(shared_again: Engine) -> Searcher:
    return stored(shared_again, random_library(7, 120))


@pytest.mark.parametrize("text", ["نفط", "ماء ذهب", "قمح -حديد", "+خشب نفط", "«نفط ماء»"])
@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
def test_facets_of_fields_that_all_have_add_up_to_the_total(
    many: Searcher, text: str, mode: Mode
) -> None:
    single = ("source", "language", "author", "year", "month")
    for inside in (Filter(), Filter(languages=("ar",)), Filter(published_from=date(2021, 6, 1))):
        found = many.search(Query(text, mode, filter=inside, facets=FACET_FIELDS, facet_size=100))
        assert found.total is not None
        assert found.total.value > 0
        counted = facets(found)
        for field in single:
            own = {"language": bool(inside.languages), "year": bool(inside.published_from)}
            own["month"] = own["year"]
            whole = found.total.value
            if own.get(field):
                rest = many.search(Query(text, mode, facets=("source",)))
                assert rest.total is not None
                whole = rest.total.value
            assert sum(count for _, count in counted[field]) == whole, field


@pytest.mark.parametrize("text", ["نفط", "ماء ذهب", "قمح -حديد"])
def test_groups_on_all_pages_sum_to_the_totals(
    many: Searcher, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "DEPTHS", (20, 90, 10_000))  # so that pages are of several
    query = Query(text, "keyword", size=7, group_by="article")
    ids: list[str] = []
    passages = 0
    while True:
        found = many.search(replace(query, start=len(ids)))
        assert found.groups is not None
        if not found.groups:
            break
        ids += [group.article.id for group in found.groups]
        passages += sum(group.passages or 0 for group in found.groups)
    assert len(ids) == len(set(ids))
    assert found.total is not None
    assert found.articles is not None
    assert (found.total.value, found.articles.value) == (passages, len(ids))
    assert len(ids) > 20


def test_articles_beyond_what_is_ranked_are_too_deep(
    many: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "DEPTHS", (10, 20))
    with pytest.raises(PageTooDeep, match="articles"):
        many.search(Query("نفط", "keyword", start=19, size=1, group_by="article"))


# -- in order of date


def by_date(query: Query, library: Searcher) -> list[str]:
    """Return the passages of all pages of a search, and check its total."""
    ids: list[str] = []
    while True:
        found = library.search(replace(query, start=len(ids), size=7))
        ids += [hit.passage.id for hit in found.hits]
        assert all((hit.score, hit.keyword, hit.semantic) == (0, None, None) for hit in found.hits)
        if not found.hits:
            assert found.total is not None
            assert (found.total.value, found.total.exact) == (len(ids), True)
            return ids


@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
def test_by_date_those_without_one_come_last(library: Searcher, mode: Mode) -> None:
    newest = by_date(Query("نفط", mode, sort="newest"), library)
    assert newest == ["2#0", "1#0", "1#1", "3#0", "4#0"]
    oldest = by_date(Query("نفط", mode, sort="oldest"), library)
    assert oldest == ["3#0", "1#0", "1#1", "2#0", "4#0"]
    found = library.search(Query("نفط", mode, sort="newest", size=2, facets=("source",)))
    assert [hit.passage.id for hit in found.hits] == ["2#0", "1#0"]
    assert facets(found) == {"source": [("BBC", 2), ("CNN", 2)]}


@pytest.mark.parametrize("text", ["نفط", "ماء ذهب", "قمح -حديد", "+خشب نفط", "«نفط ماء»", "-نفط"])
@pytest.mark.parametrize("sort", ["newest", "oldest"])
def test_pages_by_date_have_every_match_once(many: Searcher, text: str, sort: SearchSort) -> None:
    inside = Filter(languages=("ar",))
    about = {hit.passage.id: hit for hit in many.search(Query(text, "keyword", 100)).hits}
    ids = by_date(Query(text, "keyword", filter=inside, sort=sort), many)
    assert len(ids) == len(set(ids))
    assert {key for key, hit in about.items() if hit.article.language == "ar"} <= set(ids)
    days = {a.id: a.info.published for a in random_library(7, 120)}
    places = []
    for key in ids:
        own, _, position = key.partition("#")
        day = days[own]
        assert day is not None
        places.append((day.toordinal() * (1 if sort == "oldest" else -1), own, int(position)))
    assert places == sorted(places)


def test_groups_by_date(library: Searcher) -> None:
    found = library.search(Query("نفط", group_by="article", sort="newest", size=3))
    assert found.groups is not None
    assert [(g.article.id, g.passages) for g in found.groups] == [("2", 1), ("1", 2), ("3", 1)]
    assert found.articles is not None
    assert found.articles.value == 4


def test_what_is_nearly_a_word_is_listed_by_date(library: Searcher) -> None:
    plain = library.search(Query("نفظ الخليچ", "keyword"))
    found = library.search(Query("نفظ الخليچ", "keyword", sort="oldest"))
    assert {h.passage.id for h in found.hits} == {h.passage.id for h in plain.hits} != set()


def test_by_date_what_is_written_again_is_listed_as_it_is_now(engine: Engine) -> None:
    library = stored(engine, [article("1", "نفط", published=date(2024, 1, 1)),
                              article("2", "نفط", published=date(2024, 1, 2))])  # fmt: skip
    stored(engine, [article("1", "نفط\nنفط وغاز", published=date(2024, 1, 3))])
    engine.delete(["2"])
    assert by_date(Query("نفط", sort="newest"), library) == ["1#0", "1#1"]
