"""Clauses and filters in Elasticsearch's query language. Pure; no text is ever parsed by it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from search.analysis.folding import fold_value
from search.article_ids import is_collection, joined
from search.domain import Filter
from search.engines.checks import as_set, is_unicode, may_be_fuzzy
from search.errors import InputError
from search.query.clauses import (
    AllOf,
    Among,
    AnyOf,
    Boost,
    Clause,
    Everything,
    Fuzzy,
    Not,
    Phrase,
    Prefer,
    Prefix,
    Proximity,
    Term,
)

Query = dict[str, Any]

NOTHING: Query = {"match_none": {}}
_MOST_TERMS = 65_536  # that Elasticsearch takes in one query (index.max_terms_count)
_LONGEST = 8_000  # characters of a value: Elasticsearch refuses terms of more than 32,766 bytes
_FIRST = 1e30  # a score above every passage's (`checks.MAX_PRODUCT`)
_MAX_NESTED = 28  # Elasticsearch refuses 30 (indices.query.bool.max_nested_depth); two are ours


def passages_query(
    clause: Clause | None,
    filter: Filter,
    *constraints: Clause,
    hidden: Sequence[str] = (),
) -> Query:
    """Return the query of a clause (None: every passage, unscored) inside filter and constraints.

    Args:
        hidden: editions whose passages are left out.

    Raises:
        InputError: a clause is nested too deep for Elasticsearch.
    """
    query: Query = {
        "filter": [*conditions(filter), *map(matching, constraints)],
        **without(hidden),
    }
    if clause is None or isinstance(clause, Everything):
        query["filter"].append(kind("passage"))
    elif isinstance(clause, Prefer):  # one `bool` for both
        parts = _query(clause)["bool"]
        query |= parts | {"filter": [*query["filter"], *parts.get("filter", ())]}
    else:
        query["must"] = [_query(clause)]
    for part in (clause, *constraints):
        if part is not None and _depth(part) > _MAX_NESTED:
            raise InputError(
                f"the query is nested more than {_MAX_NESTED} deep, which Elasticsearch refuses",
                field="clause",
            )
    return {"bool": query}


def looks_at_all(query: Query) -> bool:
    """Tell whether a ranking looks at all that matches, so that it may as well count it.

    Where words may be met nearly, Lucene can pass over nothing (`_query` of a `Prefer`), and what
    is one edit away is found twice where it is counted apart: 2.9 ms at the mean instead of 3.6.
    """
    return bool(query["bool"].get("minimum_should_match") == 0)


def without(editions: Sequence[str]) -> Query:
    """Return the part of a `bool` query that leaves editions out."""
    pieces = [editions[n : n + _MOST_TERMS] for n in range(0, len(editions), _MOST_TERMS)]
    return {"must_not": [{"terms": {"edition": piece}} for piece in pieces]} if pieces else {}


def kind(name: str) -> Query:
    return {"term": {"kind": name}}


def unsettled(among: Collection[str] | None = None) -> Query:
    """Return what matches the own documents of articles that may have passages not to be shown.

    Args:
        among: only of these articles.
    """
    doubtful: Query = {"term": {"unsettled": True}}
    if among is None:
        return doubtful
    return {"bool": {"filter": [doubtful, {"terms": {"article_id": sorted(among)}}]}}


def besides(query: Query, doubtful: Query) -> Query:
    """Return a query that finds what another finds, and `doubtful` before all of it.

    A search looks at one moment of a shard, and an article is in one shard: so the answer tells
    which of its passages are of an edition that was shown at that moment.
    """
    first = {"constant_score": {"filter": doubtful, "boost": _FIRST}}
    parts = query.get("bool", {})
    if "should" not in parts:
        return {"bool": {"should": [query, first]}}
    # What scores stays beside each other: one clause more around it takes 1.2 times as long.
    either = {
        occur: [{"bool": {"should": [part, doubtful]}} for part in parts[occur]]
        for occur in ("must", "filter")
        if occur in parts
    }
    return {"bool": parts | either | {"should": [*parts["should"], first]}}


def conditions(filter: Filter) -> list[Query]:
    """Return one condition for each field of a filter that is given."""
    found = [
        _any_value("filters", [filter_term(name, value) for value in values if value])
        for name, values in (
            ("source", filter.sources),
            ("author", filter.authors),
            ("language", filter.languages),
            ("tag", filter.tags),
        )
        if values
    ]
    if filter.articles:
        found.append(_any_value("article_id", filter.articles))
    if filter.collections:  # by the ids: an index of 0.2 has no field for them
        known = [joined(name, "") for name in filter.collections if is_collection(name)]
        should: list[Query] = [{"prefix": {"article_id": start}} for start in known]
        found.append({"bool": {"should": should}} if known else NOTHING)
    bounds = {
        name: day.isoformat()
        for name, day in (("gte", filter.published_from), ("lte", filter.published_to))
        if day is not None
    }
    if bounds:
        found.append({"range": {"published": bounds}})
    return found


def filter_term(name: str, value: str) -> str:
    """Return what all spellings of a field's value have in the field `filters`."""
    return f"{name}={fold_value(value)}"


def _any_value(field: str, values: Iterable[str]) -> Query:
    known = [
        value
        for value in dict.fromkeys(values)
        if value and is_unicode(value) and len(value) <= _LONGEST
    ]
    return {"terms": {field: known}} if known else NOTHING


def matching(clause: Clause) -> Query:
    """Return what matches a clause, where its score counts for nothing."""
    return _query(clause, scored=False)


def _query(clause: Clause, *, scored: bool = True) -> Query:
    match clause:
        case Term(layer=layer, value=value):
            return {"term": {layer: {"value": value}}} if _is_term(value) else NOTHING
        case Phrase(layer=layer, values=values):
            if not values or not all(map(_is_term, values)):
                return NOTHING
            if len(values) == 1:
                return _query(Term(layer, values[0]), scored=scored)
            return {"match_phrase": {layer: " ".join(values)}}
        case Prefix(layer=layer, value=value):
            # A term is at most 32,000 bytes, so a longer prefix has no term.
            if not is_unicode(value) or len(value) > 1_000 or " " in value:
                return NOTHING
            return {"prefix": {layer: {"value": value}}}
        case Fuzzy(layer=layer, value=value):
            return _fuzzy(layer, value) if may_be_fuzzy(value) else NOTHING
        case Proximity():
            return {"constant_score": {"filter": _near(clause), "boost": 1.0}}
        case Among(filter=filter):
            return {"constant_score": {"filter": _among(filter), "boost": 0.0}}
        case AnyOf(clauses=parts, minimum=minimum):
            if len(parts) < minimum:
                return NOTHING
            if len(parts) == 1:
                return _query(parts[0], scored=scored)
            if not scored and minimum == 1 and (shared := as_set(parts)):
                layer, values = shared
                return {"terms": {layer: [value for value in values if _is_term(value)]}}
            should = [_query(part, scored=scored) for part in parts]
            return {"bool": {"should": should, "minimum_should_match": minimum}}
        case AllOf(clauses=()):
            return NOTHING
        case AllOf(clauses=(part,)):
            return _query(part, scored=scored)
        case AllOf(clauses=parts):
            return {"bool": {_must(scored): [_query(part, scored=scored) for part in parts]}}
        case Not(clause=wanted, excluded=excluded):
            return {
                "bool": {
                    _must(scored): [_query(wanted, scored=scored)],
                    "must_not": [_query(excluded, scored=False)],
                }
            }
        case Prefer(clause=wanted) if not scored:
            return _query(wanted, scored=False)
        case Prefer(clause=wanted, bonus=bonus):
            unscored = isinstance(wanted, Boost) and wanted.factor == 0
            return {
                "bool": {
                    _must(not unscored): [_query(wanted, scored=not unscored)],
                    "should": _alternatives(bonus),
                    # Where every match has one of the bonus' terms, saying so lets Lucene pass
                    # over passages that cannot be among the best.
                    "minimum_should_match": int(
                        set(_terms(wanted, enough=False)) <= set(_terms(bonus, enough=True))
                    ),
                }
            }
        case Boost(clause=part) if not scored:
            return _query(part, scored=False)
        case Boost(clause=part, factor=0):
            return {"constant_score": {"filter": _query(part, scored=False), "boost": 0.0}}
        case Boost(clause=Term(layer=layer, value=value), factor=factor) if _is_term(value):
            return {"term": {layer: {"value": value, "boost": factor}}}
        case Boost(clause=Fuzzy(layer=layer, value=value), factor=factor) if may_be_fuzzy(value):
            return _fuzzy(layer, value, factor)
        case Boost(clause=part, factor=factor):
            return {"bool": {"must": [_query(part)], "boost": factor}}
        case Everything():
            return {"constant_score": {"filter": kind("passage"), "boost": 0.0}}


def _fuzzy(layer: str, value: str, boost: float = 1.0) -> Query:
    """Return what every term one edit away matches, each scoring the same.

    Not the 50 nearest, as without `rewrite`. The terms are gathered once for all segments;
    `constant_score` makes the automaton anew for each: 10.4 ms for 7.5 in three segments.
    """
    rewrite = "constant_score_boolean"
    return {"fuzzy": {layer: {"value": value, "fuzziness": 1, "rewrite": rewrite, "boost": boost}}}


def _near(clause: Proximity) -> Query:
    """Return what has two terms near each other: of two, spans are exact in either order."""
    if not (_is_term(clause.first) and _is_term(clause.second)):
        return NOTHING
    spans = [{"span_term": {clause.layer: term}} for term in (clause.first, clause.second)]
    in_order = clause.in_order or clause.first == clause.second
    return {"span_near": {"clauses": spans, "slop": clause.gap, "in_order": in_order}}


def _among(filter: Filter) -> Query:
    return {"bool": {"filter": [kind("passage"), *conditions(filter)]}}


def _terms(clause: Clause, *, enough: bool) -> Iterator[Clause]:
    """Yield terms one of which, at least, every passage that a clause matches has.

    Something no other clause has stands for whatever has no such terms.

    Args:
        enough: only those that are enough for a passage to match.
    """
    match clause:
        case AnyOf(clauses=parts, minimum=minimum) if minimum == 1 or not enough:
            for part in parts:
                yield from _terms(part, enough=enough)
        case Boost(clause=part):
            yield from _terms(part, enough=enough)
        case _:
            yield clause


def _must(scored: bool) -> str:
    return "must" if scored else "filter"


def _alternatives(bonus: Clause) -> list[Query]:
    """Return a bonus as clauses beside each other: one level less, and faster than inside one."""
    if isinstance(bonus, AnyOf) and bonus.minimum == 1:
        return [_query(part) for part in bonus.clauses]
    return [_query(bonus)]


def _is_term(value: str) -> bool:
    return bool(value) and " " not in value and len(value) <= 32_000 and is_unicode(value)


def _depth(clause: Clause) -> int:
    """Return how many levels of `bool` a clause becomes at most."""
    match clause:
        case AnyOf(clauses=(part,), minimum=1) | AllOf(clauses=(part,)):
            return _depth(part)
        case AnyOf(clauses=parts) | AllOf(clauses=parts):
            return 1 + max(map(_depth, parts), default=0)
        case Not(clause=a, excluded=b) | Prefer(clause=a, bonus=b):
            return 1 + max(_depth(a), _depth(b))
        case Boost(clause=part):
            return 1 + _depth(part)
        case _:
            return 0
