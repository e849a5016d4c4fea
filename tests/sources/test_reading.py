"""Listed files to articles: in order whatever the workers, bounded, and ended with their reader."""

from __future__ import annotations

import io
import json
import os
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from indexer.extraction.registry import MEBIBYTE
from indexer.extraction.sandbox.parser import Usage
from indexer.sources import Failure, Found, read_ahead, reading, sidecar
from indexer.sources.listing import list_files
from indexer.sources.reading import read_articles, read_stream
from tests.sources.support import brief, write


def fill(folder: Path, number: int) -> None:
    for each in range(number):
        write(folder / f"{each:03}.txt", f"نص {each}")


@pytest.mark.parametrize("workers", [1, 3])
def test_items_come_in_the_order_of_the_files(tmp_path: Path, workers: int) -> None:
    fill(tmp_path, 20)
    lines = "".join(json.dumps({"id": f"l{n}", "text": "نص"}) + "\n" for n in range(300))
    write(tmp_path / "005.jsonl", lines)
    write(tmp_path / "007.txt", b"%PDF-1.7\0\0")
    write(tmp_path / "film.mov")
    listed = list_files([tmp_path, tmp_path / "gone"])
    items = list(read_articles(listed, workers=workers))
    texts = [f"{n:03}.txt" for n in range(20)]
    expected = [*texts[:5], *(f"l{n}" for n in range(300)), *texts[5:7], "not-text", *texts[8:]]
    assert brief(items) == [*expected, "skipped", "not-found"]


def test_every_use_is_told(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    used: list[Usage] = []
    list(read_articles(list_files([tmp_path]), on_usage=used.append))
    assert [each.file.name for each in used] == ["000.txt", "001.txt", "002.txt"]
    assert all(0 < each.peak < 512 * MEBIBYTE and each.seconds < 15 for each in used)


def test_closing_early_ends_every_worker(tmp_path: Path) -> None:
    fill(tmp_path, 40)
    with closing(read_articles(list_files([tmp_path]), workers=3)) as items:
        assert isinstance(next(items), Found)
        assert len(_threads()) == 3
    assert _threads() == []


def test_workers_run_ahead_by_a_bounded_number_of_files_and_items(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_ahead, "AHEAD_FILES", 4)
    monkeypatch.setattr(read_ahead, "AHEAD_ITEMS", 8)
    fill(tmp_path, 50)
    used: list[Usage] = []
    items = read_articles(list_files([tmp_path]), workers=2, on_usage=used.append)
    with closing(items):
        next(items)
        time.sleep(1.0)
        assert len(used) <= 8
        assert len(list(items)) == 49


def test_what_waits_is_bounded_and_the_first_file_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_ahead, "AHEAD_LENGTH", 10)
    for name in "abcd":
        lines = [json.dumps({"id": f"{name}{n}", "text": "نص طويل"}) for n in range(20)]
        write(tmp_path / f"{name}.jsonl", "\n".join(lines))
    items = list(read_articles(list_files([tmp_path]), workers=3))
    assert brief(items) == [f"{name}{n}" for name in "abcd" for n in range(20)]


def test_an_error_of_a_worker_reaches_the_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, 3)

    def broken(path: Path) -> dict[str, object]:
        raise ZeroDivisionError

    monkeypatch.setattr(reading, "metadata_of", broken)
    with pytest.raises(ZeroDivisionError):
        list(read_articles(list_files([tmp_path]), workers=2))
    assert _threads() == []


def test_a_source_for_those_that_name_none(tmp_path: Path) -> None:
    lines = '{"id": "a", "text": "نص"}\n{"id": "b", "text": "نص", "source": "لها"}'
    write(tmp_path / "a.jsonl", lines)
    items = read_articles(list_files([tmp_path]), source="جريدة")
    assert [i.article.info.source for i in items if isinstance(i, Found)] == ["جريدة", "لها"]


def test_standard_input_is_read_as_the_kind_it_is_named() -> None:
    lines = io.BytesIO(b'{"id": "a", "text": "x"}\n{\n')
    items = list(read_stream(lines))
    assert brief(items) == ["a", "not-json"]
    assert [item.place for item in items] == ["standard input:1", "standard input:2"]
    assert [item.file for item in items if isinstance(item, Found | Failure)] == [None, None]
    assert brief(list(read_stream(io.BytesIO("نص".encode()), "stdin.txt"))) == ["stdin"]


def test_standard_input_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_STREAM", 10)
    (failure,) = read_stream(io.BytesIO(b"x" * 11))
    assert isinstance(failure, Failure)
    assert (failure.code, failure.reason) == ("too-large", "more than 10 bytes: give it as files")


def test_metadata_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    write(tmp_path / "a.txt")
    os.mkfifo(tmp_path / "a.meta.json")
    (failure,) = read_articles(list_files([tmp_path]))
    assert isinstance(failure, Failure)
    assert failure.code == "not-regular"
    assert failure.reason == "a.meta.json: not a regular file"


def test_metadata_is_of_files_of_one_article(tmp_path: Path) -> None:
    write(tmp_path / "a.meta.json", '{"title": "عنوان"}')
    assert sidecar.metadata_of(tmp_path / "a.pdf") == {"title": "عنوان"}
    assert sidecar.metadata_of(tmp_path / "a.jsonl") == {}
    assert sidecar.metadata_of(tmp_path / "b.pdf") == {}


def _threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("read-")]
