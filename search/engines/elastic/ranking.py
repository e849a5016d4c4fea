"""Both rankings, and the frequencies, in one round trip.

The shortlist comes from Elasticsearch's kNN with exact cosines (it rescores the candidates by
the vectors themselves); a script then weighs each passage's sentences inside the same
search. On 20,000 passages of 5 vectors, two cores for server and client, ms at p50: kNN
alone 4.0; with this script 4.8; with nested sentence vectors rescored by `dotProduct` 5.4,
in an index twice as large; with the sentences' vectors in the answer, weighed in Python, 8.8.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.clauses import Term
from search.domain import NO_FILTER
from search.engine import MAX_LIMIT, SENTENCE_WEIGHT, Ranked, RankRequest
from search.engines.checks import is_unicode
from search.engines.elastic.documents import PACKED_ONE
from search.engines.elastic.queries import hidden, kind, passages_query
from search.engines.elastic.versions import Version

Search = dict[str, Any]
Answer = Mapping[str, Any]

# Of the candidates that quantised vectors give, so many times the shortlist are looked at
# exactly. BBQ keeps one bit a dimension.
OVERSAMPLE = {"int8_hnsw": 1.2, "bbq_hnsw": 3.0}
CANDIDATES = 500  # passages each shard's graph is searched for, at least: 200 find .94 of the best 10, 500 .98

# A script can return a score only, so this one holds two things, exactly: 2 + c / 32768 + s / 2^22,
# where c is the cosine as 0..65535 and s the number of the best sentence, 127 for "none". A
# float32 between 2 and 4 has steps of 2^-22.
_COSINES = 65_535
_NO_SENTENCE = 127

# The mean of the passage's cosine and its best sentence's (`SENTENCE_WEIGHT`); its own where it
# has none. Products are of unit vectors, so every partial sum fits an int. Of more than 127 sentences the first 127 count: a passage has at most 512 tokens.
_WEIGH = """
BytesRef packed = doc['packed_vectors'].value;
byte[] bytes = packed.bytes;
int n = params.query.length;
int[] query = new int[n];
for (int j = 0; j < n; j++) { query[j] = params.query[j]; }
int at = packed.offset;
int end = at + packed.length;
double own = 0;
double best = -2;
int number = -1;
int sentence = 127;
while (at < end && number < 127) {
  int product = 0;
  for (int j = 0; j < n; j++) {
    product += query[j] * ((bytes[at] << 8) | (bytes[at + 1] & 255));
    at += 2;
  }
  double cosine = product / params.one;
  if (number < 0) { own = cosine; } else if (cosine > best) { best = cosine; sentence = number; }
  number++;
}
double mean = sentence < 127 ? own + params.weight * (best - own) : own;
long level = Math.round((1 + Math.max(-1, Math.min(1, mean))) / 2 * 65535);
return 2 + level / 32768.0 + sentence / 4194304.0;
"""


def text_search(alias: str, request: RankRequest, version: Version) -> tuple[Answer, Search]:
    """Return header and body of the text ranking's search."""
    constraints = () if request.constraint is None else (request.constraint,)
    header = _header(alias)
    if version.shards > 1:  # or each shard would weigh a term by its own frequency
        header["search_type"] = "dfs_query_then_fetch"
    body: Search = {
        "query": passages_query(alias, request.clause, request.filter, *constraints),
        "size": request.limit,
        "sort": [{"_score": "desc"}, {"passage_id": "asc"}, {"edition": "asc"}],
        **_ONLY_IDS,
    }
    return header, body


def total_search(alias: str, request: RankRequest) -> tuple[Answer, Search]:
    """Return header and body of the search that counts what the text ranking matches.

    Counted in a search of its own, the ranking may pass over what cannot be among the best.
    """
    wanted = (request.clause,) if request.clause is not None else ()
    demanded = (request.constraint,) if request.constraint is not None else ()
    query = passages_query(alias, None, request.filter, *wanted, *demanded)
    return _header(alias), {"query": query, "size": 0, "track_total_hits": True}


def vector_search(
    alias: str,
    request: RankRequest,
    version: Version,
    shortlist: int,
    among: Sequence[str] | None = None,
) -> tuple[Answer, Search]:
    """Return header and body of the vector ranking's search over a shortlist.

    Args:
        among: these passages are the shortlist, instead of the nearest ones.
    """
    direction = _direction(request)
    body = nearest_search(alias, request, version, shortlist, among=among)[1]
    body["rescore"] = {
        "window_size": shortlist,
        "query": {
            "query_weight": 0.0,
            "rescore_query_weight": 1.0,
            "rescore_query": {
                "script_score": {
                    "query": {"exists": {"field": "packed_vectors"}},
                    "script": {
                        "source": _WEIGH,
                        "params": {
                            "query": np.rint(direction * PACKED_ONE).astype(int).tolist(),
                            "one": float(PACKED_ONE) ** 2,
                            "weight": SENTENCE_WEIGHT,
                        },
                    },
                }
            },
        },
    }
    return _header(alias), body


def nearest_search(
    alias: str,
    request: RankRequest,
    version: Version,
    size: int,
    *,
    among: Sequence[str] | None = None,
    inside: bool = False,
) -> tuple[Answer, Search]:
    """Return header and body of the search for the passages nearest by their own cosine.

    Args:
        inside: leave out hidden passages before the limit, as a filter does. It is read for
            every passage of the index then; they are few and soon gone, so that is done
            only where they took places (`lacks_some`).
    """
    packed = base64.b64encode(_direction(request).astype(">f4").tobytes()).decode("ascii")
    oversample = OVERSAMPLE.get(version.vectors, 1.0)
    knn: Search = {
        "field": "vector",
        "query_vector": packed,
        "k": size,
        "num_candidates": min(MAX_LIMIT, max(CANDIDATES, int(size * max(1.5, oversample)))),
    }
    if version.vectors in OVERSAMPLE:
        knn["rescore_vector"] = {"oversample": max(1.0, min(oversample, MAX_LIMIT / size))}
    body: Search = {"size": size, "docvalue_fields": ["passage_id", "edition"], **_ONLY_IDS}
    if version.shards == 1:
        body["query"] = {"knn": knn}  # 0.3 ms less than a phase of its own
    else:
        body["knn"] = knn  # the nearest of all shards, not of each
    filtered = request.filter != NO_FILTER or request.constraint is not None
    if filtered or inside or among is not None:
        constraints = () if request.constraint is None else (request.constraint,)
        knn["filter"] = passages_query(alias, None, request.filter, *constraints)
        if among is not None:
            knn["filter"]["bool"]["filter"].append({"terms": {"passage_id": list(among)}})
    else:
        body["post_filter"] = {"bool": {"must_not": [hidden(alias)]}}
    return _header(alias), body


def _direction(request: RankRequest) -> NDArray[np.float64]:
    assert request.vector is not None  # noqa: S101  # who calls has looked
    exact = request.vector.astype(np.float64)
    direction: NDArray[np.float64] = exact / np.linalg.norm(exact)
    return direction


def frequency_search(
    alias: str, terms: tuple[Term, ...], *, vectors: bool = False
) -> tuple[Answer, Search]:
    """Return header and body of the search that counts all passages, and those with each term.

    `vectors` counts those that have one besides.

    Editions that are hidden and not yet removed are counted too, for a moment: leaving them
    out would cost a look at the ledger (0.35 ms), and they weigh in BM25 as well.
    """
    body: Search = {"query": kind("passage"), "size": 0, "track_total_hits": True}
    filters = {
        str(number): {"term": {term.layer: term.value}}
        for number, term in enumerate(terms)
        if _can_be(term)
    }
    if filters:
        body["aggs"] = {"terms": {"filters": {"filters": filters}}}
    if vectors:
        body.setdefault("aggs", {})["embedded"] = {"filter": {"exists": {"field": "vector"}}}
    return _header(alias), body


def _can_be(term: Term) -> bool:
    return bool(term.value) and len(term.value) <= 32_000 and is_unicode(term.value)


def _header(alias: str) -> dict[str, Any]:
    return {"index": alias, "allow_partial_search_results": False}


_ONLY_IDS: Search = {"track_total_hits": False, "_source": False, "stored_fields": "_none_"}


def listed(hit: Answer) -> tuple[str, str]:
    """Return the passage id of a hit, and its edition."""
    if "sort" in hit:
        return hit["sort"][1], hit["sort"][2]
    return hit["fields"]["passage_id"][0], hit["fields"]["edition"][0]


def is_mixed(hits: Iterable[tuple[str, str]]) -> bool:
    """Tell whether hits (passage id, edition) are of two editions of one article."""
    editions: dict[str, str] = {}
    return any(
        editions.setdefault(passage_id.rpartition("#")[0], edition) != edition
        for passage_id, edition in hits
    )


def read_text(answer: Answer) -> tuple[Ranked, ...]:
    """Return the text ranking of an answer."""
    return tuple(Ranked(hit["sort"][1], hit["_score"]) for hit in answer["hits"]["hits"])


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


def lacks_some(answer: Answer, shortlist: int, counted: Answer) -> bool:
    """Tell whether hidden passages took places of the nearest ones of those that were counted."""
    embedded = int(counted["aggregations"]["embedded"]["doc_count"])
    return len(answer["hits"]["hits"]) < min(shortlist, embedded)


def read_nearest(answer: Answer) -> tuple[Ranked, ...]:
    """Return passages by their own cosine."""
    ranked = [
        Ranked(hit["fields"]["passage_id"][0], 2.0 * hit["_score"] - 1.0)
        for hit in answer["hits"]["hits"]
    ]
    ranked.sort(key=lambda hit: (-hit.score, hit.passage_id))
    return tuple(ranked)


def is_cut_in_a_tie(ranked: tuple[Ranked, ...], limit: int, shortlist: int) -> bool:
    """Tell whether passages that tie with the last one wanted may be missing from the ranking."""
    return limit < len(ranked) == shortlist and ranked[-1].score == ranked[limit - 1].score


def read_vector(answer: Answer) -> tuple[Ranked, ...]:
    """Return the vector ranking of an answer, the whole shortlist."""
    ranked = [
        Ranked(hit["fields"]["passage_id"][0], *_unpacked(hit["_score"]))
        for hit in answer["hits"]["hits"]
    ]
    ranked.sort(key=lambda hit: (-hit.score, hit.passage_id))
    return tuple(ranked)


def _unpacked(score: float) -> tuple[float, int | None]:
    """Return the cosine and the number of the best sentence in a script's score."""
    level, sentence = divmod(round((score - 2.0) * 4_194_304), 128)
    cosine = round(2.0 * level / _COSINES - 1.0, 6)
    return cosine, None if sentence == _NO_SENTENCE else sentence
