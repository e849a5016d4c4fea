"""Long embeddings let small calls in, and end within seconds when the server is to stop."""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial

import pytest

from indexer.extraction.sandbox.parser import Parser
from indexer.ingestion import service as ingesting
from indexer.ingestion.service import EngineIngest
from search.domain import Vector, WriteOutcome
from search.embedding import Progress
from search.engines.protocol import Engine
from search.errors import Stopping
from search.ingest import BodyLine
from search.seen_ids import FirstPlaces
from search.settings import Settings
from tests.support import HashingEmbedder

LONG = "\n".join(f"سطر من نص طويل رقم {n}" for n in range(2_000))


class SlowEmbedder(HashingEmbedder):
    """Takes 20 ms for each text, 40 s for an article of `LONG`, and tells of each batch of ten."""

    def __init__(self) -> None:
        super().__init__()
        self.began = threading.Event()

    def embed_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vector:
        for start in range(0, len(texts), 10):
            some = len(texts[start : start + 10])
            if len(texts) > 100:
                self.began.set()
            time.sleep(some * 0.02)
            if progress is not None:
                progress(some)
        return super().embed_passages(texts)


def lines(ingest: EngineIngest, *contents: dict[str, str]) -> list[WriteOutcome]:
    with closing(FirstPlaces()) as places:
        return ingest.lines(
            [BodyLine(n, json.dumps(each).encode()) for n, each in enumerate(contents, start=1)],
            places,
        )


@pytest.mark.timeout(100)
def test_a_small_call_does_not_wait_for_large_ones(engine: Engine, settings: Settings) -> None:
    """However many of those there are; one that waits on an article in work does."""
    embedder = SlowEmbedder()
    ingest = EngineIngest(engine, embedder, settings)
    with ThreadPoolExecutor(8) as threads:
        large = [threads.submit(lines, ingest, {"id": f"large{n}", "text": LONG}) for n in range(4)]
        while len(ingest._at_work) + len(ingest._waiting) < 4 or not embedder.began.is_set():
            time.sleep(0.01)
        same = threads.submit(lines, ingest, {"id": "large3", "text": "قصير"})
        for n in range(3):
            assert lines(ingest, {"id": f"small{n}", "text": "قصير"})[0].status == "created"
        assert not any(call.done() for call in (*large, same))
        ingest.stop()
        assert all(isinstance(call.exception(20), Stopping) for call in (*large, same))
    ingest.close()


@pytest.mark.timeout(100)
def test_a_stop_ends_what_is_embedded_and_keeps_what_was_acknowledged(
    engine: Engine, settings: Settings
) -> None:
    embedder = SlowEmbedder()
    ingest = EngineIngest(engine, embedder, settings)
    lines(ingest, {"id": "before", "text": "نص"})
    with ThreadPoolExecutor(8) as threads:
        calls = [threads.submit(lines, ingest, {"id": f"a{n}", "text": LONG}) for n in range(4)]
        assert embedder.began.wait(20)
        removing = threads.submit(ingest.delete, next(iter(ingest._at_work)))
        began = time.monotonic()
        ingest.close()
        assert all(isinstance(call.exception(20), Stopping) for call in calls)
        assert isinstance(removing.exception(20), Stopping)
        assert time.monotonic() - began < 10  # an article takes 40
    for call in (lambda: lines(ingest, {"id": "b", "text": "نص"}), lambda: ingest.delete("before")):
        with pytest.raises(Stopping):
            call()
    assert set(engine.stored(["before", "b", *(f"a{n}" for n in range(4))])) == {"before"}
    ingest.close()  # a second time does nothing


class Opening(HashingEmbedder):
    """A model that small calls wait for until it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = threading.Event()
        self.began_before = False

    def embed_query(self, text: str) -> Vector:
        assert self.opened.wait(20)
        return super().embed_query(text)

    def most_tokens(self, text: str) -> int:
        self.began_before = self.began_before or not self.opened.is_set()
        return super().most_tokens(text)


def test_large_calls_begin_when_the_model_is_opened_for_small_ones(
    engine: Engine, settings: Settings
) -> None:
    embedder = Opening()
    ingest = EngineIngest(engine, embedder, settings)
    with ThreadPoolExecutor(1) as beside:
        large = beside.submit(lines, ingest, {"id": "large", "text": "سطر\n" * 5_000})
        while not ingest._waiting and not ingest._at_work:
            time.sleep(0.01)
        time.sleep(0.3)
        assert not embedder.began_before
        embedder.opened.set()
        assert large.result(20)[0].status == "created"
    ingest.close()


class Splitting(HashingEmbedder):
    """Takes 6 s to count the tokens of `LONG`, as a text of many megabytes does."""

    def most_tokens(self, text: str) -> int:
        time.sleep(0.003)
        return super().most_tokens(text)


@pytest.mark.parametrize("before_embedding", ["split", "analysed"])
def test_a_stop_ends_what_comes_before_the_embedding(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch, before_embedding: str
) -> None:
    embedder = HashingEmbedder()
    began = threading.Event()

    def slow(articles: Sequence[tuple[str, Sequence[str]]]) -> list[list[dict[str, str]]]:
        began.set()
        time.sleep(0.02 * sum(len(texts) for _, texts in articles))
        return [[{} for _ in texts] for _, texts in articles]

    if before_embedding == "split":
        embedder = Splitting()
        began.set()
    else:
        monkeypatch.setattr(ingesting, "analysed", slow)
    ingest = EngineIngest(engine, embedder, settings)
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(lines, ingest, {"id": "a", "text": LONG})
        assert began.wait(20)
        time.sleep(0.2)
        since = time.monotonic()
        ingest.stop()
        assert isinstance(call.exception(20), Stopping)
        assert time.monotonic() - since < 10
    ingest.close()
    for thread in ingest._threads:
        thread.join(20)


def test_what_is_being_written_at_a_stop_is_acknowledged(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, writing = engine.write, threading.Event()

    def slow(articles: Sequence[object]) -> object:
        writing.set()
        time.sleep(1)
        return written(articles)  # type: ignore[arg-type]

    monkeypatch.setattr(engine, "write", slow)
    ingest = EngineIngest(engine, HashingEmbedder(), settings)
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(lines, ingest, {"id": "a", "text": "نص"})
        assert writing.wait(20)
        ingest.stop()
        assert call.result(20)[0].status == "created"
    ingest.close()
    assert set(engine.stored(["a"])) == {"a"}


def test_a_write_that_does_not_end_holds_nobody_at_a_stop(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing, over = threading.Event(), threading.Event()

    def stuck(_: Sequence[object]) -> list[object]:
        writing.set()
        over.wait(30)
        return []

    monkeypatch.setattr(ingesting, "STOP_SECONDS", 0.5)
    monkeypatch.setattr(engine, "write", stuck)
    ingest = EngineIngest(engine, HashingEmbedder(), settings)
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(lines, ingest, {"id": "a", "text": "نص"})
        assert writing.wait(20)
        began = time.monotonic()
        ingest.close()
        assert isinstance(call.exception(20), Stopping)
        assert time.monotonic() - began < 20  # the write takes 30
    over.set()


@pytest.mark.parametrize("name", ["shared.txt", "alone.pdf"])
def test_a_stop_ends_the_parsing_of_files(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """In the process that small texts share as in one of its own."""
    monkeypatch.setattr(ingesting, "Parser", partial(Parser, formats="tests.sources.readers"))
    ingest = EngineIngest(engine, HashingEmbedder(), settings)

    def send() -> list[WriteOutcome]:
        with tempfile.TemporaryFile() as file:
            file.write(b"sleep")
            file.seek(0)
            return list(ingest.file(file, name))

    with ThreadPoolExecutor(2) as threads:
        calls = [threads.submit(send), threads.submit(send)]
        time.sleep(2)
        assert not any(call.done() for call in calls)
        began = time.monotonic()
        ingest.close()
        assert all(isinstance(call.exception(20), Stopping) for call in calls)
        assert time.monotonic() - began < 10
