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
from search.engines.elastic.queries import NOTHING, besides, kind, passages_query, unsettled
from search.engines.elastic.versions import Version
from search.engines.elastic.visible import Hit, Look, passage_of

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


def text_search(
    alias: str, request: RankRequest, version: Version, look: Look
) -> tuple[Answer, Search]:
    """Return header and body of the text ranking's search."""
    constraints = () if request.constraint is None else (request.constraint,)
    header = _header(alias)
    if version.shards > 1:  # or each shard would weigh a term by its own frequency
        header["search_type"] = "dfs_query_then_fetch"
    query = passages_query(request.clause, request.filter, *constraints)
    body: Search = {
        "query": besides(query, unsettled(look.among)),
        "size": look.size,
        "sort": [{"_score": "desc"}, {"passage_id": "asc"}],
        "track_total_hits": False,
        **(_TEXTS if request.texts else _ONLY_IDS),
    }
    return header, body


def matching(request: RankRequest) -> Search:
    """Return the query that matches what the text ranking matches, unscored."""
    wanted = () if request.clause is None else (request.clause,)
    demanded = () if request.constraint is None else (request.constraint,)
    return passages_query(None, request.filter, *wanted, *demanded)


def total_search(alias: str, request: RankRequest) -> tuple[Answer, Search]:
    """Return header and body of the search that counts what the text ranking matches.

    Counted in a search of its own, the ranking may pass over what cannot be among the best.
    Its one hit is an unsettled article's own document, where there is one: then the count has
    passages that are not shown.
    """
    query = besides(matching(request), unsettled())
    return _header(alias), {"query": query, "size": 1, **_ONLY_IDS, "track_total_hits": True}


def vector_search(
    alias: str,
    request: RankRequest,
    version: Version,
    look: Look,
    among: Sequence[str] | None = None,
) -> tuple[Answer, Search]:
    """Return header and body of the vector ranking's search over a shortlist.

    Args:
        among: these passages are the shortlist, instead of the nearest ones.
    """
    direction = _direction(request)
    header, body = nearest_search(alias, request, version, look, among=among)
    body["rescore"] = {
        "window_size": look.size,
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
    return header, body


def nearest_search(
    alias: str,
    request: RankRequest,
    version: Version,
    look: Look,
    *,
    among: Sequence[str] | None = None,
) -> tuple[Answer, Search]:
    """Return header and body of the search for the passages nearest by their own cosine."""
    packed = base64.b64encode(_direction(request).astype(">f4").tobytes()).decode("ascii")
    oversample = OVERSAMPLE.get(version.vectors, 1.0)
    size = min(MAX_LIMIT, look.passages)
    knn: Search = {
        "field": "vector",
        "query_vector": packed,
        "k": size,
        "num_candidates": min(MAX_LIMIT, max(CANDIDATES, int(size * max(1.5, oversample)))),
    }
    if version.vectors in OVERSAMPLE:
        knn["rescore_vector"] = {"oversample": max(1.0, min(oversample, MAX_LIMIT / size))}
    body: Search = {"size": look.size, "track_total_hits": False, **_ONLY_IDS}
    if version.shards == 1:
        body["query"] = besides({"knn": knn}, unsettled(look.among))  # 0.3 ms less than a phase
    else:
        body["query"] = besides(NOTHING, unsettled(look.among))
        body["knn"] = knn  # the nearest of all shards, not of each
    if request.filter != NO_FILTER or request.constraint is not None or among is not None:
        constraints = () if request.constraint is None else (request.constraint,)
        knn["filter"] = passages_query(None, request.filter, *constraints)
        if among is not None:
            knn["filter"]["bool"]["filter"].append({"terms": {"passage_id": list(among)}})
    return _header(alias), body


def _direction(request: RankRequest) -> NDArray[np.float64]:
    assert request.vector is not None  # noqa: S101  # who calls has looked
    exact = request.vector.astype(np.float64)
    direction: NDArray[np.float64] = exact / np.linalg.norm(exact)
    return direction


def frequency_search(alias: str, terms: tuple[Term, ...]) -> tuple[Answer, Search]:
    """Return header and body of the search that counts all passages, and those with each term.

    Passages of editions that are not shown are counted too, while they are there: they weigh
    in BM25 as well.
    """
    body: Search = {"query": kind("passage"), "size": 0, "track_total_hits": True}
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


_ONLY_IDS: Search = {
    "_source": False,
    "stored_fields": "_none_",
    "docvalue_fields": ["passage_id", "edition", "article_id"],
}
# As it is stored: chosen fields cost .3 ms more for ten hits (2.4 of 2.1), being parsed first.
_TEXTS: Search = {"_source": True}


def read_text(hits: Iterable[Hit]) -> tuple[Ranked, ...]:
    """Return the text ranking of hits."""
    return tuple(Ranked(passage_of(hit), hit["_score"]) for hit in hits)


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


def read_nearest(hits: Iterable[Hit]) -> tuple[Ranked, ...]:
    """Return passages by their own cosine."""
    ranked = [Ranked(passage_of(hit), 2.0 * hit["_score"] - 1.0) for hit in hits]
    ranked.sort(key=lambda hit: (-hit.score, hit.passage_id))
    return tuple(ranked)


def is_cut_in_a_tie(ranked: tuple[Ranked, ...], limit: int, shortlist: int) -> bool:
    """Tell whether passages that tie with the last one wanted may be missing from the ranking."""
    return limit < len(ranked) == shortlist and ranked[-1].score == ranked[limit - 1].score


def read_vector(hits: Iterable[Hit]) -> tuple[Ranked, ...]:
    """Return the vector ranking of hits, the whole shortlist."""
    ranked = [Ranked(passage_of(hit), *_unpacked(hit["_score"])) for hit in hits]
    ranked.sort(key=lambda hit: (-hit.score, hit.passage_id))
    return tuple(ranked)


def _unpacked(score: float) -> tuple[float, int | None]:
    """Return the cosine and the number of the best sentence in a script's score."""
    level, sentence = divmod(round((score - 2.0) * 4_194_304), 128)
    cosine = round(2.0 * level / _COSINES - 1.0, 6)
    return cosine, None if sentence == _NO_SENTENCE else sentence
