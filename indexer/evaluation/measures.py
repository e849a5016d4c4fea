"""How well an index of a judged collection answers: nDCG@10, MRR@10, Recall@100, latency.

Each of the collection's articles is one passage unless it is over-long; its score is
its best part's. Measures are ir-measures': a query that finds nothing counts as 0.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import cast

from indexer.evaluation.beir import JudgedSet
from indexer.ingestion.preparing import prepare
from search.article_ids import article_of_passage
from search.assembly import fingerprint_of, open_synonyms, opened_first_hits
from search.domain import Article, Mode, Query, Vector
from search.embedding import Embedder, embed_queries
from search.engines import open_engine, temporary_index
from search.engines.protocol import Engine
from search.errors import EngineError, SourceError
from search.limits import MAX_QUERY_LENGTH, MAX_RESULTS, MAX_SIZE
from search.ranking.searcher import Searcher
from search.settings import Settings

DEPTH = 100  # articles ranked for each query: what Recall@100 needs
TIMED = 50  # queries, spread evenly, whose first page is timed
_BATCH = 256  # articles embedded together
_LOOKED_UP = 1_000  # judged ids looked up at once
_WARM_UP = 5  # queries answered before the clock counts

OnStep = Callable[[str, int, int], None]  # what is done now, how far, of how many


@dataclass(frozen=True, slots=True)
class ModeScores:
    """Means over all judged queries; latency in milliseconds of whole first pages.

    `ndcg_of` has nDCG@10 by query.
    """

    ndcg_at_10: float
    mrr_at_10: float
    recall_at_100: float
    p50_ms: float
    p95_ms: float
    ndcg_of: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """`missing` of the `judged` articles are not in the index; `unembedded` passages have no
    vector. Both are 0 where the collection itself was indexed.
    """

    passages: int
    queries: int
    cut_queries: int  # longer than a query may be; only their beginning was asked
    modes: dict[Mode, ModeScores]
    judged: int = 0
    missing: int = 0
    unembedded: int = 0


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
    modes = tuple(modes)
    embed = {*modes} != {"keyword"}  # minutes of the model that no search would ask
    with temporary_index(settings) as own:
        engine = open_engine(own, fingerprint_of(embedder, own))
        try:
            passages = _write_all(judged.articles, engine, embedder, own, on_step, embed=embed)
            return _evaluated(engine, embedder, own, judged, passages, modes, on_step)
        finally:
            engine.close()


def evaluate_index(
    judged: JudgedSet,
    settings: Settings,
    embedder: Embedder,
    modes: Iterable[Mode],
    on_step: OnStep = lambda _what, _done, _of: None,
) -> Evaluation:
    """Measure each mode on the index the settings name; nothing in it is changed.

    Raises:
        EngineError: it cannot be opened or searched.
        EmbedderError: the model failed.
        SourceError: the index is empty, or has none of the judged articles.
    """
    with closing(open_engine(settings, fingerprint_of(embedder, settings))) as engine:
        status = engine.status()
        if not status.articles:
            raise SourceError("the index is empty; `fihris index PATH...` fills it")
        ids = list(dict.fromkeys(key for grades in judged.relevance.values() for key in grades))
        found = 0
        for start in range(0, len(ids), _LOOKED_UP):
            found += len(engine.stored(ids[start : start + _LOOKED_UP]))
        if not found:
            raise SourceError(
                f"the index has none of the {len(ids):,} judged articles, such as {ids[0]!r}: "
                "judgements name articles by their ids, which `fihris search --json` shows"
            )
        passages = status.passages
        evaluation = _evaluated(engine, embedder, settings, judged, passages, modes, on_step)
        return replace(
            evaluation,
            judged=len(ids),
            missing=len(ids) - found,
            unembedded=status.unembedded,
        )


def _evaluated(
    engine: Engine,
    embedder: Embedder,
    settings: Settings,
    judged: JudgedSet,
    passages: int,
    modes: Iterable[Mode],
    on_step: OnStep,
) -> Evaluation:
    queries = {key: text[:MAX_QUERY_LENGTH] for key, text in judged.queries.items()}
    modes = tuple(modes)
    texts = queries.values() if {*modes} - {"keyword"} else ()
    with opened_first_hits(settings) as first_hits:
        # All that a search asks of an embedder is `embed_query`.
        remembering = cast("Embedder", _Remembering(embedder, texts))
        synonyms = open_synonyms(settings)
        searcher = Searcher(engine, remembering, first_hits, synonyms)
        timed = Searcher(engine, embedder, first_hits, synonyms)
        measured = {m: _measure(searcher, timed, m, queries, judged, on_step) for m in modes}
    return Evaluation(
        passages=passages,
        queries=len(queries),
        cut_queries=sum(queries[key] != text for key, text in judged.queries.items()),
        modes=measured,
    )


def _write_all(
    articles: Sequence[Article],
    engine: Engine,
    embedder: Embedder,
    settings: Settings,
    on_step: OnStep,
    *,
    embed: bool,
) -> int:
    """Write every article; return how many passages they made."""
    passages = 0
    for start in range(0, len(articles), _BATCH):
        some = articles[start : start + _BATCH]
        ready = prepare(some, embedder, settings, by_line=False, embed=embed)
        for outcome in engine.write(ready):
            if outcome.status == "failed":
                raise EngineError(f"article {outcome.id!r}: {outcome.error}")
        passages += sum(len(indexed.passages) for indexed in ready)
        on_step("indexing", min(start + _BATCH, len(articles)), len(articles))
    return passages


def _measure(
    searcher: Searcher,
    timed: Searcher,
    mode: Mode,
    queries: Mapping[str, str],
    judged: JudgedSet,
    on_step: OnStep,
) -> ModeScores:
    import ir_measures  # 0.5 s to import
    from ir_measures import RR, R, nDCG

    run = []
    for done, (query, text) in enumerate(queries.items(), start=1):
        articles = _ranked_articles(searcher, Query(text, mode, size=MAX_SIZE))
        # The rank is given as the score, so that equal scores keep the order of the search.
        run += [
            ir_measures.ScoredDoc(query, key, float(-rank)) for rank, key in enumerate(articles)
        ]
        if done % 50 == 0 or done == len(queries):
            on_step(f"searching, {mode}", done, len(queries))
    qrels = [
        ir_measures.Qrel(query, key, grade)
        for query, grades in judged.relevance.items()
        for key, grade in grades.items()
    ]
    # MRR@10 is RR@10 averaged; R@100 is the share of relevant articles among the first 100.
    means, of_query = ir_measures.calc([nDCG @ 10, RR @ 10, R @ 100], qrels, run)
    ndcg = {found.query_id: found.value for found in of_query if found.measure == nDCG @ 10}
    times = _times(timed, mode, list(queries.values()))
    return ModeScores(
        ndcg_at_10=means[nDCG @ 10],
        mrr_at_10=means[RR @ 10],
        recall_at_100=means[R @ 100],
        p50_ms=_percentile(times, 0.50),
        p95_ms=_percentile(times, 0.95),
        ndcg_of={query: ndcg.get(query, 0.0) for query in queries},
    )


def _times(searcher: Searcher, mode: Mode, texts: Sequence[str]) -> list[float]:
    """Return, ascending, the milliseconds of first pages, as a person asks for them."""
    timed = min(TIMED, len(texts))
    asked = [Query(texts[n * len(texts) // timed], mode) for n in range(timed)]
    for query in asked[:_WARM_UP]:
        searcher.search(query)
    times = []
    if searcher.queries is not None:
        searcher.queries.forget()  # of another mode, and of the warm-up
    for query in asked:
        started = time.perf_counter()
        searcher.search(query)
        times.append((time.perf_counter() - started) * 1000)
    return sorted(times)


def _ranked_articles(searcher: Searcher, query: Query) -> list[str]:
    """Return the first `DEPTH` articles, each by its best part."""
    articles: dict[str, None] = {}
    for start in range(0, MAX_RESULTS, MAX_SIZE):
        found, degraded = searcher.ranked(replace(query, start=start))
        if degraded:
            raise EngineError(f"the search answered without {', '.join(degraded)}")
        articles.update(dict.fromkeys(map(article_of_passage, found)))
        if len(articles) >= DEPTH or len(found) < MAX_SIZE:
            break
    return list(articles)[:DEPTH]


class _Remembering:
    """Embeds each query once, those known from the start in batches.

    One with signs or Latin spellings is embedded as another text: when it is met first.
    """

    def __init__(self, embedder: Embedder, texts: Iterable[str]) -> None:
        self._embedder = embedder
        different = list(dict.fromkeys(filter(None, map(str.strip, texts))))
        vectors = embed_queries(embedder, different)
        self._vectors: dict[str, Vector] = dict(zip(different, vectors, strict=True))

    def embed_query(self, text: str) -> Vector:
        if text not in self._vectors:
            self._vectors[text] = self._embedder.embed_query(text)
        return self._vectors[text]


def _percentile(ascending: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile."""
    return ascending[min(len(ascending) - 1, int(share * len(ascending)))]
