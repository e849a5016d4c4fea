"""How fast are embedded and Elasticsearch with the same passages, and how large their indexes?

    python -m benchmarks.elastic [FOLDER] [--sizes 10000 100000] [--json]

Passages, terms and vectors are those of benchmarks/engine.py, made beforehand; both engines
get the same batches in one run and answer the same requests in turn, as the searcher makes
them: `rank` by words (exact total), by meaning and by both, 100 deep, and `fetch` of ten.
Indexing ends when everything can be searched. Elasticsearch (tests/servers; one node, one
shard, no replica, 2 GB heap unless ELASTICSEARCH_URL names one) is measured as indexing leaves
it, segments and all, and again after a force merge to one segment. Recall is of the
kNN candidates: the part of the exact best 10 (embedded's, by full score) that is found.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from elasticsearch import Elasticsearch

from benchmarks import JUDGED
from benchmarks.engine import FINGERPRINT, Corpus, Latency, directions
from search.domain import Vector
from search.engines import open_engine, temporary_index
from search.engines.protocol import Engine, RankRequest
from search.query.matching import text_clause
from search.query.parse import ParsedQuery
from search.settings import Settings, read_settings
from tests.servers import elasticsearch

BATCH = 1_000  # articles a call of `write`
ROUNDS = 2


@dataclass(frozen=True)
class Measured:
    """One engine with one number of passages."""

    engine: str
    passages: int
    write_per_second: float
    megabytes: float
    recall_at_10: float
    latency: dict[str, Latency]


def measure(corpus: Corpus, count: int, url: str) -> list[Measured]:
    """Build an index of `count` passages in both engines and measure them."""
    base = read_settings().model_copy(
        update={"elasticsearch_url": url, "elasticsearch_replicas": 0, "elasticsearch_timeout": 120}
    )
    with (
        tempfile.TemporaryDirectory(prefix="fihris-benchmark-") as folder,
        temporary_index(base.model_copy(update={"engine": "elasticsearch"})) as elastic,
    ):
        embedded = base.model_copy(update={"engine": "embedded", "data": Path(folder)})
        rates = _write(corpus, count, (embedded, elastic))
        with (
            closing(open_engine(embedded, FINGERPRINT)) as near,
            closing(open_engine(elastic, FINGERPRINT)) as far,
        ):
            found = _answers(corpus, {"embedded": near, "Elasticsearch": far})
            sizes = {"embedded": _size(near), "Elasticsearch": _size(far)}
            _force_merge(elastic)
            found |= _answers(corpus, {"embedded": near, "Elasticsearch, merged": far}, skip=1)
            sizes["Elasticsearch, merged"] = _size(far)
    rates["Elasticsearch, merged"] = rates["Elasticsearch"]
    return [
        Measured(name, count, round(rates[name]), round(sizes[name] / 1e6), recall, latency)
        for name, (latency, recall) in found.items()
    ]


def _write(corpus: Corpus, count: int, both: Sequence[Settings]) -> dict[str, float]:
    """Write the passages to both engines; return passages a second, searchable in the end."""
    spent: dict[str, float] = {}
    for settings in both:
        name = "embedded" if settings.engine == "embedded" else "Elasticsearch"
        articles = corpus.articles(count)
        with closing(open_engine(settings, FINGERPRINT)) as engine:
            spent[name] = 0.0
            while batch := list(islice(articles, BATCH)):
                spent[name] += _timed(lambda: engine.write(batch))  # called at once
            spent[name] += _timed(lambda: engine.rank(_keyword(corpus.queries[0])))
        print(f"{name}: {count:,} passages written", file=sys.stderr)
    return {name: count / seconds for name, seconds in spent.items()}


def _timed(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def _keyword(query: ParsedQuery) -> RankRequest:
    return RankRequest(text_clause(query))


def _answers(
    corpus: Corpus, engines: dict[str, Engine], skip: int = 0
) -> dict[str, tuple[dict[str, Latency], float]]:
    """Return each engine's latencies and recall; the first `skip` engines are only compared with."""
    vectors = [v[0] for v in islice(directions(11), len(corpus.queries))]
    asked: dict[str, Callable[[ParsedQuery, Vector], RankRequest]] = {
        "keyword": lambda q, _: _keyword(q),
        "semantic": lambda _, v: RankRequest(vector=v),
        "hybrid": lambda q, v: RankRequest(text_clause(q), v, exact_total=False),
    }
    times: dict[str, dict[str, list[float]]] = {name: {} for name in engines}
    best: dict[str, list[set[str]]] = {name: [] for name in engines}
    for round_ in range(ROUNDS + 1):
        for query, vector in zip(corpus.queries, vectors, strict=True):
            for name, engine in engines.items():
                ids: list[str] = []
                for kind, make in asked.items():
                    started = time.perf_counter()
                    rankings = engine.rank(make(query, vector))
                    took = (time.perf_counter() - started) * 1000
                    if round_:  # the first one warms up
                        times[name].setdefault(kind, []).append(took)
                    ids = [hit.passage_id for hit in (rankings.vector or rankings.text)[:10]]
                    if kind == "semantic" and not round_:
                        best[name].append(set(ids))
                fetching = _timed(lambda: engine.fetch(ids))  # noqa: B023
                if round_:
                    times[name].setdefault("fetch 10", []).append(fetching * 1000)
    exact = best["embedded"]
    return {
        name: (
            {kind: _latency(taken) for kind, taken in times[name].items()},
            round(
                float(
                    np.mean([len(a & b) / len(b) for a, b in zip(best[name], exact, strict=True)])
                ),
                3,
            ),
        )
        for name in list(engines)[skip:]
    }


def _latency(milliseconds: Sequence[float]) -> Latency:
    p50, p95 = np.percentile(milliseconds, [50, 95])
    return Latency(round(float(p50), 2), round(float(p95), 2))


def _size(engine: Engine) -> int:
    return int(engine.status().details["bytes"])


def _force_merge(settings: Settings) -> None:
    with closing(Elasticsearch(settings.elasticsearch_url, request_timeout=1800)) as client:
        client.indices.forcemerge(index=settings.elasticsearch_index, max_num_segments=1)
        client.indices.refresh(index=settings.elasticsearch_index)


def table(measured: Sequence[Measured]) -> str:
    """Return the measurements as a Markdown table, a row for each engine and size."""
    kinds = list(measured[0].latency)
    lines = [
        "| engine | passages | written a second | MB | recall@10 | "
        + " | ".join(f"{kind}, ms p50 / p95" for kind in kinds)
        + " |",
        "|---|" + "---:|" * (4 + len(kinds)),
    ]
    lines += [
        f"| {m.engine} | {m.passages:,} | {m.write_per_second:,.0f} | {m.megabytes:,.0f} | "
        f"{m.recall_at_10:.3f} | "
        + " | ".join(f"{m.latency[kind].p50:.2f} / {m.latency[kind].p95:.2f}" for kind in kinds)
        + " |"
        for m in measured
    ]
    return "\n".join(lines)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Measure both engines side by side.")
    parser.add_argument("folder", nargs="?", type=Path, default=JUDGED)
    parser.add_argument("--sizes", nargs="+", type=int, default=[10_000, 100_000])
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    corpus = Corpus(asked.folder)
    measured: list[Measured] = []
    with elasticsearch(heap="2g") as server:
        print(f"Elasticsearch {server.version} from {server.origin}", file=sys.stderr)
        for size in asked.sizes:
            measured += measure(corpus, size, server.url)
    print(json.dumps([asdict(m) for m in measured], indent=2) if asked.json else table(measured))


if __name__ == "__main__":
    main()
