"""`fihris serve` of the checkout this runs in, as a process of its own that is attacked."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import quote

PATIENCE = 120.0  # seconds until it is ready
SLOW = 30.0  # seconds until an answer is given up


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` 0: there was none. `took` is seconds."""

    status: int
    body: bytes
    took: float

    @property
    def problem(self) -> str:
        """The type of a problem; "" for anything else."""
        try:
            return str(json.loads(self.body)["type"]).removeprefix("/problems/")
        except (ValueError, KeyError, TypeError):
            return ""


@dataclass(frozen=True, slots=True)
class Server:
    process: subprocess.Popen[str]
    port: int
    log: Path

    def ask(
        self,
        method: str,
        path: str,
        content: object = None,
        headers: Mapping[str, str] | None = None,
        patience: float = SLOW,
    ) -> Answer:
        """Send a request on a connection of its own; bytes as they are, as lines of JSON."""
        begun = time.monotonic()
        body, kind = None, {}
        if isinstance(content, bytes):
            body, kind = content, {"Content-Type": "application/x-ndjson"}
        elif content is not None:
            body, kind = json.dumps(content).encode(), {"Content-Type": "application/json"}
        connection = HTTPConnection("127.0.0.1", self.port, timeout=patience)
        try:
            connection.request(method, path, body, {**kind, **(headers or {})})
            answer = connection.getresponse()
            return Answer(answer.status, answer.read(), time.monotonic() - begun)
        except (OSError, HTTPException) as error:
            return Answer(0, str(error).encode(), time.monotonic() - begun)
        finally:
            connection.close()

    def put(self, article_id: str, text: str, patience: float = SLOW) -> Answer:
        path = f"/v1/articles/{quote(article_id, safe='')}"
        return self.ask("PUT", path, {"text": text}, patience=patience)

    def search(self, query: str, mode: str = "keyword", patience: float = SLOW) -> Answer:
        return self.ask("GET", f"/v1/search?mode={mode}&q={quote(query)}", patience=patience)

    def hits(self, query: str) -> list[str] | None:
        """Return the articles that are found; None where the answer is no 200."""
        answer = self.search(query)
        if answer.status != 200:
            return None
        return [hit["article"]["id"] for hit in json.loads(answer.body)["hits"]]


@contextmanager
def served(
    folder: Path, *, descriptors: int = 0, largest: int = 0, environment: Mapping[str, str] = {}
) -> Iterator[Server]:
    """Give a server that is ready; it is killed at the end.

    Args:
        folder: holds its index, as `data`, and its log.
        descriptors: how many it may have, 0 for as many as this process.
        largest: bytes that a file of its may grow to, 0 for any.
    """

    def limit() -> None:
        if descriptors:
            resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
        if largest:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))

    log = folder / "log"
    with (
        log.open("w") as written,
        subprocess.Popen(
            [sys.executable, "-m", "indexer.cli", "serve", "--port", "0"],
            env={**os.environ, "FIHRIS_DATA": str(folder / "data"), **environment},
            stdout=subprocess.PIPE,
            stderr=written,
            text=True,
            preexec_fn=limit,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            announced = re.search(r":(\d+)/", process.stdout.readline())
            if announced is None:
                raise RuntimeError(f"the server did not start: {log.read_text()[-1000:]}")
            server = Server(process, int(announced[1]), log)
            deadline = time.monotonic() + PATIENCE
            while server.ask("GET", "/ready").status != 200:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"the server is not ready: {log.read_text()[-1000:]}")
                time.sleep(0.1)
            yield server
        finally:
            process.kill()
