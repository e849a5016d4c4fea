"""`POST /v1/articles:bulk`: line by line, in order, bounded, and never a deadlock."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import cast

import pytest
import uvicorn
from fastapi.testclient import TestClient

from api import bulk, writing
from api.app import create_app
from indexer.server import TimedProtocol, _bound
from search.errors import EngineBusy, EngineUnavailable
from search.ingest import Ingested
from search.searcher import Searcher
from search.settings import Settings
from tests.api.support import ToldIngest, ToldSearcher, client

NDJSON = {"Content-Type": "application/x-ndjson"}


def line(id: str, text: str = "نص") -> bytes:
    return json.dumps({"id": id, "text": text}, ensure_ascii=False).encode() + b"\n"


def answers(content: bytes) -> list[dict[str, object]]:
    return [json.loads(each) for each in content.splitlines()]


@pytest.fixture
def told() -> ToldIngest:
    return ToldIngest()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path)


@pytest.fixture
def http(told: ToldIngest, settings: Settings) -> Iterator[TestClient]:
    with client(ToldSearcher(), settings, told) as connected:
        yield connected


def post(http: TestClient, body: bytes, **headers: str) -> list[dict[str, object]]:
    answer = http.post("/v1/articles:bulk", content=body, headers={**NDJSON, **headers})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return answers(answer.content)


def test_each_line_is_answered_in_order_and_a_bad_one_fails_alone(http: TestClient) -> None:
    body = line("a") + b"\n" + b"{\n" + line("b") + line("a") + line("a", "آخر").rstrip()
    assert post(http, body) == [
        {"line": 1, "id": "a", "status": "created", "error": None, "code": None},
        {"line": 3, "id": None, "status": "failed", "error": "not JSON", "code": "not-json"},
        {"line": 4, "id": "b", "status": "created", "error": None, "code": None},
        {"line": 5, "id": "a", "status": "unchanged", "error": None, "code": None},
        {"line": 6, "id": "a", "status": "updated", "error": None, "code": None},
    ]


def test_nothing_is_answered_with_nothing(http: TestClient) -> None:
    assert post(http, b"") == []
    assert post(http, b"\n \n\r\n") == []


def test_lines_go_in_bounded_batches(http: TestClient, told: ToldIngest) -> None:
    body = b"".join(line(f"a{n}") for n in range(200))
    assert len(post(http, body)) == 200
    assert told.batches == [64, 64, 64, 8]


def test_a_line_that_is_too_long_fails_alone(
    http: TestClient, told: ToldIngest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "MAX_LINE", 1_000)
    found = post(http, line("a") + line("b", "ن" * 1_000) + line("c"))
    assert [(f["line"], f["status"], f["code"]) for f in found] == [
        (1, "created", None), (2, "failed", "too-large"), (3, "created", None),
    ]  # fmt: skip
    assert set(told.texts) == {"a", "c"}


def test_gzip_is_unpacked_and_nothing_else(http: TestClient) -> None:
    body = b"".join(line(f"a{n}") for n in range(100))
    packed = gzip.compress(body[:1_000]) + gzip.compress(body[1_000:])
    assert len(post(http, packed, **{"Content-Encoding": "gzip"})) == 100
    answer = http.post(
        "/v1/articles:bulk", content=body, headers={**NDJSON, "Content-Encoding": "br"}
    )
    assert answer.status_code == 415
    broken = http.post(
        "/v1/articles:bulk", content=body, headers={**NDJSON, "Content-Encoding": "gzip"}
    )
    assert (broken.status_code, broken.json()["type"]) == (422, "/problems/invalid-input")


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "", "multipart/form-data"])
def test_other_kinds_of_body_are_refused(http: TestClient, kind: str) -> None:
    answer = http.post("/v1/articles:bulk", content=line("a"), headers={"Content-Type": kind})
    assert answer.status_code == 415


@pytest.mark.parametrize("error", [EngineBusy("another writes"), EngineUnavailable("down")])
def test_what_cannot_be_written_at_all_is_a_problem(
    http: TestClient, told: ToldIngest, error: Exception
) -> None:
    told.error = error
    answer = http.post("/v1/articles:bulk", content=line("a"), headers=NDJSON)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0


class FailingLater(ToldIngest):
    """Takes one batch, then fails `times` times with each of its errors."""

    def __init__(self, errors: Sequence[Exception]) -> None:
        super().__init__()
        self.errors = list(errors)

    def lines(self, lines: Sequence[bytes]) -> list[Ingested]:
        if self.batches and self.errors:
            raise self.errors.pop(0)
        return super().lines(lines)


def test_what_fails_later_fails_its_lines_only(settings: Settings) -> None:
    failing = FailingLater([EngineUnavailable("down"), ZeroDivisionError("a bug")])
    with client(ToldSearcher(), settings, failing) as http:
        found = post(http, b"".join(line(f"a{n}") for n in range(256)))
    codes = [f["code"] for f in found]
    assert codes == [None] * 64 + ["engine-unavailable"] * 64 + ["internal"] * 64 + [None] * 64


def test_a_busy_engine_is_waited_for(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "BUSY_WAITS", (0.01, 0.01))
    failing = FailingLater([EngineBusy("another")] * 2)
    with client(ToldSearcher(), settings, failing) as http:
        found = post(http, b"".join(line(f"a{n}") for n in range(100)))
    assert {f["status"] for f in found} == {"created"}


def test_refresh_waits_until_it_is_seen(http: TestClient, told: ToldIngest) -> None:
    http.post("/v1/articles:bulk", content=line("a"), headers=NDJSON)
    assert told.shown == 0
    http.post("/v1/articles:bulk?refresh=wait", content=line("b"), headers=NDJSON)
    assert told.shown == 1
    wrong = http.post("/v1/articles:bulk?refresh=yes", content=line("b"), headers=NDJSON)
    assert wrong.status_code == 422


# -- Idempotency-Key


def test_a_key_gives_the_same_answer_again(http: TestClient, told: ToldIngest) -> None:
    body = b"".join(line(f"a{n}") for n in range(100))
    headers = {**NDJSON, "Idempotency-Key": "one"}
    first = http.post("/v1/articles:bulk", content=body, headers=headers)
    again = http.post("/v1/articles:bulk", content=body, headers=headers)
    assert again.content == first.content
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert told.batches == [64, 36]
    other = http.post("/v1/articles:bulk", content=body + line("b"), headers=headers)
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-mismatch")
    without = http.post("/v1/articles:bulk", content=body, headers=NDJSON)
    assert {f["status"] for f in answers(without.content)} == {"unchanged"}


def test_a_failed_try_keeps_no_answer(http: TestClient, told: ToldIngest) -> None:
    headers = {**NDJSON, "Idempotency-Key": "one"}
    told.error = EngineBusy("another writes")
    assert http.post("/v1/articles:bulk", content=line("a"), headers=headers).status_code == 503
    told.error = None
    assert http.post("/v1/articles:bulk", content=line("a"), headers=headers).status_code == 200


def test_a_key_is_visible_ascii(http: TestClient) -> None:
    headers = {**NDJSON, "Idempotency-Key": "a b"}
    assert http.post("/v1/articles:bulk", content=line("a"), headers=headers).status_code == 422


# -- on real sockets


@contextmanager
def served(told: ToldIngest, settings: Settings) -> Iterator[int]:
    app = create_app(cast("Searcher", ToldSearcher()), settings, lambda _: told)
    listening = _bound("127.0.0.1", 0)
    config = uvicorn.Config(app, http=TimedProtocol, log_config=None, timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


class Stream:
    """A chunked request sent piece by piece."""

    def __init__(self, port: int, *headers: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        head = "POST /v1/articles:bulk HTTP/1.1", "Host: localhost", *headers
        head += ("Content-Type: application/x-ndjson", "Transfer-Encoding: chunked", "", "")
        self._socket.sendall("\r\n".join(head).encode())
        self._file = self._socket.makefile("rb")

    def send(self, piece: bytes) -> None:
        self._socket.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))

    def end(self) -> None:
        self._socket.sendall(b"0\r\n\r\n")

    def status(self) -> int:
        return int(self._file.readline().split()[1])

    def answer(self) -> bytes:
        """Return the next line of the answer, without the lines that frame it."""
        while not (found := self._file.readline()).startswith(b"{"):
            assert found, "the answer ended"
        return found

    def rest(self) -> bytes:
        return self._file.read()

    def close(self) -> None:
        self._file.close()
        self._socket.close()


@pytest.mark.slow
def test_answers_come_while_the_body_is_still_sent(told: ToldIngest, settings: Settings) -> None:
    with served(told, settings) as port:
        stream = Stream(port)
        for number in range(3):
            stream.send(line(f"a{number}"))
            assert json.loads(stream.answer())["id"] == f"a{number}"  # the client only pauses
        stream.end()
        stream.close()


@pytest.mark.slow
def test_a_client_that_reads_nothing_before_it_has_sent_all(
    told: ToldIngest, settings: Settings
) -> None:
    """Most clients are like that. 20 MB of answers are more than all socket buffers hold."""
    count = 200_000
    with served(told, settings) as port:
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        pieces = (
            b"".join(line(f"a{n}") for n in range(start, start + 1_000))
            for start in range(0, count, 1_000)
        )
        connection.request("POST", "/v1/articles:bulk", pieces, NDJSON, encode_chunked=True)
        answer = connection.getresponse()
        assert answer.status == 200
        for number, each in enumerate(answer, start=1):
            assert json.loads(each)["line"] == number
        assert number == count
        connection.close()


@pytest.mark.slow
def test_a_client_that_goes_leaves_nothing_behind(settings: Settings) -> None:
    told = ToldIngest(wait=0.2)
    with served(told, settings) as port:
        for _ in range(writing.MAX_WRITERS + 5):
            stream = Stream(port)
            stream.send(line("a"))
            stream.close()
            time.sleep(0.02)
        deadline = time.monotonic() + 20
        while True:  # the places of those that went are free again
            stream = Stream(port, "Connection: close")
            stream.end()
            status = stream.status()
            stream.close()
            if status == 200:
                break
            assert status == 429
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.mark.slow
def test_more_writers_than_there_are_places_are_told_when_to_come_back(
    told: ToldIngest, settings: Settings
) -> None:
    with served(told, settings) as port:
        streams = [Stream(port) for _ in range(writing.MAX_WRITERS)]
        for number, stream in enumerate(streams):
            stream.send(line(f"a{number}"))
            stream.answer()
        late = Stream(port, "Connection: close")
        late.end()
        assert late.status() == 429
        assert b"Retry-After: 1" in late.rest().replace(b"retry-after", b"Retry-After")
        late.close()
        for stream in streams:
            stream.end()
            stream.close()


@pytest.mark.slow
def test_a_stream_that_stops_is_ended_with_a_word(
    told: ToldIngest, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "IDLE", 0.5)
    with served(told, settings) as port:
        stream = Stream(port)
        stream.send(line("a"))
        assert json.loads(stream.answer())["status"] == "created"
        last = json.loads(stream.answer())
        assert (last["line"], last["code"]) == (None, "slow-body")
        stream.close()


@pytest.mark.slow
def test_the_same_key_at_once_is_in_progress(told: ToldIngest, settings: Settings) -> None:
    with served(told, settings) as port:
        first = Stream(port, "Idempotency-Key: one")
        first.send(line("a"))
        first.answer()
        second = Stream(port, "Idempotency-Key: one", "Connection: close")
        second.end()
        assert second.status() == 409
        second.close()
        first.end()
        first.close()
