"""What is done before a batch is written: its passages matched with all saved searches.

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

import numpy as np

from search.domain import NO_FILTER, IndexedArticle, IndexedPassage, Layer, Vector
from search.embedding import Embedder
from search.embedding.centring import CentredQueries
from search.engines.protocol import SENTENCE_WEIGHT
from search.saved.domain import MatchedBy, SavedMatch, SavedSearch, match_id, text_hash
from search.saved.matching import Asked, Batch, admits, terms_by_layer
from search.saved.store import Store

_AT_ONCE = (
    512  # vectors, multiplied with all saved searches: 20 MB of products with 10,000 of these
)

# Of each article that is replaced, its texts and whether each had its vector.
Before = Mapping[str, Mapping[str, bool]]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """All saved searches of one version, ready to be asked."""

    version: str = ""
    all: tuple[Asked, ...] = ()
    wanted: Mapping[Layer, frozenset[str]] = field(default_factory=dict)
    near: tuple[int, ...] = ()  # those that ask for meaning, by number
    vectors: Vector | None = None  # of these
    thresholds: Vector | None = None


class Alerts:
    """Matches passages with the saved searches of one index. Safe to use from many threads."""

    def __init__(self, store: Store, embedder: Embedder) -> None:
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

    def forget(self, article_ids: Sequence[str]) -> None:
        """Remove the matches of articles that were removed. Raises EngineUnavailable."""
        if article_ids and self.are_asked():
            self._store.forget(article_ids)

    def close(self) -> None:
        self._store.close()

    def _current(self) -> _Compiled:
        with self._lock:
            version = self._store.version()
            if version != self._compiled.version:
                searches = self._store.searches() if version else []
                self._compiled = _compiled(version, self._embedded(searches))
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


def _compiled(version: str, searches: Sequence[SavedSearch]) -> _Compiled:
    every = tuple(map(Asked.of, searches))
    parts = (p for asked in every for p in (asked.condition.words, asked.condition.demands))
    near = [n for n, search in enumerate(searches) if search.vector is not None]
    return _Compiled(
        version,
        every,
        terms_by_layer(parts),
        tuple(near),
        np.stack([v for s in searches if (v := s.vector) is not None]) if near else None,
        np.array([searches[n].threshold for n in near], np.float32) if near else None,
    )


def _found(
    compiled: _Compiled, articles: Sequence[IndexedArticle], before: Before
) -> Iterator[SavedMatch]:
    now = time.time_ns() // 1_000
    owners = [article for article in articles for _ in article.passages]
    passages = [passage for article in articles for passage in article.passages]
    batch = Batch(passages, [owner.article.info for owner in owners], compiled.wanted)
    near: dict[int, list[tuple[int, float]]] = {}
    for saved, n, score in _near(compiled, passages):
        near.setdefault(saved, []).append((n, score))
    for number, asked in enumerate(compiled.all):
        scores = dict(near.get(number, ()))
        if not scores and not batch.may_match(asked):
            continue
        condition = batch.grounded(asked)
        by_words = batch.matching(condition.words) if condition.words is not None else ()
        if scores and condition.demands is not None:
            allowed = batch.matching(condition.demands)
            scores = {n: score for n, score in scores.items() if n in allowed}
        if not by_words and not scores:
            continue
        inside = asked.search.query.filter
        lets_through = admits(inside) if inside != NO_FILTER else None
        # An article's passages stand in a row.
        for _, its in groupby(sorted({*by_words, *scores}), lambda n: owners[n].article.id):
            some = list(its)
            info = owners[some[0]].article.info
            if lets_through is not None and not lets_through(info):
                continue
            old = before.get(info.id, {})
            told = [n for n in some if n in by_words]
            if condition.words is not None and len(told) > 1 and info.title:
                told = batch.by_own_text(condition.words, told)
            for n in some:
                text = passages[n].passage.text
                words = n in told and text not in old
                near_enough = n in scores and not old.get(text, False)
                if words or near_enough:
                    yield _match(
                        asked.search.id, passages[n], now, words=words, score=scores.get(n)
                    )


def _match(
    saved: str, passage: IndexedPassage, now: int, *, words: bool, score: float | None
) -> SavedMatch:
    p = passage.passage
    text = text_hash(p.text)
    key = match_id(saved, p.article_id, text)
    by: MatchedBy = "words" if words else "meaning"
    return SavedMatch(key, saved, p.article_id, p.position, text, by, score, now)


def _near(
    compiled: _Compiled, passages: Sequence[IndexedPassage]
) -> Iterator[tuple[int, int, float]]:
    """Yield (saved search, passage, score) of what is near enough in meaning.

    The score is an engine's: the mean of the passage's cosine and its best sentence's.
    """
    if compiled.vectors is None or compiled.thresholds is None:
        return
    for numbers in _at_once(passages):
        some = [v for n in numbers if (v := passages[n].vector) is not None]
        scores = _cosines(np.stack(some), compiled.vectors)
        parts = [passages[n].sentence_vectors for n in numbers]
        rows = [row for row, part in enumerate(parts) if len(part)]
        if rows:
            lengths = [len(parts[row]) for row in rows]
            each = _cosines(np.concatenate([parts[row] for row in rows]), compiled.vectors)
            best = np.maximum.reduceat(each, np.cumsum([0, *lengths[:-1]]), axis=0)
            scores[rows] = scores[rows] * (1 - SENTENCE_WEIGHT) + best * SENTENCE_WEIGHT
        found = np.argwhere(scores >= compiled.thresholds)
        for (row, column), score in zip(
            found.tolist(), scores[tuple(found.T)].tolist(), strict=True
        ):
            yield compiled.near[column], numbers[row], score


def _at_once(passages: Sequence[IndexedPassage]) -> Iterator[list[int]]:
    """Yield the numbers of passages with vectors, few enough to be multiplied at once."""
    some: list[int] = []
    vectors = 0
    for n, passage in enumerate(passages):
        if passage.vector is not None:
            some.append(n)
            vectors += 1 + len(passage.sentence_vectors)
            if vectors >= _AT_ONCE:
                yield some
                some, vectors = [], 0
    if some:
        yield some


def _cosines(some: Vector, others: Vector) -> Vector:
    """Return the products of all with all, by one thread.

    numpy's take as many as there are cores, which wait for each other where these are at work:
    20,000 passages and 1,000 searches took 1.8 s of processor time, and .26 so.
    """
    import numkong

    rows, columns = (np.ascontiguousarray(each, np.float32) for each in (some, others))
    return np.array(numkong.cdist(rows, columns, metric="dot"), np.float32)
