"""A server on a real socket, in this process or another, and a client that sends piece by piece."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path
from typing import cast

from api.app import create_app
from search.domain import WriteOutcome
from search.ingest import BodyLine, Ingest
from search.ranking.searcher import Searcher
from search.seen_ids import FirstPlaces
from search.settings import Settings
from tests.api.support import ToldIngest, ToldSearcher
from tests.indexer.serving import running
from tests.support import REPOSITORY


def line(id: str, text: str = "نص") -> bytes:
    return json.dumps({"id": id, "text": text}, ensure_ascii=False).encode() + b"\n"


def answers(content: bytes) -> list[dict[str, object]]:
    return [json.loads(each) for each in content.splitlines()]


@contextmanager
def served(told: Ingest, settings: Settings) -> Iterator[int]:
    """Give the port of a server, which is stopped at the end."""
    with stoppable(told, settings) as (port, _):
        yield port


@contextmanager
def stoppable(told: Ingest, settings: Settings) -> Iterator[tuple[int, Callable[[], None]]]:
    """Give the port of a server and what tells it to stop."""
    app = create_app(cast("Searcher", ToldSearcher()), settings, lambda _: told)
    with running(app, timeout_graceful_shutdown=5) as found:
        yield found


class Stream:
    """A chunked request sent piece by piece."""

    def __init__(self, port: int, *headers: str, query: str = "") -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        head = f"POST /v1/articles:bulk{query} HTTP/1.1", "Host: localhost", *headers
        head += ("Content-Type: application/x-ndjson", "Transfer-Encoding: chunked", "", "")
        self._socket.sendall("\r\n".join(head).encode())
        self._answer = HTTPResponse(self._socket, method="POST")
        self._begun = False

    def send(self, piece: bytes) -> None:
        self._socket.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))

    def end(self) -> None:
        self._socket.sendall(b"0\r\n\r\n")

    def response(self) -> HTTPResponse:
        """Return the answer once its head is there."""
        if not self._begun:
            self._answer.begin()
            self._begun = True
        return self._answer

    def status(self) -> int:
        return self.response().status

    def answer(self) -> dict[str, object]:
        """Return the next line of the answer."""
        found = self.response().readline()
        assert found, "the answer ended"
        return dict(json.loads(found))

    def rest(self) -> bytes:
        return self.response().read()

    def close(self) -> None:
        self._answer.close()
        self._socket.close()


class Forgetful(ToldIngest):
    """Answers and remembers nothing, so that memory is the server's own."""

    def lines(
        self, lines: Sequence[BodyLine], places: FirstPlaces, collection: str = ""
    ) -> list[WriteOutcome]:
        for each in lines:
            places.of(str(json.loads(each.content or b"{}").get("id")), str(each.number))
        return [WriteOutcome("a", "created") for _ in lines]


class Wordy(ToldIngest):
    """Says a hundred kilobytes about each line."""

    def lines(
        self, lines: Sequence[BodyLine], places: FirstPlaces, collection: str = ""
    ) -> list[WriteOutcome]:
        self._work()
        self.batches.append(len(lines))
        return [WriteOutcome("a", "failed", "x" * 100_000, "bad-field") for _ in lines]


@contextmanager
def child(folder: Path) -> Iterator[tuple[int, int]]:
    """Give port and process id of a server in a process of its own that forgets all."""
    command = [sys.executable, "-m", "tests.api.streams", str(folder)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=-1, stdout=-1, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield int(process.stdout.readline()), process.pid
        finally:
            process.stdin.close()  # it waits for that


def memory(pid: int) -> Mapping[str, int]:
    """Return what a process takes, in bytes: `VmRSS` now, `VmHWM` at its highest."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return {name: int(rest.split()[0]) << 10 for name, _, rest in
            (each.partition(":") for each in lines) if name.startswith("Vm")}  # fmt: skip


if __name__ == "__main__":
    with served(Forgetful(), Settings(data=Path(sys.argv[1]))) as port:
        print(port, flush=True)
        sys.stdin.read()
