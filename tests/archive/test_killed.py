"""An archive in every format, killed on the way and resumed: the end is that of a run in peace."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.archive.making import make_archive
from tests.archive.running import contents, count_stored, run, run_killed
from tests.environments import environment_of, settings_of

KILLS = 2  # after one that may come before anything is written; a batch has 512 articles
MOST_MEMORY = 900  # MB of all processes; 20,000 articles take no more (docs/BENCHMARKS.md)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("engine", "articles"), [("embedded", 2_000), ("elasticsearch", 1_500)])
def test_kills_lose_and_double_nothing(engine: str, articles: int, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    make_archive(archive, articles)
    command: list[str | Path] = ["index", archive, "--no-embed", "--workers", "2", "--json"]
    with (
        environment_of(engine, tmp_path / "peace") as in_peace,
        environment_of(engine, tmp_path / "killed") as killed,
    ):
        whole = run(command, in_peace)
        assert whole.status == 0, whole.out
        assert whole.report["created"] == articles
        assert whole.peak < MOST_MEMORY
        settings = settings_of(killed)
        kills, last = run_killed(
            command,
            killed,
            lambda: count_stored(settings),
            kills=KILLS,
            lasting=whole.seconds,
            seed=5,
        )
        assert kills
        assert last.status == 0, last.out
        assert last.report["articles"] == articles
        assert last.report["unchanged"]
        held = contents(settings_of(in_peace))
        assert len(held) == articles
        assert contents(settings) == held
