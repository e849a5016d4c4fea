"""The main job on Elasticsearch as a person does it: index the seed, search it, serve the page."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.environments import environment_of
from tests.serving import served
from tests.support import REPOSITORY, SEEDS

pytestmark = pytest.mark.slow


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    with environment_of("elasticsearch", tmp_path) as variables:
        yield os.environ | variables


def fihris(environment: dict[str, str], *arguments: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-m", "indexer.cli", *arguments],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def get(url: str) -> Any:  # what the API says
    with urllib.request.urlopen(url) as answer:
        return json.loads(answer.read())


def test_index_search_serve_reindex_delete(environment: dict[str, str]) -> None:
    assert "created    1\n" in fihris(environment, "index", str(SEEDS))
    assert "unchanged  1\n" in fihris(environment, "index", str(SEEDS))
    status = json.loads(fihris(environment, "status", "--json"))
    assert (status["engine"], status["articles"], status["passages"]) == ("elasticsearch", 1, 21)
    shown = fihris(environment, "search", "ضربات العراق", "--size", "1")
    assert "**" in shown
    question = "Why did the United States strike targets in Iraq?"
    hits = json.loads(fihris(environment, "search", question, "--json"))["hits"]
    assert hits[0]["best_sentence"] is not None
    with served(environment) as address:
        with urllib.request.urlopen(address) as page:
            assert "فهرس" in page.read().decode()
        asked = urllib.parse.urlencode({"q": question})
        found = get(f"{address}/v1/search?{asked}")
        positions = [h["passage"]["position"] for h in hits]
        assert [h["passage"]["position"] for h in found["hits"]] == positions
        assert "vectors kept" in fihris(environment, "reindex")
        after = get(f"{address}/v1/search?{asked}")  # the same process, the next version
        assert after["hits"] == found["hits"]
    removed_line = fihris(environment, "delete", hits[0]["passage"]["article_id"])
    assert "1 articles removed" in removed_line
    assert json.loads(fihris(environment, "status", "--json"))["articles"] == 0
