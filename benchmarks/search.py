"""How long does a whole search take, by stage, and how much memory with the model loaded?

    python -m benchmarks.search [FOLDER] [--sizes 1000 10000 100000] [--json]

The real `Searcher` with the bundled model over the embedded engine, asked the real
queries of FOLDER (BEIR layout; `benchmarks.JUDGED` without it), ten hits a page, in
every mode. Passages are those of benchmarks/engine.py. Their vectors are real ones,
mixed: each is the normalised mean of two of 400 vectors of real sentences with a little
noise, so that cosines crowd together as real ones do. Memory is the process's resident
set after all queries; the index is written by another process.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks import JUDGED
from benchmarks.engine import BATCH, SENTENCES, Corpus, texts_of
from search.assembly import fingerprint_of
from search.domain import MODES, Mode, Query, Vector
from search.embedding import Embedder, open_embedder
from search.engines import open_engine
from search.ranking.searcher import Searcher
from search.settings import Settings, read_settings

REAL = 400  # sentences embedded, from which all vectors are mixed
ROUNDS = 2
STAGES = ("embed", "rank", "fuse", "fetch", "highlight", "total")


def mixed(embedder: Embedder, texts: list[str]) -> Iterator[Vector]:
    """Yield (1 + SENTENCES, dimensions) unit vectors mixed from real ones."""
    sentences = [s.strip() for text in texts for s in text.split(".") if len(s.strip()) > 20]
    real = embedder.embed_passages(sentences[:REAL])
    rng = np.random.default_rng(7)
    while True:
        pairs = rng.integers(len(real), size=(1 + SENTENCES, 2))
        vectors = real[pairs].mean(axis=1)
        vectors += rng.normal(scale=0.01, size=vectors.shape)
        yield (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def write(folder: Path, count: int, settings: Settings) -> None:
    """Write `count` passages to the index of `settings`."""
    embedder = open_embedder(settings)
    engine = open_engine(settings, fingerprint_of(embedder, settings))
    articles = Corpus(folder).articles(count, mixed(embedder, texts_of(folder / "corpus.jsonl")))
    batch = []
    for article in articles:
        batch.append(article)
        if len(batch) == BATCH * 16:
            engine.write(batch)
            batch = []
    engine.write(batch)
    engine.close()


def ask(folder: Path, settings: Settings) -> dict[str, object]:
    """Return p50 and p95 in ms by mode and stage, and the memory taken."""
    embedder = open_embedder(settings)
    searcher = Searcher(open_engine(settings, fingerprint_of(embedder, settings)), embedder)
    searcher.prepare()
    texts = texts_of(folder / "queries.jsonl")[:200]
    modes: dict[str, object] = {}
    for mode in MODES:
        modes[mode] = _latencies(searcher, texts, mode)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    searcher.close()
    return {"modes": modes, "memory_mb": round(memory)}


def _latencies(searcher: Searcher, texts: list[str], mode: Mode) -> dict[str, list[float]]:
    took: dict[str, list[float]] = defaultdict(list)
    for text in texts[:20]:
        searcher.search(Query(text, mode=mode))
    for _ in range(ROUNDS):
        assert searcher.queries is not None
        searcher.queries.forget()
        for text in texts:
            stages = searcher.search(Query(text, mode=mode)).took_ms
            for stage, ms in stages.items():
                took[stage].append(ms)
            took["beyond embed"].append(stages["total"] - stages["embed"])
    return {
        stage: [round(statistics.median(ms), 2), round(float(np.percentile(ms, 95)), 2)]
        for stage, ms in took.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("folder", nargs="?", type=Path, default=JUDGED)
    parser.add_argument("--sizes", nargs="+", type=int, default=[1_000, 10_000, 100_000])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    measured = {}
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as data:
            settings = read_settings().model_copy(update={"data": Path(data)})
            with spawn.Pool(1) as pool:
                pool.apply(write, (options.folder, size, settings))
            with spawn.Pool(1) as pool:
                measured[size] = pool.apply(ask, (options.folder, settings))
    if options.json:
        print(json.dumps(measured))
        return
    print("| passages | mode | " + " | ".join(STAGES) + " | beyond embed | memory MB |")
    print("|--:|---|" + "--:|" * (len(STAGES) + 2))
    for size, result in measured.items():
        for mode, stages in result["modes"].items():  # type: ignore[attr-defined]
            cells = [f"{stages[s][0]} / {stages[s][1]}" for s in (*STAGES, "beyond embed")]
            print(f"| {size:,} | {mode} | {' | '.join(cells)} | {result['memory_mb']} |")


if __name__ == "__main__":
    main()
