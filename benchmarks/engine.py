"""How fast is the embedded engine, and how much memory does it take, beside its peers?

    python -m benchmarks.engine [FOLDER] [--sizes 1000 10000 100000] [--json]
    python -m benchmarks.engine --against CHECKOUT [--rounds 5]

FOLDER has the BEIR layout (corpus.jsonl, queries.jsonl); `benchmarks.JUDGED` is used
without it. Passages are four sentences of the corpus drawn at random, so that
words have the frequencies they have in Arabic; vectors are random directions
mixed from 500 topics, one a passage and one a sentence, 384 dimensions. Terms
and vectors are made beforehand: this measures the engine, not the analysis or
the model.

Latency is of `rank` as the searcher calls it: the clause it makes of a real
query, the 100 best and the exact total; by stage. Peers answer the same
queries in the same run: SQLite FTS5 over the same stem
and gram terms (OR, bm25, 100 best), usearch exact and numpy float32 over the
same vectors (100 best, no sentences). Memory is what a process that only reads
gains by opening the index and answering all queries.

With --against only one thing is measured, here and in another checkout: a search by words
straight after one article was written and one removed by the same process (20,000 passages).
Both are asked in turns, search by search, since the same search differs by a fifth from one
process to the next; what is printed are milliseconds of CPU, and ours divided by theirs.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from benchmarks import JUDGED
from search.analysis.tokens import terms
from search.domain import (
    LAYERS,
    Article,
    ArticleInfo,
    Filter,
    IndexedArticle,
    IndexedPassage,
    Layer,
    Passage,
    Span,
    Vector,
)
from search.engines.embedded.engine import EmbeddedEngine
from search.engines.protocol import Fingerprint, RankRequest
from search.query.matching import text_clause
from search.query.parse import ParsedQuery, parse

DIMENSIONS = 384
SENTENCES = 4
QUERIES = 100
ROUNDS = 3
BATCH = 256  # articles a call of `write`
FINGERPRINT = Fingerprint("benchmark", "random", "random", DIMENSIONS, True, 1)


WRITTEN = 20_000  # passages where searches after a write are measured
AFTER_WRITES = 40  # a round

# Run in either checkout, for each line it reads: what it uses must be in both. Prints the seconds
# of CPU that a search took, the first time of none.
AFTER_WRITE = """
import sys, time
from dataclasses import replace
from itertools import islice
from pathlib import Path
from benchmarks import engine as benchmark
folder, data, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
corpus = benchmark.Corpus(data)
engine = benchmark.EmbeddedEngine(folder, benchmark.FINGERPRINT)
articles = corpus.articles(count)
while not folder.with_name("made").exists() and (batch := list(islice(articles, 256))):
    engine.write(batch)
clauses = [benchmark.text_clause(query) for query in corpus.queries]
engine.rank(benchmark.RankRequest(clauses[0]))
print(0.0, flush=True)
for number, _ in enumerate(sys.stdin):
    own, = corpus.articles(1)
    info = replace(own.article.info, id=f"own-{number}")
    passages = tuple(
        replace(each, passage=replace(each.passage, article_id=info.id)) for each in own.passages
    )
    engine.write([replace(own, article=replace(own.article, info=info), passages=passages)])
    engine.delete([f"article-{number}"])
    started = time.process_time()
    engine.rank(benchmark.RankRequest(clauses[number % len(clauses)]))
    print(time.process_time() - started, flush=True)
engine.close()
"""


@dataclass(frozen=True)
class Latency:
    """Milliseconds."""

    p50: float
    p95: float


@dataclass(frozen=True)
class Measured:
    """One size. `memory_mb`: what a reader gains; `anonymous_mb`: without mapped files."""

    passages: int
    write_per_second: float
    rebuild_per_second: float
    open_ms: float
    record_mb: float
    text_mb: float
    memory_mb: float
    anonymous_mb: float
    latency: dict[str, Latency]


class Corpus:
    """Synthetic articles of one passage, the same for the same seed."""

    def __init__(self, folder: Path) -> None:
        texts = texts_of(folder / "corpus.jsonl")
        pieces = [s.strip() + "." for text in texts for s in text.split(".") if len(s.strip()) > 20]
        self._sentences = [(piece, terms(piece)) for piece in pieces]
        queries = texts_of(folder / "queries.jsonl")
        if len(queries) > QUERIES:
            queries = random.Random(1).sample(queries, QUERIES)
        self.queries = [parse(text) for text in queries]

    def articles(
        self, count: int, vectors_of: Iterator[Vector] | None = None
    ) -> Iterator[IndexedArticle]:
        """Yield articles; `vectors_of` yields each one's vectors, (1 + SENTENCES, DIMENSIONS)."""
        chooser, vectors_of = random.Random(7), vectors_of or directions(7)
        for i in range(count):
            chosen = chooser.choices(self._sentences, k=SENTENCES)
            text = " ".join(piece for piece, _ in chosen)
            ends = np.cumsum([len(piece) + 1 for piece, _ in chosen])
            spans = tuple(
                Span(int(end) - len(piece) - 1, int(end) - 1)
                for (piece, _), end in zip(chosen, ends, strict=True)
            )
            terms: dict[Layer, str] = {
                layer: " ".join(filter(None, (known[layer] for _, known in chosen)))
                for layer in LAYERS
            }
            info = ArticleInfo(f"article-{i}", source=f"source {i % 10}", language="ar")
            passage = Passage(info.id, 0, 0, len(text), text)
            vectors = next(vectors_of)
            yield IndexedArticle(
                Article(info, text),
                (IndexedPassage(passage, terms, vectors[0], spans, vectors[1:]),),
            )


def texts_of(path: Path) -> list[str]:
    return [json.loads(line)["text"] for line in path.read_text("utf-8").splitlines() if line]


def directions(seed: int) -> Iterator[Vector]:
    """Yield (1 + SENTENCES, DIMENSIONS) unit vectors about one of 500 topics."""
    rng = np.random.default_rng(seed)
    topics = rng.standard_normal((500, DIMENSIONS), np.float32)
    while True:
        mixed = topics[rng.integers(500)] + 0.7 * rng.standard_normal(
            (1 + SENTENCES, DIMENSIONS), np.float32
        )
        yield mixed / np.linalg.norm(mixed, axis=1, keepdims=True)


def measure(corpus: Corpus, count: int, folder: Path) -> Measured:
    """Build an index of `count` passages in `folder` and measure it."""
    engine = EmbeddedEngine(folder, FINGERPRINT)
    peers = Peers(folder.parent / "peers.sqlite", count)
    articles, writing = corpus.articles(count), 0.0
    while batch := list(islice(articles, BATCH)):
        start = time.perf_counter()
        engine.write(batch)
        writing += time.perf_counter() - start
        peers.add(batch)
    start = time.perf_counter()
    engine.close()
    writing += time.perf_counter() - start
    record, text = _megabytes(folder / "record.sqlite"), _megabytes(folder / "text")
    memory = _in_a_process(folder, corpus.queries)
    latency = _latencies(folder, corpus.queries, peers)
    shutil.rmtree(folder / "text")
    start = time.perf_counter()
    engine = EmbeddedEngine(folder, FINGERPRINT)
    engine.rank(RankRequest(text_clause(corpus.queries[0])))
    rebuilding = time.perf_counter() - start
    engine.close()
    return Measured(
        passages=count,
        write_per_second=count / writing,
        rebuild_per_second=count / rebuilding,
        open_ms=memory[0],
        record_mb=record,
        text_mb=text,
        memory_mb=memory[1],
        anonymous_mb=memory[2],
        latency=latency,
    )


class Peers:
    """The same passages in SQLite FTS5, as float32 and as usearch takes them."""

    def __init__(self, path: Path, count: int) -> None:
        self._fts = sqlite3.connect(path)
        self._fts.execute(
            "CREATE VIRTUAL TABLE passages USING fts5 (stem, grams, content='', "
            "tokenize=\"unicode61 remove_diacritics 0 tokenchars '_'\")"
        )
        self._floats = np.empty((count, DIMENSIONS), np.float32)
        self._size = 0

    def add(self, articles: Sequence[IndexedArticle]) -> None:
        passages = [passage for article in articles for passage in article.passages]
        with self._fts:
            self._fts.executemany(
                "INSERT INTO passages (stem, grams) VALUES (?, ?)",
                [(p.terms["stem"], p.terms["grams"]) for p in passages],
            )
        vectors = np.stack([p.vector for p in passages if p.vector is not None])
        self._floats[self._size : self._size + len(vectors)] = vectors
        self._size += len(vectors)

    def prepare(self) -> None:
        self._codes = np.rint(self._floats * 127 / np.abs(self._floats).max()).astype(np.int8)

    def fts(self, query: ParsedQuery) -> object:
        terms = {f'"{word.stem}"' for word in query.words()}
        terms |= {f'"{gram}"' for word in query.words() for gram in word.grams}
        sql = "SELECT rowid FROM passages WHERE passages MATCH ? ORDER BY bm25(passages) LIMIT 100"
        return self._fts.execute(sql, (" OR ".join(sorted(terms)) or '""',)).fetchall()

    def numpy(self, vector: Vector) -> object:
        scores = self._floats @ vector
        best = np.argpartition(-scores, min(100, len(scores) - 1))[:100]
        return best[np.argsort(-scores[best])]

    def usearch(self, vector: Vector) -> object:
        from usearch.index import MetricKind, search

        code = np.rint(vector * 127 / np.abs(vector).max()).astype(np.int8)
        return search(self._codes, code, 100, MetricKind.IP, exact=True)


def _latencies(folder: Path, queries: Sequence[ParsedQuery], peers: Peers) -> dict[str, Latency]:
    peers.prepare()
    engine = EmbeddedEngine(folder, FINGERPRINT)
    vectors = [v[0] for v in islice(directions(7), len(queries))]
    some = Filter(sources=("source 3",))
    work: dict[str, Callable[[ParsedQuery, Vector], object]] = {
        "keyword": lambda q, _: engine.rank(RankRequest(text_clause(q))),
        "keyword, filtered": lambda q, _: engine.rank(RankRequest(text_clause(q), filter=some)),
        "semantic": lambda _, v: engine.rank(RankRequest(vector=v)),
        "semantic, filtered": lambda _, v: engine.rank(RankRequest(vector=v, filter=some)),
        "both": lambda q, v: engine.rank(RankRequest(text_clause(q), v)),
        "fetch 10": lambda q, _: engine.fetch([f"article-{len(q.items) * i}#0" for i in range(10)]),
        "SQLite FTS5": lambda q, _: peers.fts(q),
        "numpy float32": lambda _, v: peers.numpy(v),
    }
    try:
        import usearch  # noqa: F401

        work["usearch exact int8"] = lambda _, v: peers.usearch(v)
    except ImportError:
        pass
    taken: dict[str, list[float]] = {name: [] for name in work}
    for name, run in work.items():
        for round_ in range(2 if name == "SQLite FTS5" else ROUNDS + 1):
            for query, vector in zip(queries, vectors, strict=True):
                start = time.perf_counter()
                run(query, vector)
                if round_:  # the first one warms up
                    taken[name].append((time.perf_counter() - start) * 1000)
    engine.close()
    return {
        name: Latency(round(float(np.percentile(t, 50)), 2), round(float(np.percentile(t, 95)), 2))
        for name, t in taken.items()
    }


def _in_a_process(folder: Path, queries: Sequence[ParsedQuery]) -> tuple[float, float, float]:
    """Return milliseconds to open, and what a reader's memory grows by, in a fresh process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=_read, args=(folder, queries, theirs))
    child.start()
    answer: tuple[float, float, float] = ours.recv()
    child.join()
    return answer


def _read(folder: Path, queries: Sequence[ParsedQuery], pipe: Connection) -> None:
    with tempfile.TemporaryDirectory() as warm:  # what importing costs is not the index's
        engine = EmbeddedEngine(Path(warm), FINGERPRINT)
        engine.rank(RankRequest(text_clause(queries[0]), np.ones(DIMENSIONS, np.float32)))
        engine.close()
    before = _memory()
    start = time.perf_counter()
    engine = EmbeddedEngine(folder, FINGERPRINT)
    engine.rank(RankRequest(text_clause(queries[0]), np.ones(DIMENSIONS, np.float32)))
    took = (time.perf_counter() - start) * 1000
    for query, vectors in zip(queries, directions(7), strict=False):
        engine.rank(RankRequest(text_clause(query), vectors[0]))
    after = _memory()
    pipe.send((took, after[0] - before[0], after[1] - before[1]))
    engine.close()


def _memory() -> tuple[float, float]:
    """Return this process's resident and anonymous memory in MB (the peak off Linux)."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (1e6 if sys.platform == "darwin" else 1e3), 0.0
    known = dict(line.split(":", 1) for line in lines)
    return tuple(int(known[name].split()[0]) / 1e3 for name in ("VmRSS", "RssAnon"))  # type: ignore[return-value]


def _megabytes(path: Path) -> float:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e6


def after_writes(checkouts: Sequence[Path], data: Path, rounds: int) -> list[list[float]]:
    """Return the milliseconds of CPU of searches straight after a write, of each checkout."""
    taken: list[list[float]] = [[] for _ in checkouts]
    with tempfile.TemporaryDirectory(prefix="fihris-benchmark-") as name:
        folders = [Path(name) / str(n) for n in range(len(checkouts))]
        for folder, checkout in zip(folders, checkouts, strict=True):
            with _searching(checkout, folder / "first" / "index", data) as searching:
                _asked(searching)
            (folder / "first" / "made").touch()
        for round_ in range(rounds):
            with ExitStack() as stack:
                asked = []
                for folder, checkout in zip(folders, checkouts, strict=True):
                    shutil.copytree(folder / "first", folder / str(round_))
                    place = folder / str(round_) / "index"
                    asked.append(stack.enter_context(_searching(checkout, place, data)))
                    _asked(asked[-1])
                for turn in range(AFTER_WRITES):
                    order = list(zip(asked, taken, strict=True))
                    for searching, its in order if turn % 2 else order[::-1]:
                        assert searching.stdin is not None
                        print(file=searching.stdin, flush=True)
                        its.append(_asked(searching) * 1000)
    return taken


@contextmanager
def _searching(checkout: Path, folder: Path, data: Path) -> Iterator[subprocess.Popen[str]]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with subprocess.Popen(
        [checkout / ".venv" / "bin" / "python", "-c", AFTER_WRITE, folder, data, str(WRITTEN)],
        cwd=checkout, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        yield process


def _asked(process: subprocess.Popen[str]) -> float:
    assert process.stdout is not None
    return float(process.stdout.readline())


def table(measured: Sequence[Measured]) -> str:
    """Return the measurements as a Markdown table, a column for each size."""
    rows: list[tuple[str, Callable[[Measured], str]]] = [
        ("passages written a second", lambda m: f"{m.write_per_second:,.0f}"),
        ("text index rebuilt, passages a second", lambda m: f"{m.rebuild_per_second:,.0f}"),
        ("opened and first answer, ms", lambda m: f"{m.open_ms:,.0f}"),
        ("record, MB", lambda m: f"{m.record_mb:,.0f}"),
        ("text index, MB", lambda m: f"{m.text_mb:,.0f}"),
        ("memory of a reader, MB", lambda m: f"{m.memory_mb:,.0f}"),
        ("of it without mapped files, MB", lambda m: f"{m.anonymous_mb:,.0f}"),
    ]
    rows += [(f"{name}, ms p50 / p95", _shown(name)) for name in measured[0].latency]
    lines = [
        "| | " + " | ".join(f"{m.passages:,}" for m in measured) + " |",
        "|---|" + "---:|" * len(measured),
    ]
    lines += [f"| {name} | " + " | ".join(map(show, measured)) + " |" for name, show in rows]
    return "\n".join(lines)


def _shown(name: str) -> Callable[[Measured], str]:
    return lambda m: f"{m.latency[name].p50:.2f} / {m.latency[name].p95:.2f}"


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Measure the embedded engine.")
    parser.add_argument("folder", nargs="?", type=Path, default=JUDGED)
    parser.add_argument("--sizes", nargs="+", type=int, default=[1_000, 10_000, 100_000])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--against", type=Path, metavar="CHECKOUT")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    if asked.against is not None:
        both = (Path(__file__).resolve().parent.parent, asked.against.resolve())
        ours, theirs = after_writes(both, asked.folder.resolve(), asked.rounds)
        ratios = statistics.quantiles([a / b for a, b in zip(ours, theirs, strict=True)], n=4)
        print(
            f"search after own write: this {statistics.median(ours):.1f} ms, other "
            f"{statistics.median(theirs):.1f} ms; this / other: median {ratios[1]:.3f} "
            f"(quartiles {ratios[0]:.3f} and {ratios[2]:.3f}), of the means "
            f"{statistics.mean(ours) / statistics.mean(theirs):.3f}"
        )
        return
    corpus = Corpus(asked.folder)
    measured = []
    for size in asked.sizes:
        with tempfile.TemporaryDirectory(prefix="fihris-benchmark-") as folder:
            measured.append(measure(corpus, size, Path(folder) / "index"))
            print(f"{size:,} passages measured", file=sys.stderr)
    print(json.dumps([asdict(m) for m in measured], indent=2) if asked.json else table(measured))


if __name__ == "__main__":
    main()
