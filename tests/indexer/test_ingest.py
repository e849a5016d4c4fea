"""What a running server writes with: one outcome a line, written together, lost never."""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from indexer.ingestion.service import EngineIngest
from search.assembly import fingerprint_of
from search.domain import IndexedArticle, Vector, WriteOutcome
from search.embedding import Progress
from search.engines import open_engine
from search.engines.protocol import Engine
from search.errors import EmbedderError, EngineBusy, EngineUnavailable, Stopping
from search.ingest import BodyLine
from search.seen_ids import FirstPlaces
from search.settings import Settings
from tests.support import HashingEmbedder


@pytest.fixture
def ingest(engine: Engine, settings: Settings) -> Iterator[EngineIngest]:
    opened = EngineIngest(engine, HashingEmbedder(), settings)
    yield opened
    opened.close()


def lines(ingest: EngineIngest, contents: Sequence[bytes]) -> list[WriteOutcome]:
    """Give lines as one body."""
    with closing(FirstPlaces()) as places:
        return ingest.lines([BodyLine(n, each) for n, each in enumerate(contents, start=1)], places)


def line(id: object, text: object) -> bytes:
    return json.dumps({"id": id, "text": text}, ensure_ascii=False).encode()


def test_each_line_has_its_outcome_and_a_bad_one_fails_alone(ingest: EngineIngest) -> None:
    contents = [line("a", "نص"), b"{", b"\xff", line("b", 7), line("c", ""), b"[]", line("d", "نص")]
    ended = lines(ingest, contents)
    assert [(e.id, e.status, e.code) for e in ended] == [
        ("a", "created", ""),
        ("", "failed", "not-json"),
        ("", "failed", "encoding"),
        ("b", "failed", "bad-field"),
        ("c", "failed", "empty"),
        ("", "failed", "not-json"),
        ("d", "created", ""),
    ]
    assert all(bool(e.error) == (e.status == "failed") for e in ended)
    again = lines(ingest, [line("a", "نص"), line("d", "آخر")])
    assert [e.status for e in again] == ["unchanged", "updated"]


def test_the_first_of_one_id_in_a_body_is_what_stays(ingest: EngineIngest, engine: Engine) -> None:
    """Whether the second is the same, in the same call or in another; not in another body."""
    with closing(FirstPlaces()) as places:
        ended = ingest.lines(
            [
                BodyLine(1, line("a", "أول")),
                BodyLine(4, line("a", "أول")),
                BodyLine(5, line("b", "نص")),
            ],
            places,
        )
        ended += ingest.lines([BodyLine(70, line("a", "ثان"))], places)
        again = ingest.lines([BodyLine(1, line("a", "أول"))], places)  # as after an engine was busy
    assert [(e.id, e.status, e.code) for e in ended] == [
        ("a", "created", ""), ("a", "failed", "duplicate-id"),
        ("b", "created", ""), ("a", "failed", "duplicate-id"),
    ]  # fmt: skip
    assert "line 1" in ended[1].error
    assert again[0].status == "unchanged"
    stored = engine.article("a")
    assert stored is not None
    assert stored.article.text == "أول"
    assert lines(ingest, [line("a", "ثان")])[0].status == "updated"


def test_the_first_of_one_id_in_a_file_is_what_stays(ingest: EngineIngest, engine: Engine) -> None:
    many = [line(f"a{n}", "نص") for n in range(100)]
    with tempfile.TemporaryFile() as file:
        file.write(b"\n".join([*many, line("a7", "آخر"), line("a8", "نص"), line("b", "نص")]))
        file.seek(0)
        ended = list(ingest.file(file, "news.jsonl"))
    assert [(e.id, e.code) for e in ended if e.status == "failed"] == [
        ("a7", "duplicate-id"), ("a8", "duplicate-id"),
    ]  # fmt: skip
    assert [e.id for e in ended] == [*(f"a{n}" for n in range(100)), "a7", "a8", "b"]
    assert engine.status().articles == 101


def test_nothing_is_answered_for_nothing(ingest: EngineIngest) -> None:
    assert lines(ingest, []) == []


def test_one_article_by_its_fields(ingest: EngineIngest) -> None:
    assert ingest.article({"id": "a", "text": "نص"}).status == "created"
    refused = ingest.article({"id": "a", "text": None})
    assert (refused.id, refused.status, refused.code) == ("a", "failed", "bad-field")


def test_delete_says_whether_there_was_one(ingest: EngineIngest, engine: Engine) -> None:
    lines(ingest, [line("a", "نص")])
    assert ingest.delete("a")
    assert not ingest.delete("a")
    assert engine.status().articles == 0


def test_a_file_is_read_in_its_bounded_process(ingest: EngineIngest, engine: Engine) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"\n".join([line("a", "نص"), b"{", line("b", "نص")]))
        file.seek(0)
        ended = list(ingest.file(file, "news.jsonl"))
    assert [(e.id, e.status, e.code) for e in ended] == [
        ("a", "created", ""), ("", "failed", "not-json"), ("b", "created", ""),
    ]  # fmt: skip


def test_files_of_two_names_are_two_articles(ingest: EngineIngest, engine: Engine) -> None:
    names = ["notes/one.txt", "notes/one.md", "notes/one.TXT", "notes/one.html", "one.txt"]
    for name in names:
        with tempfile.TemporaryFile() as file:
            file.write("<p>فقرة أولى\n<p>فقرة ثانية".encode())
            file.seek(0)
            (ended,) = ingest.file(file, name)
        assert (ended.id, ended.status) == (name, "created")
    assert len(engine.stored(names)) == len(names)


class SlowEngine:
    """Takes a while to write, and counts how often it was asked to."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.writes: list[int] = []
        self.error: Exception | None = None

    def write(self, articles: Sequence[IndexedArticle]) -> list[WriteOutcome]:
        if self.error is not None:
            raise self.error
        self.writes.append(len(articles))
        time.sleep(0.1)
        return self.engine.write(articles)

    def __getattr__(self, name: str) -> object:
        return getattr(self.engine, name)


def test_calls_that_wait_are_written_together(engine: Engine, settings: Settings) -> None:
    slow = SlowEngine(engine)
    ingest = EngineIngest(slow, HashingEmbedder(), settings)  # type: ignore[arg-type]
    with ThreadPoolExecutor(20) as threads:
        calls = [threads.submit(lines, ingest, [line(f"a{n}", f"نص {n}")]) for n in range(20)]
        assert [c.result()[0].id for c in calls] == [f"a{n}" for n in range(20)]
    ingest.close()
    assert sum(slow.writes) == 20
    assert len(slow.writes) < 10


def test_calls_of_one_id_at_once_end_as_one_of_them(engine: Engine, settings: Settings) -> None:
    ingest = EngineIngest(engine, HashingEmbedder(), settings)
    with ThreadPoolExecutor(16) as threads:
        calls = [threads.submit(lines, ingest, [line("a", f"نص {n}")]) for n in range(64)]
        statuses = [c.result()[0].status for c in calls]
    ingest.close()
    assert statuses.count("created") == 1
    assert statuses.count("updated") == 63
    assert engine.status().articles == 1


def test_an_engine_that_cannot_write_is_told_to_every_caller_and_writes_later(
    engine: Engine, settings: Settings
) -> None:
    slow = SlowEngine(engine)
    ingest = EngineIngest(slow, HashingEmbedder(), settings)  # type: ignore[arg-type]
    for error in (EngineBusy("another"), EngineUnavailable("down"), ZeroDivisionError("bug")):
        slow.error = error
        with pytest.raises(type(error)):
            lines(ingest, [line("a", "نص")])
    slow.error = None
    assert lines(ingest, [line("a", "نص")])[0].status == "created"
    ingest.close()


def test_a_text_the_model_fails_on_fails_alone(engine: Engine, settings: Settings) -> None:
    class Failing(HashingEmbedder):
        def embed_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vector:
            if any("سم" in text for text in texts):
                raise EmbedderError("the model failed on a text")
            return super().embed_passages(texts, progress)

    ingest = EngineIngest(engine, Failing(), settings)
    ended = lines(ingest, [line("a", "نص"), line("b", "سم"), line("c", "نص")])
    ingest.close()
    assert [(e.status, e.code) for e in ended] == [
        ("created", ""), ("failed", "model"), ("created", ""),
    ]  # fmt: skip


def test_others_may_write_when_nothing_was_asked_for_a_while(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.ingestion.service.REST", 1.5)
    ingest = EngineIngest(engine, HashingEmbedder(), settings)
    lines(ingest, [line("a", "نص")])
    other = open_engine(settings, fingerprint_of(HashingEmbedder(), settings))
    try:
        with pytest.raises(EngineBusy):
            other.write([])
        deadline = time.monotonic() + 10
        while True:
            try:
                other.write([])
                break
            except EngineBusy:
                assert time.monotonic() < deadline
                time.sleep(0.05)
    finally:
        other.close()
    assert lines(ingest, [line("b", "نص")])[0].status == "created"
    ingest.close()


def test_after_the_end_nothing_is_taken(engine: Engine, settings: Settings) -> None:
    before = {*threading.enumerate()}  # other tests' are given up while they write
    ingest = EngineIngest(engine, HashingEmbedder(), settings)
    ingest.close()
    began = time.monotonic()
    ingest.close()
    assert time.monotonic() - began < 20
    with pytest.raises(Stopping):
        lines(ingest, [line("a", "نص")])
    assert not [
        t for t in threading.enumerate() if t.name.startswith("ingest-") and t not in before
    ]
