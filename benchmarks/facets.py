"""What do facets and groups cost beside the plain search?

    python -m benchmarks.facets [--engine embedded|elasticsearch] [--copies 5] [--queries 150]

The articles of `PROSE` under five ids each, 100,790 passages with a source, a date and drawn
vectors, asked the questions of tydi-ar and xquad-ar: each once as it is and once with facets of
source and year and grouped by article, in turn, the searcher called as `fihris serve` does. The
ratio of each question's two times, query's embedding counted, and of this process's processor
time: medians of all, and of those that more than a fifth of all passages match. Elasticsearch is
the one of FIHRIS_ELASTICSEARCH_URL (tests/servers).
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import date, timedelta
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks import PROSE, articles_of
from benchmarks.engine import directions
from indexer.ingestion.preparing import prepare, texts_to_embed
from search.assembly import fingerprint_of
from search.domain import Article, ArticleInfo, Mode, Query, Results
from search.embedding import open_embedder
from search.engines import open_engine, temporary_index
from search.ranking.searcher import Searcher
from search.settings import read_settings

BATCH = 256  # articles written at once
WARM_UP = 20  # questions
SOURCES = 40


def articles(copies: int) -> Iterator[Article]:
    """Yield the prose under so many ids each."""
    rows = articles_of(PROSE)
    for copy in range(copies):
        for n, row in enumerate(rows):
            day = date(2000, 1, 1) + timedelta(days=n * 3 + copy)
            info = ArticleInfo(
                f"{copy}-{row['id']}",
                title=row.get("title", ""),
                source=f"s{n % SOURCES}",
                published=day,
            )
            yield Article(info, row["text"])


def timed(searcher: Searcher, query: Query) -> tuple[float, float, Results]:
    """Return the seconds and the processor seconds of a search, and its answer."""
    assert searcher.queries is not None
    searcher.queries.forget()
    began, cpu = time.perf_counter(), time.process_time()
    found = searcher.search(query)
    return time.perf_counter() - began, time.process_time() - cpu, found


def measure(searcher: Searcher, questions: list[str], mode: Mode, passages: int) -> str:
    """Return the row of a mode."""
    order, rows = random.Random(3), []
    for number, text in enumerate(questions):
        plain = Query(text, mode=mode)
        full = Query(text, mode=mode, facets=("source", "year"), group_by="article")
        took = {query: timed(searcher, query) for query in order.sample((plain, full), 2)}
        if number >= WARM_UP:
            (wall, cpu, _), (own_wall, own_cpu, found) = took[plain], took[full]
            assert found.total is not None
            rows.append((own_wall / wall, own_cpu / cpu, wall, found.total.value / passages))
    each = np.array(rows)
    many = each[each[:, 3] > 0.2]
    ratio, cpu, seconds, _ = np.median(each, axis=0)
    return (
        f"| {mode} | {seconds * 1000:.1f} | {ratio:.2f} | {cpu:.2f} |"
        f" {np.median(many[:, 0]):.2f} ({len(many)}) |"
    )


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--engine", default="embedded")
    parser.add_argument("--copies", type=int, default=5)
    parser.add_argument("--queries", type=int, default=150)
    asked = parser.parse_args()
    files = (PROSE.parent / name / "queries.jsonl" for name in ("tydi-ar", "xquad-ar"))
    questions = [json.loads(line)["text"] for file in files for line in file.open("rb")]
    random.Random(5).shuffle(questions)
    settings = read_settings({"engine": asked.engine})
    embedder = open_embedder(settings)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fihris-")))
        own = stack.enter_context(temporary_index(settings.model_copy(update={"data": folder})))
        engine = stack.enter_context(closing(open_engine(own, fingerprint_of(embedder, own))))
        vectors = (vector for some in directions(7) for vector in some)
        left, passages = articles(asked.copies), 0
        while some := list(islice(left, BATCH)):
            known = dict(zip(texts_to_embed(some, embedder, own), vectors))  # noqa: B905
            ready = prepare(some, embedder, own, known=known)
            engine.write(ready)
            passages += sum(len(one.passages) for one in ready)
        searcher = Searcher(engine, embedder)
        print(f"{passages:,} passages\n| mode | plain, ms | times | times its CPU | over a fifth |")
        for mode in ("hybrid", "keyword"):
            print(measure(searcher, questions[: WARM_UP + asked.queries], mode, passages))


if __name__ == "__main__":
    main()
