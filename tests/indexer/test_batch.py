"""`fihris batch`: many queries in one run, as lines for people, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import pytest

from indexer.cli.batch_output import COLUMNS
from search.exports import harmless
from tests.indexer.conftest import Fihris

FORMULA = "=HYPERLINK(العراق)"


@pytest.fixture
def filled(fihris: Fihris, tmp_path: Path) -> Fihris:
    lines = [
        {"id": "a", "title": FORMULA, "source": "@x", "text": "ضربات في العراق\nمطر في عمان"},
        {"id": "b", "source": "وكالة", "text": "-العراق, \"بلد\"\nنهر في العراق", "author": "أحمد"},
    ]  # fmt: skip
    path = tmp_path / "articles.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    assert fihris("index", path, "--collection", "c", "--no-embed").status == 0
    return fihris


def names(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "names.txt"
    path.write_bytes(("\ufeff" + "\r\n".join(lines) + "\r\n").encode())
    return path


def table(out: str) -> list[dict[str, str]]:
    assert out.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(out.removeprefix("\ufeff"), newline="")))


def test_csv_has_a_row_for_each_passage_and_one_for_nothing(filled: Fihris, tmp_path: Path) -> None:
    path = names(tmp_path, "# أسماء", "العراق", "", "  زرافة  ", "+عمان")
    ran = filled("batch", path, "--mode", "keyword", "--size", 2, "--csv")
    assert (ran.status, ran.err.splitlines()[-1]) == (0, "3 of 3 queries answered")
    rows = table(ran.out)
    assert [(r["line"], r["query"], r["found"], r["rank"]) for r in rows] == [
        ("2", "العراق", "4", "1"),
        ("2", "العراق", "4", "2"),
        ("4", "زرافة", "0", ""),
        ("5", "'+عمان", "1", "1"),
    ]
    assert {row["relation"] for row in rows} == {"exact"}
    assert rows[3]["passage"] == "/c/a#1"
    assert rows[3]["match"] == "exact"
    assert list(rows[0]) == list(COLUMNS)


def test_no_cell_is_a_formula(filled: Fihris, tmp_path: Path) -> None:
    path = names(tmp_path, "العراق", '="العراق"')
    rows = table(filled("batch", path, "--mode", "keyword", "--csv").out)
    cells = [cell for row in rows for cell in row.values()]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert f"'{FORMULA}" in cells
    assert "'@x" in cells
    assert '\'-العراق, "بلد"' in cells
    assert harmless("\tx") == "'\tx"
    assert harmless("\rx") == "'\rx"
    assert harmless("a=b") == "a=b"
    assert harmless(-1.5) == -1.5  # a number is one


def test_json_is_what_search_prints(filled: Fihris, tmp_path: Path) -> None:
    path = names(tmp_path, "العراق", "نهر")
    ran = filled(
        "batch", path, "--mode", "keyword", "--json", "--source", "وكالة", "--match", "form"
    )
    found = [json.loads(line) for line in ran.out.splitlines()]
    assert [(each["line"], each["query"], each["problem"]) for each in found] == [
        (1, "العراق", None), (2, "نهر", None),
    ]  # fmt: skip
    options = ("--mode", "keyword", "--json", "--source", "وكالة", "--match", "form", "--size", 3)
    alone = json.loads(filled("search", "العراق", *options).out)
    assert found[0]["results"]["hits"] == alone["hits"]
    assert found[0]["results"]["query"] == alone["query"]


def test_people_read_a_line_for_each_query_and_passage(
    filled: Fihris, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with names(tmp_path, "نهر", "زرافة").open(encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        out = filled("batch", "-", "--mode", "keyword").out
    assert out == "نهر\t1 found\n   1.\texact\t/c/b#1\t\tنهر في العراق\nزرافة\tnothing found\n"


@pytest.mark.parametrize("form", ["--csv", "--json", "--variants"])
def test_a_query_that_cannot_be_asked_fails_alone(
    filled: Fihris, tmp_path: Path, form: str
) -> None:
    ran = filled("batch", names(tmp_path, "س" * 1001, "نهر"), "--mode", "keyword", form)
    assert ran.status == 1
    assert "fihris: line 1: the query has 1,001 characters" in ran.err
    assert "1 of 2 queries answered" in ran.err
    assert "the query has 1,001 characters" in ran.out
    assert "نهر في العراق" in ran.out


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        (None, (), "No such file"),
        (b"# none\n\n", (), "there is no query in"),
        (b"good\n\xff\n", (), "line 2 is not UTF-8"),
        (b"x\n", ("--size", "0"), "size is 0"),
        (b"x\n", ("--mode", "fast"), "mode is 'fast'"),
        (b"x\n", ("--mode", "keyword", "--match", "meaning"), "match is meaning"),
        (b"x\n", ("--from", "now"), "--from is 'now'"),
        (b"x\n", ("--csv", "--json"), "--csv and --json"),
    ],
)
def test_what_cannot_be_used_is_named(
    filled: Fihris, tmp_path: Path, content: bytes | None, options: tuple[str, ...], said: str
) -> None:
    path = tmp_path / "queries.txt"
    if content is not None:
        path.write_bytes(content)
    ran = filled("batch", path, *options)
    assert (ran.status, ran.out) == (2, "")
    assert said in ran.err
