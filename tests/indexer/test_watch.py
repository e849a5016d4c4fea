"""An index that follows folders: real files, real events, and what goes wrong in days."""

from __future__ import annotations

import gc
import os
import shutil
import threading
import time
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from indexer import watch as watching
from indexer.formats import Options
from indexer.pipeline import index
from indexer.sources import Failure
from indexer.sources.listing import list_files
from indexer.sources.opening import open_regular
from indexer.sources.reading import read_articles
from indexer.watch import Pace
from indexer.watching.catalogue import place_of
from search.assembly import fingerprint_of
from search.domain import IndexedArticle, Vector
from search.embedding import Progress
from search.engine import WriteOutcome
from search.engines import open_engine
from search.errors import EmbedderError, EngineBusy, EngineUnavailable, InputError, SourceError
from search.settings import Settings
from tests.indexer.watcher import QUICK, Watcher, Wrapped, lines, until, write
from tests.support import HashingEmbedder

pytestmark = pytest.mark.slow


# -- what people do with files


def test_new_changed_moved_and_removed_files_are_followed(watcher: Watcher, folder: Path) -> None:
    write(folder / "a.txt", "قبل أن يبدأ")
    with watcher.running():
        until(lambda: set(watcher.held()) == {"a.txt"})
        write(folder / "b.txt", "جديد")
        until(lambda: set(watcher.held()) == {"a.txt", "b.txt"})
        write(folder / "b.txt", "تغير")
        until(lambda: watcher.text("b.txt") == "تغير")
        (folder / "b.txt").rename(folder / "c.txt")
        until(lambda: set(watcher.held()) == {"a.txt", "c.txt"})
        (folder / "a.txt").unlink()
        until(lambda: set(watcher.held()) == {"c.txt"})
        beside = write(folder / ".c.txt.new", "حفظ المحرر")
        beside.replace(folder / "c.txt")
        watcher.until_right()
    assert watcher.embedder.texts == ["قبل أن يبدأ", "جديد", "تغير", "حفظ المحرر"]
    assert watcher.failures == []


def test_a_folder_renamed_or_moved_in_and_out_takes_its_files_along(
    watcher: Watcher, folder: Path, tmp_path: Path
) -> None:
    for n in range(30):
        write(folder / f"one/deep/{n}.txt", f"نص {n}")
    away = write(tmp_path / "away/x.txt", "من الخارج").parent
    with watcher.running():
        until(lambda: len(watcher.held()) == 30)
        embedded = len(watcher.embedder.texts)
        (folder / "one").rename(folder / "two")
        until(lambda: set(watcher.held()) == {f"two/deep/{n}.txt" for n in range(30)})
        assert len(watcher.embedder.texts) == embedded  # vectors went with the files
        write(folder / "two/deep/0.txt", "تغير بعد النقل")
        away.rename(folder / "away")
        watcher.until_right()
        (folder / "two/deep").rename(tmp_path / "deep")
        until(lambda: set(watcher.held()) == {"away/x.txt"})


def test_lines_that_went_from_a_file_go_from_the_index(watcher: Watcher, folder: Path) -> None:
    lines(folder / "news.jsonl", a="واحد", b="اثنان", c="ثلاثة")
    with watcher.running():
        until(lambda: len(watcher.held()) == 3)
        lines(folder / "news.jsonl", b="اثنان", d="أربعة")
        watcher.until_right()
        assert set(watcher.held()) == {"news.jsonl/b", "news.jsonl/d"}
        write(folder / "news.jsonl", "ليس بيانات")
        until(lambda: watcher.failures)
        until(lambda: watcher.held() == {})


def test_rows_without_an_id_of_their_own_are_their_files(watcher: Watcher, folder: Path) -> None:
    with watcher.running():
        for texts in (["واحد", "اثنان"], ["اثنان", "ثلاثة"], ["أربعة"]):
            rows = "".join(f'{{"text": "{text}"}}\n' for text in texts)
            write(folder / "rows.jsonl", rows)
            watcher.until_right()
        (folder / "rows.jsonl").unlink()
        watcher.until_right()


def test_what_is_said_beside_a_file_is_part_of_it(watcher: Watcher, folder: Path) -> None:
    write(folder / "a.txt", "نص")

    def title() -> str | None:
        there = watcher.engine.article(watcher.id("a.txt"))
        return there.article.info.title if there is not None else None

    with watcher.running():
        until(lambda: watcher.held())
        write(folder / "a.meta.json", '{"title": "عنوان"}')
        until(lambda: title() == "عنوان")
        (folder / "a.meta.json").unlink()
        until(lambda: title() == "")


def test_what_moves_is_never_without_an_article(watcher: Watcher, folder: Path) -> None:
    lines(folder / "b.jsonl", x="س", y="ص")
    moved = {"a.jsonl/x", "a.jsonl/y"}
    with watcher.running():
        until(lambda: len(watcher.held()) == 2)
        (folder / "b.jsonl").rename(folder / "a.jsonl")
        seen: list[int] = []

        def has_moved() -> bool:
            names = set(watcher.held())
            seen.append(len(names))
            return names == moved

        until(has_moved)
        assert min(seen) == 2
        (folder / "a.jsonl").unlink()
        until(lambda: watcher.held() == {})
    assert watcher.embedder.texts == ["س", "ص"]
    assert watcher.failures == []


def test_a_file_is_read_when_it_stands_still(watcher: Watcher, folder: Path) -> None:
    """Neither half a file nor a line of it, and others do not wait."""
    watcher.pace = Pace(settle=0.5, burst=0.05)  # ten times what lies between two writes
    versions: list[str] = []
    other_seen = False

    def grow() -> None:
        with (folder / "slow.txt").open("w", encoding="utf-8") as file:
            for n in range(300):  # on a busy machine the other file may take seconds
                if n > 30 and other_seen:
                    break
                file.write(f"سطر {n}\n")
                file.flush()
                time.sleep(0.05)
            file.write("النهاية\n")

    with watcher.running():
        writer = threading.Thread(target=grow)
        writer.start()
        write(folder / "other.txt", "لا ينتظر")
        while writer.is_alive():
            other_seen = other_seen or "other.txt" in watcher.held()
            if text := watcher.text("slow.txt"):
                versions.append(text)
            time.sleep(0.02)
        writer.join()
        watcher.until_right()
    assert other_seen
    assert all(text.endswith("النهاية") for text in versions)
    assert watcher.failures == []


def test_editors_own_files_are_left_alone(watcher: Watcher, folder: Path) -> None:
    with watcher.running():
        for name in (".a.txt.swp", "a.txt~", "a.txt.part", "a.pdf.crdownload", "~$a.docx", "4913"):
            write(folder / name, "مؤقت")
        write(folder / ".git/HEAD.txt", "مخفي")
        write(folder / "a.txt", "باق")
        watcher.until_right()
    assert set(watcher.held()) == {"a.txt"}
    assert watcher.failures == []


def test_a_burst_is_few_writes(watcher: Watcher, folder: Path) -> None:
    bursts = 0

    class Counting(Wrapped):
        def show(self) -> None:
            nonlocal bursts
            bursts += 1
            self.engine.show()

    watcher.engine = Counting(watcher.engine)  # type: ignore[assignment]
    with watcher.running():
        until(lambda: watcher.told)
        for n in range(500):
            write(folder / f"{n % 7}/{n}.txt", f"خبر {n}")
        until(lambda: len(watcher.held()) == 500, seconds=30)
    assert bursts <= 6
    assert sum(int(line.split()[0]) for line in watcher.told if " new, " in line) == 500


# -- whose an article is


def test_files_that_say_the_same_ids_are_kept_apart(watcher: Watcher, folder: Path) -> None:
    lines(folder / "first.jsonl", x="الأول", y="آخر")
    lines(folder / "first.jsonl.jsonl", x="الثاني")
    lines(folder / "2/first.jsonl", x="الثالث")
    with watcher.running():
        watcher.until_right()
        lines(folder / "first.jsonl", y="آخر")
        until(lambda: len(watcher.held()) == 3)
        (folder / "2/first.jsonl").unlink()
        watcher.until_right()
    assert set(watcher.held()) == {"first.jsonl/y", "first.jsonl.jsonl/x"}
    assert watcher.failures == []


def test_an_id_twice_in_a_file_is_refused_once(watcher: Watcher, folder: Path) -> None:
    (folder / "n.jsonl").write_text('{"id": "x", "text": "1"}\n' * 2, "utf-8")
    for _ in range(2):
        watcher.catch_up()
        assert [failure.code for failure in watcher.failures] == ["duplicate-id"]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl/deep"])
def test_a_file_and_a_folder_take_each_others_place(
    watcher: Watcher, folder: Path, name: str
) -> None:
    watcher.pace = Pace(settle=0.15, burst=0.1, look=0.5)
    with watcher.running():
        for n in range(2):
            lines(folder / "a.jsonl", x="صف", y=f"آخر {n}")
            watcher.until_right()
            (folder / "a.jsonl").unlink()
            write(folder / name / "x.txt" if "/" in name else folder / name / "x", "في المجلد")
            write(folder / name / "y.txt", f"نص {n}")
            watcher.until_right()
            shutil.rmtree(folder / "a.jsonl")
    watcher.catch_up()


def test_two_names_that_differ_in_their_normal_form_only(watcher: Watcher, folder: Path) -> None:
    """As one may have them on one disk: each file keeps its own articles."""
    composed, decomposed = "\u0622.jsonl", "\u0627\u0653.jsonl"
    with watcher.running():
        lines(folder / decomposed, x="الثاني", y="سطر")
        watcher.until_right()
        lines(folder / composed, x="الأول", y="سطر")
        watcher.until_right()
        lines(folder / composed, x="الأول")
        watcher.until_right()
        assert len(watcher.held()) == 3
        (folder / composed).unlink()
        watcher.until_right()
        assert len(watcher.held()) == 2


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


@pytest.mark.parametrize("harm", ["lost", "empty", "cut", "flipped", "noise"])
def test_a_harmed_catalogue_costs_reading_and_nothing_else(
    watcher: Watcher, folder: Path, harm: str
) -> None:
    for n in range(8):
        write(folder / f"{n}.txt", f"نص {n}")
    watcher.catch_up()
    place = place_of(folder, watcher.settings)
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
        case "noise":
            place.write_bytes(os.urandom(500))
    embedded = len(watcher.embedder.texts)
    (folder / "9.txt").write_text("جديد", "utf-8")
    watcher.catch_up()
    assert watcher.embedder.texts[embedded:] == ["جديد"]
    damaged = [line for line in watcher.told if "damaged" in line]
    assert len(damaged) == {"lost": 0, "empty": 0, "cut": 1, "noise": 1}.get(harm, len(damaged))
    (folder / "0.txt").unlink()
    watcher.catch_up()


def test_what_was_removed_while_the_catalogue_was_lost_goes(watcher: Watcher, folder: Path) -> None:
    """The index itself is the memory of what a folder held."""
    for n in range(3):
        write(folder / f"{n}.txt", f"نص {n}")
    lines(folder / "deep/l.jsonl", a="واحد", b="اثنان")
    watcher.catch_up()
    place_of(folder, watcher.settings).unlink()
    (folder / "0.txt").unlink()
    (folder / "deep/l.jsonl").rename(folder / "deep/m.jsonl")
    lines(folder / "1.jsonl", c="ثلاثة")
    watcher.catch_up()
    assert not any("damaged" in line for line in watcher.told)


def test_a_catalogue_of_an_earlier_version_is_replaced_and_that_is_said_once(
    watcher: Watcher, folder: Path
) -> None:
    place = place_of(folder, watcher.settings)
    place.parent.mkdir(parents=True)
    place.with_suffix(".log").write_bytes(b'0badcafe {"catalogue": 1}\n')
    write(folder / "a.txt", "نص")
    for _ in range(2):
        watcher.catch_up()
        assert sum("version 0.1" in line for line in watcher.told) == 1
    assert not place.with_suffix(".log").exists()


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
    watcher.pace = Pace(settle=0.15, burst=0.1, look=0.5)
    with watcher.running():
        watcher.until_right()
        watcher.engine.delete(["2"])  # by somebody else, while it watches
        watcher.until_right()
    watcher.engine.close()


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
    watcher.pace = replace(QUICK, look=0.5)
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

    def refusing(path: str | Path) -> object:
        if Path(path).name == "locked":
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
    for folders in (
        [tmp_path / "none"],
        [write(tmp_path / "f.txt", "x")],
        [folder / "inner", folder],
    ):
        watcher.folders = folders
        with pytest.raises(InputError):
            watcher.run()
    watcher.settings = Settings(data=folder / "data")
    watcher.folders = [folder]
    with pytest.raises(InputError, match="FIHRIS_DATA"):
        watcher.run()
    watcher.settings = other_settings
    other = Watcher([folder], watcher.engine, watcher.settings)
    with watcher.running():
        until(lambda: watcher.told)
        with pytest.raises(InputError, match="already being watched"):
            other.run()


# -- what cannot be read or written


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

    monkeypatch.setattr("indexer.sources.sandbox.open_regular", refusing)
    watcher.pace = replace(QUICK, look=0.5)
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
    watcher.pace = replace(QUICK, look=0.3)
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
            until(lambda: any(line.startswith("waiting") for line in watcher.told), seconds=60)
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


def test_a_link_to_a_folder_is_listed_as_always(watcher: Watcher, folder: Path) -> None:
    write(folder / "a/x.txt", "نص")
    (folder / "b").symlink_to("a")
    with watcher.running():
        watcher.until_right()
        write(folder / "b/x.txt", "تغير")
        write(folder / "a/y.txt", "جديد")
        watcher.until_right()
    assert set(watcher.held()) == {"a/x.txt", "a/y.txt"}


def test_a_test_collection_that_appears_is_left_out(watcher: Watcher, folder: Path) -> None:
    lines(folder / "set/corpus.jsonl", d="وثيقة")
    lines(folder / "set/queries.jsonl", q="سؤال")
    with watcher.running():
        until(lambda: len(watcher.held()) == 2)
        (folder / "set/qrels").mkdir()
        until(lambda: watcher.held() == {})


def test_memory_does_not_grow_with_what_happens(watcher: Watcher, folder: Path) -> None:
    watcher.pace = Pace(settle=0.1, burst=0.05, look=0.5)
    watcher.embedder.embed_passages = HashingEmbedder().embed_passages  # type: ignore[method-assign]

    def days(rounds: int) -> None:
        """Change 30 files and have 150 come and go, again and again."""
        for n in range(rounds):
            for i in range(30):
                write(folder / f"{i % 5}/{i}.txt", f"{time.monotonic()} {n} {i}")
            for i in range(150):
                write(folder / f"{i % 5}/{time.monotonic_ns()}.txt", "عابر").unlink()
            lines(folder / "l.jsonl", **{f"{time.monotonic_ns()}-{i}": "سطر" for i in range(30)})
            watcher.until_right()
            watcher.told.clear()

    def used() -> int:
        """Return bytes in use, at a moment when nothing is waited for."""
        time.sleep(0.2)  # what came and went is forgotten once it stood still for `settle`
        gc.collect()
        names = ("watch.py", "watching/*")
        ours = [tracemalloc.Filter(True, f"*/indexer/{name}") for name in names]
        taken = tracemalloc.take_snapshot().filter_traces(ours)
        return sum(each.size for each in taken.statistics("filename"))

    tracemalloc.start()
    try:
        with watcher.running():
            days(4)  # a dict that was large once stays so
            before = used()
            assert before > 0
            days(4)
            until(lambda: used() - before < 20_000, lambda: (before, used()))
    finally:
        tracemalloc.stop()
    assert place_of(folder, watcher.settings).stat().st_size < 100_000


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
