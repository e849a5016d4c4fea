"""What changed while nobody watched, and folders that go away and come back."""

from __future__ import annotations

import os
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.extraction.registry import Options
from indexer.ingestion.pipeline import index
from indexer.sources.listing import list_files
from indexer.sources.reading import read_articles
from indexer.sync.catalogue import catalogue_path
from indexer.sync.watch_options import Intervals
from search.assembly import fingerprint_of
from search.engines import open_engine
from search.errors import InputError
from search.settings import Settings
from tests.indexer.watcher import QUICK, Watcher, lines, write
from tests.support import HashingEmbedder, until

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_parser")]


# -- catching up


def test_what_changed_while_nobody_watched_is_caught_up_with(
    watcher: Watcher, folder: Path
) -> None:
    for name in ("same", "changed", "removed", "moved", "old/in"):
        write(folder / f"{name}.txt", f"نص {name}")
    lines(folder / "l.jsonl", p="واحد", q="اثنان")
    watcher.catch_up()
    embedded = len(watcher.embedder.texts)
    write(folder / "changed.txt", "نص آخر")
    write(folder / "new.txt", "نص جديد")
    (folder / "removed.txt").unlink()
    (folder / "moved.txt").rename(folder / "elsewhere.txt")
    (folder / "old").rename(folder / "young")
    lines(folder / "l.jsonl", q="اثنان")
    watcher.catch_up()
    assert sorted(watcher.embedder.texts[embedded:]) == sorted(["نص آخر", "نص جديد"])
    watcher.told.clear()
    watcher.catch_up()
    with watcher.running():
        time.sleep(0.5)
    assert [line for line in watcher.told if " new, " in line] == []


def test_a_file_put_in_anothers_place_with_its_size_and_time_is_noticed(
    watcher: Watcher, folder: Path
) -> None:
    path = write(folder / "a.txt", "نص 1")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    watcher.catch_up()
    write(path, "نص 2")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    watcher.catch_up()
    assert watcher.text("a.txt") == "نص 2"


def test_other_ways_of_reading_have_all_read_again(watcher: Watcher, folder: Path) -> None:
    write(folder / "a.json", '{"id": "a", "body": "نص", "text": "غيره"}')
    watcher.catch_up()
    watcher.options = Options(fields={"text": "body"})
    with watcher.running():
        until(lambda: watcher.text("a.json/a") == "نص", lambda: watcher.told)


@pytest.mark.parametrize("harm", ["lost", "empty", "cut", "flipped", "letters", "noise"])
def test_a_harmed_catalogue_costs_reading_and_nothing_else(
    watcher: Watcher, folder: Path, harm: str
) -> None:
    for n in range(8):
        write(folder / f"{n}.txt", f"نص {n}")
    watcher.catch_up()
    place = catalogue_path(folder, watcher.settings)
    content = place.read_bytes()
    match harm:
        case "lost":
            place.unlink()
        case "empty":
            place.write_bytes(b"")
        case "cut":
            place.write_bytes(content[:-20])
        case "flipped":
            middle = len(content) // 2
            place.write_bytes(content[:middle] + b"\x00\xff" + content[middle + 2 :])
        case "letters":
            place.write_bytes(content.replace(b"/7.txt", b"/\xff.txt"))
        case "noise":
            place.write_bytes(os.urandom(500))
    embedded = len(watcher.embedder.texts)
    (folder / "9.txt").write_text("جديد", "utf-8")
    watcher.catch_up()
    assert watcher.embedder.texts[embedded:] == ["جديد"]
    damaged = [line for line in watcher.told if "damaged" in line]
    assert len(damaged) == {"lost": 0, "empty": 0, "cut": 1, "letters": 1, "noise": 1}.get(
        harm, len(damaged)
    )
    (folder / "0.txt").unlink()
    watcher.catch_up()


def test_what_was_removed_while_the_catalogue_was_lost_goes(watcher: Watcher, folder: Path) -> None:
    """The index itself is the memory of what a folder held."""
    for n in range(3):
        write(folder / f"{n}.txt", f"نص {n}")
    lines(folder / "deep/l.jsonl", a="واحد", b="اثنان")
    watcher.catch_up()
    catalogue_path(folder, watcher.settings).unlink()
    (folder / "0.txt").unlink()
    (folder / "deep/l.jsonl").rename(folder / "deep/m.jsonl")
    lines(folder / "1.jsonl", c="ثلاثة")
    watcher.catch_up()
    assert not any("damaged" in line for line in watcher.told)


def test_an_index_that_was_deleted_or_changed_behind_it_is_made_again(
    watcher: Watcher, folder: Path
) -> None:
    for n in range(5):
        write(folder / f"{n}.txt", f"نص {n}")
    watcher.catch_up()
    watcher.engine.close()
    for path in watcher.settings.data.glob("*"):
        if path.name != "watch":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    watcher.engine = open_engine(
        watcher.settings, fingerprint_of(HashingEmbedder(), watcher.settings)
    )
    watcher.intervals = Intervals(settle=0.15, rescan=0.5)
    with watcher.running():
        watcher.until_right()
        watcher.engine.delete(["2"])  # by somebody else, while it watches
        watcher.until_right()
    watcher.engine.close()


def test_indexing_the_folder_oneself_is_no_contradiction(watcher: Watcher, folder: Path) -> None:
    for n in range(3):
        write(folder / f"{n}.txt", f"نص {n}")
    items = list(read_articles(list_files([folder])))
    index(items, watcher.engine, HashingEmbedder(), watcher.settings)
    watcher.engine.rest()
    watcher.catch_up()
    assert [line for line in watcher.told if " new, " in line] == []
    assert watcher.embedder.texts == []
    (folder / "0.txt").unlink()
    watcher.catch_up()


# -- folders that go away


def test_a_folder_that_vanishes_keeps_its_articles_until_it_is_back(
    watcher: Watcher, folder: Path, tmp_path: Path
) -> None:
    for n in range(30):
        write(folder / f"{n}.txt", f"نص {n}")
    with watcher.running():
        until(lambda: len(watcher.held()) == 30)
        folder.rename(tmp_path / "unmounted")
        until(lambda: any("is not there" in line for line in watcher.told))
        folder.mkdir()
        until(lambda: any("is empty" in line for line in watcher.told))
        time.sleep(0.5)
        assert len(watcher.held()) == 30
        folder.rmdir()
        (tmp_path / "unmounted/0.txt").unlink()
        (tmp_path / "unmounted").rename(folder)
        until(lambda: len(watcher.held()) == 29)
        assert any("is back" in line for line in watcher.told)
        write(folder / "30.txt", "يراقب من جديد")
        watcher.until_right()
    shutil.rmtree(folder)
    watcher.told.clear()
    with watcher.running():  # away at the start
        until(lambda: any("is not there" in line for line in watcher.told))
    folder.mkdir()
    with watcher.running():
        until(lambda: any("is empty" in line for line in watcher.told))
        time.sleep(0.4)
    assert len(watcher.held()) == 30
    with watcher.running(allow_empty=True):
        until(lambda: watcher.held() == {})


def test_a_disk_in_the_folder_that_is_not_mounted_keeps_its_articles(
    watcher: Watcher, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ismount = os.path.ismount
    disk, mounted = folder / "disk", threading.Event()
    mounted.set()

    def is_mount(path: Path) -> bool:
        return mounted.is_set() if Path(path) == disk else ismount(path)

    monkeypatch.setattr(os.path, "ismount", is_mount)
    watcher.intervals = replace(QUICK, rescan=0.5)
    write(disk / "deep/a.txt", "على القرص")
    write(folder / "b.txt", "نص")
    with watcher.running():
        watcher.until_right()
        mounted.clear()
        shutil.rmtree(disk)
        disk.mkdir()
        (folder / "b.txt").unlink()
        until(lambda: any("is not mounted" in line for line in watcher.told))
        until(lambda: set(watcher.held()) == {"disk/deep/a.txt"})
        mounted.set()
        write(disk / "deep/a.txt", "على القرص")
        until(lambda: any("is back" in line for line in watcher.told))
        (disk / "deep/a.txt").unlink()
        until(lambda: watcher.held() == {})
    assert sum("is not mounted" in line for line in watcher.told) == 1


@pytest.mark.parametrize("of", ["folder", "files"])
def test_a_link_whose_folder_is_away_keeps_its_articles(
    watcher: Watcher, folder: Path, tmp_path: Path, of: str
) -> None:
    write(tmp_path / "outside/a.txt", "خارج المجلد")
    write(tmp_path / "outside/b.txt", "خارج المجلد أيضا")
    if of == "folder":
        (folder / "link").symlink_to(tmp_path / "outside")
    else:
        (folder / "link").mkdir()
        for name in ("a.txt", "b.txt"):
            (folder / "link" / name).symlink_to(tmp_path / "outside" / name)
    watcher.catch_up()
    (tmp_path / "outside").rename(tmp_path / "away")
    with watcher.running():
        until(lambda: any("leads nowhere" in line for line in watcher.told))
        time.sleep(0.5)
    assert len(watcher.held()) == 2
    (tmp_path / "away").rename(tmp_path / "outside")
    (tmp_path / "outside/a.txt").unlink()
    if of == "files":
        (folder / "link/a.txt").unlink()
    watcher.catch_up()
    assert len(watcher.held()) == 1
    (folder / "link").rename(tmp_path / "link")
    watcher.catch_up()
    assert watcher.held() == {}


def test_all_files_of_a_small_folder_may_be_removed(watcher: Watcher, folder: Path) -> None:
    write(folder / "a.txt", "نص")
    with watcher.running():
        until(lambda: watcher.held())
        (folder / "a.txt").unlink()
        until(lambda: watcher.held() == {})


def test_a_folder_that_cannot_be_listed_keeps_what_it_gave(
    watcher: Watcher, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder / "a.txt", "نص")
    write(folder / "locked/b.txt", "مقفل")
    watcher.catch_up()
    scandir = os.scandir

    def refusing(path: str | Path | int) -> object:
        if not isinstance(path, int) and Path(path).name == "locked":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with watcher.running():
        until(lambda: watcher.failures)
        time.sleep(0.5)
    assert set(watcher.held()) == {"a.txt", "locked/b.txt"}
    assert [failure.code for failure in watcher.failures] == ["no-permission"]


def test_folders_that_cannot_be_watched_are_refused(
    watcher: Watcher, folder: Path, tmp_path: Path
) -> None:
    other_settings = watcher.settings
    (folder / "inner").mkdir()
    for folders in ([tmp_path / "none"], [write(tmp_path / "f.txt", "x")], [folder, folder]):
        watcher.folders = folders
        with pytest.raises(InputError):
            watcher.run()
    watcher.settings = Settings(data=folder / "data")
    watcher.folders = [folder]
    with pytest.raises(InputError, match="FIHRIS_DATA"):
        watcher.run()
    watcher.settings = other_settings
    other = Watcher([folder], watcher.engine, watcher.settings)
    watcher.told.clear()
    with watcher.running():
        until(lambda: watcher.told)
        with pytest.raises(InputError, match="already being watched"):
            other.run()
