"""`fihris serve --workers 2`: what was acknowledged is seen in every worker at the next request."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.serving import PATIENCE, served
from tests.support import until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork"),
]

CONNECTIONS = 8  # each request is one; both workers have some of so many


def asked(url: str, method: str = "GET", fields: object = None) -> tuple[int, Any]:
    body = None if fields is None else json.dumps(fields).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        content = answer.read()
        return answer.status, json.loads(content) if content else None


def await_all(url: str) -> None:
    """Return when so many connections in a row found a worker that is ready."""
    deadline = time.monotonic() + PATIENCE
    row = 0
    while row < 3 * CONNECTIONS:
        try:
            asked(f"{url}/ready")
            row += 1
        except urllib.error.HTTPError as error:
            if error.code != 503 or time.monotonic() > deadline:
                raise
            row = 0
            time.sleep(0.2)


def found(url: str, word: str) -> list[int]:
    """Return how many passages each of some requests finds."""
    address = f"{url}/v1/search?mode=keyword&q={quote(word)}"
    return [asked(address)[1]["total"]["value"] for _ in range(CONNECTIONS)]


def test_what_was_acknowledged_is_seen_in_every_worker(tmp_path: Path) -> None:
    with served({"FIHRIS_DATA": str(tmp_path), "FIHRIS_WORKERS": "2"}) as url:
        await_all(url)
        for number in range(10):
            word = f"كلمة{'ابتثجحخدذر'[number] * 6}"
            address = f"{url}/v1/articles/{number}"
            assert asked(address, "PUT", {"text": f"نص فيه {word} وغيرها"})[0] == 201
            assert found(url, word) == [1] * CONNECTIONS
            assert asked(address, "PUT", {"text": "نص آخر تماما"})[0] == 200
            assert found(url, word) == [0] * CONNECTIONS
            assert found(url, "آخر") == [1] * CONNECTIONS
            assert asked(address, "DELETE")[0] == 204
            assert found(url, "آخر") == [0] * CONNECTIONS


def test_whichever_worker_is_asked_tells_what_all_have_counted(tmp_path: Path) -> None:
    """One that was killed too: a counter never falls."""
    with served({"FIHRIS_DATA": str(tmp_path), "FIHRIS_WORKERS": "2"}) as url:
        await_all(url)
        before = counted(url)
        for _ in range(3 * CONNECTIONS):
            asked(f"{url}/v1/search?q=a")
        assert [counted(url) - before for _ in range(CONNECTIONS)] == [
            3 * CONNECTIONS
        ] * CONNECTIONS
        workers = {each.labels["pid"] for each in samples(url, "fihris_process_threads")}
        assert len(workers) == 2
        os.kill(int(min(workers)), signal.SIGKILL)
        until(lambda: len({e.labels["pid"] for e in samples(url, "fihris_process_threads")}) == 2)
        await_all(url)
        assert counted(url) - before == 3 * CONNECTIONS


def counted(url: str) -> float:
    found = samples(url, "fihris_requests_total")
    return sum(each.value for each in found if each.labels["route"] == "/v1/search")


def samples(url: str, name: str) -> list[Sample]:
    """Return the samples of a name, from whichever worker takes the connection."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=60) as answer:
        text = answer.read().decode()
    families = text_string_to_metric_families(text)
    return [each for family in families for each in family.samples if each.name == name]
