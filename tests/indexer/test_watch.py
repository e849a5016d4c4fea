"""An index that follows folders: real files, real events, and what goes wrong in days."""

from __future__ import annotations

import gc
import os
import shutil
import threading
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from indexer import catalogue
from indexer import watch as watching
from indexer.catalogue import place_of
from indexer.formats import Options
from indexer.pipeline import index
from indexer.sources import Failure
from indexer.sources.listing import list_files
from indexer.sources.opening import open_regular
from indexer.sources.reading import read_articles
from indexer.watch import Pace
from search.assembly import fingerprint_of
from search.domain import IndexedArticle, Vector
from search.embedding import Progress
from search.engine import Engine, WriteOutcome
from search.engines import open_engine
from search.errors import EmbedderError, EngineBusy, EngineUnavailable, InputError, SourceError
from tests.indexer.watcher import Watcher, Wrapped, held, lines, named, names, until, write
from tests.support import HashingEmbedder

pytestmark = pytest.mark.slow


# -- what people do with files


def test_new_changed_moved_and_removed_files_are_followed(watcher: Watcher, folder: Path) -> None:
    write(folder / "a.txt", "قبل أن يبدأ")
    engine = watcher.engine
    with watcher.running():
        until(lambda: names(engine) == {"a.txt"})
        write(folder / "b.txt", "جديد")
        until(lambda: names(engine) == {"a.txt", "b.txt"})
        write(folder / "b.txt", "تغير")
        until(lambda: text_of(engine, "b.txt") == "تغير")
        (folder / "b.txt").rename(folder / "c.txt")
        until(lambda: names(engine) == {"a.txt", "c.txt"})
        (folder / "a.txt").unlink()
        until(lambda: names(engine) == {"c.txt"})
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
        until(lambda: len(held(watcher.engine)) == 30)
        embedded = len(watcher.embedder.texts)
        (folder / "one").rename(folder / "two")
        until(lambda: names(watcher.engine) == {f"two/deep/{n}.txt" for n in range(30)})
        assert len(watcher.embedder.texts) == embedded  # vectors went with the files
        write(folder / "two/deep/0.txt", "تغير بعد النقل")
        away.rename(folder / "away")
        watcher.until_right()
        (folder / "two/deep").rename(tmp_path / "deep")
        until(lambda: names(watcher.engine) == {"away/x.txt"})


def test_lines_that_went_from_a_file_go_from_the_index(watcher: Watcher, folder: Path) -> None:
    lines(folder / "news.jsonl", a="واحد", b="اثنان", c="ثلاثة")
    with watcher.running():
        until(lambda: len(held(watcher.engine)) == 3)
        lines(folder / "news.jsonl", b="اثنان", d="أربعة")
        watcher.until_right()
        assert names(watcher.engine) == {"news.jsonl/b", "news.jsonl/d"}
        write(folder / "news.jsonl", "ليس بيانات")
        until(lambda: watcher.failures)
        until(lambda: held(watcher.engine) == {})


def test_what_is_said_beside_a_file_is_part_of_it(watcher: Watcher, folder: Path) -> None:
    write(folder / "a.txt", "نص")
    with watcher.running():
        until(lambda: held(watcher.engine))
        write(folder / "a.meta.json", '{"title": "عنوان"}')
        until(lambda: (a := named(watcher.engine, "a.txt")) and a.info.title == "عنوان")
        (folder / "a.meta.json").unlink()
        until(lambda: (a := named(watcher.engine, "a.txt")) and a.info.title == "")


def test_ids_that_move_to_another_file_are_never_without_an_article(
    watcher: Watcher, folder: Path
) -> None:
    lines(folder / "b.jsonl", x="س", y="ص")
    with watcher.running():
        until(lambda: len(held(watcher.engine)) == 2)
        (folder / "b.jsonl").rename(folder / "a.jsonl")
        missing = 0
        deadline = time.monotonic() + 1.0
        while time.monotonic() < deadline:
            missing += len(held(watcher.engine)) != 2
        assert missing == 0
        (folder / "a.jsonl").unlink()
        until(lambda: held(watcher.engine) == {})
    assert watcher.failures == []


def test_a_file_is_read_when_it_stands_still(watcher: Watcher, folder: Path) -> None:
    """Neither half a file nor a line of it, and others do not wait."""
    watcher.pace = Pace(settle=0.5, burst=0.05)  # ten times what lies between two writes
    versions: list[str] = []
    other_seen = False

    def grow() -> None:
        with (folder / "slow.txt").open("w", encoding="utf-8") as file:
            for n in range(30):
                file.write(f"سطر {n}\n")
                file.flush()
                time.sleep(0.05)

    with watcher.running():
        writer = threading.Thread(target=grow)
        writer.start()
        write(folder / "other.txt", "لا ينتظر")
        while writer.is_alive():
            other_seen = other_seen or "other.txt" in names(watcher.engine)
            if (there := named(watcher.engine, "slow.txt")) is not None:
                versions.append(there.text)
            time.sleep(0.02)
        writer.join()
        watcher.until_right()
    assert other_seen
    assert all(text.endswith("سطر 29") for text in versions)
    assert watcher.failures == []


def test_editors_own_files_are_left_alone(watcher: Watcher, folder: Path) -> None:
    with watcher.running():
        for name in (".a.txt.swp", "a.txt~", "a.txt.part", "a.pdf.crdownload", "~$a.docx", "4913"):
            write(folder / name, "مؤقت")
        write(folder / ".git/HEAD.txt", "مخفي")
        write(folder / "a.txt", "باق")
        watcher.until_right()
    assert names(watcher.engine) == {"a.txt"}
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
        until(lambda: len(held(watcher.engine)) == 500, seconds=30)
    assert bursts <= 6
    assert sum(int(line.split()[0]) for line in watcher.told if " new, " in line) == 500


# -- an id is of one file


def test_an_id_is_of_the_file_that_gave_it_first_until_that_gives_it_up(
    watcher: Watcher, folder: Path
) -> None:
    watcher.collection = "laws"
    first = lines(folder / "first.jsonl", x="الأول", y="آخر")
    with watcher.running():
        until(lambda: len(held(watcher.engine)) == 2)
        lines(folder / "second.jsonl", x="الثاني", z="غيره")
        until(lambda: len(held(watcher.engine)) == 3)
        assert text_of(watcher.engine, "x") == "الأول"
        (failure,) = watcher.failures
        assert failure.code == "duplicate-id"
        assert str(first) in failure.reason
        lines(first, y="آخر")
        until(lambda: text_of(watcher.engine, "x") == "الثاني")
        lines(folder / "third.jsonl", x="الثالث")
        until(lambda: len(watcher.failures) == 2)
        (folder / "second.jsonl").unlink()
        until(lambda: text_of(watcher.engine, "x") == "الثالث")
        assert names(watcher.engine) == {"/laws/x", "/laws/y"}
    assert len(watcher.failures) == 2


def text_of(engine: Engine, name: str) -> str:
    there = named(engine, name)
    return there.text if there is not None else ""


def test_an_id_twice_in_a_file_is_refused_once_and_two_folders_share_no_id(
    watcher: Watcher, folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    write(folder / "a.txt", "هنا")
    write(other / "a.txt", "هناك")
    (folder / "n.jsonl").write_text('{"id": "x", "text": "1"}\n' * 2, "utf-8")
    watcher.folders = [folder, other]
    watcher.catch_up()
    assert len(watcher.failures) == 1
    assert len(names(watcher.engine)) == 3
    (folder / "a.txt").unlink()
    watcher.catch_up()
    assert text_of(watcher.engine, "a.txt") == "هناك"
    assert len(watcher.failures) == 1


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
    assert text_of(watcher.engine, "a.txt") == "نص 2"


def test_other_ways_of_reading_have_all_read_again(watcher: Watcher, folder: Path) -> None:
    write(folder / "a.json", '{"id": "a", "body": "نص", "text": "غيره"}')
    watcher.catch_up()
    watcher.options = Options(fields={"text": "body"})
    with watcher.running():
        until(lambda: text_of(watcher.engine, "a.json/a") == "نص", lambda: watcher.told)


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
    assert any("damaged" in line for line in watcher.told) == (harm in ("flipped", "noise"))
    (folder / "0.txt").unlink()
    watcher.catch_up()


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
        until(lambda: len(held(watcher.engine)) == 30)
        folder.rename(tmp_path / "unmounted")
        until(lambda: any("is not there" in line for line in watcher.told))
        folder.mkdir()
        until(lambda: any("is empty" in line for line in watcher.told))
        time.sleep(0.5)
        assert len(held(watcher.engine)) == 30
        folder.rmdir()
        (tmp_path / "unmounted/0.txt").unlink()
        (tmp_path / "unmounted").rename(folder)
        until(lambda: len(held(watcher.engine)) == 29)
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
    assert len(held(watcher.engine)) == 30
    with watcher.running(allow_empty=True):
        until(lambda: held(watcher.engine) == {})


def test_all_files_of_a_small_folder_may_be_removed(watcher: Watcher, folder: Path) -> None:
    write(folder / "a.txt", "نص")
    with watcher.running():
        until(lambda: held(watcher.engine))
        (folder / "a.txt").unlink()
        until(lambda: held(watcher.engine) == {})


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
    assert names(watcher.engine) == {"a.txt", "locked/b.txt"}
    assert [failure.code for failure in watcher.failures] == ["no-permission"]


def test_folders_that_cannot_be_watched_are_refused(
    watcher: Watcher, folder: Path, tmp_path: Path
) -> None:
    (folder / "inner").mkdir()
    for folders in (
        [tmp_path / "none"],
        [write(tmp_path / "f.txt", "x")],
        [folder / "inner", folder],
    ):
        watcher.folders = folders
        with pytest.raises(InputError):
            watcher.run()
    watcher.folders = [folder]
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
        until(lambda: held(watcher.engine))
    with watcher.running():
        write(folder / "more.txt", "نص آخر")
        until(lambda: len(held(watcher.engine)) == 2)
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
    write(folder / "a.txt", "بعد")
    with watcher.running():
        until(lambda: refused)
        assert text_of(watcher.engine, "a.txt") == "قبل"
        until(lambda: text_of(watcher.engine, "a.txt") == "بعد")
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
    with watcher.running():
        until(lambda: len(watcher.failures) == 2)
        time.sleep(0.6)
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
    assert watcher.engine.unembedded("", 10) == [f"/files{folder}/a.txt"]
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
        write(folder / "b.txt", "نص آخر")
        until(lambda: any(line.startswith("waiting") for line in watcher.told))
        other.close()
        watcher.until_right()


def test_without_events_it_looks_now_and_then(
    watcher: Watcher, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> Iterator[object]:
        raise OSError("OS file watch limit reached.")

    monkeypatch.setattr(watching, "events_of", refused)
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
        until(lambda: names(watcher.engine) == {"a.txt"})
    assert [failure.code for failure in watcher.failures] == ["unreadable"]


def test_a_link_to_a_folder_is_listed_as_always(watcher: Watcher, folder: Path) -> None:
    write(folder / "a/x.txt", "نص")
    (folder / "b").symlink_to("a")
    with watcher.running():
        watcher.until_right()
        write(folder / "b/x.txt", "تغير")
        write(folder / "a/y.txt", "جديد")
        watcher.until_right()
    assert names(watcher.engine) == {"a/x.txt", "a/y.txt"}


def test_a_test_collection_that_appears_is_left_out(watcher: Watcher, folder: Path) -> None:
    lines(folder / "set/corpus.jsonl", d="وثيقة")
    lines(folder / "set/queries.jsonl", q="سؤال")
    with watcher.running():
        until(lambda: len(held(watcher.engine)) == 2)
        (folder / "set/qrels").mkdir()
        until(lambda: held(watcher.engine) == {})


def test_memory_does_not_grow_with_what_happens(
    watcher: Watcher, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "SLACK", 100)
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
        names = ("watch.py", "watching/*", "catalogue.py")
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
    place = place_of(folder, watcher.settings)
    with watcher.running():
        until(lambda: place.exists() and b'"2.txt", "version"' in place.read_bytes())
    assert watcher.embedder.texts == []
    (folder / "0.txt").unlink()
    watcher.catch_up()
