"""What is removed is gone from every file of the data folder once `fihris erase` has run."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from indexer.extraction.sandbox.recogniser import Recogniser
from indexer.sources import Failure, SourceFile
from indexer.sources.dead_letters import DeadLetters
from indexer.sources.listing import list_files
from search.engines.protocol import Engine
from search.settings import Settings
from tests.indexer.conftest import Fihris
from tests.support import REPOSITORY

MARK = "زقنبوط"  # in all that is to be erased and nowhere else
MARKED = f"قصف بغداد {MARK} في الليل\n\nنص آخر"
PERSIAN = f"بغداد {MARK} چگونه"  # what no single byte stands for


def holding(folder: Path) -> set[str]:
    """Return the names of the files that hold the mark, in any way that it is written."""
    marks = [MARK.encode(encoding) for encoding in ("utf-8", "cp1256", "utf-16-le", "utf-32-le")]
    marks += [json.dumps(MARK)[1:-1].encode(), MARK[:4].encode(), MARK[2:].encode()]  # and grams
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.name for path in files if any(mark in path.read_bytes() for mark in marks)}


def test_no_word_of_what_was_removed_is_left(
    fihris: Fihris, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, articles = tmp_path / "data", tmp_path / "articles"
    articles.mkdir()
    monkeypatch.setenv("FIHRIS_ORIGINALS", str(articles))
    for number in range(30):
        (articles / f"{number}.txt").write_text(f"خبر رقم {number} من بغداد\n\nنص {number}")
    (articles / f"{MARK}.txt").write_text(MARKED)
    fields = dict.fromkeys(("title", "source", "author"), MARK)
    line = {"id": "k1", **fields, "tags": [MARK], "text": PERSIAN, "url": f"http://a/{MARK}"}
    lines = tmp_path / "a.jsonl"
    lines.write_text(json.dumps(line))
    unread = articles / f"{MARK}.html"
    unread.write_text("")
    assert fihris("saved", "add", "بغداد", "--mode", "keyword").status == 0
    assert fihris("index", articles).status == 1  # one has no text
    assert fihris("index", lines, "--collection", "k").status == 0
    assert fihris("annotations", "add", "/k/k1#0", "--note", "كلامي").status == 0
    assert MARK in fihris("search", MARK, "--mode", "keyword").out
    unread.unlink()
    letters = {path.name for path in (data / "dead-letters").iterdir()}
    places = {"record.sqlite", "saved.sqlite", "annotations.sqlite", "originals.sqlite"} | letters
    written = holding(data)
    assert {place for place in places if not {place, f"{place}-wal"} & written} == set()

    file_id = f"/files{articles.resolve()}/{MARK}.txt"
    assert fihris("delete", file_id, "/k/k1").out == "2 articles removed\n"
    assert holding(data)  # which is why there is a command
    erased = fihris("erase")
    assert (erased.status, erased.err) == (0, "")
    assert holding(data) == set()
    assert json.loads(fihris("search", "بغداد", "--json").out)["total"]["value"] == 30
    assert fihris("check").out == "nothing is damaged\n"
    assert "كلامي" in fihris("annotations", "list", "--orphaned").out


def test_articles_are_removed_and_erased_while_others_read(
    fihris: Fihris, engine: Engine, tmp_path: Path, settings: Settings
) -> None:
    path = tmp_path / "a.jsonl"
    lines = [{"id": "k1", "text": PERSIAN}, {"id": "k2", "text": "بغداد"}]
    path.write_text("\n".join(map(json.dumps, lines)))
    assert fihris("index", path, "--collection", "k").status == 0
    assert engine.article("/k/k1") is not None  # and so is open
    erased = fihris("erase", "/k/k1")
    assert (erased.status, erased.err) == (0, "")
    assert holding(settings.data) == set()
    assert engine.article_ids("", 10) == ["/k/k2"]


@pytest.mark.slow
def test_killed_at_any_moment_and_run_again_it_has_erased_that_and_nothing_else(
    fihris: Fihris, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = dict.fromkeys(("title", "source", "author"), MARK)
    lines = [{"id": f"{n}", "text": f"خبر {n} من بغداد\n\nنص {n}"} for n in range(500)]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, [{"id": "gone", **fields, "text": MARKED}, *lines])))
    assert fihris("saved", "add", "بغداد", "--mode", "keyword").status == 0
    assert fihris("index", path, "--collection", "k").status == 0
    assert fihris("annotations", "add", "/k/gone#0", "--note", "كلامي").status == 0
    fihris("search", MARK)
    whole = [line for line in fihris("export").out.splitlines() if "/k/gone" not in line]
    assert len(whole) == len(lines)

    def erased(folder: Path, seconds: float) -> subprocess.CompletedProcess[str]:
        shutil.copytree(tmp_path / "data", folder)
        return subprocess.run(
            [sys.executable, "-m", "tests.indexer.erasing", str(seconds), "/k/gone"],
            cwd=REPOSITORY,
            env={**os.environ, "FIHRIS_DATA": str(folder)},
            capture_output=True,
            text=True,
            timeout=120,
        )

    lasts = float(erased(tmp_path / "in peace", 100.0).stdout.splitlines()[-1])
    chosen = random.Random(7)
    killed = 0
    for number in range(8):
        folder = tmp_path / f"killed {number}"
        ended = erased(folder, lasts * (number + chosen.random()) / 8)
        killed += ended.returncode == -signal.SIGKILL
        monkeypatch.setenv("FIHRIS_DATA", str(folder))
        again = fihris("erase", "/k/gone")
        assert (again.status, again.err) == (0, "")
        assert holding(folder) == set()
        assert fihris("export").out.splitlines() == whole
        assert fihris("check").out == "nothing is damaged\n"
        found = json.loads(fihris("search", "بغداد", "--mode", "keyword", "--json").out)
        assert found["total"]["value"] == len(lines)
        assert json.loads(fihris("status", "--json").out)["unembedded"] == 0
        assert "كلامي" in fihris("annotations", "list", "--orphaned").out
    assert killed


def test_what_was_recognised_of_scans_is_forgotten_where_that_is_asked(
    fihris: Fihris, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIHRIS_CACHE", str(tmp_path / "cache"))
    recogniser = Recogniser(Settings(cache=tmp_path / "cache"))
    recogniser.keep(b"page", MARK)
    assert "--scans" in fihris("erase").out
    assert recogniser.kept(b"page") == MARK
    assert "--scans" not in fihris("erase", "--scans").out
    assert recogniser.kept(b"page") is None


def test_a_kept_version_is_named(fihris: Fihris, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(MARKED)
    assert fihris("index", tmp_path / "a.txt").status == 0
    assert fihris("reindex", "--keep").status == 0
    erased = fihris("erase")
    assert erased.status == 1
    assert str(tmp_path / "data") in erased.err
    assert "reindex --keep" in erased.err


def test_dead_letters_of_other_files_stay(fihris: Fihris, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "dead-letters"
    paths = [tmp_path / f"{number}.txt" for number in range(3)]
    for path in paths:
        path.write_text(MARKED)
    with closing(DeadLetters(folder)) as letters:
        for file in list_files(paths):
            assert isinstance(file, SourceFile)
            letters.add(Failure(str(file), "empty", "nothing", file=file))
        paths[0].unlink()
        assert fihris("erase", f"/files{paths[1].resolve()}").out.startswith("0 articles, 2 dead")
        letters.add(Failure("-", "empty", "nothing"))  # where it was
    assert letters.path is not None
    left = [json.loads(line) for line in letters.path.read_text().splitlines() if line.strip()]
    assert [each["path"] for each in left] == [str(paths[2]), None]
