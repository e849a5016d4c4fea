"""Watching files that cannot be read, and an index, a model or events that cannot be used."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.sources import Failure
from indexer.sources.opening import open_regular
from indexer.sync import watch as watching
from search.assembly import fingerprint_of
from search.domain import IndexedArticle, Vector, WriteOutcome
from search.embedding import Progress
from search.engines import open_engine
from search.errors import EmbedderError, EngineBusy, EngineUnavailable, SourceError
from tests.indexer.watcher import QUICK, Watcher, Wrapped, write
from tests.support import HashingEmbedder, until

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_parser")]


def test_a_bad_file_is_told_once_and_read_again_when_it_changes(
    watcher: Watcher, folder: Path
) -> None:
    write(folder / "bad.json", "{")
    write(folder / "empty.txt", " ")
    with watcher.running():
        until(lambda: len(watcher.failures) == 2)
        write(folder / "good.txt", "نص")
        until(lambda: watcher.held())
    with watcher.running():
        write(folder / "more.txt", "نص آخر")
        until(lambda: len(watcher.held()) == 2)
        assert len(watcher.failures) == 2
        write(folder / "empty.txt", "لم يعد فارغا")
        watcher.until_right()


def test_what_may_pass_is_tried_again_and_told_once(
    watcher: Watcher, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder / "a.txt", "قبل")
    watcher.catch_up()
    refused = 0

    def refusing(path: Path) -> int:
        nonlocal refused
        if refused < 2:
            refused += 1
            raise SourceError("no permission to read it", code="no-permission")
        return open_regular(path)

    monkeypatch.setattr("indexer.extraction.sandbox.parser.open_regular", refusing)
    watcher.intervals = replace(QUICK, rescan=0.5)
    write(folder / "a.txt", "بعد")
    with watcher.running():
        until(lambda: refused)
        assert watcher.text("a.txt") == "قبل"
        until(lambda: watcher.text("a.txt") == "بعد")
    assert [failure.code for failure in watcher.failures] == ["no-permission"]


def test_a_failing_model_is_waited_for_and_told_once(watcher: Watcher, folder: Path) -> None:
    broken = threading.Event()
    broken.set()
    embed = watcher.embedder.embed_passages

    def failing(texts: Sequence[str], progress: Progress | None = None) -> Vector:
        if broken.is_set():
            raise EmbedderError("the model is out of memory")
        return embed(texts, progress)

    watcher.embedder.embed_passages = failing  # type: ignore[method-assign]
    write(folder / "a.txt", "نص")
    write(folder / "b.txt", "نص آخر")
    watcher.intervals = replace(QUICK, rescan=0.3)
    with watcher.running():
        until(lambda: len(watcher.failures) == 2)
        time.sleep(1.0)
        broken.clear()
        watcher.until_right()
    assert [failure.code for failure in watcher.failures] == ["model"] * 2
    assert sum("out of memory" in line for line in watcher.told) == 2


def test_failures_that_cannot_be_noted_are_not_forgotten(watcher: Watcher, folder: Path) -> None:
    write(folder / "bad.json", "{")
    noted: list[Failure] = []

    class Refusing(list[Failure]):
        def append(self, failure: Failure) -> None:
            noted.append(failure)
            if len(noted) == 1:
                raise EngineUnavailable("cannot write down what failed")
            super().append(failure)

    watcher.failures = Refusing()
    with watcher.running():
        until(lambda: len(watcher.failures) == 1)
    assert len(noted) == 2


def test_vectors_may_be_left_out_and_added_by_watching_with_them(
    watcher: Watcher, folder: Path
) -> None:
    write(folder / "a.txt", "نص")
    watcher.embed = False
    watcher.catch_up()
    assert watcher.engine.unembedded("", 10) == [watcher.id("a.txt")]
    watcher.embed = True
    with watcher.running():
        until(lambda: watcher.engine.unembedded("", 10) == [])
    assert watcher.embedder.texts == ["نص"]


@pytest.mark.parametrize("error", [EngineBusy, EngineUnavailable])
def test_a_busy_engine_is_waited_for_and_nothing_is_forgotten(
    watcher: Watcher, folder: Path, error: type[Exception]
) -> None:
    broken = threading.Event()

    class Breaking(Wrapped):
        def write(self, articles: Sequence[IndexedArticle]) -> list[WriteOutcome]:
            if broken.is_set():
                raise error("somebody else is writing")
            return self.engine.write(articles)

        def delete(self, ids: Sequence[str]) -> int:
            if broken.is_set():
                raise error("somebody else is writing")
            return self.engine.delete(ids)

    watcher.engine = Breaking(watcher.engine)  # type: ignore[assignment]
    write(folder / "a.txt", "واحد")
    write(folder / "b.txt", "اثنان")
    with watcher.running():
        watcher.until_right()
        broken.set()
        write(folder / "a.txt", "تغير")
        (folder / "b.txt").unlink()
        write(folder / "c.txt", "ثلاثة")
        until(lambda: any("somebody else" in line for line in watcher.told))
        time.sleep(0.5)
        broken.clear()
        watcher.until_right()
        until(lambda: "going on" in watcher.told)
    assert sum("somebody else" in line for line in watcher.told) == 1
    assert watcher.failures == []


def test_others_may_write_in_between(watcher: Watcher, folder: Path) -> None:
    write(folder / "a.txt", "نص")
    with watcher.running():
        watcher.until_right()
        other = open_engine(watcher.settings, fingerprint_of(HashingEmbedder(), watcher.settings))

        def wrote() -> bool:
            try:
                other.write([])
            except EngineBusy:
                return False
            return True

        until(wrote)
        with other.hold("holding"):
            write(folder / "b.txt", "نص آخر")
            until(lambda: any(line.startswith("waiting") for line in watcher.told))
        other.close()
        watcher.until_right()


def test_without_events_it_looks_now_and_then(
    watcher: Watcher, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refused:
        """As watchfiles is: it raises when it is asked for events."""

        def __init__(self, *_: object, **__: object) -> None: ...

        def __iter__(self) -> Refused:
            return self

        def __next__(self) -> None:
            raise OSError("OS file watch limit reached.")

        def close(self) -> None: ...

    monkeypatch.setattr(watching, "events_of", Refused)
    with watcher.running():
        write(folder / "a.txt", "نص")
        watcher.until_right()
        write(folder / "b/c.txt", "نص آخر")
        watcher.until_right()
    assert sum("limit reached" in line for line in watcher.told) == 1


def test_a_name_that_is_no_text_ends_nothing(watcher: Watcher, folder: Path) -> None:
    with watcher.running():
        until(lambda: watcher.told)
        time.sleep(0.2)
        Path(os.fsdecode(os.fsencode(folder) + b"/\xff.txt")).write_text("نص", "utf-8")
        write(folder / "a.txt", "نص")
        until(lambda: set(watcher.held()) == {"a.txt"})
    assert [failure.code for failure in watcher.failures] == ["unreadable"]
