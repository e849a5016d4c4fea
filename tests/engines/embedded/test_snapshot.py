"""The file of what is in memory: it saves reading, and never changes an answer."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from search.domain import ARTICLE_FACETS, Filter
from search.engines.embedded import snapshot, storing, vectors
from search.engines.embedded.engine import EmbeddedEngine
from search.engines.embedded.rows import ArticleRow, article_rows
from search.engines.embedded.snapshot import SNAPSHOT
from search.engines.protocol import CountRequest, RankRequest
from search.query.clauses import Everything
from tests.conformance.corpus import EMBEDDER, indexed, random_articles, without_vectors
from tests.engines.embedded.opening import opened
from tests.engines.embedded.test_damage import empty, flipped, lengthened, missing, truncated

DAMAGE = [missing, truncated, empty, flipped, lengthened]


def answers(engine: EmbeddedEngine) -> list[object]:
    """Return what the engine says by what it has in memory."""
    found: list[object] = []
    for wanted in (
        Filter(),
        Filter(sources=("صحيفة",)),
        Filter(tags=("سياسة",)),
        Filter(articles=("a1", "a2", "new")),
    ):
        ranked = engine.rank(RankRequest(Everything(), EMBEDDER.embed_query("نفط"), wanted, limit=500))  # fmt: skip
        found += [ranked.text, ranked.text_total, ranked.vector, ranked.passages]
    view = engine._views.current()
    assert view is not None
    counted = engine._masks.count(view.table, view.text, CountRequest(facets=ARTICLE_FACETS))
    found += [counted.facets, counted.passages]
    return found


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder whose file is older than its record: articles came and went since."""
    folder = tmp_path_factory.mktemp("sound") / "index"
    with opened(folder) as engine:
        engine.write(random_articles(5, 25))
        engine.write([indexed(f"a{i}", "نفط وغاز", "ماء", source="صحيفة", tags=("سياسة",)) for i in range(20)])  # fmt: skip
        engine.write([without_vectors(indexed("bare", "نفط"))])
        engine.delete(["a3"])
        answers(engine)
        assert saved(engine)[0] == 46
        engine.write([indexed("new", "نفط جديد", source="أخرى"), indexed("a2", "ذهب", tags=("علم",))])  # fmt: skip
        engine.delete(["a4"])
        answers(engine)
    return folder


@pytest.fixture(scope="module")
def truth(sound: Path) -> list[object]:
    with opened(sound) as engine:
        return answers(engine)


def saved(engine: EmbeddedEngine) -> tuple[int, int]:
    assert engine._views.latest is not None
    return engine._views.latest.table.saved


def copy_of(folder: Path, target: Path) -> Path:
    return Path(shutil.copytree(folder, target / "index"))


def test_what_the_file_has_is_not_read_again(
    sound: Path, truth: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copy_of(sound, tmp_path)
    read: list[int] = []

    def counted(rows: Sequence[Sequence[object]]) -> list[ArticleRow]:
        read.append(len(rows))
        return article_rows(rows)

    monkeypatch.setattr(vectors, "article_rows", counted)
    with opened(folder) as engine:
        assert answers(engine) == truth
        assert sum(read) == 2  # `new` and `a2`
    read.clear()
    (folder / SNAPSHOT).unlink()
    with opened(folder) as engine:
        assert answers(engine) == truth
        assert sum(read) == engine.status().articles
        assert saved(engine) > (0, 0)
    assert (folder / SNAPSHOT).exists()


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_ignored_and_written_anew(
    sound: Path, truth: list[object], tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    folder = copy_of(sound, tmp_path)
    damage(folder / SNAPSHOT)
    for _ in range(2):
        with opened(folder) as engine:
            assert answers(engine) == truth
            assert saved(engine) > (0, 0)


def test_no_flipped_bit_of_the_file_changes_an_answer(
    sound: Path, truth: list[object], tmp_path: Path
) -> None:
    folder = copy_of(sound, tmp_path)
    content = (folder / SNAPSHOT).read_bytes()
    chosen = random.Random(1)
    for at in [*chosen.sample(range(len(content)), 120), *range(60), *range(-60, 0)]:
        damaged = bytearray(content)
        damaged[at] ^= 1 << chosen.randrange(8)
        (folder / SNAPSHOT).write_bytes(damaged)
        with opened(folder) as engine:
            assert answers(engine) == truth, at


def test_a_file_of_another_index_is_ignored(
    sound: Path, truth: list[object], tmp_path: Path
) -> None:
    folder = copy_of(sound, tmp_path)
    with opened(tmp_path / "other") as engine:
        engine.write(random_articles(6, 40))
        answers(engine)
    shutil.copy(tmp_path / "other" / SNAPSHOT, folder / SNAPSHOT)
    with opened(folder) as engine:
        assert answers(engine) == truth


def test_a_file_of_commits_that_were_lost_is_ignored(sound: Path, tmp_path: Path) -> None:
    """An older copy of all other files, then other articles at the same sequences."""
    folder = copy_of(sound, tmp_path)
    with opened(folder) as engine:
        engine.write([indexed(f"lost{i}", "نفط ضائع") for i in range(60)])
        answers(engine)
    later = (folder / SNAPSHOT).read_bytes()
    shutil.rmtree(folder)
    copy_of(sound, tmp_path)
    (folder / SNAPSHOT).write_bytes(later)
    with opened(folder) as engine:
        engine.write([indexed(f"other{i}", "نفط") for i in range(10)])
        for i in range(10):
            engine.write([indexed(f"one{i}", "ماء")])
        expected = answers(engine)
    (folder / SNAPSHOT).write_bytes(later)
    with opened(folder) as engine:
        assert answers(engine) == expected


def test_it_is_written_anew_before_its_commit_is_forgotten(
    sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copy_of(sound, tmp_path)
    assert snapshot._BEHIND < storing.KEPT_COMMITS
    monkeypatch.setattr(snapshot, "_BEHIND", 8)
    with opened(folder) as engine:
        for turn in range(10):
            engine.write([indexed("often", f"نفط {turn}")])
            answers(engine)
            assert int(engine.status().details["sequence"]) - saved(engine)[1] <= 8


def test_a_disk_without_room_costs_the_file_only(
    sound: Path,
    truth: list[object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = copy_of(sound, tmp_path)
    (folder / SNAPSHOT).unlink()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with opened(folder) as engine:
        assert answers(engine) == truth
    assert "No space left" in caplog.text
    assert not list(folder.glob(f"{SNAPSHOT}*"))
