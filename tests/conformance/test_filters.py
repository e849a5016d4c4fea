"""Filters act before the limit, on both rankings alike; facets count inside them."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date

import pytest

from search.domain import FACET_FIELDS, NO_FILTER, Filter
from search.engines.protocol import CountRequest, Engine
from search.query.clauses import AllOf, Among, AnyOf, Everything, Not, Term
from tests.conformance.corpus import (
    counts,
    facets,
    found,
    indexed,
    near,
    passages_of,
    random_articles,
    random_clause,
    random_filter,
)

EARLY, MIDDLE, LATE = date(1999, 12, 31), date(2024, 2, 29), date(2026, 11, 22)


ARTICLES = [
    indexed("1", "x", "x y", source="CNN", language="ar", published=EARLY, tags=("حرب",)),
    indexed(
        "2",
        "x",
        source="cnn",
        author="أحمد أمين",
        language="en",
        published=MIDDLE,
        tags=("حرب", "نفط"),
    ),
    indexed("3", "x", source="سي إن إن", language="ar", published=LATE, tags=("a b",)),
    indexed("4#0", "x"),
]


@pytest.fixture(scope="module")
def library(shared: Engine) -> Engine:
    """Return an engine that holds ARTICLES; no test may change it."""
    shared.write(ARTICLES)
    return shared


FILTERS = {
    "none": (Filter(), {"1#0", "1#1", "2#0", "3#0", "4#0#0"}),
    "source in any spelling": (Filter(sources=("cnn",)), {"1#0", "1#1", "2#0"}),
    "a known and an unknown spelling": (Filter(sources=("Cnn",)), {"1#0", "1#1", "2#0"}),
    "author": (Filter(authors=("أحمد أمين",)), {"2#0"}),
    "author in another spelling": (Filter(authors=("احمد  امين",)), {"2#0"}),
    "part of an author": (Filter(authors=("أحمد",)), set()),
    "language in capitals": (Filter(languages=("AR",)), {"1#0", "1#1", "3#0"}),
    "tag in another spelling": (Filter(tags=("حَرب",)), {"1#0", "1#1", "2#0"}),
    "sources": (Filter(sources=("cnn", "CNN", "nowhere")), {"1#0", "1#1", "2#0"}),
    "source with spaces": (Filter(sources=("سي إن إن",)), {"3#0"}),
    "part of a source": (Filter(sources=("سي",)), set()),
    "language": (Filter(languages=("ar",)), {"1#0", "1#1", "3#0"}),
    "article": (Filter(articles=("1",)), {"1#0", "1#1"}),
    "article with a mark": (Filter(articles=("4#0",)), {"4#0#0"}),
    "a passage id is no article": (Filter(articles=("1#0",)), set()),
    "tag": (Filter(tags=("حرب",)), {"1#0", "1#1", "2#0"}),
    "any of tags": (Filter(tags=("نفط", "a b")), {"2#0", "3#0"}),
    "from": (Filter(published_from=MIDDLE), {"2#0", "3#0"}),
    "to": (Filter(published_to=MIDDLE), {"1#0", "1#1", "2#0"}),
    "one day": (Filter(published_from=MIDDLE, published_to=MIDDLE), {"2#0"}),
    "from after to": (Filter(published_from=LATE, published_to=EARLY), set()),
    "ever": (Filter(published_from=date.min, published_to=date.max), {"1#0", "1#1", "2#0", "3#0"}),
    "several fields": (Filter(sources=("CNN", "cnn"), languages=("en",)), {"2#0"}),
    "fields that exclude each other": (Filter(sources=("سي إن إن",), languages=("en",)), set()),
    "unknown value": (Filter(sources=("nowhere",)), set()),
    "no value is not the empty value": (Filter(sources=("",)), set()),
    "no tag is not the empty tag": (Filter(tags=("",)), set()),
    "no author is not the empty author": (Filter(authors=("",)), set()),
    "half of a surrogate pair": (Filter(sources=("\ud800",)), set()),
    "and one that is whole": (Filter(sources=("\ud800", "cnn")), {"1#0", "1#1", "2#0"}),
    "NUL": (Filter(sources=("cnn\x00",)), set()),
}


@pytest.mark.parametrize(("filter", "ids"), FILTERS.values(), ids=FILTERS)
def test_both_rankings_obey_a_filter(library: Engine, filter: Filter, ids: set[str]) -> None:
    assert set(found(library, Term("stem", "x"), filter=filter)) == ids
    assert set(found(library, Everything(), filter=filter)) == ids
    assert set(near(library, "x", filter=filter)) == ids


def test_a_filter_changes_no_score(library: Engine) -> None:
    from search.engines.protocol import RankRequest

    plain = {h.passage_id: h.score for h in library.rank(RankRequest(Term("stem", "x"))).text}
    request = RankRequest(Term("stem", "x"), filter=Filter(languages=("ar",), published_to=LATE))
    for hit in library.rank(request).text:
        assert hit.score == pytest.approx(plain[hit.passage_id], rel=1e-3)


def test_a_filter_acts_before_the_limit(engine: Engine) -> None:
    engine.write([indexed(f"{i:03}", "x x x", source="many") for i in range(200)])
    engine.write([indexed("z", "x with many other words", source="one")])
    assert found(engine, Term("stem", "x"), filter=Filter(sources=("one",)), limit=1) == ["z#0"]


def test_a_filter_follows_changes(engine: Engine) -> None:
    engine.write(ARTICLES)
    wanted = Filter(sources=("cnn",))
    assert set(near(engine, "x", filter=wanted)) == {"1#0", "1#1", "2#0"}
    engine.write([indexed("2", "x", source="other"), indexed("1", "x", source="cnn")])
    assert near(engine, "x", filter=wanted) == found(engine, Everything(), filter=wanted)
    assert near(engine, "x", filter=wanted) == ["1#0"]


# -- facets


def test_facets_count_passages_most_frequent_first_then_by_value(library: Engine) -> None:
    assert facets(library, None, NO_FILTER, FACET_FIELDS) == {
        "collection": [],
        "source": [("CNN", 2), ("cnn", 1), ("سي إن إن", 1)],
        "author": [("أحمد أمين", 1)],
        "language": [("ar", 3), ("en", 1)],
        "tag": [("حرب", 3), ("a b", 1), ("نفط", 1)],
        "year": [("1999", 2), ("2024", 1), ("2026", 1)],
        "month": [("1999-12", 2), ("2024-02", 1), ("2026-11", 1)],
        "label": [],
    }


def test_facets_of_a_clause_and_a_filter(library: Engine) -> None:
    clause = Not(Everything(), Term("stem", "y"))
    counted = facets(library, clause, Filter(languages=("ar",)), ["source", "language"])
    assert counted == {"source": [("CNN", 1), ("سي إن إن", 1)], "language": [("ar", 2)]}


def test_facets_are_cut_at_the_limit(library: Engine) -> None:
    assert facets(library, None, NO_FILTER, ["source"], 1) == {"source": [("CNN", 2)]}
    assert facets(library, None, NO_FILTER, ["source"], 0) == {"source": []}
    assert facets(library, None, NO_FILTER, []) == {}


def test_facets_of_what_matches_nothing(library: Engine) -> None:
    assert facets(library, Term("stem", "absent"), NO_FILTER, ["tag"]) == {"tag": []}


def test_facets_follow_deletion(engine: Engine) -> None:
    engine.write(ARTICLES)
    engine.delete(["1"])
    assert facets(engine, None, NO_FILTER, ["tag"])["tag"] == [("a b", 1), ("حرب", 1), ("نفط", 1)]


def test_a_tag_given_twice_counts_once(engine: Engine) -> None:
    engine.write([indexed("1", "x", tags=("t", "t"))])
    assert facets(engine, None, NO_FILTER, ["tag"]) == {"tag": [("t", 1)]}
    stored = engine.article("1")
    assert stored is not None
    assert stored.article.info.tags == ("t", "t")


def test_facets_of_many_values(engine: Engine) -> None:
    engine.write([indexed(f"{i:04}", "x", source=f"s{i:04}") for i in range(1500)])
    engine.write([indexed("more", "x", source="s1499")])
    assert facets(engine, None, NO_FILTER, ["source"], 3) == {
        "source": [("s1499", 2), ("s0000", 1), ("s0001", 1)]
    }


def test_the_first_and_the_last_day_have_a_year_and_a_month(engine: Engine) -> None:
    engine.write([indexed("1", "x", published=date.min), indexed("2", "x", published=date.max)])
    assert facets(engine, None, NO_FILTER, ["year", "month"]) == {
        "year": [("0001", 1), ("9999", 1)],
        "month": [("0001-01", 1), ("9999-12", 1)],
    }


# -- other counts


def test_passages_and_articles_are_counted(library: Engine) -> None:
    counted = counts(library, Term("stem", "x"), count_articles=True, articles=("1", "2", "none"))
    assert (counted.passages, counted.articles, counted.articles_are_exact) == (5, 4, True)
    assert counted.of_articles == {"1": 2, "2": 1}
    counted = counts(
        library, Term("stem", "y"), articles=("1", "2"), filter=Filter(sources=("cnn",))
    )
    assert (counted.passages, counted.of_articles) == (1, {"1": 1})
    counted = counts(library, Term("stem", "absent"), count_articles=True, articles=("1",))
    assert (counted.passages, counted.articles, counted.of_articles) == (0, 0, {})


def test_several_counts_are_one_request(library: Engine) -> None:
    asked = [CountRequest(filter=Filter(languages=(name,))) for name in ("ar", "en", "fr")]
    assert [counted.passages for counted in library.count(asked)] == [3, 1, 0]
    assert library.count([]) == []


def test_articles_beyond_ten_thousand_are_counted_at_least(engine: Engine) -> None:
    engine.write([indexed(f"{i:05}", "x") for i in range(10_000)])
    counted = counts(engine, None, count_articles=True)
    assert (counted.articles, counted.articles_are_exact) == (10_000, True)
    engine.write([indexed("more", "x", "x")])
    counted = counts(engine, None, count_articles=True)
    assert counted.passages == 10_002
    assert (counted.articles, counted.articles_are_exact) in ((10_001, True), (10_000, False))


@pytest.mark.parametrize("seed", range(3))
def test_counts_are_those_of_the_passages_that_match(engine: Engine, seed: int) -> None:
    random_ = random.Random(seed)
    articles = random_articles(seed, 60)
    engine.write(articles)
    for _ in range(20):
        clause, inside = random_clause(random_), random_filter(random_)
        matched = passages_of(articles, clause, inside)
        of = Counter(passage.passage.article_id for passage in matched.values())
        about = {article.article.id: article.article.info for article in articles}
        counted = counts(
            engine, clause, filter=inside, facets=FACET_FIELDS, count_articles=True,
            articles=tuple(about),
        )  # fmt: skip
        assert (counted.passages, counted.articles) == (len(matched), len(of))
        assert counted.of_articles == of
        months = Counter[str]()
        for key, passages in of.items():
            if (day := about[key].published) is not None:
                months[day.isoformat()[:7]] += passages
        assert dict(counted.facets["month"]) == dict(months.most_common(20)) or len(months) > 20
        for values in counted.facets.values():
            assert list(values) == sorted(values, key=lambda pair: (-pair[1], pair[0]))


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_is_a_clause_too(library: Engine, name: str) -> None:
    inside, expected = FILTERS[name]
    all_, x = set(FILTERS["none"][1]), Term("stem", "x")
    assert set(found(library, Among(inside))) == expected
    assert set(found(library, x, constraint=Among(inside))) == expected
    assert set(near(library, "x", constraint=Among(inside))) == expected
    assert set(found(library, Not(x, AnyOf((Among(inside), Term("stem", "z")))))) == all_ - expected
    assert set(found(library, x, constraint=Not(Everything(), Among(inside)))) == all_ - expected
    assert counts(library, AllOf((x, Among(inside)))).passages == len(expected)
