"""Clients that connect and are silent, in every way there is, while others ask."""

from __future__ import annotations

import json
import random
import resource
import selectors
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

from .serving import Server, served
from .tally import Tally

LIVE_WITHIN = 1.0  # seconds
SEARCHED_WITHIN = 5.0
SETTLED = 2.0  # seconds in which the requests of the crowd are worked off
SECONDS = 20.0  # that the crowd stands
MAX_LOG = 1_000_000  # bytes that the server may log meanwhile, apart from a line a request
HEAD = b"Host: localhost\r\nContent-Type: application/json\r\n"
WAYS = {
    "nothing": b"",
    "half a head": b"GET /live HTTP/1.1\r\nHost: local",
    "a head by bytes": b"G",
    "idle": b"GET /live HTTP/1.1\r\n" + HEAD + b"\r\n",
    "half a body": b"POST /v1/search HTTP/1.1\r\n" + HEAD + b"Content-Length: 100\r\n\r\n{",
    "half an article": b"PUT /v1/articles/a HTTP/1.1\r\n" + HEAD + b"Content-Length: 100\r\n\r\n{",
    "chunks": b"POST /v1/search HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{",
    "no reading": b"GET /openapi.json HTTP/1.1\r\n" + HEAD + b"\r\n",
    "no reading of an article": b"GET /v1/articles/large HTTP/1.1\r\n" + HEAD + b"\r\n",
}
WEIGHTS = (8, 2, 2, 4, 1, 1, 1, 1, 1)  # most of a crowd says nothing at all


def silent_connections(folder: Path, count: int, seed: int) -> Tally:
    """Have so many connections stand for a while, and ask beside them."""
    return crowded(folder, count, seed)


def few_descriptors(folder: Path, count: int, seed: int) -> Tally:
    """The same on a server that may have 256 descriptors."""
    tally = crowded(folder, count, seed, descriptors=256)
    tally.attack += ", 256 descriptors"
    return tally


def crowded(
    folder: Path, count: int, seed: int, *, descriptors: int = 0, seconds: float = SECONDS
) -> Tally:
    """Ask a server for `seconds` while `count` connections stand; each that is closed comes again.

    Lost is what was not answered in time. Wrong is a log that is not all JSON, or too long.
    """
    tally = Tally(f"{count:,} silent connections", "/live beside them")
    with served(folder, descriptors=descriptors) as server:
        server.put("small", "كلمة واحدة")
        server.put("large", "كلمة " * 20_000, patience=120)
        crowd = Crowd(server.port, count, seed)
        crowd.start()
        crowd.complete.wait(60)
        time.sleep(SETTLED)
        searched = 0.0
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            live = server.ask("GET", "/live")
            tally.took(live.took)
            found = server.search("كلمة")
            searched = max(searched, found.took)
            tally.tried += 2
            for name, answer, within in (
                ("/live", live, LIVE_WITHIN),
                ("search", found, SEARCHED_WITHIN),
            ):
                if answer.status != 200 or answer.took > within:
                    tally.lost += 1
                    tally.example(
                        f"{name}: {answer.status} in {answer.took:.1f} s {answer.body[:80]!r}"
                    )
            time.sleep(0.2)
        crowd.stop()
        tally.outcomes["opened"] = crowd.opened
        tally.outcomes["stood at most"] = crowd.most
        tally.outcomes["slowest search, ms"] = round(searched * 1000)
        tally.crashed += server.process.poll() is not None
        _read_log(server, tally)
    return tally


def _read_log(server: Server, tally: Tally) -> None:
    content = server.log.read_text("utf-8", "replace")
    size = 0
    for line in content.splitlines():
        try:
            size += len(line) if json.loads(line)["logger"] != "fihris.access" else 0
        except ValueError:
            tally.wrong += 1
            tally.example(f"a line of the log is no JSON: {line[:100]}")
    tally.outcomes["bytes logged"] = len(content)
    if size > MAX_LOG:
        tally.wrong += 1
        tally.example(f"{size:,} bytes were logged")


class Crowd(threading.Thread):
    """Keeps so many silent connections open, from several addresses of this machine."""

    def __init__(self, port: int, count: int, seed: int) -> None:
        super().__init__(daemon=True)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._most = min(count, hard - 200)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, count + 200)), hard))
        self._port = port
        self._chosen = random.Random(seed)
        self._open: dict[socket.socket, str] = {}
        self._selector = selectors.DefaultSelector()
        self._ended = threading.Event()
        self.complete = threading.Event()  # all stood once, or as many as are let
        self.opened = 0
        self.most = 0

    def stop(self) -> None:
        self._ended.set()
        self.join()
        for each in self._open:
            each.close()
        self._selector.close()

    def run(self) -> None:
        begun = time.monotonic()
        slowly = 0.0
        while not self._ended.is_set():
            # At once at first; later those that were closed, 400 a second.
            for _ in range(
                min(20 if self.complete.is_set() else 100, self._most - len(self._open))
            ):
                self._begin()
            self.most = max(self.most, len(self._open))
            if len(self._open) == self._most or time.monotonic() > begun + 10:
                self.complete.set()
            self._look()
            if time.monotonic() > slowly:
                slowly = time.monotonic() + 1
                self._trickle()

    def _begin(self) -> None:
        way = self._chosen.choices(list(WAYS), weights=WEIGHTS)[0]
        one = socket.socket()
        try:
            if way.startswith("no reading"):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.bind((f"127.0.0.{self._chosen.randint(2, 9)}", 0))
            one.settimeout(5)
            one.connect(("127.0.0.1", self._port))
            one.setblocking(False)
            one.send(WAYS[way])
        except OSError:
            one.close()
            return
        self.opened += 1
        self._open[one] = way
        self._selector.register(one, selectors.EVENT_READ)

    def _look(self) -> None:
        """Drop those that the server closed."""
        for key, _ in self._selector.select(0.05):
            one = key.fileobj
            assert isinstance(one, socket.socket)
            if self._open[one].startswith("no reading"):
                self._selector.unregister(one)
                continue
            with suppress(BlockingIOError):
                try:
                    if one.recv(65_536):
                        continue
                except ConnectionError:
                    pass
                self._selector.unregister(one)
                del self._open[one]
                one.close()

    def _trickle(self) -> None:
        """Send one byte more of each head that comes by bytes."""
        for one, way in self._open.items():
            if way == "a head by bytes":
                with suppress(OSError):
                    one.send(b"E")
