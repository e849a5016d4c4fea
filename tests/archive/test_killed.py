"""An archive in every format, killed on the way and resumed: the end is that of a run in peace."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.settings import Settings
from tests.archive.making import make_archive
from tests.archive.running import contents, fingerprint_of, run, run_killed

ARTICLES = 3_000
KILLS = 10
MOST_MEMORY = 900  # MB of all processes; 20,000 articles take no more (docs/BENCHMARKS.md)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ten_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    make_archive(archive, ARTICLES)
    in_peace, killed = tmp_path / "peace", tmp_path / "killed"
    command: list[str | Path] = ["index", archive, "--no-embed", "--workers", "2", "--json"]
    whole = run(command, {"FIHRIS_DATA": str(in_peace)})
    assert whole.status == 0, whole.out
    assert whole.report["created"] == ARTICLES
    assert whole.peak < MOST_MEMORY
    times, last = run_killed(
        command,
        {"FIHRIS_DATA": str(killed)},
        kills=KILLS,
        within=(0.5, max(2.0, whole.seconds * 0.6)),
        seed=5,
    )
    assert times >= KILLS // 2
    assert last.status == 0, last.out
    assert last.report["articles"] == ARTICLES
    assert fingerprint_of(contents(Settings(data=killed))) == fingerprint_of(
        contents(Settings(data=in_peace))
    )
