"""Bodies that take minutes to embed: others are answered meanwhile, and a stop is a stop."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.attacks.__main__ import table
from tests.attacks.embeddings import beside_embeddings


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_small_write_and_a_stop_beside_long_embeddings(tmp_path: Path) -> None:
    """The bounds are wider than promised, as tests share the machine; docs/RELIABILITY.md has the times."""
    tally = beside_embeddings(tmp_path, 3, 20261126, within=6.0, ended_within=20.0)
    assert tally.passed, table([tally])
    assert tally.tried
    assert tally.outcomes["bodies that were done by then"] == 0
