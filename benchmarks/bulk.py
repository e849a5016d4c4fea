"""How near is bulk indexing to the model's own rate, and how fast is it without the model?

    python -m benchmarks.bulk [FOLDER] [--prose PROSE.jsonl.gz] [--articles 240] [--rounds 3] [--json]

Two measurements, each with its peer in the same run:

- The articles of FOLDER (BEIR layout; `benchmarks.JUDGED` without it) as a .jsonl file,
  indexed end to end (parsed in the bounded child process, split, analysed, embedded,
  written with fsync) beside the model embedding exactly the same texts in one call, which
  is the most that can be had. Rounds are interleaved, the median ratio is told.
- The articles of PROSE (a paragraph a line of `text`), `--no-embed`, beside SQLite's FTS5
  taking the same paragraphs as they are (unicode61, one transaction a thousand articles):
  no Arabic analysis, no record.
"""

from __future__ import annotations

import argparse
import json
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import JUDGED, PROSE, articles_of
from benchmarks.engine import texts_of
from indexer.ingestion.pipeline import Report, index
from indexer.ingestion.preparing import texts_to_embed
from indexer.sources.listing import list_files
from indexer.sources.reading import read_articles
from search.assembly import fingerprint_of
from search.domain import Article, ArticleInfo
from search.embedding import Embedder, open_embedder
from search.engines import open_engine
from search.settings import Settings, read_settings


def written(folder: Path, articles: Sequence[Article]) -> Path:
    """Write articles as a .jsonl file."""
    path = folder / "articles.jsonl"
    lines = (
        json.dumps({"id": a.id, "title": a.info.title, "text": a.text}, ensure_ascii=False)
        for a in articles
    )
    path.write_text("\n".join(lines), "utf-8")
    return path


def indexed(path: Path, embedder: Embedder, *, embed: bool) -> tuple[Report, float]:
    """Index a file into an empty index; return the report and the seconds until it is closed."""
    with tempfile.TemporaryDirectory() as data:
        settings = settings_in(Path(data))
        engine = open_engine(settings, fingerprint_of(embedder, settings))
        begun = time.perf_counter()
        report = index(read_articles(list_files([path])), engine, embedder, settings, embed=embed)
        engine.close()
        return report, time.perf_counter() - begun


def settings_in(data: Path) -> Settings:
    return read_settings().model_copy(update={"data": data, "engine": "embedded"})


def beside_the_model(texts: Sequence[str], rounds: int) -> dict[str, float]:
    """Return passages a second end to end and of the model alone, and their ratio."""
    articles = [Article(ArticleInfo(id=f"a{n}"), text) for n, text in enumerate(texts)]
    model = open_embedder(read_settings())
    model.embed_passages(list(texts[:8]))
    wanted = texts_to_embed(articles, model, read_settings())
    ratios, end_to_end, alone = [], [], []
    passages = 0
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), articles)
        for _ in range(rounds):
            begun = time.perf_counter()
            model.embed_passages(wanted)
            model_seconds = time.perf_counter() - begun
            report, seconds = indexed(path, model, embed=True)
            passages = report.passages
            end_to_end.append(passages / seconds)
            alone.append(passages / model_seconds)
            ratios.append(model_seconds / seconds)
    return {
        "passages": passages,
        "texts": len(wanted),
        "model_alone_per_second": round(statistics.median(alone), 1),
        "end_to_end_per_second": round(statistics.median(end_to_end), 1),
        "ratio": round(statistics.median(ratios), 3),
    }


def without_the_model(prose: Path, rounds: int) -> dict[str, float]:
    """Return paragraphs a second with `--no-embed` and of FTS5, and their ratio."""
    articles = [
        Article(ArticleInfo(id=line["id"], title=line["title"]), line["text"])
        for line in articles_of(prose)
    ]
    length = sum(len(article.text) for article in articles)
    embedder = open_embedder(read_settings())
    ours, fts = [], []
    passages = 0
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), articles)
        for _ in range(rounds):
            report, seconds = indexed(path, embedder, embed=False)
            passages = report.passages
            ours.append(passages / seconds)
            fts.append(passages / fts5(path))
    return {
        "paragraphs": passages,
        "characters": round(length / passages),
        "fihris_per_second": round(statistics.median(ours)),
        "fts5_per_second": round(statistics.median(fts)),
        "ratio": round(statistics.median(a / b for a, b in zip(ours, fts, strict=True)), 3),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def fts5(path: Path) -> float:
    """Return the seconds that FTS5 takes for the paragraphs of a .jsonl file."""
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "fts.sqlite")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE VIRTUAL TABLE passages USING fts5(id UNINDEXED, text)")
        begun = time.perf_counter()
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines):
                article = json.loads(line)
                rows = [(article["id"], text) for text in article["text"].split("\n")]
                connection.executemany("INSERT INTO passages VALUES (?, ?)", rows)
                if number % 1_000 == 999:
                    connection.commit()
        connection.commit()
        connection.close()
        return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("folder", nargs="?", type=Path, default=JUDGED)
    parser.add_argument("--articles", type=int, default=240)
    parser.add_argument("--prose", type=Path, default=PROSE)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    texts = texts_of(options.folder / "corpus.jsonl")
    measured = {
        "no_embed": without_the_model(options.prose, options.rounds),
        "embedded": beside_the_model(texts[: options.articles], options.rounds),
    }
    if options.json:
        json.dump(measured, sys.stdout)
        return
    for what, numbers in measured.items():
        print(f"\n{what}")
        for name, number in numbers.items():
            print(f"  {name:<24}{number:,}")


if __name__ == "__main__":
    main()
