"""How fast are articles indexed, end to end, and what takes the time?

    python -m benchmarks.indexing [FOLDER] [--passages 120] [--json]

The whole pipeline (split, analyse, embed, write, fsync) over passages of FOLDER (BEIR
layout; `benchmarks.JUDGED` without it) into an empty index, three ways in one run:
as shipped, without sentence vectors, and without a model at all (vectors of zeros but
one), which is what everything but the embedding takes. Ratios are to the first.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks import JUDGED
from benchmarks.engine import texts_of
from indexer.ingestion.preparing import prepare
from search.assembly import fingerprint_of
from search.domain import Article, ArticleInfo, Vector
from search.embedding import Embedder, Progress, open_embedder
from search.engines import open_engine
from search.settings import read_settings


class NoModel:
    """Embeds nothing: each text gets the same unit vector at once."""

    name, content_hash, dimensions, max_tokens = "benchmark/none", "none", 384, 508

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text) // 4 for text in texts]

    def most_tokens(self, text: str) -> int:
        return len(text)

    def embed_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vector:
        if progress is not None:
            progress(len(texts))
        return np.repeat(self.embed_query("")[None], len(texts), axis=0)

    def embed_query(self, text: str) -> Vector:
        vector = np.zeros(self.dimensions, np.float32)
        vector[len(text) % self.dimensions] = 1
        return vector


def measure(texts: list[str], embedder: Embedder, *, sentence_vectors: bool) -> dict[str, float]:
    """Return passages, seconds and passages a second of indexing these texts."""
    articles = [Article(ArticleInfo(id=f"a{n}"), text) for n, text in enumerate(texts)]
    with tempfile.TemporaryDirectory() as data:
        settings = read_settings().model_copy(
            update={"data": Path(data), "sentence_vectors": sentence_vectors}
        )
        engine = open_engine(settings, fingerprint_of(embedder, settings))
        begun = time.perf_counter()
        indexed = prepare(articles, embedder, settings)
        engine.write(indexed)
        seconds = time.perf_counter() - begun
        engine.close()
    passages = sum(len(article.passages) for article in indexed)
    vectors = sum(1 + len(p.sentences) for article in indexed for p in article.passages)
    return {
        "passages": passages,
        "vectors": vectors,
        "seconds": round(seconds, 2),
        "passages_per_second": round(passages / seconds, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("folder", nargs="?", type=Path, default=JUDGED)
    parser.add_argument("--passages", type=int, default=120)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    texts = texts_of(options.folder / "corpus.jsonl")[: options.passages]
    model = open_embedder(read_settings())
    model.embed_passages(texts[:8])
    measured = {
        "as shipped": measure(texts, model, sentence_vectors=True),
        "without sentence vectors": measure(texts, model, sentence_vectors=False),
        "without a model": measure(texts, NoModel(), sentence_vectors=True),
    }
    if options.json:
        json.dump(measured, sys.stdout)
        return
    first = measured["as shipped"]["passages_per_second"]
    print("| way | passages | vectors | seconds | passages/s | ratio |")
    print("|---|--:|--:|--:|--:|--:|")
    for way, m in measured.items():
        ratio = m["passages_per_second"] / first
        print(
            f"| {way} | {m['passages']} | {m['vectors']} | {m['seconds']} |"
            f" {m['passages_per_second']} | {ratio:.2f} |"
        )


if __name__ == "__main__":
    main()
