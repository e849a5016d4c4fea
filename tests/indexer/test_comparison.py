"""Two settings on one judged set: what differs, and whether it may be chance."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from indexer.evaluation.comparison import p_value
from search.errors import SettingsError
from search.settings import settings_of_file
from tests.indexer.conftest import Fihris


def test_p_is_that_of_all_permutations() -> None:
    differences = [0.5, 0.3, -0.1, 0.25, 0.4, 0.05, -0.2, 0.1, 0.0]
    signs = np.array(list(itertools.product((-1, 1), repeat=8)))
    sums = np.abs(signs @ np.array(differences[:8]))
    exact = float(np.mean(sums >= abs(sum(differences)) - 1e-9))
    assert p_value(differences) == pytest.approx(exact, abs=0.005)
    assert p_value(differences) == p_value([-each for each in differences])


def test_p_at_its_ends() -> None:
    assert p_value([]) == p_value([0.0, 0.0]) == 1.0
    assert p_value([0.1, -0.1]) == 1.0
    assert p_value([0.1] * 40) == pytest.approx(1e-5, rel=0.01)  # never 0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "judged"
    (path / "qrels").mkdir(parents=True)
    corpus = [{"_id": f"/c/d{n}", "text": f"نص {word}"} for n, word in enumerate(["بيت", "مطر"])]
    queries = [
        {"_id": "q0", "text": "بيت", "kind": "word"},
        {"_id": "q1", "text": "مطر", "metadata": {"kind": "word"}},
    ]
    for name, lines in (("corpus", corpus), ("queries", queries)):
        (path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    (path / "qrels" / "test.tsv").write_text("q0\t/c/d0\t1\nq1\t/c/d1\t1\n")
    return path


def test_evaluate_against_other_settings(fihris: Fihris, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.env"
    other.write_text("# without sentences\n\nFIHRIS_SENTENCE_VECTORS = false\n")
    ran = fihris("evaluate", folder, "--against", other, "--mode", "keyword", "--json")
    assert (ran.status, ran.err) == (0, "")
    compared = json.loads(ran.out)["compared"]["keyword"]
    assert (compared["first"], compared["second"], compared["p"]) == (1.0, 1.0, 1.0)
    assert compared["kinds"] == [
        {"name": "word", "text": "", "queries": 2, "first": 1.0, "second": 1.0}
    ]
    assert compared["changed"] == []
    text = fihris("evaluate", folder, "--against", other, "--mode", "keyword").out
    assert "paired randomisation test" in text
    assert "keyword, by kind (queries)" in text


def test_two_indexes_are_compared(fihris: Fihris, folder: Path, tmp_path: Path) -> None:
    # The second index has another text for d0: its query is answered worse.
    mine = tmp_path / "mine.jsonl"
    mine.write_text('{"id": "d0", "text": "نص بيت"}\n{"id": "d1", "text": "نص مطر"}\n')
    assert fihris("index", mine, "--collection", "c").status == 0
    other = tmp_path / "other.env"
    other.write_text(f"FIHRIS_DATA={tmp_path / 'second'}\n")
    changed = tmp_path / "changed.jsonl"
    changed.write_text('{"id": "d0", "text": "شمس"}\n{"id": "d1", "text": "نص مطر"}\n')
    assert fihris("evaluate", folder, "--index", "--against", other).status == 2  # empty
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIHRIS_DATA", str(tmp_path / "second"))
        assert fihris("index", changed, "--collection", "c").status == 0
    ran = fihris("evaluate", folder, "--index", "--against", other, "--mode", "keyword", "--json")
    compared = json.loads(ran.out)["compared"]["keyword"]
    assert (compared["first"], compared["second"]) == (1.0, 0.5)
    assert (compared["better"], compared["worse"]) == (0, 1)
    (only,) = compared["changed"]
    assert (only["name"], only["text"], only["first"], only["second"]) == ("q0", "بيت", 1.0, 0.0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("FIHRIS_ENGIN=x", ":1: not FIHRIS_NAME=value"),
        ("\nengine=embedded", ":2: not FIHRIS_NAME=value"),
        ("FIHRIS_ENGINE", ":1: not FIHRIS_NAME=value"),
        ("FIHRIS_PORT=1\nFIHRIS_PORT=2", ":2: FIHRIS_PORT stands there a second time"),
        ("FIHRIS_PORT=x", "other.env: FIHRIS_PORT: .*valid integer"),
        ("#" * 70_000, "65,536 bytes at most"),
    ],
)
def test_settings_that_cannot_be_used(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "other.env"
    path.write_text(content)
    with pytest.raises(SettingsError, match=message):
        settings_of_file(path)


def test_settings_that_change_nothing_are_refused(
    fihris: Fihris, folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.env"
    other.write_text("FIHRIS_ENGINE=embedded\n")
    ran = fihris("evaluate", folder, "--against", other)
    assert ran.status == 2
    assert "changes no setting" in ran.err
