"""Query vectors without what all queries have in common.

Some passages, short ones above all, are near every query of a model: hubs
(Radovanovic, Nanopoulos and Ivanovic, JMLR 2010). Taking a part of the mean query
off a query takes from each passage what it gets from any query whatever:
a query's score becomes `cos(q, p) - SHARE * cos(mean, p)`, up to scale.
Semantic nDCG@10 with SHARE 0 -> .3: xquad-ar .949 -> .951, xquad-en-ar .902 -> .908,
the seed .741 -> .782 (.2: .951, .904, .771; .5: .949, .908, .805).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import cached_property
from importlib import resources
from threading import Lock

import numpy as np

from search.domain import Vector
from search.embedding import Embedder, embed_queries

SHARE = 0.3
# .16 with the bundled model, whose deviation is .071. With the words' weight of .33, nDCG@10 is flat
# from .14 to .18 (docs/EVALUATION.md).
SPREAD = 2.25


# The next page of a query, its facets, and what many ask: 1.5 KB each of the bundled model.
MOST_KEPT = 1_024


class CentredQueries:
    """Embeds queries with an embedder, a share of its mean query taken off.

    The vectors of the last `MOST_KEPT` are kept, in memory only. Any thread may call.

    `count`, where somebody sets it, is called for each query, with whether the model was asked.
    """

    def __init__(self, embedder: Embedder) -> None:
        self.count: Callable[[bool], object] = lambda _asked: None
        self._embedder = embedder
        self._lock = Lock()
        self._kept: OrderedDict[str, Vector] = OrderedDict()

    def embed(self, text: str) -> Vector:
        """Return shape (dimensions,), L2-normalised, to be read only. Raises EmbedderError."""
        with self._lock:
            if (vector := self._kept.get(text)) is not None:
                self._kept.move_to_end(text)
        self.count(vector is None)
        if vector is None:
            vector = self._centred(self._embedder.embed_query(text))
            vector.setflags(write=False)
            with self._lock:
                self._kept[text] = vector
                if len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
        return vector

    def forget(self) -> None:
        """Keep none of them: for who measures what the model takes."""
        with self._lock:
            self._kept.clear()

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
        return embed_queries(self._embedder, _generic_queries())


def _generic_queries() -> list[str]:
    text = resources.files(__package__).joinpath("generic_queries.txt").read_text("utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]
