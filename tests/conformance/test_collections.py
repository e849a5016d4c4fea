"""Collections: what ids begin with, filtered by, counted and removed."""

from __future__ import annotations

import pytest

from search.domain import NO_FILTER, Filter, Query
from search.engines.protocol import Engine
from search.listing import CollectionCount, collections, list_articles
from search.query.clauses import Among, Everything, Not, Term
from search.ranking.searcher import Searcher
from search.saved.matching import admits
from tests.conformance.corpus import EMBEDDER, facets, found, indexed, near

ARTICLES = [
    indexed("1", "x"),
    indexed("/laws/1", "x", "x y"),
    indexed("/laws/2", "x"),
    indexed("/Laws/1", "x"),
    indexed("/lawsuits/1", "x"),
    indexed("/أنظمة/١", "x"),
    indexed("/files/laws/1", "x"),
    indexed("laws/1", "x"),
]

FILTERS = {
    "one": (("laws",), {"/laws/1#0", "/laws/1#1", "/laws/2#0"}),
    "in capitals it is another": (("Laws",), {"/Laws/1#0"}),
    "any of several": (("Laws", "أنظمة", "none"), {"/Laws/1#0", "/أنظمة/١#0"}),
    "in another spelling there is none": (("انظمة",), set()),
    "the begin of one": (("law",), set()),
    "of files": (("files",), {"/files/laws/1#0"}),
    "no name": (("files/laws",), set()),
    "the empty name": (("",), set()),
    "half of a surrogate pair": (("\ud800",), set()),
}


@pytest.fixture(scope="module")
def library(shared: Engine) -> Engine:
    """Return an engine that holds ARTICLES; no test may change it."""
    shared.write(ARTICLES)
    return shared


@pytest.mark.parametrize(("names", "ids"), FILTERS.values(), ids=FILTERS)
def test_a_filter_lets_a_collection_through(
    library: Engine, names: tuple[str, ...], ids: set[str]
) -> None:
    inside = Filter(collections=names)
    assert set(found(library, Term("stem", "x"), filter=inside)) == ids
    assert set(near(library, "x", filter=inside)) == ids
    assert set(found(library, Term("stem", "x"), constraint=Among(inside))) == ids
    others = found(library, Term("stem", "x"), constraint=Not(Everything(), Among(inside)))
    assert len(others) == len(found(library, Term("stem", "x"))) - len(ids)
    listed = {info.id for info in list_articles(library, inside).articles}
    assert listed == {key.rpartition("#")[0] for key in ids}
    lets_through = admits(inside)
    assert {a.article.id for a in ARTICLES if lets_through(a.article.info)} == listed


def test_a_filter_joins_with_others(library: Engine) -> None:
    inside = Filter(collections=("laws",), articles=("/laws/2", "/Laws/1"))
    assert found(library, Everything(), filter=inside) == ["/laws/2#0"]


def test_collections_are_a_facet(library: Engine) -> None:
    counted = [("laws", 3), ("Laws", 1), ("files", 1), ("lawsuits", 1), ("أنظمة", 1)]
    assert facets(library, None, NO_FILTER, ["collection"]) == {"collection": counted}
    assert facets(library, Term("stem", "y"), NO_FILTER, ["collection"]) == {
        "collection": [("laws", 1)]
    }


def test_collections_are_listed_with_what_they_have(library: Engine) -> None:
    assert collections(library) == [
        CollectionCount("", 2, 2),
        CollectionCount("Laws", 1, 1),
        CollectionCount("files", 1, 1),
        CollectionCount("laws", 2, 3),
        CollectionCount("lawsuits", 1, 1),
        CollectionCount("أنظمة", 1, 1),
    ]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("collection:laws", {"/laws/1#0", "/laws/1#1", "/laws/2#0"}),
        ("مجموعة:أنظمة", {"/أنظمة/١#0"}),
        ("collection:Laws COLLECTION:files x", {"/Laws/1#0", "/files/laws/1#0"}),
        ("x -collection:laws -collection:files",
         {"1#0", "laws/1#0", "/Laws/1#0", "/lawsuits/1#0", "/أنظمة/١#0"}),
        ("+collection:laws +collection:Laws", set()),
        ("collection:انظمة", set()),
    ],
)  # fmt: skip
def test_a_query_names_one(library: Engine, text: str, ids: set[str]) -> None:
    found = Searcher(library, EMBEDDER).search(Query(text, "keyword", size=100))
    assert {hit.passage.id for hit in found.hits} == ids


def test_an_empty_index_has_none(engine: Engine) -> None:
    assert collections(engine) == []


def test_one_that_was_removed_is_gone_and_the_others_stay(engine: Engine) -> None:
    engine.write(ARTICLES)
    ids = [info.id for info in list_articles(engine, Filter(collections=("laws",))).articles]
    assert engine.delete(ids) == 2
    assert "laws" not in {each.name for each in collections(engine)}
    assert set(found(engine, Term("stem", "x"))) == {
        "1#0", "/Laws/1#0", "/lawsuits/1#0", "/أنظمة/١#0", "/files/laws/1#0", "laws/1#0",
    }  # fmt: skip
