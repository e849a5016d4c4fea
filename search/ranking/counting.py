"""Facets of what a query matches, and hits grouped by article."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from search.analysis.folding import fold_value
from search.article_ids import article_of_passage
from search.domain import (
    FacetField,
    FacetValue,
    Filter,
    Group,
    Hit,
    Level,
    Query,
    Results,
    Total,
)
from search.engines.protocol import CountRequest, EngineReader, RankRequest
from search.limits import MAX_RESULTS
from search.query.clauses import AllOf, Clause

MOST_HITS = 3  # of a group


def by_article(ranked: Iterable[tuple[str, float]]) -> list[list[tuple[str, float]]]:
    """Return ranked passages by article, in order of each article's best one."""
    found: dict[str, list[tuple[str, float]]] = {}
    for key, score in ranked:
        found.setdefault(article_of_passage(key), []).append((key, score))
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Counted:
    """What is counted of a search. `of_articles`: of each its passages, None by meaning alone."""

    facets: Mapping[FacetField, tuple[FacetValue, ...]] | None
    total: Total | None
    articles: Total | None
    of_articles: Mapping[str, int] | None


def count_search(
    engine: EngineReader, query: Query, request: RankRequest, articles: Sequence[str]
) -> Counted:
    """Count a search's facets and, where it is grouped or asks for them, its articles.

    Args:
        engine: that ranked.
        query: what is asked.
        request: what found the hits by words: its clause and constraint are what is counted.
        articles: on the page, whose passages are counted.
    """
    clause = counted_clause(request)
    if clause is None:  # no word: nothing is counted
        return Counted(dict.fromkeys(query.facets, ()) or None, None, None, None)
    # A field is counted without its own filter, which would hide its other values.
    fields: dict[Filter, list[FacetField]] = {query.filter: []}
    for field in dict.fromkeys(query.facets):
        fields.setdefault(_without(query.filter, field), []).append(field)
    begins = fold_value(query.facet_prefix)
    most = MAX_RESULTS if begins else query.facet_size  # those that begin so are told here
    asked = [CountRequest(clause, inside, tuple(some), most) for inside, some in fields.items()]
    of_articles = query.count_articles or bool(query.group_by)
    asked[0] = replace(asked[0], articles=tuple(articles), count_articles=of_articles)
    found = engine.count(asked)
    first = found[0]
    values = {
        field: [pair for pair in pairs if not begins or fold_value(pair[0]).startswith(begins)]
        for counts in found
        for field, pairs in counts.facets.items()
    }
    # Nothing is counted by meaning.
    level: Level = "near" if query.level == "meaning" else query.level
    return Counted(
        {f: tuple(FacetValue(*p) for p in values[f][: query.facet_size]) for f in query.facets}
        or None,
        Total(first.passages, exact=True, level=level),
        Total(first.articles, first.articles_are_exact, level) if of_articles else None,
        first.of_articles,
    )


def counted_clause(request: RankRequest) -> Clause | None:
    """Return the clause of what a request finds by words, None where it asks for no word."""
    if request.clause is None or request.constraint is None:
        return request.clause
    return AllOf((request.clause, request.constraint))


def with_counts(results: Results, counts: Counted) -> Results:
    """Return an answer with its facets and groups; its total is then exact."""
    results = replace(results, facets=counts.facets, total=counts.total, articles=counts.articles)
    if not results.query.group_by:
        return results
    return replace(results, hits=(), groups=grouped(results.hits, counts.of_articles))


def grouped(hits: Iterable[Hit], of: Mapping[str, int] | None = None) -> tuple[Group, ...]:
    """Return hits by article, in order. `of`: how many passages of each match by words."""
    found: dict[str, list[Hit]] = {}
    for hit in hits:
        found.setdefault(hit.article.id, []).append(hit)
    return tuple(
        Group(
            some[0].article,
            tuple(replace(hit, copies=()) for hit in some),
            None if of is None else of.get(key, 0),
            some[0].copies,
        )
        for key, some in found.items()
    )


def _without(filter: Filter, field: FacetField) -> Filter:
    if field in ("year", "month"):
        return replace(filter, published_from=None, published_to=None)
    own: dict[str, Any] = {f"{field}s": ()}
    return replace(filter, **own)
