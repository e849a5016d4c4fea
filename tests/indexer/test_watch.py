"""An index that follows folders: real files and real events."""

from __future__ import annotations

import gc
import shutil
import threading
import time
import tracemalloc
from pathlib import Path

import pytest

from indexer.extraction.sandbox import parser
from indexer.extraction.sandbox.zygote import Zygote
from indexer.sync import watch
from indexer.sync.catalogue import catalogue_path
from indexer.sync.watch_options import Intervals
from tests.indexer.watcher import Watcher, Wrapped, lines, write
from tests.support import HashingEmbedder, until

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_parser")]


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


def test_the_processes_that_parse_are_kept_for_a_while(
    watcher: Watcher, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Zygote] = []

    def counted() -> Zygote:
        started.append(Zygote())
        return started[-1]

    monkeypatch.setattr(parser, "Zygote", counted)
    monkeypatch.setattr(watch, "Parser", parser.Parser)
    with watcher.running():
        for n in range(3):
            write(folder / f"{n}.txt", f"نص {n}")
            until(lambda n=n: watcher.text(f"{n}.txt"))  # type: ignore[misc]
        assert len(started) == 1
        monkeypatch.setattr(watch, "KEPT", 0.0)
        write(folder / "last.txt", "أخير")
        until(lambda: not started[0].alive())
        write(folder / "later.txt", "بعد ذلك")
        until(lambda: watcher.text("later.txt"))
    assert len(started) == 2
    assert not started[1].alive()


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
    watcher.intervals = Intervals(settle=0.5)  # ten times what lies between two writes
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
        until(lambda: len(watcher.held()) == 500)
    assert bursts <= 6
    assert sum(int(line.split()[0]) for line in watcher.told if " new, " in line) == 500


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
    watcher.intervals = Intervals(settle=0.1, rescan=0.5)
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
        names = ("sync/*",)
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
    assert catalogue_path(folder, watcher.settings).stat().st_size < 100_000


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
    watcher.intervals = Intervals(settle=0.15, rescan=0.5)
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
