"""Both rankings, the total and the frequencies of a request: what is asked, and how it is read.

The shortlist of a ranking by meaning comes from Elasticsearch's kNN with exact cosines (it
rescores the candidates by the vectors themselves). A runtime
field, which is made for the hits that are listed, says of each what its packed vectors' products
with the query are, so that its own cosine and its best sentence's are known. On 20,000 passages
of 5 vectors, two cores for server and client, ms at p25: kNN alone 4.0; with this field 4.9; as a
rescoring script, whose one float32 must hold both, the same; as `script_fields`, which load each
hit's source, 8.5; with nested sentence vectors rescored by `dotProduct` 0.6 more, in an index
twice as large; with the sentences' vectors in the answer, weighed in Python, 4.0 more.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.domain import NO_FILTER, Filter, StoredPassage
from search.engines.elastic.documents import PACKED_ONE, read_passage
from search.engines.elastic.queries import (
    NOTHING,
    Query,
    kind,
    looks_at_all,
    matching,
    passages_query,
    unsettled,
)
from search.engines.elastic.versions import Version
from search.engines.elastic.visible import (
    WHICH,
    Hit,
    Shown,
    View,
    article_of,
    edition_of,
    passage_of,
    shown,
)
from search.engines.protocol import SENTENCE_WEIGHT, Ranked, Rankings, RankRequest, shortlist_size
from search.limits import MAX_RESULTS
from search.query.clauses import Clause, Term

Search = tuple[Mapping[str, Any], Query]  # header and body, as `msearch` takes them
Answer = Mapping[str, Any]

NO_COUNTS: Mapping[str, Query] = MappingProxyType({})

# Of the candidates that quantised vectors give, so many times the shortlist are looked at
# exactly. BBQ keeps one bit a dimension.
OVERSAMPLE = {"int8_hnsw": 1.2, "bbq_hnsw": 3.0}
CANDIDATES = 500  # passages each shard's graph is searched for, at least: 200 find .94 of the best 10, 500 .98

# Ids that rankings ask for besides: where so many are not shown, no second request is needed.
_ROOM = 8

# Gives the products with the query of a passage's own vector and of its best sentence's, and that
# sentence's number, -1 where there is none. Vectors are of unit length, so every partial sum fits
# an int, and equal vectors have equal products.
_PRODUCTS = """
if (doc['packed_vectors'].size() == 0) { return; }
BytesRef packed = doc['packed_vectors'].value;
byte[] bytes = packed.bytes;
int n = params.query.length;
int[] query = new int[n];
for (int j = 0; j < n; j++) { query[j] = params.query[j]; }
int at = packed.offset;
int end = at + packed.length;
int own = 0;
int best = Integer.MIN_VALUE;
int sentence = -1;
for (int number = -1; at < end; number++) {
  int product = 0;
  for (int j = 0; j < n; j++) {
    product += query[j] * ((bytes[at] << 8) | (bytes[at + 1] & 255));
    at += 2;
  }
  if (number < 0) { own = product; }
  else if (product > best) { best = product; sentence = number; }
}
emit(own + ' ' + best + ' ' + sentence);
"""

_BY_SCORE: list[Query] = [{"_score": "desc"}, {"passage_id": "asc"}]
# Passages all score 0 then, and own documents (`queries.besides`) come first by their score.
_BY_DATE: dict[str, list[Query]] = {
    sort: [
        {"_score": "desc"},
        {"published": {"order": order, "missing": "_last"}},
        {"article_id": "asc"},
        {"position": "asc"},
    ]
    for sort, order in (("newest", "desc"), ("oldest", "asc"))
}

_IDS: Query = {"_source": False, "stored_fields": "_none_", "docvalue_fields": WHICH}
# As it is stored: chosen fields cost .3 ms more for ten hits (2.4 of 2.1), being parsed first.
_TEXTS: Query = {"_source": True, "docvalue_fields": WHICH}


def nearest_of(request: RankRequest) -> int:
    """Return how many passages by meaning are asked for at first."""
    return min(MAX_RESULTS, shortlist_size(request.limit) + _ROOM)


def searches(request: RankRequest, version: Version, view: View, nearest: int) -> dict[str, Search]:
    """Return the searches of a request, by name.

    Args:
        nearest: passages by meaning that are asked for.
    """
    found: dict[str, Search] = {}
    if request.clause is not None:
        _, text = found["text"] = _text_search(request, version, view)
        if request.exact_total and not text["track_total_hits"]:
            # Of its own, so that the ranking may pass over what cannot be among the best: together
            # they take .85 of the time of a ranking that counts.
            demanded = [c for c in (request.clause, request.constraint) if c is not None]
            found["total"] = counting(view, request.filter, *demanded)
    if request.vector is not None and request.limit:
        found["vector"] = _vector_search(request, version, view, nearest)
    if request.frequencies or not found:
        found["passages"] = _frequency_search(request.frequencies, view)
    return found


def _text_search(request: RankRequest, version: Version, view: View) -> Search:
    constraints = () if request.constraint is None else (request.constraint,)
    scored, order = request.clause, _BY_SCORE
    if request.sort != "relevance" and request.clause is not None:
        scored, constraints = None, (request.clause, *constraints)
        order = _BY_DATE[request.sort]
    query = passages_query(scored, request.filter, *constraints, hidden=view.hidden)
    header, listed = dict(view.header), _listed(request)
    if version.shards > 1:  # or each shard would weigh a term by its own frequency
        header["search_type"] = "dfs_query_then_fetch"
    return header, {
        **view.pit,
        "query": view.finding(query),
        "size": listed,
        "sort": order,
        "track_total_hits": request.exact_total and listed > 0 and looks_at_all(query),
        **(_TEXTS if request.texts else _IDS),
    }


def _listed(request: RankRequest) -> int:
    """Return how many hits the text ranking is asked for."""
    return request.limit if request.texts else request.limit + _ROOM


def counting(
    view: View, filter: Filter, *clauses: Clause, counted: Mapping[str, Query] = NO_COUNTS
) -> Search:
    """Return the search that counts, and aggregates over, the passages that match and are shown."""
    query = passages_query(None, filter, *clauses, hidden=view.hidden)
    body = {"query": view.finding(query), "size": 0, "track_total_hits": True}
    doubtful: Query = {"unsettled": {"filter": unsettled()}}
    return view.header, {**view.pit, **body, "aggs": {**counted, **doubtful}}


def is_sure(answer: Answer) -> bool:
    """Tell whether an answer to `counting` counts no passages that are not shown."""
    return not answer["aggregations"]["unsettled"]["doc_count"]


def _vector_search(request: RankRequest, version: Version, view: View, size: int) -> Search:
    assert request.vector is not None  # noqa: S101  # who calls has looked
    exact = request.vector.astype(np.float64)
    direction: NDArray[np.float64] = exact / np.linalg.norm(exact)
    oversample = OVERSAMPLE.get(version.vectors, 1.0)
    knn: Query = {
        "field": "vector",
        "query_vector": base64.b64encode(direction.astype(">f4").tobytes()).decode("ascii"),
        "k": size,
        "num_candidates": min(MAX_RESULTS, max(CANDIDATES, int(size * max(1.5, oversample)))),
    }
    if version.vectors in OVERSAMPLE:
        knn["rescore_vector"] = {"oversample": max(1.0, min(oversample, MAX_RESULTS / size))}
    constraints = () if request.constraint is None else (request.constraint,)
    if request.filter != NO_FILTER or constraints or view.hidden:
        knn["filter"] = passages_query(None, request.filter, *constraints, hidden=view.hidden)
    body: Query = {**view.pit, "size": size, "track_total_hits": False, **_IDS}
    if version.shards == 1:
        body["query"] = view.finding({"knn": knn})  # 0.3 ms less than a phase
    else:
        body["query"] = view.finding(NOTHING)
        body["knn"] = knn  # the nearest of all shards, not of each
    query = np.rint(direction * PACKED_ONE).astype(int).tolist()
    script = {"source": _PRODUCTS, "params": {"query": query}}
    body["runtime_mappings"] = {"products": {"type": "keyword", "script": script}}
    body["docvalue_fields"] = [*WHICH, "products"]
    return view.header, body


def _frequency_search(terms: tuple[Term, ...], view: View) -> Search:
    """Count all passages, and those with each term.

    Passages of editions that are not shown are counted too, while they are there: they weigh
    in BM25 as well. Only passages have terms; asked of all documents, a segment of which nothing
    was removed knows a term's number.
    """
    filters = {str(number): matching(term) for number, term in enumerate(terms)}
    aggregations = {"counts": {"filters": {"filters": {"passages": kind("passage"), **filters}}}}
    return view.header, {**view.pit, "size": 0, "track_total_hits": False, "aggs": aggregations}


# -- answers


@dataclass(frozen=True, slots=True)
class Answered:
    """What the answers to a request's searches say.

    Attributes:
        complete: whether nothing that is not shown took another's place or was counted, and
            both rankings are of one edition of each article.
        cut_in_a_tie: whether more passages may be as near as the last one wanted.
    """

    rankings: Rankings
    complete: bool
    cut_in_a_tie: bool


def read(request: RankRequest, answers: Mapping[str, Answer], nearest: int) -> Answered:
    """Return what the answers to `searches` say."""
    text = _shown(answers, "text", _listed(request))
    near = _shown(answers, "vector", nearest)
    editions = {article_of(hit): edition_of(hit) for hit in text.passages}
    of_one = [
        hit
        for hit in near.passages
        if editions.get(article_of(hit), edition_of(hit)) == edition_of(hit)
    ]
    shortlist = shortlist_size(request.limit)
    by_own = sorted(of_one, key=lambda hit: (-hit["_score"], passage_of(hit)))
    vector = sorted(map(_ranked, by_own[:shortlist]), key=lambda r: (-r.score, r.passage_id))
    listed = text.passages[: request.limit]
    total, counted = _total(request, answers, text)
    counts = _counts(answers)
    return Answered(
        Rankings(
            text=tuple(Ranked(passage_of(hit), hit["_score"]) for hit in listed),
            text_total=total,
            passages_read=_passages(listed) if request.texts else {},
            vector=tuple(vector[: request.limit]),
            frequencies={t: counts.get(str(n), 0) for n, t in enumerate(request.frequencies)},
            passages=counts.get("passages", 0),
        ),
        complete=text.has(request.limit)
        and near.has(shortlist)
        and counted
        and len(of_one) == len(near.passages),
        cut_in_a_tie=_is_cut_in_a_tie(by_own, vector, request.limit, shortlist, full=near.full),
    )


def _shown(answers: Mapping[str, Answer], name: str, size: int) -> Shown:
    return shown(answers[name]["hits"]["hits"], size) if name in answers else Shown()


def _is_cut_in_a_tie(
    by_own: Sequence[Hit], vector: Sequence[Ranked], limit: int, shortlist: int, *, full: bool
) -> bool:
    """Tell whether passages that tie with the last one wanted may be missing.

    Then ids decide which are in the shortlist, so all that tie must be known.
    """
    if not full or not limit < shortlist <= len(by_own):
        return False
    return (
        by_own[-1]["_score"] == by_own[shortlist - 1]["_score"]
        and vector[-1].score == vector[limit - 1].score
    )


def _total(
    request: RankRequest, answers: Mapping[str, Answer], text: Shown
) -> tuple[int | None, bool]:
    """Return how many passages the text ranking matches, and whether only those were counted."""
    if "total" in answers:
        answer = answers["total"]
        return int(answer["hits"]["total"]["value"]), is_sure(answer)
    if request.clause is None:
        return None, True
    if (total := answers["text"]["hits"].get("total")) is not None:
        return int(total["value"]), not text.unsettled
    return min(len(text.passages), request.limit), True


def _counts(answers: Mapping[str, Answer]) -> dict[str, int]:
    if "passages" not in answers:
        return {}
    buckets = answers["passages"]["aggregations"]["counts"]["buckets"]
    return {name: int(bucket["doc_count"]) for name, bucket in buckets.items()}


def _passages(hits: Sequence[Hit]) -> dict[str, StoredPassage]:
    read = (read_passage(hit["_source"]) for hit in hits)
    return {stored.passage.id: stored for stored in read}


def _ranked(hit: Hit) -> Ranked:
    """Return a passage with the mean of its cosine and its best sentence's (`SENTENCE_WEIGHT`)."""
    own, best, sentence = map(int, hit["fields"]["products"][0].split(" "))
    mean = own if sentence < 0 else own + SENTENCE_WEIGHT * (best - own)
    cosine = max(-1.0, min(1.0, mean / PACKED_ONE**2))
    return Ranked(passage_of(hit), round(cosine, 6), None if sentence < 0 else sentence)
