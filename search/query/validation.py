"""Refuses queries, and other requests, with values out of bounds."""

from __future__ import annotations

from collections.abc import Collection

from search.domain import ALSO, FACET_FIELDS, LEVELS, MODES, SEARCH_SORTS, Query
from search.errors import InputError, PageTooDeep
from search.limits import MAX_FACET_PREFIX, MAX_FACET_SIZE, MAX_RESULTS, MAX_SIZE


def check_within(name: str, value: int, least: int, most: int | None = None) -> None:
    """Raise InputError unless a number is in its bounds. `name`: of the argument or option."""
    if value < least or (most is not None and value > most):
        bounds = f"{least:,} or more" if most is None else f"{least:,} to {most:,}"
        raise InputError(f"{name} is {value:,}; it must be {bounds}", field=name.lstrip("-"))


def check_one_of(name: str, value: str, known: Collection[str]) -> None:
    """Raise InputError unless a word is known; one of "" may be left out. `name` as above."""
    if value not in known:
        words = [*filter(None, known), *(["left out"] if "" in known else [])]
        raise InputError(
            f"{name} is {value!r}; it must be one of {', '.join(words)}", field=name.lstrip("-")
        )


def check_query(query: Query) -> None:
    """Raise InputError where a search cannot be answered as it is asked; names the field."""
    check_one_of("mode", query.mode, MODES)
    for kind in query.also:
        check_one_of("also", kind, ALSO)
    if query.match is not None:
        check_one_of("match", query.match, LEVELS)
    if query.mode == "keyword" and query.match == "meaning":
        raise InputError(
            "match is meaning, and mode is keyword, which looks at words only; ask with mode"
            " hybrid or semantic",
            field="match",
        )
    if query.mode == "semantic" and query.match not in (None, "meaning"):
        raise InputError(
            f"match is {query.match}, and mode is semantic, which looks at no words; ask with mode"
            " hybrid or keyword",
            field="match",
        )
    if query.sort != "relevance":
        _check_sort(query)
    if query.counts:
        _check_counted(query)
    check_one_of("collapse", query.collapse, ("", "duplicates"))
    check_within("size", query.size, 1, MAX_SIZE)
    check_within("start", query.start, 0)
    if query.start + query.size > MAX_RESULTS:
        raise PageTooDeep(
            f"the page ends at hit {query.start + query.size:,}; only the first {MAX_RESULTS:,} can be"
            " paged through: narrow the query or add a filter",
            field="start",
        )


def _check_sort(query: Query) -> None:
    check_one_of("sort", query.sort, SEARCH_SORTS)
    if query.mode == "semantic" or query.match == "meaning":
        raise InputError(
            f"sort is {query.sort}, and by meaning every passage is near or far, so none is the"
            f" {query.sort} that matches; ask with mode keyword or hybrid, which list by date what"
            " matches by words, and without match=meaning",
            field="sort",
        )
    if query.explain:
        raise InputError(
            f"sort is {query.sort}, and explain says why hits have their scores, which have none"
            " by date; leave one out",
            field="explain",
        )


def _check_counted(query: Query) -> None:
    for facet in query.facets:
        check_one_of("facets", facet, FACET_FIELDS)
    if len(query.facet_prefix) > MAX_FACET_PREFIX:
        raise InputError(
            f"facet_prefix has {len(query.facet_prefix):,} characters; at most {MAX_FACET_PREFIX}",
            field="facet_prefix",
        )
    if query.mode == "semantic" and (query.facets or query.count_articles):
        field = "facets" if query.facets else "count_articles"
        raise InputError(
            f"{field} counts where words match, and mode semantic asks for none: ask for mode"
            f" hybrid or keyword, or leave {field} out",
            field=field,
        )
    check_within("facet_size", query.facet_size, 1, MAX_FACET_SIZE)
    check_one_of("group_by", query.group_by, ("", "article"))
