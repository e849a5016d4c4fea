"""Pictures of pages, read by the real tesseract in processes of their own."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from indexer.extraction.recognition import page_of
from indexer.extraction.sandbox.recogniser import Recogniser
from indexer.sources import Failure, Found, Item, Skipped
from indexer.sources.listing import list_files
from indexer.sources.reading import read_articles
from search.settings import Settings
from tests.formats.pictures import Picture, drawn, needs_tesseract, pages_of, tiff
from tests.support import REPOSITORY

pytestmark = pytest.mark.slow

TOP = drawn("chromium-article").cut(0, 330)
READ = {"الولايات", "المتحدة", "المدعومة", "واستهدفت", "العراق."}  # words of it

Read = Callable[..., list[Item]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(name: str, content: bytes, **settings: object) -> list[Item]:
        path = tmp_path / "in" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        known = {"cache": tmp_path / "cache", **settings}
        recogniser = Recogniser(Settings(**known))  # type: ignore[arg-type]
        return list(read_articles(list_files([path.parent]), recogniser=recogniser))

    return read


def the_article(items: list[Item]) -> Found:
    (found,) = items
    assert isinstance(found, Found), found
    return found


def places(found: Found) -> list[str]:
    return [str(place).partition(" (")[0] for _, place in found.article.places]


@needs_tesseract
def test_a_picture_is_an_article_that_says_how_sure_it_is(read: Read) -> None:
    found = the_article(read("a.png", TOP.png()))
    assert set(found.article.text.split()) >= READ
    ((_, place),) = found.article.places
    assert place.kind == "scan"
    sure = int(place.value.removeprefix("1 (").removesuffix("%)"))
    assert 80 < sure <= 100
    assert found.notes == (f"1 of its pages by text recognition (OCR), {sure}% sure",)


@needs_tesseract
def test_a_page_that_fails_costs_that_page_only_and_is_told(read: Read) -> None:
    found = the_article(read("a.tiff", tiff(TOP, TOP, TOP, broken=1)))
    assert places(found) == ["scan 1", "scan 3"]
    assert found.notes[1].startswith("page 2: its picture is broken")


@needs_tesseract
def test_of_a_pdf_only_pages_that_are_pictures_are_recognised(read: Read) -> None:
    found = the_article(read("a.pdf", pages_of("chromium-article", "scanned", "cairo-sentences")))
    assert places(found) == ["page 1", "scan 2", "page 3"]
    assert "لا إله إلا الله، والإسلام والآلات" in found.article.text  # as the file says it


@needs_tesseract
def test_a_page_that_was_recognised_is_not_recognised_again(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[bytes] = []
    keep = Recogniser.keep

    def counted(by: Recogniser, key: bytes, table: str) -> None:
        kept.append(key)
        keep(by, key, table)

    monkeypatch.setattr(Recogniser, "keep", counted)
    content = tiff(TOP, TOP)
    first = the_article(read("a.tiff", content, ocr_pages=1))  # as if it had been stopped
    assert (len(kept), places(first)) == (1, ["scan 1"])
    assert first.notes[1] == "page 2: not tried: 1 pages of a file are (FIHRIS_OCR_PAGES)"
    both = the_article(read("a.tiff", content))
    assert (len(kept), places(both)) == (2, ["scan 1", "scan 2"])
    assert the_article(read("a.tiff", content)).article == both.article
    assert len(set(kept)) == len(kept) == 2


def session(number: int) -> list[Path]:
    """Return the processes of a session, which outlive the one that began it where they are orphans."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, its, *_ = stat.read_text("utf-8", "replace").rpartition(")")[2].split()
        except OSError:  # it ended
            continue
        if state != "Z" and int(its) == number:
            found.append(stat)
    return found


@needs_tesseract
@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for processes")
@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_stop_leaves_no_process_and_keeps_the_pages_that_were_read(
    tmp_path: Path, sent: signal.Signals, status: int
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.tiff").write_bytes(tiff(*[TOP] * 60))  # half a minute's work
    cache = tmp_path / "cache"
    settings = {"FIHRIS_DATA": str(tmp_path / "data"), "FIHRIS_CACHE": str(cache)}
    environment = {**os.environ, **settings, "FIHRIS_OCR_PAGES": "60"}
    command = [sys.executable, "-m", "indexer.cli", "index", "--no-embed", str(tmp_path / "in")]

    def kept() -> set[tuple[int, bytes]]:
        if not (cache / "ocr.sqlite").exists():
            return set()
        with closing(sqlite3.connect(cache / "ocr.sqlite", timeout=60)) as pages:
            try:
                return set(pages.execute("SELECT rowid, key FROM pages").fetchall())
            except sqlite3.OperationalError:  # its table is not made yet
                return set()

    def until(true: Callable[[], object]) -> None:
        end = time.monotonic() + 120
        while not true():
            assert time.monotonic() < end
            time.sleep(0.05)

    with subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stderr=subprocess.DEVNULL
    ) as run:
        until(kept)
        children = Path(f"/proc/{run.pid}/task").glob("*/children")
        sessions = [int(each) for path in children for each in path.read_text().split()]
        assert any(session(each) for each in sessions)
        run.send_signal(sent)
        assert run.wait(120) == status
    until(lambda: not any(session(each) for each in sessions))
    before = kept()
    assert 0 < len(before) < 60
    again = subprocess.run(
        command, cwd=REPOSITORY, env={**environment, "FIHRIS_OCR_PAGES": "2"}, timeout=120,
        stderr=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert again.returncode == 0
    assert before <= kept()  # a page that is recognised again has another row


@needs_tesseract
@pytest.mark.parametrize("least", [{"ocr_seconds": 1}, {"ocr_memory": 256}])
def test_a_page_takes_no_more_than_it_may(read: Read, least: dict[str, int]) -> None:
    page = drawn("chromium-article")
    large = Picture(page.width, page.height * 25, page.pixels * 25)  # a minute's work
    (failure,) = read("a.pnm", large.pnm(), **least)
    assert isinstance(failure, Failure)
    (setting,) = least
    assert f"FIHRIS_{setting.upper()}" in failure.reason


@needs_tesseract
def test_a_list_of_names_is_no_picture(read: Read, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(TOP.png())
    (failure,) = read("a.png", f"{secret}\n".encode())  # tesseract would read what it names
    assert isinstance(failure, Failure)
    assert failure.code == "damaged"


@needs_tesseract
def test_pictures_without_text_are_left_out_and_counted(read: Read) -> None:
    (skipped,) = read("white.png", Picture(500, 500, b"\xff" * 250_000).png())
    assert isinstance(skipped, Skipped)
    assert skipped.kind == "pictures without text"


def test_without_tesseract_it_is_said_what_to_install(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    read("a.png", TOP.png())
    skipped, failure = read("b.pdf", pages_of("scanned"))
    assert isinstance(skipped, Skipped)
    assert isinstance(failure, Failure)
    assert failure.code == "no-text-layer"
    for told in (skipped.kind, failure.reason):
        assert "apt-get install tesseract-ocr tesseract-ocr-ara" in told


@needs_tesseract
def test_a_language_that_is_not_installed_is_named(read: Read) -> None:
    (failure,) = read("b.pdf", pages_of("scanned"), ocr_languages="ara+chi_sim")
    assert isinstance(failure, Failure)
    assert "install tesseract-ocr-chi-sim" in failure.reason


def test_switched_off_it_recognises_nothing(read: Read) -> None:
    (failure,) = read("b.pdf", pages_of("scanned"), ocr=False)
    assert isinstance(failure, Failure)
    assert (failure.code, "FIHRIS_OCR" in failure.reason) == ("no-text-layer", True)


def test_a_table_of_words_is_a_page() -> None:
    rows = ["level", "4\t1\t1\t1\t1\t0\t0\t0\t0\t0\t-1\t"]
    for block, line, sure, word in (
        (1, 1, 90, "\u200fكلمة"), (1, 1, 80, "أخرى"), (1, 2, 70, "هنا"), (2, 1, 60, "وهناك"), (2, 1, 0, " "),
    ):  # fmt: skip
        rows.append(f"5\t1\t{block}\t1\t{line}\t1\t0\t0\t9\t9\t{sure}.5\t{word}")
    page = page_of("\n".join([*rows, "5\t1", ""]))
    assert (page.text, page.confidence) == ("كلمة أخرى\nهنا\n\nوهناك", 75)
    assert page_of("").confidence == 0
