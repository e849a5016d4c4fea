"""Query vectors without what all queries in their script have in common.

Some passages, short ones above all, are near every query of a model: hubs
(Radovanovic, Nanopoulos and Ivanovic, JMLR 2010). Taking a part of the mean query
off a query takes from each passage what it gets from any query whatever:
a query's score becomes `cos(q, p) - SHARE * cos(mean, p)`, up to scale.
Semantic nDCG@10 with SHARE 0 -> .3: xquad-ar .949 -> .951, xquad-en-ar .902 -> .908,
the seed .741 -> .782 (.2: .951, .904, .771; .5: .949, .908, .805).

What is near every English question is not near every Arabic one, so queries with Arabic letters
have a mean of their own: hybrid xquad-en-ar .9168 -> .9190 (p = .01), the Arabic sets as before.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import cached_property
from importlib import resources
from threading import Lock

import numpy as np

from search.analysis.folding import has_arabic
from search.domain import Vector
from search.embedding import Embedder, embed_queries

SHARE = 0.3
# .16 with the bundled model, whose deviation is .068. With the words' weight of .33, nDCG@10 is flat
# from .14 to .18 (docs/EVALUATION.md).
SPREAD = 2.35


# The next page of a query, its facets, and what many ask: 1.5 KB each of the bundled model.
MOST_KEPT = 1_024


class CentredQueries:
    """Embeds queries with an embedder, a share of the mean query in their script taken off.

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
            vector = self._centred(text, self._embedder.embed_query(text))
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
        centred = np.stack([self._centred(text, own) for text, own in self._generic.items()])
        cosines = (centred @ centred.T)[np.triu_indices(len(centred), 1)]
        return max(SPREAD * float(np.std(cosines)), 1e-6)

    def _centred(self, text: str, vector: Vector) -> Vector:
        """Return a query's vector without the share and L2-normalised."""
        vector = vector - SHARE * self._means[has_arabic(text)]
        norm = max(float(np.linalg.norm(vector)), 1e-12)
        return np.asarray(vector / norm, dtype=np.float32)

    @cached_property
    def _means(self) -> Mapping[bool, Vector]:
        """The mean query of those with Arabic letters, and of the others."""
        scripts: dict[bool, list[Vector]] = {}
        for text, vector in self._generic.items():
            scripts.setdefault(has_arabic(text), []).append(vector)
        return {script: np.mean(vectors, axis=0) for script, vectors in scripts.items()}

    @cached_property
    def _generic(self) -> Mapping[str, Vector]:
        texts = _generic_queries()
        return dict(zip(texts, embed_queries(self._embedder, texts), strict=True))


def _generic_queries() -> list[str]:
    text = resources.files(__package__).joinpath("generic_queries.txt").read_text("utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]
