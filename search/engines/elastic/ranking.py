"""Both rankings, and the frequencies, in one round trip.

The vector ranking's shortlist comes from Elasticsearch's kNN with exact cosines of the
passages (it rescores them by the vectors themselves), each with its sentences' vectors, and
the sentences are weighed here. On 20,000 passages, 5 vectors each, two cores for both:
kNN alone 4.8 ms, with nested sentence vectors rescored by a script 5.3 ms, with their
vectors in the answer 8.1 ms. The script cannot say which sentence was best, needs an
index 2.5 times as large, and answers with other cosines than the embedded engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from search.clauses import Term
from search.domain import Vector
from search.engine import (
    MAX_LIMIT,
    SENTENCE_WEIGHT,
    SHORTLIST,
    RankRequest,
    TextHit,
    VectorHit,
)
from search.engines.checks import is_unicode
from search.engines.elastic.documents import read_spans, read_vectors
from search.engines.elastic.queries import conditions, hidden, kind, passages_query
from search.engines.elastic.versions import Version

Search = dict[str, Any]
Answer = Mapping[str, Any]

TIE_SLACK = 8  # passages asked beyond the shortlist, so that a tie at its end is usually whole
# Of the candidates that quantised vectors give, so many times the shortlist are looked at
# exactly. BBQ keeps one bit a dimension.
OVERSAMPLE = {"int8_hnsw": 1.2, "bbq_hnsw": 3.0}
_DECIMALS = 6  # of a cosine: float32 scores of (1 + cosine) / 2 hold no more


def text_search(alias: str, request: RankRequest, version: Version) -> tuple[Answer, Search]:
    """Return header and body of the text ranking's search."""
    constraints = () if request.constraint is None else (request.constraint,)
    header = _header(alias)
    if version.shards > 1:  # or each shard would weigh a term by its own frequency
        header["search_type"] = "dfs_query_then_fetch"
    body = _body(passages_query(alias, request.clause, request.filter, *constraints), request.limit)
    if request.exact_total:
        body["track_total_hits"] = True
    return header, body


def vector_search(
    alias: str, request: RankRequest, version: Version, shortlist: int
) -> tuple[Answer, Search]:
    """Return header and body of the vector ranking's search for `shortlist` passages."""
    assert request.vector is not None  # noqa: S101  # who calls has looked
    nearest = min(MAX_LIMIT, shortlist + TIE_SLACK)
    oversample = OVERSAMPLE.get(version.vectors, 1.0)
    knn: dict[str, Any] = {
        "field": "vector",
        "query_vector": [round(x, 8) for x in request.vector.tolist()],
        "k": nearest,
        "num_candidates": min(MAX_LIMIT, max(CANDIDATES, int(nearest * max(1.5, oversample)))),
    }
    if version.vectors in OVERSAMPLE:
        oversample = min(oversample, MAX_LIMIT / nearest)
        knn["rescore_vector"] = {"oversample": max(1.0, oversample)}
    query: Search
    inside = conditions(request.filter)
    if inside or request.constraint is not None:
        # Before the limit, so inside. What is hidden goes with it.
        constraints = () if request.constraint is None else (request.constraint,)
        knn["filter"] = passages_query(alias, None, request.filter, *constraints)
        query = {"knn": knn}
    else:
        # A filter inside would be read for every passage of the index; hidden ones are few.
        query = {"bool": {"must": [{"knn": knn}], "must_not": [hidden(alias)]}}
    body = _body(query, nearest)
    body["docvalue_fields"] = ["sentence_spans", "sentence_vectors"]
    return _header(alias), body


CANDIDATES = 200  # passages each shard's graph is searched for, at least


def frequency_search(alias: str, terms: tuple[Term, ...]) -> tuple[Answer, Search]:
    """Return header and body of the search that counts all passages, and those with each term."""
    body: Search = {
        "query": {"bool": {"filter": [kind("passage")], "must_not": [hidden(alias)]}},
        "size": 0,
        "track_total_hits": True,
    }
    filters = {
        str(number): {"term": {term.layer: term.value}}
        for number, term in enumerate(terms)
        if _can_be(term)
    }
    if filters:
        body["aggs"] = {"terms": {"filters": {"filters": filters}}}
    return _header(alias), body


def _can_be(term: Term) -> bool:
    return bool(term.value) and len(term.value) <= 32_000 and is_unicode(term.value)


def _header(alias: str) -> dict[str, Any]:
    return {"index": alias, "allow_partial_search_results": False}


def _body(query: Search, size: int) -> Search:
    return {
        "query": query,
        "size": size,
        "sort": [{"_score": "desc"}, {"passage_id": "asc"}],
        "track_total_hits": False,
        "_source": False,
        "stored_fields": "_none_",
    }


def read_text(answer: Answer) -> tuple[TextHit, ...]:
    """Return the text ranking of an answer."""
    return tuple(TextHit(hit["sort"][1], hit["_score"]) for hit in answer["hits"]["hits"])


def read_total(answer: Answer) -> int:
    """Return how many passages matched, or, if that was not asked, were listed."""
    hits = answer["hits"]
    return int(hits["total"]["value"]) if "total" in hits else len(hits["hits"])


def read_frequencies(answer: Answer, terms: tuple[Term, ...]) -> dict[Term, int]:
    """Return in how many passages each term is."""
    buckets = answer.get("aggregations", {}).get("terms", {}).get("buckets", {})
    return {
        term: int(buckets.get(str(number), {}).get("doc_count", 0))
        for number, term in enumerate(terms)
    }


def is_cut_in_a_tie(answer: Answer, shortlist: int) -> bool:
    """Tell whether passages as near as the shortlist's last may be missing from the answer."""
    hits = answer["hits"]["hits"]
    full = len(hits) >= min(MAX_LIMIT, shortlist + TIE_SLACK)
    return full and len(hits) > shortlist and hits[-1]["_score"] == hits[shortlist - 1]["_score"]


def read_vector(answer: Answer, query: Vector, limit: int) -> tuple[VectorHit, ...]:
    """Return the vector ranking of an answer: the mean of passage and best sentence."""
    direction = (query / np.linalg.norm(query.astype(np.float64))).astype(np.float32)
    shortlist = answer["hits"]["hits"][: max(limit, SHORTLIST)]
    ranked = [_weighed(hit, direction) for hit in shortlist]
    ranked.sort(key=lambda hit: (-hit.score, hit.passage_id))
    return tuple(ranked[:limit])


def _weighed(hit: Answer, direction: Vector) -> VectorHit:
    score = 2.0 * hit["_score"] - 1.0
    sentence = None
    fields = hit.get("fields", {})
    if "sentence_vectors" in fields:
        vectors = read_vectors(fields["sentence_vectors"][0], len(direction))
        cosines = np.einsum("ij,j->i", vectors, direction)
        best = int(cosines.argmax())
        sentence = read_spans(fields["sentence_spans"][0])[best]
        score += SENTENCE_WEIGHT * (float(cosines[best]) - score)
    return VectorHit(hit["sort"][1], round(score, _DECIMALS), sentence)
