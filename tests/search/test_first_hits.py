"""The first hits of a search in a reranker's order: no hit twice, none lost, none waited for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import pytest

from search.domain import ArticleInfo, Mode, Passage, Query, Results, StoredPassage
from search.engines.protocol import Engine, Ranked, Rankings, RankRequest
from search.errors import RerankerError
from search.query.clauses import Term
from search.ranking.first_hits import MOST_AT_ONCE, FirstHits, in_order
from search.ranking.searcher import Searcher
from tests.support import HashingEmbedder, until

KEYS = [f"a#{n}" for n in range(30)]


class Thirty:
    """An engine with thirty passages, whose order by words and by meaning is that of their numbers."""

    def __init__(self, lost: tuple[str, ...] = ()) -> None:
        self.lost = lost
        self.requests: list[RankRequest] = []

    def rank(self, request: RankRequest) -> Rankings:
        self.requests.append(request)
        listed = tuple(Ranked(key, 40.0 - n) for n, key in enumerate(KEYS))[: request.limit]
        near = tuple(Ranked(hit.passage_id, hit.score / 50) for hit in listed)
        return Rankings(
            text=listed if request.clause is not None else (),
            text_total=len(KEYS) if request.clause is not None else None,
            vector=near if request.vector is not None else (),
            frequencies=dict.fromkeys(request.frequencies, 1),
            passages=len(KEYS),
        )

    def terms_with_prefixes(
        self, layer: str, prefixes: Sequence[str], limit: int
    ) -> dict[str, list[tuple[str, int]]]:
        return {prefix: [] for prefix in prefixes}

    def fetch(self, passage_ids: Sequence[str]) -> list[StoredPassage]:
        return [
            StoredPassage(
                Passage("a", int(key[2:]), 0, 5, f"نص {key[2:]}"), ArticleInfo("a", "عنوان")
            )
            for key in passage_ids
            if key not in self.lost
        ]

    def close(self) -> None:
        pass


class Told:
    """A reranker that scores by a function of the passage's number, and remembers what it read."""

    def __init__(self, score: Callable[[int], float]) -> None:
        self.score = score
        self.read: list[tuple[str, list[str]]] = []

    def scores(self, query: str, texts: Sequence[str], seconds: float) -> list[float]:
        self.read.append((query, list(texts)))
        return [self.score(int(text.rsplit(" ", 1)[1])) for text in texts]


class Broken:
    def scores(self, query: str, texts: Sequence[str], seconds: float) -> list[float]:
        raise RerankerError("it is broken")


class Slow:
    def __init__(self) -> None:
        self.release = threading.Event()

    def scores(self, query: str, texts: Sequence[str], seconds: float) -> list[float]:
        self.release.wait(10)
        return [0.0] * len(texts)


@contextmanager
def searching(
    reranker: Told | Broken | Slow,
    *,
    most: int = 20,
    seconds: float = 5.0,
    engine: Thirty | None = None,
) -> Iterator[Searcher]:
    first_hits = FirstHits(reranker, most, seconds)
    with Searcher(cast(Engine, engine or Thirty()), HashingEmbedder(), first_hits) as searcher:
        yield searcher


def ids(results: Results) -> list[str]:
    return [hit.passage.id for hit in results.hits]


def reverse(number: int) -> float:
    return float(number)


MODES: tuple[Mode, ...] = ("keyword", "semantic", "hybrid")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [1, 7, 10, 25])
def test_pages_have_every_hit_once_and_the_first_in_the_rerankers_order(
    mode: Mode, size: int
) -> None:
    with searching(Told(reverse)) as searcher:
        pages = [
            searcher.search(Query("نص", mode=mode, size=size, start=start))
            for start in range(0, len(KEYS), size)
        ]
    assert [key for page in pages for key in ids(page)] == KEYS[:20][::-1] + KEYS[20:]
    hits = [hit for page in pages for hit in page.hits]
    assert [hit.rerank for hit in hits[:20]] == [float(n) for n in range(19, -1, -1)]
    # A page that lies behind the first hits is not asked about, nor are its hits given a score.
    assert [hit.rerank for hit in hits[20:]] == [None] * 10
    assert all(page.degraded == () for page in pages)


@pytest.mark.parametrize("mode", MODES)
def test_scores_and_components_stay_those_of_the_ranking(mode: Mode) -> None:
    plain = Searcher(cast(Engine, Thirty()), HashingEmbedder())
    expected = {h.passage.id: h for h in plain.search(Query("نص", mode=mode, size=20)).hits}
    with searching(Told(reverse)) as searcher:
        found = searcher.search(Query("نص", mode=mode, size=20)).hits
    assert {h.passage.id: (h.score, h.keyword, h.semantic) for h in found} == {
        key: (h.score, h.keyword, h.semantic) for key, h in expected.items()
    }


def test_the_reranker_reads_titles_and_texts_of_the_first_hits() -> None:
    told, engine = Told(reverse), Thirty()
    with searching(told, most=3, engine=engine) as searcher:
        searcher.search(Query('"نص" -شيء', mode="keyword", size=1))
    ((query, texts),) = told.read
    assert "شيء" not in query
    assert "نص" in query
    assert texts == ["عنوان\nنص 0", "عنوان\nنص 1", "عنوان\nنص 2"]
    assert engine.requests[-1].limit == 3  # of which the page shows one


def test_a_page_behind_the_first_hits_asks_nothing() -> None:
    told = Told(reverse)
    with searching(told, most=5) as searcher:
        assert ids(searcher.search(Query("نص", start=5, size=5))) == KEYS[5:10]
    assert told.read == []


def test_without_words_nothing_is_asked() -> None:
    told = Told(reverse)
    with searching(told) as searcher:
        searcher.search(Query("-شيء", mode="keyword"))
    assert told.read == []


def test_equal_scores_keep_the_order_they_had() -> None:
    with searching(Told(lambda number: number % 2)) as searcher:
        found = ids(searcher.search(Query("نص", size=6)))
    assert found == [f"a#{n}" for n in (1, 3, 5, 7, 9, 11)]


def test_a_passage_deleted_meanwhile_is_no_hit_and_moves_no_other() -> None:
    with searching(Told(reverse), most=4, engine=Thirty(lost=("a#1",))) as searcher:
        found = ids(searcher.search(Query("نص", size=5)))
    assert found == ["a#3", "a#2", "a#0", "a#4"]


def test_a_reranker_that_fails_leaves_the_order_and_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with searching(Broken()) as searcher:
        results = searcher.search(Query("نص", size=10))
    assert ids(results) == KEYS[:10]
    assert results.degraded == ("rerank",)
    assert {hit.rerank for hit in results.hits} == {None}
    assert "it is broken" in caplog.text
    assert "نص" not in caplog.text


def test_a_reranker_that_is_late_leaves_the_order_and_is_not_waited_for() -> None:
    slow = Slow()
    with searching(slow, seconds=0.1) as searcher:
        begun = time.monotonic()
        # More searches than may wait at once: each of them is answered in its time.
        found = [searcher.search(Query("نص", size=3)) for _ in range(MOST_AT_ONCE + 2)]
        assert time.monotonic() - begun < 60
        slow.release.set()
        assert all(results.degraded == ("rerank",) for results in found)
        assert all(ids(results) == KEYS[:3] for results in found)
        until(lambda: searcher.search(Query("نص", size=3)).degraded == ())


def test_the_time_is_said() -> None:
    with searching(Told(reverse)) as searcher:
        assert "rerank" in searcher.search(Query("نص")).took_ms
    plain = Searcher(cast(Engine, Thirty()), HashingEmbedder())
    assert "rerank" not in plain.search(Query("نص")).took_ms


def test_hits_without_a_score_keep_their_places() -> None:
    ranked = [("a", 4.0), ("b", 3.0), ("c", 2.0), ("d", 1.0)]
    found = in_order(ranked, {"a": 0.1, "c": 0.3, "d": 0.2})
    assert found == [("c", 2.0), ("b", 3.0), ("d", 1.0), ("a", 4.0)]


def test_words_are_known_to_the_engine_of_these_tests() -> None:
    asked = RankRequest(frequencies=(Term("stem", "نص"),))
    assert Thirty().rank(asked).frequencies == {Term("stem", "نص"): 1}
