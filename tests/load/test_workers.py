"""`fihris serve --workers 2`: what was acknowledged is seen in every worker at the next request."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.serving import PATIENCE, served

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
