"""What do saved searches cost while articles are indexed?

    python -m benchmarks.saved [--engine embedded|elasticsearch] [--searches 1000] [--rounds 3]

The articles of `PROSE` with vectors that are drawn before (around the mean of the queries, as
a model's lie close together), indexed through the whole pipeline with and without that many
saved searches, which are questions of tydi-ar and xquad-ar in mode hybrid. Rounds take turns, after
one without that is not counted, in which words are seen for the first time; the ratio of each and
their median are told, with how many matches were recorded. Processor time is this process's and
Elasticsearch's, of which nobody else should ask anything meanwhile (tests/servers).
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
from elasticsearch import Elasticsearch

from benchmarks import PROSE, articles_of
from indexer.ingestion.pipeline import index
from indexer.ingestion.preparing import texts_to_embed
from indexer.sources import Found
from search.assembly import fingerprint_of
from search.domain import Article, ArticleInfo, Query, Vector
from search.embedding import Embedder, open_embedder
from search.engines import open_engine, temporary_index
from search.ranking.searcher import Searcher
from search.saved import open_store
from search.saved.domain import SavedSearch
from search.saved.manager import SavedSearches
from search.settings import Settings, read_settings

NEARNESS = 0.9  # how much of a drawn vector is the mean: 1 % of the cosines with queries reach .75


def saved_searches(count: int, embedder: Embedder, settings: Settings) -> list[SavedSearch]:
    """Return questions as saved searches, with their vectors."""
    files = (PROSE.parent / name / "queries.jsonl" for name in ("tydi-ar", "xquad-ar"))
    questions = [json.loads(line)["text"] for file in files for line in file.open("rb")]
    with tempfile.TemporaryDirectory() as folder:
        own = settings.model_copy(update={"data": Path(folder), "engine": "embedded"})
        engine = open_engine(own, fingerprint_of(embedder, own))
        with closing(engine), SavedSearches(Searcher(engine, embedder), own) as saved:
            return [saved.add("", Query(text)) for text in questions[:count]]


def drawn(texts: Sequence[str], about: Vector) -> dict[str, Vector]:
    """Return a vector for each text, near a direction."""
    random = np.random.default_rng(7)
    found = random.standard_normal((len(texts), len(about))).astype(np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    found = NEARNESS * about + np.sqrt(1 - NEARNESS**2) * found
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return dict(zip(texts, found.astype(np.float32), strict=True))


def cpu_seconds(settings: Settings) -> float:
    """Return the processor seconds so far of this process, and of Elasticsearch where it is used."""
    own = time.process_time()
    if settings.engine != "elasticsearch":
        return own
    with closing(Elasticsearch(settings.elasticsearch_url)) as client:
        nodes = client.nodes.stats(metric="process")["nodes"].values()
        return own + float(sum(n["process"]["cpu"]["total_in_millis"] for n in nodes)) / 1000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--engine", default="embedded")
    parser.add_argument("--searches", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--articles", type=int, help="of the prose; all unless given")
    asked = parser.parse_args()
    settings = read_settings({"engine": asked.engine})
    embedder = open_embedder(settings)
    searches = saved_searches(asked.searches, embedder, settings)
    vectors = np.stack([v for s in searches if (v := s.vector) is not None])
    mean = vectors.mean(axis=0)
    articles = [
        Article(ArticleInfo(row["id"], title=row.get("title", "")), row["text"])
        for row in articles_of(PROSE)[: asked.articles]
    ]
    texts = texts_to_embed(articles, embedder, settings)
    known = drawn(texts, mean / np.linalg.norm(mean))
    ratios = []
    for number in range(asked.rounds + 1):
        seconds, cpu, matches = dict[bool, float](), dict[bool, float](), 0
        turns = ([], searches) if number % 2 else (searches, [])
        for some in turns if number else ([],):
            with (
                tempfile.TemporaryDirectory() as folder,
                temporary_index(settings.model_copy(update={"data": Path(folder)})) as own,
                closing(open_engine(own, fingerprint_of(embedder, own))) as engine,
                closing(open_store(own)) as store,
            ):
                for search in some:
                    store.add(replace(search))
                begun, cpu_begun = time.perf_counter(), cpu_seconds(own)
                found = (Found(article, article.id, 0) for article in articles)
                report = index(found, engine, embedder, own, known=known)
                seconds[bool(some)] = time.perf_counter() - begun
                cpu[bool(some)] = cpu_seconds(own) - cpu_begun
                matches += sum(tally.kept + tally.dropped for tally in store.tallies().values())
        if not number:
            continue
        ratios.append(cpu[True] / cpu[False])
        print(
            f"{report.passages:,} passages: {seconds[False]:.1f} s without, {seconds[True]:.1f} s with"
            f" {len(searches):,} saved searches ({matches:,} matches); CPU {cpu[False]:.1f} and"
            f" {cpu[True]:.1f} s: {ratios[-1]:.3f}"
        )
    print(f"median ratio of CPU seconds {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    main()
