"""Many clients post and search at once: nothing fails that may not, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.environments import environment_of
from tests.load.clients import load, missing
from tests.serving import served
from tests.support import SEEDS

WORDS = sorted(set((SEEDS / "000_68ec81c8af20b3f5.txt").read_text("utf-8").split()))


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("engine", ["embedded", "elasticsearch"])
def test_clients_that_post_and_search_at_once(engine: str, tmp_path: Path) -> None:
    with environment_of(engine, tmp_path) as environment:
        _load(environment)


def _load(environment: dict[str, str]) -> None:
    with served(environment) as url:
        seen = load(url, clients=50, seconds=15, words=WORDS, seed=1)
        assert seen.wrong == []
        assert seen.answers["created"] > 0
        assert seen.answers["search 200"] > 0
        assert missing(url, seen) == []
    with served(environment) as url:  # what was acknowledged survives the server
        assert missing(url, seen) == []
