"""What an index is asked: both rankings, facets and vocabulary."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from search.domain import NO_FILTER, Filter, Layer
from search.engines.checks import check_facets, check_layer, check_limit, check_request, is_unicode
from search.engines.elastic import queries, ranking
from search.engines.elastic.index import Index
from search.engines.elastic.queries import Query
from search.engines.elastic.ranking import Answer, Search
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

    def ask(view: View) -> tuple[Answer, bool]:
        search = _counting(view, clause, filter, counted)
        answer: Answer = index.searched({"facets": search})["facets"]
        return answer, _is_sure(answer)

    answer = index.surely(ask)
    return {field: _buckets(answer, field) for field in fields}


def terms_with_prefixes(
    index: Index, layer: Layer, prefixes: Sequence[str], limit: int
) -> dict[str, list[tuple[str, int]]]:
    """Ask for the terms of every prefix in one request."""
    check_limit(limit)
    check_layer(layer)
    asked = [prefix for prefix in dict.fromkeys(prefixes) if is_unicode(prefix)]
    found: dict[str, list[tuple[str, int]]] = {prefix: [] for prefix in prefixes}
    if not limit or not asked or index.opened() is None:
        return found

    def search(view: View, prefix: str) -> Search:
        wanted = _most_frequent(layer, limit)
        # Only what begins so is counted; `map` looks at these passages, not at all terms.
        wanted["terms"] |= {"include": _quoted(prefix) + ".*", "execution_hint": "map"}
        return _counting(view, Prefix(layer, prefix), NO_FILTER, {layer: wanted})

    def ask(view: View) -> tuple[Mapping[str, Answer], bool]:
        answers = index.searched({prefix: search(view, prefix) for prefix in asked})
        return answers, all(map(_is_sure, answers.values()))

    return found | {p: _buckets(answer, layer) for p, answer in index.surely(ask).items()}


def _counting(
    view: View, clause: Clause | None, filter: Filter, counted: Mapping[str, Query]
) -> Search:
    """Return the search that aggregates over the passages that match and are shown."""
    silent = () if clause is None else (clause,)
    query = queries.passages_query(None, filter, *silent, hidden=view.hidden)
    doubtful: Query = {"unsettled": {"filter": queries.unsettled()}}
    body = {"query": view.finding(query), "size": 0, "track_total_hits": False}
    return view.header, {**view.pit, **body, "aggs": {**counted, **doubtful}}


def _is_sure(answer: Answer) -> bool:
    return not answer["aggregations"]["unsettled"]["doc_count"]


def _buckets(answer: Answer, name: str) -> list[tuple[str, int]]:
    return [(b["key"], int(b["doc_count"])) for b in answer["aggregations"][name]["buckets"]]


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
