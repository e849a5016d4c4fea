"""A backup is whole or none, of one moment, and what is restored from it answers as it did."""

from __future__ import annotations

import os
import random
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from search.domain import Query
from search.engines import BESIDE, back_up, open_engine, restore
from search.engines.protocol import RankRequest
from search.errors import EngineError, InputError, RecordLost
from search.saved import open_store
from search.saved.domain import SavedSearch
from search.settings import Settings
from tests.conformance.corpus import (
    EMBEDDER,
    FINGERPRINT,
    WORDS,
    indexed,
    random_articles,
    random_clause,
)
from tests.engines.embedded.opening import opened
from tests.processes import processes
from tests.support import until


def ignored(what: str, done: int, of: int) -> None: ...


def backed_up(folder: Path, target: Path) -> None:
    back_up(Settings(data=folder), str(target), "", ignored)


def restored(source: Path, folder: Path) -> None:
    restore(Settings(data=folder), str(source), "", ignored)


def answers(folder: Path) -> list[object]:
    """Return what an index answers to many questions."""
    random_ = random.Random(1)
    with opened(folder) as engine:
        asked = [
            RankRequest(clause=random_clause(random_), vector=EMBEDDER.embed_query(word), limit=50)
            for word in WORDS
        ]
        found = [engine.rank(request) for request in asked]
        ids = engine.article_ids("", 10_000)
        return [
            [(each.text, each.text_total, each.vector) for each in found],
            ids,
            engine.articles(ids),
            engine.stored(ids),
        ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give an index with removed and replaced articles, and a saved search beside it."""
    folder = tmp_path / "index"
    with opened(folder) as engine:
        for seed in range(3):
            engine.write(random_articles(seed, 40))
        engine.delete(engine.article_ids("", 5))
    with closing(open_store(Settings(data=folder))) as store:
        store.add(SAVED)
    return folder


SAVED = SavedSearch("s1", "نفط", Query("نفط", mode="keyword"), created="2026-01-01")


def test_a_restored_backup_answers_as_the_index_did(folder: Path, tmp_path: Path) -> None:
    before = answers(folder)
    backed_up(folder, tmp_path / "backup")
    shutil.rmtree(folder)
    restored(tmp_path / "backup", folder)
    assert (folder / "text").is_dir()
    assert answers(folder) == before
    with closing(open_store(Settings(data=folder))) as store:
        assert store.searches() == [SAVED]
    with opened(folder) as engine:  # and goes on
        assert engine.write([indexed("new", "نص جديد")])[0].is_stored


def test_all_that_is_kept_beside_an_index_is_known_to_backups(folder: Path) -> None:
    kept = {path.name for path in folder.glob("*.sqlite")} - {"record.sqlite"}
    assert kept
    assert kept <= {f"{name}.sqlite" for name in BESIDE}


def test_a_backup_is_of_one_moment_while_another_process_writes(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    with opened(folder) as engine:
        engine.write([indexed("a0", "text 0")])
    with writing(folder):
        until(lambda: len(ids_of(folder)) > 3)
        for turn in range(3):
            least = len(ids_of(folder))
            backed_up(folder, tmp_path / f"backup{turn}")
            most = len(ids_of(folder))
            restored(tmp_path / f"backup{turn}", tmp_path / f"restored{turn}")
            ids = ids_of(tmp_path / f"restored{turn}")
            assert least <= len(ids) <= most
            assert ids == sorted(
                f"a{i}" for i in range(len(ids))
            )  # no later one without an earlier


def ids_of(folder: Path) -> list[str]:
    with opened(folder) as engine:
        return engine.article_ids("", 10_000)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    child = processes().Process(target=write_on, args=(folder,))
    child.start()
    try:
        yield
        assert child.is_alive(), "the writer ended by itself"
    finally:
        child.kill()
        child.join()


def write_on(folder: Path) -> None:
    with opened(folder) as engine:
        for number in range(1, 10_000):
            engine.write([indexed(f"a{number}", *(f"text {number}" for _ in range(5)))])


def dying(step: int, what: str, folder: Path, other: Path) -> None:
    """Back up or restore, and be killed at a step."""
    steps = iter(range(1_000))

    def count(*_: object) -> None:
        if next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ("rename", "unlink", "touch", "mkdir"):
        plain = getattr(Path, name)

        def counting(*given: object, plain=plain, **named: object) -> object:  # type: ignore[no-untyped-def]
            count()
            return plain(*given, **named)

        setattr(Path, name, counting)
    settings = Settings(data=folder)
    (back_up if what == "back up" else restore)(settings, str(other), "", count)


def test_a_killed_backup_leaves_none_and_the_next_one_is_whole(
    folder: Path, tmp_path: Path
) -> None:
    before, target, steps = answers(folder), tmp_path / "backup", 0
    while died(steps, "back up", folder, target):
        assert not target.exists()
        if not (tmp_path / "backup.unfinished" / "manifest.json").exists():
            with pytest.raises(InputError, match="no whole backup"):
                restored(tmp_path / "backup.unfinished", tmp_path / "none")
        steps += 1
    assert steps > 3
    restored(target, tmp_path / "restored")
    assert answers(tmp_path / "restored") == before


def test_a_killed_restore_leaves_no_index_or_all_of_it_and_the_next_one_goes_on(
    folder: Path, tmp_path: Path
) -> None:
    before, source = answers(folder), tmp_path / "backup"
    backed_up(folder, source)
    steps = 0
    while died(steps, "restore", target := tmp_path / f"restored{steps}", source):
        if not (target / "record.sqlite").exists():
            (target / "saved.sqlite").unlink(missing_ok=True)  # which a restore names
            restored(source, target)
        assert answers(target) == before
        steps += 1
    assert steps > 3


def died(step: int, what: str, folder: Path, other: Path) -> bool:
    child = processes().Process(target=dying, args=(step, what, folder, other))
    child.start()
    child.join()
    assert child.exitcode in (0, -signal.SIGKILL)
    return child.exitcode != 0


@pytest.mark.parametrize("harm", ["flipped", "cut", "missing", "manifest", "other", "none"])
def test_a_backup_that_is_not_whole_is_told_and_nothing_is_touched(
    folder: Path, tmp_path: Path, harm: str
) -> None:
    source = tmp_path / "backup"
    backed_up(folder, source)
    path = source / "saved.sqlite"
    content = bytearray(path.read_bytes())
    if harm == "flipped":
        content[len(content) // 2] ^= 4
        path.write_bytes(content)
    elif harm == "cut":
        path.write_bytes(content[:-1])
    elif harm == "missing":
        path.unlink()
    elif harm == "manifest":
        (source / "manifest.json").write_text("{}")
    elif harm == "other":
        about = (source / "manifest.json").read_text()
        (source / "manifest.json").write_text(about.replace('"saved.sqlite"', '"../../saved"'))
    else:
        shutil.rmtree(source)
    with pytest.raises(InputError, match=r"backup|backed up|saved"):
        restored(source, tmp_path / "restored")
    assert not (tmp_path / "restored").exists()


def test_what_lies_where_an_index_would_be_is_named(folder: Path, tmp_path: Path) -> None:
    backed_up(folder, tmp_path / "backup")
    with pytest.raises(InputError, match=r"lies .*record\.sqlite"):
        restored(tmp_path / "backup", folder)
    with pytest.raises(InputError, match="is there already"):
        backed_up(folder, tmp_path / "backup")
    with pytest.raises(InputError, match="no index"):
        backed_up(tmp_path / "nothing", tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_who_had_the_newer_index_open_is_told(folder: Path, tmp_path: Path) -> None:
    """As of a whole folder that was put back (docs/RELIABILITY.md)."""
    backed_up(folder, tmp_path / "backup")
    before = answers(folder)
    with closing(open_engine(Settings(data=folder), FINGERPRINT)) as engine:
        engine.write([indexed("new", "نص جديد")])
        engine.rest()
        shutil.rmtree(folder)
        restored(tmp_path / "backup", folder)
        with pytest.raises(RecordLost):
            engine.article_ids("", 10)
    assert answers(folder) == before


def test_a_record_that_is_not_what_was_acknowledged_is_not_backed_up(
    folder: Path, tmp_path: Path
) -> None:
    older = tmp_path / "older.sqlite"
    shutil.copy(folder / "record.sqlite", older)
    with opened(folder) as engine:
        engine.write([indexed("new", "نص جديد")])
    shutil.copy(older, folder / "record.sqlite")
    with pytest.raises(EngineError):
        backed_up(folder, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


def test_searches_go_on_beside_a_backup(folder: Path, tmp_path: Path) -> None:
    """The copy is made in one read: a writer and its log wait for nobody."""
    entered, done = threading.Event(), threading.Event()

    def wait(*_: object) -> None:
        entered.set()
        done.wait(30)

    target = str(tmp_path / "backup")
    copying = threading.Thread(target=back_up, args=(Settings(data=folder), target, "", wait))
    copying.start()
    assert entered.wait(30)
    with opened(folder) as engine:
        assert engine.write([indexed("new", "نص جديد")])[0].is_stored
        assert "new" in engine.article_ids("", 10_000)
    done.set()
    copying.join(30)
    assert Path(target).is_dir()
