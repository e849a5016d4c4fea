"""How well an index of a judged collection answers: nDCG@10, MRR@10, Recall@100, latency.

Each of the collection's articles is one passage unless it is over-long; its score is
its best part's. Measures are ir-measures': a query that finds nothing counts as 0.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from indexer.evaluation.beir import JudgedSet
from indexer.ingestion.preparing import prepare
from search.assembly import fingerprint_of
from search.domain import Article, Mode, Query
from search.embedding import Embedder
from search.engines import open_engine, temporary_index
from search.engines.protocol import Engine
from search.errors import EngineError
from search.limits import MAX_QUERY_LENGTH, MAX_RESULTS, MAX_SIZE
from search.ranking.searcher import Searcher
from search.settings import Settings

DEPTH = 100  # articles ranked for each query: what Recall@100 needs
_BATCH = 64  # articles
_WARM_UP = 5  # queries answered before the clock counts

OnStep = Callable[[str, int, int], None]  # what is done now, how far, of how many


@dataclass(frozen=True, slots=True)
class ModeScores:
    """Means over all judged queries; latency in milliseconds of the whole search."""

    ndcg_at_10: float
    mrr_at_10: float
    recall_at_100: float
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    passages: int
    queries: int
    cut_queries: int  # longer than a query may be; only their beginning was asked
    modes: dict[Mode, ModeScores]


def evaluate(
    judged: JudgedSet,
    settings: Settings,
    embedder: Embedder,
    modes: Iterable[Mode],
    on_step: OnStep = lambda _what, _done, _of: None,
) -> Evaluation:
    """Index a judged collection into a temporary index and measure each mode.

    The index is of the engine the settings name, and is removed whatever happens.

    Raises:
        EngineError: an article could not be written.
        EmbedderError: the model failed.
    """
    with temporary_index(settings) as own:
        engine = open_engine(own, fingerprint_of(embedder, own))
        try:
            passages = _write_all(judged.articles, engine, embedder, own, on_step)
            searcher = Searcher(engine, embedder)
            queries = {key: text[:MAX_QUERY_LENGTH] for key, text in judged.queries.items()}
            return Evaluation(
                passages=passages,
                queries=len(queries),
                cut_queries=sum(queries[key] != text for key, text in judged.queries.items()),
                modes={mode: _measure(searcher, mode, queries, judged, on_step) for mode in modes},
            )
        finally:
            engine.close()


def _write_all(
    articles: Sequence[Article],
    engine: Engine,
    embedder: Embedder,
    settings: Settings,
    on_step: OnStep,
) -> int:
    """Write every article; return how many passages they made."""
    passages = 0
    for start in range(0, len(articles), _BATCH):
        ready = prepare(articles[start : start + _BATCH], embedder, settings, by_line=False)
        for outcome in engine.write(ready):
            if outcome.status == "failed":
                raise EngineError(f"article {outcome.article_id!r}: {outcome.error}")
        passages += sum(len(indexed.passages) for indexed in ready)
        on_step("indexing", min(start + _BATCH, len(articles)), len(articles))
    return passages


def _measure(
    searcher: Searcher,
    mode: Mode,
    queries: dict[str, str],
    judged: JudgedSet,
    on_step: OnStep,
) -> ModeScores:
    import ir_measures  # 0.5 s to import
    from ir_measures import RR, R, nDCG

    for text in list(queries.values())[:_WARM_UP]:
        searcher.search(Query(text=text, mode=mode, size=MAX_SIZE))
    run = []
    times = []
    for done, (query, text) in enumerate(queries.items(), start=1):
        started = time.perf_counter()
        searcher.search(Query(text=text, mode=mode))  # a first page, as a person asks for it
        times.append((time.perf_counter() - started) * 1000)
        ranked = _ranked_articles(searcher, Query(text=text, mode=mode, size=MAX_SIZE))
        # The rank is given as the score, so that equal scores keep the order of the search.
        run += [ir_measures.ScoredDoc(query, key, float(-rank)) for rank, key in enumerate(ranked)]
        if done % 50 == 0 or done == len(queries):
            on_step(f"searching, {mode}", done, len(queries))
    qrels = [
        ir_measures.Qrel(query, key, grade)
        for query, grades in judged.relevance.items()
        for key, grade in grades.items()
    ]
    # MRR@10 is RR@10 averaged; R@100 is the share of relevant articles among the first 100.
    means = ir_measures.calc_aggregate([nDCG @ 10, RR @ 10, R @ 100], qrels, run)
    times.sort()
    return ModeScores(
        ndcg_at_10=means[nDCG @ 10],
        mrr_at_10=means[RR @ 10],
        recall_at_100=means[R @ 100],
        p50_ms=_percentile(times, 0.50),
        p95_ms=_percentile(times, 0.95),
    )


def _ranked_articles(searcher: Searcher, query: Query) -> list[str]:
    """Return the first `DEPTH` articles, each by its best part."""
    results = searcher.search(query)
    if results.degraded:
        raise EngineError(f"the search answered without {', '.join(results.degraded)}")
    ranked = dict.fromkeys(hit.article.id for hit in results.hits)
    start = len(results.hits)
    while len(ranked) < DEPTH and len(results.hits) == MAX_SIZE and start + MAX_SIZE <= MAX_RESULTS:
        results = searcher.search(
            Query(text=query.text, mode=query.mode, size=MAX_SIZE, start=start)
        )
        ranked.update(dict.fromkeys(hit.article.id for hit in results.hits))
        start += len(results.hits)
    return list(ranked)[:DEPTH]


def _percentile(ascending: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile."""
    return ascending[min(len(ascending) - 1, int(share * len(ascending)))]
