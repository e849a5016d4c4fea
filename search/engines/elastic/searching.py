"""What an index is asked: both rankings, counts and vocabulary."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from search.domain import NO_FILTER, FacetField, Layer, Sort
from search.engines.checks import (
    check_count,
    check_layer,
    check_limit,
    check_list,
    check_request,
    is_unicode,
)
from search.engines.elastic import queries, ranking
from search.engines.elastic.connection import Refused
from search.engines.elastic.documents import read_info
from search.engines.elastic.index import Index
from search.engines.elastic.queries import Query
from search.engines.elastic.ranking import Answer, Search
from search.engines.elastic.visible import View
from search.engines.protocol import (
    CountRequest,
    Counts,
    Listed,
    ListRequest,
    Place,
    Rankings,
    RankRequest,
)
from search.errors import FingerprintMismatch
from search.limits import MAX_RESULTS
from search.query.clauses import Prefix

# Buckets each shard offers besides those wanted: counts are exact unless a value is rarer
# on a shard than so many others.
_SHARD_SLACK = 10_000
# Of an index that has no field for it: 1.3 us a passage, where the field takes .4.
_COLLECTION = """
String id = doc['article_id'].value;
int at = id.startsWith('/') ? id.indexOf('/', 1) : -1;
if (at > 1) { emit(id.substring(1, at)); }
"""
_BUCKETS = "articles.buckets"  # one for each article, of which only their number is wanted


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


def count(index: Index, requests: Sequence[CountRequest]) -> list[Counts]:
    """Ask for all counts in one request; once more where passages that are not shown are counted."""
    for request in requests:
        check_count(request)
    version = index.opened()
    if not requests or version is None:
        return [Counts(facets={field: [] for field in request.facets}) for request in requests]

    def ask(view: View) -> tuple[list[Answer], bool]:
        searches = {
            str(n): _counts_search(view, request, version.lacks)
            for n, request in enumerate(requests)
        }
        answers: list[Answer] = list(index.searched(searches, without=_BUCKETS).values())
        return answers, all(map(ranking.is_sure, answers))

    try:
        answers = index.surely(ask)
    except Refused as error:
        if error.status != 400 or not any("author" in request.facets for request in requests):
            raise
        raise FingerprintMismatch(
            f"the index behind {index.alias!r} of Elasticsearch at {index.name} was made by a Fihris"
            " that could not count authors. `fihris reindex` makes it anew from what it holds."
        ) from error
    return [_counts(answer, request) for answer, request in zip(answers, requests, strict=True)]


def _counts_search(view: View, request: CountRequest, lacks: Collection[str]) -> Search:
    wanted: dict[str, Query] = {}
    for field in request.facets if request.limit else ():
        wanted[field] = _facet(field, request.limit)
    known = [key for key in request.articles if key and is_unicode(key)]
    if known:
        own = {"field": "article_id", "include": known, "size": len(known)}
        wanted["of_articles"] = {"terms": own}
    if request.count_articles:
        each = {"field": "article_id", "size": MAX_RESULTS}
        wanted["articles"] = {"terms": each}
        wanted["number"] = {"stats_bucket": {"buckets_path": "articles>_count"}}
    clauses = () if request.clause is None else (request.clause,)
    header, body = ranking.counting(view, request.filter, *clauses, counted=wanted)
    return header, (body | _told_collections(lacks) if "collection" in wanted else body)


def _told_collections(lacks: Collection[str]) -> Query:
    """Return what tells collections from ids where the index has no field of them."""
    told = {"collection": {"type": "keyword", "script": _COLLECTION}}
    return {"runtime_mappings": told} if "collection" in lacks else {}


def _facet(field: FacetField, limit: int) -> Query:
    if field == "month":
        every = {"calendar_interval": "month", "format": "uuuu-MM", "min_doc_count": 1}
        return {"date_histogram": {"field": "published", **every}}
    return _most_frequent("tags" if field == "tag" else field, limit)


def _counts(answer: Answer, request: CountRequest) -> Counts:
    found = answer["aggregations"]
    articles, exact = 0, True
    if request.count_articles:
        articles = int(found["number"]["count"])
        exact = not found["articles"]["sum_other_doc_count"]
    return Counts(
        passages=int(answer["hits"]["total"]["value"]),
        facets={field: _values(found, field, request.limit) for field in request.facets},
        of_articles=dict(_buckets(answer, "of_articles")) if "of_articles" in found else {},
        articles=articles,
        articles_are_exact=exact,
    )


def _values(found: Mapping[str, Any], field: FacetField, limit: int) -> list[tuple[str, int]]:
    if field not in found:
        return []
    if field != "month":
        return [(b["key"], int(b["doc_count"])) for b in found[field]["buckets"]]
    months = [(b["key_as_string"], int(b["doc_count"])) for b in found[field]["buckets"]]
    return sorted(months, key=lambda pair: (-pair[1], pair[0]))[:limit]


def list_articles(index: Index, request: ListRequest) -> Listed:
    """Ask for the documents of what is shown of each article (`documents`, kind `text`)."""
    check_list(request)
    version = index.opened()
    if version is None:
        return Listed()
    by_date = {"order": "desc" if request.sort == "newest" else "asc", "missing": "_last"}
    sort: list[Query] = [] if request.sort == "id" else [{"published": by_date}]
    body: Query = {
        "size": request.limit,
        "sort": [*sort, {"article_id": "asc"}],
        "_source": {"excludes": ["text", "between", "spans", "places"]},
        "track_total_hits": False,
        # All are counted, those before the place too.
        "aggs": {
            "articles": {"filter": queries.kind("text")},
            "unsettled": {"filter": queries.unsettled()},
        },
    }
    if request.by_collection:
        each = _most_frequent("collection", MAX_RESULTS)
        body["aggs"]["articles"]["aggs"] = {"collection": each}
        body |= _told_collections(version.lacks)
    if request.after is not None:
        body["post_filter"] = _behind(request.after, request.sort)

    def ask(view: View) -> tuple[Answer, bool]:
        wanted = [queries.kind("text"), *queries.conditions(request.filter)]
        query: Query = {"bool": {"filter": wanted, **queries.without(view.hidden)}}
        search = (view.header, {**view.pit, **body, "query": view.finding(query)})
        answer: Answer = index.searched({"list": search})["list"]
        return answer, ranking.is_sure(answer)

    answer = index.surely(ask)
    infos = tuple(read_info(hit["_source"]) for hit in answer["hits"]["hits"])
    counted = answer["aggregations"]["articles"]
    collections = dict(_values(counted, "collection", MAX_RESULTS))
    return Listed(infos, int(counted["doc_count"]), collections)


def _behind(place: Place, sort: Sort) -> Query:
    """Return what matches the articles behind a place in an order."""
    later: Query = {"range": {"article_id": {"gt": place.id}}}
    if sort == "id":
        return later
    undated: Query = {"bool": {"must_not": {"exists": {"field": "published"}}}}
    if place.published is None:
        return {"bool": {"filter": [undated, later]}}
    day = place.published.isoformat()
    beyond: Query = {"range": {"published": {"lt" if sort == "newest" else "gt": day}}}
    same: Query = {"bool": {"filter": [{"term": {"published": day}}, later]}}
    return {"bool": {"should": [beyond, same, undated]}}


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
        if prefix:
            wanted["terms"] |= {"include": _quoted(prefix) + ".*", "execution_hint": "map"}
        prefixed = Prefix(layer, prefix)
        return ranking.counting(view, NO_FILTER, prefixed, counted={layer: wanted})

    def ask(view: View) -> tuple[Mapping[str, Answer], bool]:
        answers = index.searched({prefix: search(view, prefix) for prefix in asked})
        return answers, all(map(ranking.is_sure, answers.values()))

    return found | {p: _buckets(answer, layer) for p, answer in index.surely(ask).items()}


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
