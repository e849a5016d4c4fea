"""Settings to a working searcher: the one place that joins embedder and engine."""

from __future__ import annotations

from search.analysis.tokens import ANALYSER_VERSION
from search.embedding import Embedder, open_embedder
from search.engines import open_engine
from search.engines.protocol import Fingerprint
from search.ranking.searcher import Searcher
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


def open_searcher(settings: Settings) -> Searcher:
    """Open the model and the engine these settings name.

    Raises:
        EmbedderError: the model cannot be loaded.
        EngineError: the engine cannot be opened, or was made with other settings.
    """
    embedder = open_embedder(settings)
    return Searcher(open_engine(settings, fingerprint_of(embedder, settings)), embedder)
