"""Query vectors without what all queries have in common.

Some passages, short ones above all, are near every query of a model: hubs
(Radovanovic, Nanopoulos and Ivanovic, JMLR 2010). Taking a part of the mean query
off a query takes from each passage what it gets from any query whatever:
a query's score becomes `cos(q, p) - SHARE * cos(mean, p)`, up to scale.
Semantic nDCG@10 with SHARE 0 -> .3: xquad-ar .949 -> .951, xquad-en-ar .902 -> .908,
the seed .741 -> .782 (.2: .951, .904, .771; .5: .949, .908, .805).
"""

from __future__ import annotations

from functools import cached_property
from importlib import resources

import numpy as np

from search.domain import Vector
from search.embedding import Embedder

SHARE = 0.3
# .16 with the bundled model, whose deviation is .071. With the words' weight of .33, nDCG@10 is flat
# from .14 to .18 (docs/EVALUATION.md).
SPREAD = 2.25


class CentredQueries:
    """Embeds queries with an embedder, a share of its mean query taken off."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    def embed(self, text: str) -> Vector:
        """Return shape (dimensions,), L2-normalised. Raises EmbedderError."""
        return self._centred(self._embedder.embed_query(text))

    @cached_property
    def spread(self) -> float:
        """How far cosines of this model lie apart, above 0: `SPREAD` standard deviations of the
        cosines between generic queries. Raises EmbedderError.
        """
        centred = self._centred(self._generic)
        cosines = (centred @ centred.T)[np.triu_indices(len(centred), 1)]
        return max(SPREAD * float(np.std(cosines)), 1e-6)

    def _centred(self, vectors: Vector) -> Vector:
        """Return vectors, shape (..., dimensions), without the share and L2-normalised."""
        vectors = vectors - SHARE * self._mean
        norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
        return np.asarray(vectors / np.maximum(norms, 1e-12), dtype=np.float32)

    @cached_property
    def _mean(self) -> Vector:
        return np.asarray(np.mean(self._generic, axis=0), dtype=np.float32)

    @cached_property
    def _generic(self) -> Vector:
        return np.stack([self._embedder.embed_query(query) for query in _generic_queries()])


def _generic_queries() -> list[str]:
    text = resources.files(__package__).joinpath("generic_queries.txt").read_text("utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]
