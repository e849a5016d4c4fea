"""Each attack of `make attack`, a few times: nothing silently wrong, nothing crashed, nothing lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.attacks.__main__ import PLANS, main, table
from tests.attacks.connections import crowded
from tests.attacks.tally import Tally
from tests.attacks.vanished import WAYS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
SEED = 20261126


def said(tally: Tally) -> str:
    return table([tally])


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("kills", 36),
        ("corruptions", 36),
        ("codepoints", 5_000),
        ("vanished", len(WAYS)),
        ("disk", 3),
    ],
)
def test_an_attack_leaves_nothing_wrong(name: str, count: int, tmp_path: Path) -> None:
    tally = PLANS[name].attack(tmp_path, count, SEED)
    assert tally.passed, said(tally)
    assert tally.tried == count
    if name == "kills":  # else too few for this to prove anything
        assert tally.outcomes["calls acknowledged"] > count


@pytest.mark.parametrize(("count", "descriptors"), [(700, 0), (300, 256)])
def test_silent_connections_deny_nobody_service(
    count: int, descriptors: int, tmp_path: Path
) -> None:
    """In all ways at once, for longer than any of them is let stand."""
    tally = crowded(tmp_path, count, SEED, descriptors=descriptors, seconds=18.0)
    assert tally.passed, said(tally)
    assert tally.outcomes["stood at most"] > count / 2


def test_the_script_says_what_became_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kills", "--count", "1", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["tried"], found["lost"]) == (1, 0)
    assert main(["kills", "--count", "1"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "attack | tried | silently wrong | crashed | lost | worst time"
    assert out[2].startswith("SIGKILL of a writer | 1 | 0 | 0 | 0 | ")


def test_what_went_wrong_is_shown_and_fails() -> None:
    tally = Tally("a", tried=3, wrong=1)
    tally.example("this")
    assert not tally.passed
    assert "a | 3 | 1 | 0 | 0 | " in table([tally])
    assert "  this" in table([tally])
