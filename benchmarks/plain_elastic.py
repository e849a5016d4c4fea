"""Fihris on Elasticsearch beside what one would write by hand: how well, and how fast?

    python -m benchmarks.plain_elastic [FOLDER] [--queries N] [--json]

The plain alternative is the one in tutorials: the text with Elasticsearch's built-in `arabic`
analyzer and a `match` query, the same model's vectors in a `dense_vector` (int8_hnsw) and
a kNN search, both in one `msearch`, fused by RRF (k = 60, 100 deep; in Python, because the
`rrf` retriever is not in the free licence). Both are asked for ten hits with their texts, on
one server, the same judged queries in turn, one client; each embeds each query itself. FOLDER has the BEIR
layout (`benchmarks.JUDGED` without it). Latency is of a whole search, and of the same without
the embedding; nDCG@10 is ir-measures'. The server: tests/servers.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import uuid
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import ir_measures
import numpy as np
from elasticsearch import Elasticsearch
from elasticsearch.helpers import bulk
from ir_measures import nDCG

from benchmarks import JUDGED
from indexer.judgements import JudgedSet, read_judged_set
from indexer.preparing import prepare
from search.assembly import fingerprint_of
from search.domain import Query, Vector
from search.embedding import Embedder, open_embedder
from search.engines import open_engine, temporary_index
from search.searcher import Searcher
from search.settings import Settings, read_settings
from tests.servers import elasticsearch

DEPTH = 100
RRF_K = 60  # Cormack, Clarke and Büttcher 2009
WARM_UP = 50


@dataclass(frozen=True)
class Measured:
    """nDCG@10, and milliseconds of the whole search and without the embedding."""

    ndcg_at_10: float
    p50: float
    p95: float
    p50_beyond: float
    p95_beyond: float


class Plain:
    """The alternative: an index, and one search by words and by meaning."""

    def __init__(self, url: str, embedder: Embedder) -> None:
        self._client = Elasticsearch(url, request_timeout=60)
        self._embedder = embedder
        self._index = f"plain-{uuid.uuid4().hex[:12]}"

    def build(self, judged: JudgedSet) -> None:
        self._client.indices.create(
            index=self._index,
            settings={"number_of_replicas": 0},
            mappings={
                "properties": {
                    "text": {"type": "text", "analyzer": "arabic"},
                    "vector": {
                        "type": "dense_vector",
                        "dims": self._embedder.dimensions,
                        "similarity": "cosine",
                        "index_options": {"type": "int8_hnsw"},
                    },
                }
            },
        )
        texts = [article.text for article in judged.articles]
        vectors = self._embedder.embed_passages(texts)
        documents = (
            {"_index": self._index, "_id": a.id, "text": a.text, "vector": v.tolist()}
            for a, v in zip(judged.articles, vectors, strict=True)
        )
        bulk(self._client, documents, refresh=True)

    def search(self, text: str) -> tuple[list[tuple[str, str]], float]:
        """Return the best ten (id, text), and the seconds that embedding took."""
        started = time.perf_counter()
        vector = self._embedder.embed_query(text)
        embedding = time.perf_counter() - started
        words, meaning = self._rankings(text, vector)
        scores: dict[str, float] = {}
        for ranking in (words, meaning):
            for rank, hit in enumerate(ranking, 1):
                scores[hit["_id"]] = scores.get(hit["_id"], 0.0) + 1 / (RRF_K + rank)
        texts = {hit["_id"]: hit["_source"]["text"] for hit in (*words, *meaning)}
        best = sorted(scores, key=lambda key: (-scores[key], key))[:10]
        return [(key, texts[key]) for key in best], embedding

    def _rankings(self, text: str, vector: Vector) -> tuple[list[Any], list[Any]]:
        header = {"index": self._index}
        knn = {
            "field": "vector",
            "query_vector": vector.tolist(),
            "k": DEPTH,
            "num_candidates": 2 * DEPTH,
        }
        answers = self._client.msearch(
            searches=[
                header,
                {"query": {"match": {"text": text}}, "size": DEPTH},
                header,
                {"knn": knn, "size": DEPTH},
            ]
        )["responses"]
        return answers[0]["hits"]["hits"], answers[1]["hits"]["hits"]

    def close(self) -> None:
        self._client.indices.delete(index=self._index, ignore_unavailable=True)
        self._client.close()


def measure(judged: JudgedSet, settings: Settings, embedder: Embedder) -> dict[str, Measured]:
    """Return what Fihris and the plain alternative reach on the same queries, asked in turn."""
    with (
        closing(Plain(settings.elasticsearch_url, embedder)) as plain,
        temporary_index(settings) as own,
        closing(open_engine(own, fingerprint_of(embedder, own))) as engine,
    ):
        plain.build(judged)
        engine.write(prepare(judged.articles, embedder, own, by_line=False))
        searcher = Searcher(engine, embedder)
        times: dict[str, list[tuple[float, float]]] = {"Fihris": [], "plain": []}
        runs: dict[str, list[Any]] = {"Fihris": [], "plain": []}
        for number, (query, text) in enumerate(judged.queries.items()):
            started = time.perf_counter()
            results = searcher.search(Query(text))
            whole = time.perf_counter() - started
            times["Fihris"].append((whole, whole - results.took_ms["embed"] / 1000))
            started = time.perf_counter()
            hits, embedding = plain.search(text)
            whole = time.perf_counter() - started
            times["plain"].append((whole, whole - embedding))
            ranked = list(dict.fromkeys(hit.article.id for hit in results.hits))
            for name, keys in (("Fihris", ranked), ("plain", [key for key, _ in hits])):
                runs[name] += [
                    ir_measures.ScoredDoc(query, key, -float(rank)) for rank, key in enumerate(keys)
                ]
            if number % 100 == 99:
                print(f"{number + 1:,} queries", file=sys.stderr)
    qrels = [
        ir_measures.Qrel(query, key, grade)
        for query, grades in judged.relevance.items()
        if query in judged.queries
        for key, grade in grades.items()
    ]
    return {
        name: _measured(
            ir_measures.calc_aggregate([nDCG @ 10], qrels, runs[name])[nDCG @ 10], times[name]
        )
        for name in runs
    }


def _measured(ndcg: float, seconds: list[tuple[float, float]]) -> Measured:
    milliseconds = np.array(seconds[min(WARM_UP, len(seconds) // 2) :]) * 1000
    p50, p95 = np.percentile(milliseconds, 50, axis=0), np.percentile(milliseconds, 95, axis=0)
    shown = [round(float(x), 2) for x in (p50[0], p95[0], p50[1], p95[1])]
    return Measured(round(float(ndcg), 4), *shown)


def table(measured: dict[str, Measured]) -> str:
    """Return the measurements as a Markdown table."""
    lines = [
        "| | nDCG@10 | whole search, ms p50 / p95 | without embedding, ms p50 / p95 |",
        "|---|---:|---:|---:|",
    ]
    lines += [
        f"| {name} | {m.ndcg_at_10:.4f} | {m.p50} / {m.p95} | {m.p50_beyond} / {m.p95_beyond} |"
        for name, m in measured.items()
    ]
    ours, plain = measured["Fihris"], measured["plain"]
    lines.append(
        f"| difference, ratio | {ours.ndcg_at_10 - plain.ndcg_at_10:+.4f} | "
        f"{ours.p50 / plain.p50:.2f} / {ours.p95 / plain.p95:.2f} | "
        f"{ours.p50_beyond / plain.p50_beyond:.2f} / {ours.p95_beyond / plain.p95_beyond:.2f} |"
    )
    return "\n".join(lines)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Fihris beside a plain use of Elasticsearch.")
    parser.add_argument("folder", nargs="?", type=Path, default=JUDGED)
    parser.add_argument("--queries", type=int, default=0, help="only so many; 0: all")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    judged = read_judged_set(asked.folder)
    if asked.queries:
        some = dict(list(judged.queries.items())[: asked.queries])
        judged = JudgedSet(**{**_fields(judged), "queries": some})
    with elasticsearch() as server:
        print(f"Elasticsearch {server.version} from {server.origin}", file=sys.stderr)
        settings = read_settings().model_copy(
            update={
                "engine": "elasticsearch",
                "elasticsearch_url": server.url,
                "elasticsearch_replicas": 0,
            }
        )
        measured = measure(judged, settings, open_embedder(settings))
    shown = {name: asdict(m) for name, m in measured.items()}
    print(json.dumps(shown, indent=2) if asked.json else table(measured))


def _fields(judged: JudgedSet) -> dict[str, Any]:
    return {name: getattr(judged, name) for name in judged.__dataclass_fields__}


if __name__ == "__main__":
    main()
