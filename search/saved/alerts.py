"""Matches the passages of a batch with all saved searches, before the batch is written.

A match is recorded before its article is written, under an id that another try has too: a
process killed between the two loses nothing and tells nothing twice. What the index does not
hold is shown to nobody (`listing`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

import numpy as np

from search.domain import NO_FILTER, IndexedArticle, IndexedPassage, Passage, Vector
from search.embedding import Embedder
from search.embedding.centring import CentredQueries
from search.engines.protocol import SENTENCE_WEIGHT
from search.query.synonyms import NO_RULES, Rules, SynonymFile
from search.saved.domain import MatchedBy, SavedMatch, SavedSearch, match_id, text_hash
from search.saved.matching import Asked, Batch, Screen, admits
from search.saved.store import Store

_AT_ONCE = 512  # vectors, multiplied with all saved searches: 20 MB for 10,000 of these

# Of each article that is replaced, its texts and whether each had its vector.
Before = Mapping[str, Mapping[str, bool]]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """All saved searches of one version, ready to be asked."""

    version: str = ""
    rules: Rules | None = None
    all: tuple[Asked, ...] = ()
    screen: Screen = field(default_factory=lambda: Screen(()))
    near: tuple[int, ...] = ()  # those that ask for meaning, by number
    vectors: Any = None  # of these, as `_packed` has them
    thresholds: Vector = field(default_factory=lambda: np.zeros(0, np.float32))


class Alerts:
    """Matches passages with the saved searches of one index. Safe to use from many threads."""

    def __init__(
        self, store: Store, embedder: Embedder, synonyms: SynonymFile | None = None
    ) -> None:
        self._synonyms = synonyms
        self._store = store
        self._embedder = embedder
        self._queries = CentredQueries(embedder)
        self._compiled = _Compiled()
        self._lock = threading.Lock()

    def are_asked(self) -> bool:
        """Tell whether there is any saved search. Raises EngineUnavailable."""
        return bool(self._store.version())

    def record(self, articles: Sequence[IndexedArticle], before: Before) -> None:
        """Record what of these articles matches; to be called before they are written.

        Args:
            before: of those that replace others; a text that was there matches nothing by
                words, nor by meaning unless it had no vector.

        Raises:
            EngineUnavailable: nothing could be recorded, so nothing may be written.
            EmbedderError: the model failed on a saved search.
        """
        compiled = self._current()
        if compiled.all and (found := list(_found(compiled, articles, before))):
            self._store.record(found)

    def close(self) -> None:
        self._store.close()

    def _current(self) -> _Compiled:
        with self._lock:
            version = self._store.version()
            rules = self._synonyms.rules() if self._synonyms and version else NO_RULES
            if version != self._compiled.version or rules is not self._compiled.rules:
                searches = self._store.searches() if version else []
                self._compiled = _compiled(version, rules, self._embedded(searches))
            return self._compiled

    def _embedded(self, searches: Sequence[SavedSearch]) -> list[SavedSearch]:
        """Return them with vectors of this model, made and kept where there are none."""
        model = self._embedder.content_hash
        made = {
            search.id: replace(search, vector=self._queries.embed(search.meaning), model=model)
            for search in searches
            if search.meaning and (search.model != model or search.vector is None)
        }
        if made:
            self._store.update(list(made.values()))
        return [made.get(search.id, search) for search in searches]


def _compiled(version: str, rules: Rules, searches: Sequence[SavedSearch]) -> _Compiled:
    every = tuple(Asked.of(search, rules) for search in searches)
    near = [n for n, search in enumerate(searches) if search.vector is not None]
    return _Compiled(
        version,
        rules,
        every,
        Screen(every),
        tuple(near),
        _packed([v for s in searches if (v := s.vector) is not None]) if near else None,
        np.array([searches[n].threshold for n in near], np.float32),
    )


def _found(
    compiled: _Compiled, articles: Sequence[IndexedArticle], before: Before
) -> Iterator[SavedMatch]:
    now = time.time_ns() // 1_000
    owners = [article.article.info for article in articles for _ in article.passages]
    passages = [passage for article in articles for passage in article.passages]
    batch = Batch(passages, owners)
    met = compiled.screen.met(passages)
    near = _near(compiled, passages)
    for number in sorted({*met, *near}):
        asked, scores = compiled.all[number], near.get(number, {})
        condition = batch.grounded(asked)
        by_words = {n for n in met.get(number, ()) if batch.meets(n, condition.words)}
        by_meaning = {n for n in scores if n in by_words or batch.meets(n, condition.demands)}
        inside = asked.search.query.filter
        lets_through = admits(inside) if inside != NO_FILTER else None
        # An article's passages stand in a row.
        for _, its in groupby(sorted(by_words | by_meaning), lambda n: owners[n].id):
            found = list(its)
            info = owners[found[0]]
            if lets_through is not None and not lets_through(info):
                continue
            old = before.get(info.id, {})
            told = [n for n in found if n in by_words]
            if len(told) > 1 and info.title:
                # One that is about what was asked is told of, and not once for each paragraph.
                own = [n for n in told if batch.meets(n, condition.words, title=False)]
                told = own or told[:1]
            for n in found:
                passage = passages[n].passage
                is_told = n in told and passage.text not in old
                if is_told or (n in by_meaning and not old.get(passage.text, False)):
                    by: MatchedBy = "words" if is_told else "meaning"
                    yield _match(asked.search.id, passage, by, scores.get(n), now)


def _match(
    saved: str, passage: Passage, by: MatchedBy, score: float | None, now: int
) -> SavedMatch:
    text = text_hash(passage.text)
    key = match_id(saved, passage.article_id, text)
    return SavedMatch(key, saved, passage.article_id, passage.position, text, by, score, now)


def _near(compiled: _Compiled, passages: Sequence[IndexedPassage]) -> dict[int, dict[int, float]]:
    """Return by saved search the passages near enough in meaning, with their scores.

    The score is an engine's: the mean of the passage's cosine and its best sentence's.
    """
    found: dict[int, dict[int, float]] = {}
    numbers = [n for n, passage in enumerate(passages) if passage.vector is not None]
    if not numbers or not compiled.near:
        return found
    own = np.stack([v for passage in passages if (v := passage.vector) is not None])
    parts = [passages[n].sentence_vectors for n in numbers]
    parts = [part if len(part) else own[row : row + 1] for row, part in enumerate(parts)]
    each = np.concatenate(parts)
    rows = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    each = each * np.float32(SENTENCE_WEIGHT) + own[rows] * np.float32(1 - SENTENCE_WEIGHT)
    for start in range(0, len(rows), _AT_ONCE):
        scores = _products(each[start : start + _AT_ONCE], compiled.vectors)
        enough = np.flatnonzero(scores >= compiled.thresholds)  # a tenth of `nonzero`'s time
        for place, score in zip(enough.tolist(), scores.ravel()[enough].tolist(), strict=True):
            row, column = divmod(place, len(compiled.near))
            best = found.setdefault(compiled.near[column], {})
            number = numbers[rows[start + row]]
            best[number] = max(score, best.get(number, -1.0))
    return found


def _packed(vectors: Sequence[Vector]) -> Any:  # noqa: ANN401
    import numkong

    return numkong.dots_pack(numkong.astype(np.stack(vectors), "bfloat16"))


def _products(vectors: Vector, packed: Any) -> Vector:  # noqa: ANN401
    """Return the products of vectors with all packed ones, by one thread.

    numpy's take as many as there are cores, which wait for each other where these are at work. In
    bfloat16 512 vectors and 1,000 searches take 2.0 ms, in float32 6.8; .0006 was the most that a
    product was off by.
    """
    import numkong

    return np.array(numkong.dots_packed(numkong.astype(vectors, "bfloat16"), packed))
