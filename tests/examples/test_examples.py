"""Every file of examples/ runs, and does what its docstring says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import REPOSITORY

pytestmark = pytest.mark.slow

EXAMPLES = REPOSITORY / "examples"
ARTICLES = EXAMPLES / "articles.jsonl"


def run(*command: str | Path, **environment: str) -> str:
    """Run a command from the repository; return what it prints."""
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        env={
            **os.environ,
            "PYTHONIOENCODING": "utf-8",
            "PYTHONPATH": str(REPOSITORY),
            **environment,
        },
        stdout=subprocess.PIPE,
        check=True,
        timeout=120,
    )
    return done.stdout.decode("utf-8")


def test_every_example_is_run_here() -> None:
    tested = {"newsroom.py", "explore.py", "session.sh", ARTICLES.name}
    tested |= {"instantsearch.js"}  # tests/browser/test_instantsearch.py
    tested |= {"nginx.conf", "Caddyfile"}  # test_proxies.py
    tested |= {"fihris.service"}  # test_service.py
    assert {path.name for path in EXAMPLES.iterdir() if path.is_file()} == tested


def test_explore_shows_hits_of_every_mode(environment: dict[str, str]) -> None:
    printed = run(sys.executable, EXAMPLES / "explore.py", **environment)
    assert "paragraphs have one of the words" in printed
    assert "*العراق*" in printed
    assert "al3iraq: العراق" in printed
    assert "meaning #1" in printed


def test_newsroom_shows_the_background_of_each_article(server: str) -> None:
    printed = run(sys.executable, EXAMPLES / "newsroom.py", server, ARTICLES)
    blocks = printed.split("== ")[1:]
    titles = [json.loads(line)["title"] for line in ARTICLES.read_text("utf-8").splitlines()]
    assert [block.splitlines()[0] for block in blocks] == titles
    first = blocks[0].splitlines()
    assert len(first) == 1 + 2 * 3
    assert "*الضربات*" in first[2]


def test_session_writes_finds_and_removes_articles(server: str) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed (Debian: apt-get install curl)")
    lines = run("bash", EXAMPLES / "session.sh", server).splitlines()
    answers = [json.loads(line) for line in lines if line.startswith("{")]
    ready, by_words, by_meaning, written, found, *bulk, whole, analysed = answers
    assert ready["status"] == "ready"
    assert by_words["hits"]
    assert by_meaning["hits"]
    assert written["status"] in ("created", "unchanged")
    assert found["hits"][0]["article"]["id"] == "session-1"
    assert [answer["error"] for answer in bulk] == [None, None]
    assert whole["article"]["title"] == "توسعة ميناء الفاو"
    assert analysed["tokens"][0]["stem"] == "ميناء"
    assert lines[-4].startswith("== Removed again")
