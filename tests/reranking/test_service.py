"""A reranking service, asked over real HTTP, and everything that it may answer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from indexer.evaluation.beir import JudgedSet
from indexer.evaluation.measures import evaluate
from search.errors import RerankerError, SettingsError
from search.ranking.first_hits import FirstHits
from search.reranking import Reranker, open_reranker
from search.settings import Settings
from tests.json_server import Answer, JsonServer
from tests.support import HashingEmbedder, article

KEY = "a-key-of-the-tests"
TEXTS = ["القاهرة", "bb", "ccc"]


def by_length(body: Any) -> dict[str, object]:
    """Answer as a service does: the longest text is the best, and the first in the list."""
    scores = [
        {"index": i, "relevance_score": float(len(text)), "document": {"text": text}}
        for i, text in enumerate(body["documents"])
    ]
    best_first = sorted(scores, key=lambda item: -float(str(item["relevance_score"])))
    return {"model": body["model"], "results": best_first[: body["top_n"]]}


@pytest.fixture
def server() -> Iterator[JsonServer]:
    with JsonServer(by_length) as serving:
        yield serving


def opened(server: JsonServer) -> Reranker:
    settings = Settings(reranker="service:a-model", rerank_url=server.url, rerank_key=KEY)
    assert KEY not in repr(settings) + settings.model_dump_json()
    reranker = open_reranker(settings)
    assert reranker is not None
    return reranker


def test_scores_are_the_services_in_order(server: JsonServer) -> None:
    assert opened(server).scores("عاصمة\ud800", TEXTS, 5.0) == [7.0, 2.0, 3.0]
    (asked,) = server.asked
    assert asked.path == "/v1/rerank"
    assert asked.headers["Authorization"] == f"Bearer {KEY}"
    assert asked.body == {"model": "a-model", "query": "عاصمة?", "documents": TEXTS, "top_n": 3}


def results(*scores: object) -> Answer:
    return Answer({"results": [{"index": i, "relevance_score": s} for i, s in enumerate(scores)]})


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer({"message": KEY}, 401), "FIHRIS_RERANK_KEY"),
        (Answer({}, 429), "answered 429"),
        (Answer({}, 500), "answered 500"),
        (Answer(content=b"<html>"), "no JSON"),
        (Answer(content=b" " * (1 << 21)), "more than"),
        (Answer([]), "no list `results`"),
        (Answer({"results": {"0": 1}}), "no list `results`"),
        (results(1.0, 2.0), "2 scores.*for 3 texts"),
        (Answer({"results": [{"index": 0, "relevance_score": 1.0}] * 3}), "other numbers"),
        (results(1.0, 2.0, None), "no finite number"),
        (results(1.0, 2.0, "3"), "no finite number"),
        (results(1.0, 2.0, True), "no finite number"),
        (results(1.0, 2.0, float("nan")), "no finite number"),
        (results(1.0, 2.0, 10**400), "no finite number"),
    ],
)
def test_a_wrong_answer_is_told_and_nothing_tried_again(
    server: JsonServer, answer: Answer, message: str
) -> None:
    reranker = opened(server)
    server.first = [answer]
    with pytest.raises(RerankerError, match=message) as caught:
        reranker.scores("a secret question", TEXTS, 5.0)
    assert KEY not in str(caught.value)
    assert "secret" not in str(caught.value)
    assert len(server.asked) == 1


def test_a_slow_service_is_given_up(server: JsonServer) -> None:
    reranker = opened(server)
    server.first = [Answer({}, delay=10)]
    begun = time.monotonic()
    with pytest.raises(RerankerError, match=r"no answer in 0\.2 s.*FIHRIS_RERANK_TIMEOUT"):
        reranker.scores("x", TEXTS, 0.2)
    assert time.monotonic() - begun < 9


def test_none_is_the_default() -> None:
    assert open_reranker(Settings()) is None
    assert open_reranker(Settings(reranker="")) is None


@pytest.mark.parametrize(
    "reranker", ["service", "service:", "other:model", "sentence-transformers"]
)
def test_an_unknown_reranker_is_refused_with_what_to_say(reranker: str) -> None:
    with pytest.raises(SettingsError, match=r"FIHRIS_RERANKER.*`service:`"):
        open_reranker(Settings(reranker=reranker))


def test_a_service_needs_an_address() -> None:
    with pytest.raises(SettingsError, match="FIHRIS_RERANK_URL"):
        open_reranker(Settings(reranker="service:a-model"))


def test_an_evaluation_asks_it_and_ends_its_threads(
    server: JsonServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[FirstHits] = []
    monkeypatch.setattr(FirstHits, "close", lambda self: closed.append(self))
    judged = JudgedSet((article("a", "بيت"),), {"q": "بيت"}, {"q": {"a": 1}}, empty=0)
    settings = Settings(reranker="service:a-model", rerank_url=server.url)
    evaluate(judged, settings, HashingEmbedder(), ["keyword"])
    assert server.asked
    assert len(closed) == 1
