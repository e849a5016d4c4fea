"""A person's grades: taken one by one, kept at once, gone on with; then an index is evaluated."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from indexer.evaluation.beir import read_judged_set
from indexer.evaluation.judging import judging
from search.errors import SourceError
from tests.indexer.conftest import Fihris, Ran
from tests.support import REPOSITORY


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "judged"


@pytest.fixture
def indexed(fihris: Fihris, tmp_path: Path) -> Fihris:
    lines = [
        {"id": "house", "text": "بيت كبير"},
        {"id": "home", "text": "بيت صغير في المدينة"},
        {"id": "rain", "text": "مطر غزير"},
    ]
    path = tmp_path / "articles.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    assert fihris("index", path, "--collection", "c").status == 0
    return fihris


def answered(
    fihris: Fihris, monkeypatch: pytest.MonkeyPatch, answers: str, *arguments: object
) -> Ran:
    monkeypatch.setattr(sys, "stdin", io.StringIO(answers))
    return fihris("judge", *arguments)


def test_judge_and_evaluate_the_index(
    indexed: Fihris, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = answered(indexed, monkeypatch, "بيت\n3\nx\n٢\n\n", folder, "--mode", "keyword")
    assert (first.status, first.err) == (0, "")
    assert "hit 1 of 2: /c/house" in first.out
    assert "'x' is no grade" in first.out
    assert first.out.endswith("grades: 2 added, 2 in all\n")
    assert (folder / "qrels" / "test.tsv").read_text("utf-8") == (
        "query-id\tcorpus-id\tscore\nq1\t/c/house\t3\nq1\t/c/home\t2\n"
    )
    # What was graded is not asked again; of other modes there is one hit more.
    again = answered(indexed, monkeypatch, "s\nمطر\n3\nq\nnever read", folder)
    assert "hit 1 of 1: /c/rain" in again.out
    assert again.out.endswith("grades: 1 added, 3 in all\n")
    assert read_judged_set(folder, corpus=False).queries == {"q1": "بيت", "q2": "مطر"}

    measured = indexed("evaluate", folder, "--index", "--mode", "keyword", "--json")
    assert measured.status == 0
    found = json.loads(measured.out)
    assert (found["queries"], found["judged"], found["missing"]) == (2, 3, 0)
    assert found["modes"]["keyword"]["ndcg@10"] == 1.0
    assert json.loads(indexed("status", "--json").out)["articles"] == 3


def test_judged_articles_that_the_index_lacks_are_said(indexed: Fihris, folder: Path) -> None:
    with judging(folder) as judgements:
        key = judgements.add_query("بيت")
        judgements.add(key, "gone", 3)
    ran = indexed("evaluate", folder, "--index")
    assert ran.status == 2
    assert "the index has none of the 1 judged articles, such as 'gone'" in ran.err
    with judging(folder) as judgements:
        judgements.add(key, "/c/house", 3)
    ran = indexed("evaluate", folder, "--index", "--mode", "keyword")
    assert ran.status == 0
    assert ran.err.startswith("1 of 2 judged articles are not in the index")


def test_an_empty_index_is_said(fihris: Fihris, folder: Path) -> None:
    with judging(folder) as judgements:
        judgements.add(judgements.add_query("بيت"), "house", 3)
    for command in (("evaluate", folder, "--index"), ("judge", folder)):
        ran = fihris(*command)
        assert ran.status == 2
        assert "the index is empty; `fihris index PATH...` fills it" in ran.err


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        ("q1\td1\t2\nq1\td2\t1", {"d1": 2, "d2": 1}),  # an editor left the last line open
        ("q1\td1\t2\nq1\td2", {"d1": 2}),  # the power went
        ("query-id\tcor", {}),
        ("", {}),
    ],
)
def test_the_last_line_may_be_open_or_cut(folder: Path, before: str, kept: dict[str, int]) -> None:
    (folder / "qrels").mkdir(parents=True)
    path = folder / "qrels" / "test.tsv"
    path.write_text(before, encoding="utf-8")
    (folder / "queries.jsonl").write_text('{"_id": "q1", "text": "بيت"}', encoding="utf-8")
    with judging(folder) as judgements:
        assert judgements.graded("q1") == kept
        judgements.add("q1", "new", 3)
        assert judgements.add_query("مطر") == "q2"
    assert read_judged_set(folder, corpus=False).relevance == {"q1": {**kept, "new": 3}}
    with judging(folder) as judgements:
        assert dict(judgements.queries) == {"q1": "بيت", "q2": "مطر"}


def test_a_judgement_is_in_the_file_before_the_next_one(folder: Path) -> None:
    with judging(folder) as judgements:
        for grade in (0, 3):
            judgements.add("q1", "d1", grade)
            last = (folder / "qrels" / "test.tsv").read_text("utf-8").splitlines()[-1]
            assert last == f"q1\td1\t{grade}"
        assert judgements.graded("q1") == {"d1": 3}  # the last one counts
        with pytest.raises(SourceError, match="an id with tabs"):
            judgements.add("q1", "d\t1", 1)


def test_one_judge_at_a_time(folder: Path) -> None:
    with (
        judging(folder),
        pytest.raises(SourceError, match="another `fihris judge` is at work"),
        judging(folder),
    ):
        pass


def test_judgements_that_cannot_be_added_to_are_refused(folder: Path) -> None:
    (folder / "qrels").mkdir(parents=True)
    path = folder / "qrels" / "test.tsv"
    path.write_text("q1\td1\t2\n", encoding="utf-16")
    with pytest.raises(SourceError, match="it is not UTF-8"), judging(folder):
        pass
    path.write_text("q1\td1\t2\nq1 d2\n", encoding="utf-8")
    with pytest.raises(SourceError, match=r"test\.tsv:2: not query-id"), judging(folder):
        pass


def test_a_killed_judge_loses_nothing_that_was_taken(folder: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom indexer.evaluation.judging import judging\n"
        "with judging(Path(sys.argv[1])) as judgements:\n"
        "    key = judgements.add_query('x')\n"
        "    for number in range(100_000):\n"
        "        judgements.add(key, f'd{number}', number % 4)\n"
        "        print(number, flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, folder], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) == 20:
                process.kill()
                break
    with judging(folder) as judgements:
        kept = judgements.graded("q1")
        assert len(kept) >= 21
        assert kept == {f"d{number}": number % 4 for number in range(len(kept))}
    assert read_judged_set(folder, corpus=False).relevance == {"q1": kept}
