"""The first hits of a ranking in a reranker's order, within a time limit."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor

from search.domain import StoredPassage
from search.errors import RerankerError
from search.reranking import Reranker

logger = logging.getLogger(__name__)

ScoredIds = list[tuple[str, float]]  # passage ids and scores, best first

MOST_AT_ONCE = 8  # answers waited for; more searches wait for one of these, or do without


class FirstHits:
    """Asks a reranker about the first hits of each search. Safe to use from many threads.

    Args:
        reranker: who reads query and texts.
        most: how many hits of a ranking are reordered; those beyond keep their places.
        seconds: after these the order stands as it was.
    """

    def __init__(self, reranker: Reranker, most: int, seconds: float) -> None:
        self.most = most
        self._reranker = reranker
        self._seconds = seconds
        self._threads = ThreadPoolExecutor(MOST_AT_ONCE, "fihris-rerank")
        self._free = threading.Semaphore(MOST_AT_ONCE)

    def scores(
        self, query: str, ranked: ScoredIds, stored: Mapping[str, StoredPassage]
    ) -> dict[str, float] | None:
        """Return the reranker's scores of the first hits, None where it failed or was late."""
        keys = [key for key, _ in ranked[: self.most] if key in stored]
        texts = [_text(stored[key]) for key in keys]
        try:
            return dict(zip(keys, self._asked(query, texts), strict=True)) if keys else {}
        except (RerankerError, TimeoutError, CancelledError) as error:
            told = str(error) or f"no answer in {self._seconds:g} s (FIHRIS_RERANK_TIMEOUT)"
            logger.warning("no reranking; hits keep their order: %s", told)
            return None

    def close(self) -> None:
        """Begin no further answer; one in work ends by its own time limit."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _asked(self, query: str, texts: Sequence[str]) -> list[float]:
        end = time.monotonic() + self._seconds
        if not self._free.acquire(timeout=self._seconds):
            raise TimeoutError
        try:
            left = max(0.001, end - time.monotonic())
            future = self._threads.submit(self._reranker.scores, query, texts, left)
        except BaseException:
            self._free.release()
            raise
        future.add_done_callback(lambda _: self._free.release())
        return future.result(max(0.0, end - time.monotonic()))


def in_order(ranked: ScoredIds, scores: Mapping[str, float]) -> ScoredIds:
    """Return all hits, those with scores by these, in the places that those had.

    Hits of equal scores, and hits without one among them, keep their order.
    """
    scored = [hit for hit in ranked if hit[0] in scores]
    best_first = iter(sorted(scored, key=lambda hit: -scores[hit[0]]))
    return [next(best_first) if hit[0] in scores else hit for hit in ranked]


def _text(stored: StoredPassage) -> str:
    """Return what is read of a passage: with its title, as its vector has it."""
    title = stored.article.title
    return f"{title}\n{stored.passage.text}" if title else stored.passage.text
