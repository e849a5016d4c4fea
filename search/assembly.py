"""Opens a searcher from settings: the one place that joins embedder and engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from search.analysis.tokens import ANALYSER_VERSION
from search.embedding import Embedder, open_embedder
from search.engines import open_engine
from search.engines.protocol import Fingerprint
from search.query.synonyms import SynonymFile
from search.ranking.first_hits import FirstHits
from search.ranking.searcher import Searcher
from search.reranking import open_reranker
from search.settings import Settings

SCHEMA_VERSION = 1  # of what engines store; bump when an index must be made anew


def fingerprint_of(embedder: Embedder, settings: Settings) -> Fingerprint:
    """Return what an index made now, with this embedder, would be."""
    return Fingerprint(
        analyser=ANALYSER_VERSION,
        model=embedder.name,
        model_hash=embedder.content_hash,
        dimensions=embedder.dimensions,
        sentence_vectors=settings.sentence_vectors,
        schema=SCHEMA_VERSION,
    )


def open_first_hits(settings: Settings) -> FirstHits | None:
    """Return what puts the first hits in the order of a reranker, None where none is set.

    Raises:
        SettingsError: its settings cannot be used.
        RerankerError: the reranker cannot be loaded.
    """
    reranker = open_reranker(settings)
    if reranker is None:
        return None
    return FirstHits(reranker, settings.rerank_hits, settings.rerank_timeout)


@contextmanager
def opened_first_hits(settings: Settings) -> Iterator[FirstHits | None]:
    """Give what `open_first_hits` returns; its threads end with the context."""
    first_hits = open_first_hits(settings)
    try:
        yield first_hits
    finally:
        if first_hits is not None:
            first_hits.close()


def open_synonyms(settings: Settings) -> SynonymFile | None:
    """Read the file of synonyms that these settings name; None without one. Raises SettingsError."""
    if settings.synonyms is None:
        return None
    return SynonymFile(settings.synonyms)


def open_searcher(settings: Settings) -> Searcher:
    """Open the model and the engine these settings name.

    Raises:
        EmbedderError: the model cannot be loaded.
        RerankerError: the reranker cannot be loaded.
        EngineError: the engine cannot be opened, or was made with other settings.
        SettingsError: the file of synonyms cannot be used.
    """
    synonyms = open_synonyms(settings)
    embedder, first_hits = open_embedder(settings), open_first_hits(settings)
    engine = open_engine(settings, fingerprint_of(embedder, settings))
    return Searcher(engine, embedder, first_hits, synonyms)
