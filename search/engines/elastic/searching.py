"""What an index is asked: both rankings, facets and vocabulary."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from search.domain import NO_FILTER, Filter, Layer
from search.engines.checks import check_facets, check_layer, check_limit, check_request, is_unicode
from search.engines.elastic import queries, ranking
from search.engines.elastic.index import Index
from search.engines.elastic.queries import Query
from search.engines.elastic.visible import View
from search.engines.protocol import FacetField, Rankings, RankRequest
from search.limits import MAX_RESULTS
from search.query.clauses import Clause, Prefix

# Buckets each shard offers besides those wanted: counts are exact unless a value is rarer
# on a shard than so many others.
_SHARD_SLACK = 10_000


def rank(index: Index, request: RankRequest) -> Rankings:
    """Ask for both rankings in one request; once more where its answer cannot tell all."""
    check_request(request, index.dimensions)
    version = index.opened()
    if version is None:
        empty = None if request.clause is None else 0
        return Rankings(text_total=empty, frequencies=dict.fromkeys(request.frequencies, 0))
    took: dict[str, float] = defaultdict(float)

    def ask(view: View) -> tuple[Rankings, bool]:
        nearest = ranking.nearest_of(request)
        while True:
            answers = index.searched(ranking.searches(request, version, view, nearest))
            for name, answer in answers.items():
                took[name] += answer["took"]
            answered = ranking.read(request, answers, nearest)
            if not answered.cut_in_a_tie or nearest == MAX_RESULTS:
                return answered.rankings, answered.complete
            nearest = min(MAX_RESULTS, nearest * 16)

    return replace(index.surely(ask), took_ms=dict(took))


def facets(
    index: Index,
    clause: Clause | None,
    filter: Filter,
    fields: Sequence[FacetField],
    limit: int = 20,
) -> dict[FacetField, list[tuple[str, int]]]:
    check_facets(clause, filter, fields, limit)
    if not fields or not limit or index.opened() is None:
        return {field: [] for field in fields}
    counted = {str(field): _most_frequent(str(field), limit) for field in fields}
    buckets = _counted(index, clause, filter, counted)
    return {field: buckets[field] for field in fields}


def terms_with_prefix(index: Index, layer: Layer, prefix: str, limit: int) -> list[tuple[str, int]]:
    check_limit(limit)
    check_layer(layer)
    if not limit or not is_unicode(prefix) or index.opened() is None:
        return []
    wanted = _most_frequent(layer, limit)
    # Only what begins so is counted; `map` looks at these passages, not at all terms.
    wanted["terms"] |= {"include": _quoted(prefix) + ".*", "execution_hint": "map"}
    return _counted(index, Prefix(layer, prefix), NO_FILTER, {layer: wanted})[layer]


def _counted(
    index: Index, clause: Clause | None, filter: Filter, counted: Mapping[str, Query]
) -> dict[str, list[tuple[str, int]]]:
    """Return the buckets of aggregations over the passages that match and are shown."""
    silent = () if clause is None else (clause,)
    doubtful: Query = {"unsettled": {"filter": queries.unsettled()}}

    def ask(view: View) -> tuple[Mapping[str, Any], bool]:
        query = queries.passages_query(None, filter, *silent, hidden=view.hidden)
        answer = index.search(
            view,
            query=view.finding(query),
            size=0,
            track_total_hits=False,
            aggregations={**counted, **doubtful},
        )
        found: Mapping[str, Any] = answer["aggregations"]
        return found, not found["unsettled"]["doc_count"]

    found = index.surely(ask)
    return {
        name: [(b["key"], int(b["doc_count"])) for b in found[name]["buckets"]] for name in counted
    }


def _most_frequent(field: str, limit: int) -> Query:
    return {
        "terms": {
            "field": field,
            "size": limit,
            "shard_size": limit + _SHARD_SLACK,
            "order": [{"_count": "desc"}, {"_key": "asc"}],
        }
    }


def _quoted(text: str) -> str:
    """Return a text as a Lucene regular expression that means it."""
    return "".join("\\" + c if c in '.?+*|{}[]()"\\#@&<>~^$-' else c for c in text)
