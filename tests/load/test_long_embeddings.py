"""Bodies that take minutes to embed: others are answered meanwhile, and a stop is a stop."""

from __future__ import annotations

import json
import signal
import threading
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.load.serving import served, started
from tests.support import SEEDS

WORDS = (SEEDS / "000_68ec81c8af20b3f5.txt").read_text("utf-8").split()
SIZE = 5_000_000  # bytes
NDJSON, JSON = "application/x-ndjson", "application/json"


def prose(seed: int, size: int) -> str:
    """Return paragraphs of some 60 words, no two alike."""
    found: list[str] = []
    length, n = 0, seed
    while length < size:
        n += 1
        words = [WORDS[(n * 7919 + k * (n % 13 + 1)) % len(WORDS)] for k in range(60)]
        found.append(f"{seed} {n} " + " ".join(words))
        length += 2 * len(found[-1])
    return "\n".join(found)


def ask(url: str, method: str, path: str, kind: str, body: bytes) -> tuple[int, bytes]:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=300)
    try:
        connection.request(method, path, body, {"Content-Type": kind})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_small_write_and_a_stop_beside_long_embeddings(tmp_path: Path) -> None:
    """One article of 5 MB, two bodies of many: a PUT within 2 s, the end within 10 s of SIGTERM.

    The bounds are wider here, as tests share the machine; docs/RELIABILITY.md has the times.
    """
    environment = {"FIHRIS_DATA": str(tmp_path / "data")}
    many = [
        "\n".join(
            json.dumps({"id": f"{name}-{n}", "text": text}, ensure_ascii=False)
            for n, text in enumerate(prose(seed, SIZE).split("\n"))
        )
        for name, seed in (("b", 1_000_000), ("c", 2_000_000))
    ]
    bodies = [
        ("PUT", "/v1/articles/a", JSON, json.dumps({"text": prose(0, SIZE)}, ensure_ascii=False)),
        *(("POST", "/v1/articles:bulk", NDJSON, body) for body in many),
    ]
    ended: list[tuple[int, bytes] | None] = []

    def send(method: str, path: str, kind: str, body: str) -> None:
        try:
            ended.append(ask(url, method, path, kind, body.encode()))
        except (OSError, HTTPException):
            ended.append(None)  # cut off, which acknowledges nothing

    with started(environment) as (url, process):
        ask(url, "PUT", "/v1/articles/first", JSON, b'{"text": "x"}')  # the model is there
        senders = [threading.Thread(target=send, args=each) for each in bodies]
        for sender in senders:
            sender.start()
        time.sleep(3)
        slowest = 0.0
        stored = ["first"]
        for n in range(5):
            began = time.monotonic()
            status, _ = ask(url, "PUT", f"/v1/articles/d{n}", JSON, b'{"text": "one line of it"}')
            slowest = max(slowest, time.monotonic() - began)
            assert status == 201
            stored.append(f"d{n}")
            time.sleep(1)
        assert ended == []  # they are still at work
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) in (0, -signal.SIGTERM)
        took = time.monotonic() - began
        for sender in senders:
            sender.join()
    for answer in ended:
        if answer is not None:
            status, content = answer
            assert status in (200, 503)
            lines = [json.loads(line) for line in content.splitlines()] if status == 200 else []
            assert {line["code"] for line in lines} <= {None, "stopping"}
            stored += [line["id"] for line in lines if line["status"] == "created"]
    with served(environment) as url:
        for article_id in stored:
            assert ask(url, "GET", f"/v1/articles/{article_id}", JSON, b"")[0] == 200
        assert ask(url, "GET", "/v1/articles/a", JSON, b"")[0] == 404
    print(f"a PUT took {slowest:.2f} s at most, the end {took:.2f} s; {len(stored)} were stored")
    assert slowest < 6
    assert took < 20
