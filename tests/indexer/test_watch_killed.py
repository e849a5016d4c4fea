"""WatchOptions, killed at any moment: the next start makes the index what a new one would be."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

from indexer.sync.catalogue import Catalogue
from search.assembly import fingerprint_of
from search.domain import IndexedArticle, WriteOutcome
from search.engines import open_engine
from search.engines.protocol import Engine
from search.settings import Settings
from tests.indexer.watcher import Watcher, Wrapped, lines, write
from tests.support import REPOSITORY, HashingEmbedder, until

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_parser")]

CHILD = """
import sys
from pathlib import Path
from indexer.sync.watch import watch
from indexer.sync.watch_options import WatchOptions
from search.assembly import fingerprint_of
from search.engines import open_engine
from search.settings import Settings
from tests.indexer.watcher import QUICK
from tests.support import HashingEmbedder

settings = Settings(data=Path(sys.argv[2]))
embedder = HashingEmbedder()
how = WatchOptions(
    settings=settings,
    stopping=lambda: False,
    tell=lambda line: print(line, flush=True),
    on_failure=lambda failure: print(failure, flush=True),
    intervals=QUICK,
)
engine = open_engine(settings, fingerprint_of(embedder, settings))
watch([Path(sys.argv[1])], engine, embedder, how)
"""


def opened(settings: Settings) -> Engine:
    return open_engine(settings, fingerprint_of(HashingEmbedder(), settings))


def disturb(folder: Path, chance: random.Random, stop: threading.Event) -> None:
    """Do what people do with files; no id is ever in two of them."""
    for n in range(100_000):
        if stop.is_set():
            return
        files = sorted(path for path in folder.rglob("*.*") if path.is_file())
        chosen = chance.choice(files) if files else None
        match chance.randrange(7):
            case 0 | 1:
                write(folder / f"{chance.randrange(4)}/{n}.txt", f"نص {n}")
            case 2:
                lines(folder / f"{n}.jsonl", **{f"{n}-{i}": f"سطر {i}" for i in range(5)})
            case 3 if chosen is not None and chosen.suffix == ".txt":
                write(chosen, f"تغير {n}")
            case 3 if chosen is not None:
                kept = chosen.read_text("utf-8").splitlines(keepends=True)[1:]
                write(chosen, "".join(kept))
            case 4 if chosen is not None:
                chosen.unlink()
            case 5 if chosen is not None:
                chosen.rename(chosen.with_name(f"م{n}{chosen.suffix}"))
            case 6 if (folder / "0").is_dir():
                (folder / "0").rename(folder / f"قديم{n}")
        time.sleep(chance.random() * 0.06)


def test_killed_five_times_while_files_change(tmp_path: Path) -> None:
    folder = tmp_path / "watched"
    folder.mkdir()
    settings = Settings(data=tmp_path / "data")
    chance = random.Random()
    seed = chance.randrange(1_000_000)
    chance.seed(seed)
    stop = threading.Event()
    people = threading.Thread(target=disturb, args=(folder, random.Random(seed), stop))
    people.start()
    try:
        for _ in range(5):
            child = subprocess.Popen(
                [sys.executable, "-c", CHILD, str(folder), str(settings.data)],
                cwd=REPOSITORY,
                stdout=subprocess.PIPE,
            )
            assert child.stdout is not None
            assert child.stdout.readline().startswith(b"watching")
            time.sleep(0.2 + 1.3 * chance.random())
            child.kill()
            child.wait()
            child.stdout.close()
    finally:
        stop.set()
        people.join()
    engine = opened(settings)
    print("seed", seed, engine.status().articles)
    Watcher([folder], engine, settings).catch_up()
    engine.close()


class Killed(BaseException):
    """What a kill is to the process: nothing after it is done."""


def setting(folder: Path) -> None:
    write(folder / "changed.txt", "قبل")
    write(folder / "removed.txt", "سيحذف")
    write(folder / "gone.txt", "سيحذف ولن يعود")
    write(folder / "moved.txt", "سينقل")
    lines(folder / "less.jsonl", a="واحد", b="اثنان")
    lines(folder / "moved.jsonl", c="ثلاثة", d="أربعة")


def change(folder: Path) -> None:
    write(folder / "changed.txt", "بعد")
    (folder / "removed.txt").unlink()
    (folder / "gone.txt").unlink()
    (folder / "moved.txt").rename(folder / "there.txt")
    lines(folder / "less.jsonl", b="تغير")
    (folder / "moved.jsonl").rename(folder / "there.jsonl")
    write(folder / "new.txt", "جديد")
    lines(folder / "new.jsonl", e="خمسة", f="ستة")


def undo(folder: Path) -> None:
    """Remove or put back what the killed process may have been at."""
    (folder / "new.txt").unlink()
    (folder / "there.txt").rename(folder / "moved.txt")
    (folder / "there.jsonl").rename(folder / "moved.jsonl")
    lines(folder / "new.jsonl", f="ستة")
    write(folder / "removed.txt", "عاد")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_every_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool) -> None:
    """Before or after each time something is written, wherever; then files change again."""
    put = Catalogue.put
    left = 1_000_000
    calls: list[str] = []

    def step(name: str, do: Callable[[], object]) -> object:
        nonlocal left
        left -= 1
        calls.append(name)
        if left == 0 and not after:
            raise Killed
        done = do()
        if left == 0:
            raise Killed
        return done

    class Fragile(Wrapped):
        def write(self, articles: Sequence[IndexedArticle]) -> list[WriteOutcome]:
            if not articles:
                return self.engine.write(articles)
            done = step("write", lambda: self.engine.write(articles))
            assert isinstance(done, list)
            return done

        def delete(self, ids: Sequence[str]) -> int:
            done = step("delete", lambda: self.engine.delete(ids)) if ids else 0
            assert isinstance(done, int)
            return done

    monkeypatch.setattr(
        Catalogue, "put", lambda self, *given: step("note", lambda: put(self, *given))
    )

    def ended(watcher: Watcher) -> bool:
        """Tell whether all was done: four articles go, and others only move."""
        done = [line for line in watcher.told if " removed articles" in line]
        return left <= 0 or sum(int(line.split()[-3]) for line in done) >= 4

    start = tmp_path / "start"
    folder = tmp_path / "watched"
    setting(folder)
    settings = Settings(data=start)
    engine = opened(settings)
    Watcher([folder], engine, settings).catch_up()
    engine.close()
    shutil.copytree(folder, tmp_path / "before", symlinks=True)
    steps = 0
    while True:
        steps += 1
        data = tmp_path / f"data{steps}"
        shutil.copytree(start, data)
        shutil.rmtree(folder)
        shutil.copytree(tmp_path / "before", folder)
        settings = Settings(data=data)
        engine = opened(settings)
        change(folder)
        watcher = Watcher([folder], Fragile(engine), settings)  # type: ignore[arg-type]
        left = steps
        try:
            with watcher.running():
                until(partial(ended, watcher))
        except Killed:
            killed = True
        else:
            killed = False
        left = 1_000_000
        undo(folder)
        watcher.catch_up()
        engine.close()
        if not killed:
            break
    assert steps > 5, calls
    assert {"write", "delete", "note"} <= set(calls)
