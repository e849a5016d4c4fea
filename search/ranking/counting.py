"""What an answer says besides its hits: the facets of what matches, and hits by article."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from search.domain import (
    FACET_FIELDS,
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
from search.errors import InputError
from search.limits import MAX_FACET_SIZE
from search.query.clauses import AllOf

MOST_HITS = 3  # of a group


def check_counted(query: Query) -> None:
    """Raise InputError unless facets and groups can be had; names the field."""
    for facet in query.facets:
        if facet not in FACET_FIELDS:
            raise InputError(
                f"there is no facet {facet!r}; there are {', '.join(FACET_FIELDS)}", field="facets"
            )
    if query.facets and query.mode == "semantic":
        raise InputError(
            "facets count what matches by words, and mode semantic asks for none: ask for mode"
            " hybrid or keyword, or leave facets out",
            field="facets",
        )
    if not 1 <= query.facet_size <= MAX_FACET_SIZE:
        raise InputError(
            f"facet_size is {query.facet_size:,}; it must be 1 to {MAX_FACET_SIZE}",
            field="facet_size",
        )
    if query.group_by not in ("", "article"):
        raise InputError(
            f"group_by is {query.group_by!r}; it must be article or left out", field="group_by"
        )


def by_article(ranked: Iterable[tuple[str, float]]) -> list[list[tuple[str, float]]]:
    """Return ranked passages by article, in order of each article's best one."""
    found: dict[str, list[tuple[str, float]]] = {}
    for key, score in ranked:
        found.setdefault(key.rpartition("#")[0], []).append((key, score))
    return list(found.values())


def with_counts(engine: EngineReader, results: Results, request: RankRequest) -> Results:
    """Return an answer with its facets and groups; its total is then exact.

    Args:
        engine: that ranked.
        results: with the hits of a page, or of the articles of a page.
        request: what found them by words: its clause and constraint are what is counted.
    """
    query = results.query
    groups = _groups(results.hits) if query.group_by else None
    if groups is not None:
        results = replace(results, hits=(), groups=groups)
    if request.clause is None or results.total is None:  # no word: nothing is counted
        return replace(results, facets=dict.fromkeys(query.facets, ()) if query.facets else None)
    clause = request.clause
    if request.constraint is not None:
        clause = AllOf((clause, request.constraint))
    # A field is counted without its own filter, which would hide its other values.
    fields: dict[Filter, list[FacetField]] = {query.filter: []}
    for field in dict.fromkeys(query.facets):
        fields.setdefault(_without(query.filter, field), []).append(field)
    asked = [
        CountRequest(clause, inside, tuple(some), query.facet_size)
        for inside, some in fields.items()
    ]
    asked[0] = replace(
        asked[0],
        articles=tuple(group.article.id for group in groups or ()),
        count_articles=groups is not None,
    )
    counted = engine.count(asked)
    first = counted[0]
    # Nothing is counted by meaning.
    level: Level = "near" if results.total.level == "meaning" else results.total.level
    total = Total(first.passages, exact=True, level=level)
    if groups is not None:
        of = first.of_articles
        groups = tuple(replace(g, passages=of.get(g.article.id, 0)) for g in groups)
        articles = Total(first.articles, first.articles_are_exact, level)
        results = replace(results, groups=groups, articles=articles)
    if query.facets:
        found = {field: pairs for counts in counted for field, pairs in counts.facets.items()}
        values = {
            field: tuple(FacetValue(value, count) for value, count in found[field])
            for field in query.facets
        }
        results = replace(results, facets=values)
    return replace(results, total=total)


def _groups(hits: Iterable[Hit]) -> tuple[Group, ...]:
    found: dict[str, list[Hit]] = {}
    for hit in hits:
        found.setdefault(hit.article.id, []).append(hit)
    return tuple(Group(some[0].article, tuple(some)) for some in found.values())


def _without(filter: Filter, field: FacetField) -> Filter:
    match field:
        case "source":
            return replace(filter, sources=())
        case "author":
            return replace(filter, authors=())
        case "language":
            return replace(filter, languages=())
        case "tag":
            return replace(filter, tags=())
        case "year" | "month":
            return replace(filter, published_from=None, published_to=None)
