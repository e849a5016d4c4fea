"""A whole search over HTTP beside what one would write by hand on Elasticsearch.

    python -m benchmarks.plain_elastic [CORPUS] [--questions FOLDER...] [--queries N]
        [--merged] [--json]

CORPUS is a judged set (BEIR layout; `benchmarks.JUDGED` without it) or a file of real prose
(an article a line: `id`, `title`, `text`; .jsonl or .jsonl.gz), which is asked the questions of
the judged sets FOLDER.... A judged set gets the model's vectors and nDCG@10 (ir-measures);
prose gets drawn ones (`benchmarks.engine.directions`), as many as the model would make.

By hand is what tutorials do: text and title with the built-in `arabic` analyzer, `multi_match`,
ten hits with the whole field highlighted; for hybrid the vectors in a `dense_vector`
(int8_hnsw), the words' and the kNN search 100 deep in one `msearch`, fused by RRF (k = 60; in
Python, because the `rrf` retriever is not in the free licence), and a second request for the
ten hits with their highlights.

Fihris is asked as its users do: `GET /v1/search` of a `fihris serve` of its own, over the same
server and over the embedded engine. One client, a kept connection, the questions in a drawn
order, each asked once of all contenders in a drawn order; the part of hits that were not shown
before is said. `Paired` is the median of each question's own ratio, which a machine that is
busy now and then moves least. Embedding the query is taken off. MERGED merges both indices to one
segment. The server: tests/servers.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import json
import random
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import ir_measures
import numpy as np
from elasticsearch import Elasticsearch
from elasticsearch.helpers import bulk
from ir_measures import nDCG
from numpy.typing import NDArray

from benchmarks import JUDGED
from benchmarks.engine import directions
from indexer.evaluation.beir import JudgedSet, read_judged_set
from indexer.ingestion.preparing import prepare, texts_to_embed
from search.assembly import fingerprint_of
from search.domain import Article, ArticleInfo, IndexedArticle, Vector
from search.embedding import Embedder, open_embedder
from search.engines import open_engine, temporary_index
from search.settings import Settings, read_settings
from tests.servers import elasticsearch
from tests.serving import served

DEPTH = 100
RRF_K = 60  # Cormack, Clarke and Büttcher 2009
TEN = 10
WARM_UP = 50  # questions, which are not counted
BATCH = 256  # articles prepared and written at once
MODES = ("keyword", "hybrid")
HIGHLIGHT = {"fields": {"text": {"number_of_fragments": 0}}}

Answer = tuple[list[str], float]  # the hits' keys, best first; seconds without the embedding


@dataclass
class Asked:
    """What one contender answered in one mode."""

    seconds: list[float] = field(default_factory=list)
    keys: list[list[str]] = field(default_factory=list)


@dataclass(frozen=True)
class Measured:
    """Milliseconds without the embedding, and the median of their ratios to those by hand; nDCG@10 of
    a judged set; the part of hits that were new."""

    p50: float
    p95: float
    paired: float
    ndcg_at_10: float | None
    first_shown: float


class ByHand:
    """An index as tutorials make it."""

    def __init__(self, url: str, dimensions: int) -> None:
        self.index = f"plain-{uuid.uuid4().hex[:12]}"
        self._client = Elasticsearch(url, request_timeout=600)
        analysed = {"type": "text", "analyzer": "arabic"}
        vector = {
            "type": "dense_vector",
            "dims": dimensions,
            "similarity": "cosine",
            "index_options": {"type": "int8_hnsw"},
        }
        self._client.indices.create(
            index=self.index,
            settings={"number_of_replicas": 0},
            mappings={"properties": {"text": analysed, "title": analysed, "vector": vector}},
        )

    def write(self, articles: Sequence[IndexedArticle]) -> None:
        documents = (
            {
                "_id": f"{indexed.article.info.id}#{p.passage.position}",
                "title": indexed.article.info.title,
                "text": p.passage.text,
                "vector": None if p.vector is None else p.vector.tolist(),
            }
            for indexed in articles
            for p in indexed.passages
        )
        bulk(self._client, documents, index=self.index)

    def keyword(self, text: str) -> list[dict[str, Any]]:
        found = self._client.search(
            index=self.index,
            query=_words(text),
            size=TEN,
            highlight=HIGHLIGHT,
            source={"includes": ["title"]},
        )
        return list(found["hits"]["hits"])

    def hybrid(self, text: str, vector: Vector) -> list[dict[str, Any]]:
        header = {"index": self.index}
        knn = {
            "field": "vector",
            "query_vector": vector.tolist(),
            "k": DEPTH,
            "num_candidates": 2 * DEPTH,
        }
        answers = self._client.msearch(
            searches=[
                header,
                {"query": _words(text), "size": DEPTH, "_source": False},
                header,
                {"knn": knn, "size": DEPTH, "_source": False},
            ]
        )["responses"]
        scores: dict[str, float] = {}
        for answer in answers:
            for rank, hit in enumerate(answer["hits"]["hits"], 1):
                scores[hit["_id"]] = scores.get(hit["_id"], 0.0) + 1 / (RRF_K + rank)
        best = sorted(scores, key=lambda key: (-scores[key], key))[:TEN]
        shown = self._client.search(
            index=self.index,
            query={"ids": {"values": best}},
            size=TEN,
            highlight={**HIGHLIGHT, "highlight_query": _words(text)},
            source={"includes": ["title", "text"]},
        )
        hits = {hit["_id"]: hit for hit in shown["hits"]["hits"]}
        return [hits[key] for key in best]

    def close(self) -> None:
        self._client.indices.delete(index=self.index)
        self._client.close()


def _words(text: str) -> dict[str, Any]:
    return {"multi_match": {"query": text, "fields": ["text", "title"]}}


class Served:
    """A `fihris serve`, asked over one connection."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        assert place.hostname is not None
        self._connection = http.client.HTTPConnection(place.hostname, place.port, timeout=60)

    def search(self, text: str, mode: str) -> Answer:
        started = time.perf_counter()
        self._connection.request("GET", f"/v1/search?mode={mode}&size={TEN}&q={quote(text)}")
        answer = self._connection.getresponse()
        body = answer.read()
        took = time.perf_counter() - started
        assert answer.status == 200, body
        found = json.loads(body)
        keys = [f"{hit['article']['id']}#{hit['passage']['position']}" for hit in found["hits"]]
        return keys, took - found["took_ms"]["embed"] / 1000


def measure(
    batches: Iterable[Sequence[IndexedArticle]],
    questions: Sequence[str],
    settings: Settings,
    embedder: Embedder,
    *,
    merged: bool,
) -> dict[tuple[str, str], Asked]:
    """Return what each contender answered in each mode, all asked in turn."""
    with ExitStack() as stack:
        by_hand = stack.enter_context(
            closing(ByHand(settings.elasticsearch_url, embedder.dimensions))
        )
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fihris-")))
        elastic = stack.enter_context(
            temporary_index(settings.model_copy(update={"engine": "elasticsearch"}))
        )
        embedded = settings.model_copy(update={"engine": "embedded", "data": folder})
        _write(batches, by_hand, (elastic, embedded), embedder)
        with closing(Elasticsearch(settings.elasticsearch_url, request_timeout=600)) as client:
            both = f"{by_hand.index},{elastic.elasticsearch_index}"
            if merged:
                client.indices.forcemerge(index=both, max_num_segments=1)
            client.indices.refresh(index=both)
        on_elastic = Served(stack.enter_context(served(_environment(elastic))))
        on_embedded = Served(stack.enter_context(served(_environment(embedded))))

        def asked_by_hand(text: str, mode: str) -> Answer:
            vector = embedder.embed_query(text) if mode == "hybrid" else None
            started = time.perf_counter()
            hits = by_hand.keyword(text) if vector is None else by_hand.hybrid(text, vector)
            took = time.perf_counter() - started
            return [hit["_id"] for hit in hits], took

        contenders: dict[str, Callable[[str, str], Answer]] = {
            "by hand": asked_by_hand,
            "Fihris, Elasticsearch": on_elastic.search,
            "Fihris, embedded": on_embedded.search,
        }
        asked = {(name, mode): Asked() for name in contenders for mode in MODES}
        order = random.Random(3)
        for number, text in enumerate(questions, 1):
            for mode in MODES:
                for name in order.sample(list(contenders), len(contenders)):
                    keys, took = contenders[name](text, mode)
                    asked[name, mode].keys.append(keys)
                    asked[name, mode].seconds.append(took)
            if number % 100 == 0:
                print(f"{number:,} of {len(questions):,} questions", file=sys.stderr)
    return asked


def _write(
    batches: Iterable[Sequence[IndexedArticle]],
    by_hand: ByHand,
    both: Sequence[Settings],
    embedder: Embedder,
) -> None:
    with ExitStack() as stack:
        engines = [
            stack.enter_context(closing(open_engine(one, fingerprint_of(embedder, one))))
            for one in both
        ]
        passages = 0
        for batch in batches:
            by_hand.write(batch)
            for engine in engines:
                engine.write(batch)
            passages += sum(len(indexed.passages) for indexed in batch)
            print(f"{passages:,} passages written", file=sys.stderr)


def _environment(settings: Settings) -> dict[str, str]:
    named = ("engine", "elasticsearch_url", "elasticsearch_index", "elasticsearch_replicas", "data")
    return {f"FIHRIS_{name.upper()}": str(getattr(settings, name)) for name in named}


def judged_batches(
    judged: JudgedSet, embedder: Embedder, settings: Settings
) -> Iterator[Sequence[IndexedArticle]]:
    """Yield the articles of a judged set, each one passage, with the model's vectors."""
    for some in _batched(judged.articles):
        yield prepare(some, embedder, settings, by_line=False)


def prose_batches(
    path: Path, embedder: Embedder, settings: Settings
) -> Iterator[Sequence[IndexedArticle]]:
    """Yield the articles of a file of prose, split at lines, with drawn vectors."""
    drawn = (vector for some in directions(7) for vector in some)
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as lines:
        rows = (json.loads(line) for line in lines)
        articles = (
            Article(ArticleInfo(row["id"], title=row.get("title", "")), row["text"]) for row in rows
        )
        for some in _batched(articles):
            known = dict(zip(texts_to_embed(some, embedder, settings), drawn))  # noqa: B905
            yield prepare(some, embedder, settings, known=known)


def _batched(articles: Iterable[Article]) -> Iterator[list[Article]]:
    left = iter(articles)
    while batch := list(islice(left, BATCH)):
        yield batch


def measured(
    asked: Asked, by_hand: Asked, questions: Sequence[str], judged: JudgedSet | None
) -> Measured:
    """Return the figures of one contender in one mode."""
    milliseconds = _counted(asked)
    p50, p95 = (round(float(x), 2) for x in np.percentile(milliseconds, [50, 95]))
    shown = [key for keys in asked.keys for key in keys]
    return Measured(
        p50,
        p95,
        round(float(np.median(milliseconds / _counted(by_hand))), 2),
        None if judged is None else _ndcg(asked, questions, judged),
        len(set(shown)) / len(shown),
    )


def _counted(asked: Asked) -> NDArray[np.float64]:
    """Return the milliseconds of the questions that count."""
    return np.array(asked.seconds[min(WARM_UP, len(asked.seconds) // 2) :]) * 1000


def _ndcg(asked: Asked, questions: Sequence[str], judged: JudgedSet) -> float:
    ids = {text: query for query, text in judged.queries.items()}
    runs = [
        ir_measures.ScoredDoc(ids[text], article, -float(rank))
        for text, keys in zip(questions, asked.keys, strict=True)
        for rank, article in enumerate(dict.fromkeys(key.rpartition("#")[0] for key in keys))
    ]
    qrels = [
        ir_measures.Qrel(ids[text], key, grade)
        for text in questions
        for key, grade in judged.relevance[ids[text]].items()
    ]
    return float(ir_measures.calc_aggregate([nDCG @ 10], qrels, runs)[nDCG @ 10])


def table(rows: dict[tuple[str, str], Measured]) -> str:
    """Return the figures as a Markdown table, each with its ratio to the search by hand."""
    lines = [
        "| | | p50 ms | p95 ms | times by hand, p50 / p95 / paired | nDCG@10 | hits first shown |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for (name, mode), m in rows.items():
        plain = rows["by hand", mode]
        ndcg = "" if m.ndcg_at_10 is None else f"{m.ndcg_at_10:.4f}"
        lines.append(
            f"| {mode} | {name} | {m.p50} | {m.p95} | {m.p50 / plain.p50:.2f} / "
            f"{m.p95 / plain.p95:.2f} / {m.paired:.2f} | {ndcg} | {m.first_shown:.0%} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Fihris beside a plain use of Elasticsearch.")
    parser.add_argument("corpus", nargs="?", type=Path, default=JUDGED)
    parser.add_argument("--questions", nargs="+", type=Path, default=[JUDGED])
    parser.add_argument("--queries", type=int, default=500, help="at most so many")
    parser.add_argument("--merged", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    judged = read_judged_set(options.corpus) if options.corpus.is_dir() else None
    sets = [judged] if judged else [read_judged_set(folder) for folder in options.questions]
    questions = sorted({text for one in sets for text in one.queries.values()})
    random.Random(5).shuffle(questions)
    questions = questions[: options.queries]
    with elasticsearch(heap="2g") as server:
        print(f"Elasticsearch {server.version} from {server.origin}", file=sys.stderr)
        settings = read_settings().model_copy(
            update={"elasticsearch_url": server.url, "elasticsearch_replicas": 0}
        )
        embedder = open_embedder(settings)
        batches = (
            judged_batches(judged, embedder, settings)
            if judged
            else prose_batches(options.corpus, embedder, settings)
        )
        asked = measure(batches, questions, settings, embedder, merged=options.merged)
    rows = {
        (name, mode): measured(one, asked["by hand", mode], questions, judged)
        for (name, mode), one in asked.items()
    }
    if options.json:
        print(json.dumps([{"of": key, **asdict(m)} for key, m in rows.items()], indent=2))
    else:
        print(table(rows))


if __name__ == "__main__":
    main()
