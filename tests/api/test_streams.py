"""`POST /v1/articles:bulk` on real sockets: answers in time, no deadlock, nothing left behind."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path

import pytest

from api import bodies, writing
from api.routes import bulk
from search.domain import WriteOutcome
from search.errors import EngineBusy
from search.ingest import BodyLine
from search.seen_ids import FirstPlaces
from search.settings import Settings
from tests.api.streams import Stream, Wordy, answers, child, line, memory, served, stoppable
from tests.api.support import HeldIngest, ToldIngest
from tests.support import until

pytestmark = pytest.mark.slow


def test_lines_sent_byte_by_byte_are_answered(told: ToldIngest, settings: Settings) -> None:
    with served(told, settings) as port:
        stream = Stream(port)
        for byte in line("a") + b"{":
            stream.send(bytes([byte]))
        stream.end()
        assert [stream.answer()["code"] for _ in range(2)] == [None, "not-json"]
        stream.close()


def test_a_client_of_http_1_0_gets_no_chunks(told: ToldIngest, settings: Settings) -> None:
    sent = line("a") + line("b")
    head = f"POST /v1/articles:bulk HTTP/1.0\r\nHost: localhost\r\nContent-Length: {len(sent)}\r\n"
    head += "Content-Type: application/x-ndjson\r\n\r\n"
    with (
        served(told, settings) as port,
        socket.create_connection(("127.0.0.1", port), timeout=20) as one,
    ):
        one.sendall(head.encode() + sent)
        said, _, content = b"".join(iter(lambda: one.recv(65_536), b"")).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in said.lower()
    assert [each["id"] for each in answers(content)] == ["a", "b"]


def test_lines_are_stored_while_the_body_is_still_sent(
    told: ToldIngest, settings: Settings
) -> None:
    """A batch at a time; the answers come at its end."""
    with served(told, settings) as port:
        stream = Stream(port)
        for number in range(3):
            stream.send(b"".join(line(f"a{number}-{n}") for n in range(bulk.BATCH_LINES)))
            until(lambda: len(told.batches) > number)  # noqa: B023  # called at once
        stream.end()
        assert len(answers(stream.rest())) == 3 * bulk.BATCH_LINES
        stream.close()


def test_a_client_that_reads_nothing_before_it_has_sent_all(tmp_path: Path) -> None:
    """Most clients are like that. 25 MB of lines, whose 18 MB of answers are more than all
    socket buffers hold, take a few megabytes of memory; so do their ids, of 16 MB."""
    count, text = 40_000, "x" * 220
    with child(tmp_path) as (port, pid):
        connection = HTTPConnection("127.0.0.1", port, timeout=120)
        headers = {"Content-Type": "application/x-ndjson"}
        connection.request("POST", "/v1/articles:bulk", line("a"), headers)
        connection.getresponse().read()
        before = memory(pid)["VmHWM"]
        pieces = (
            b"".join(line(f"{n:0400}", text) for n in range(start, start + 1_000))
            for start in range(0, count, 1_000)
        )
        connection.request("POST", "/v1/articles:bulk", pieces, headers, encode_chunked=True)
        answer = connection.getresponse()
        assert answer.status == 200
        for number, each in enumerate(answer, start=1):
            assert json.loads(each)["line"] == number
        assert number == count
        assert memory(pid)["VmHWM"] - before < 12 << 20
        connection.close()


def test_a_body_that_unpacks_to_a_thousandfold_takes_no_memory_and_blocks_nobody(
    tmp_path: Path,
) -> None:
    with child(tmp_path) as (port, pid):
        before = memory(pid)["VmHWM"]
        for content in (b"\n" * 50_000_000, b" " * 50_000_000, line("a", "x" * 50_000_000)):
            packed = gzip.compress(content)
            stream = Stream(port, "Content-Encoding: gzip", "Connection: close")
            stream.send(packed)
            stream.end()
            slowest = 0.0
            for _ in range(20):
                began = time.monotonic()
                connection = HTTPConnection("127.0.0.1", port, timeout=30)
                connection.request("GET", "/live")
                assert connection.getresponse().read()
                connection.close()
                slowest = max(slowest, time.monotonic() - began)
            assert slowest < 5
            assert stream.status() == 422  # of extreme ratio: cut before the first line's end
            assert b"times its size" in stream.rest()
            stream.close()
        assert memory(pid)["VmHWM"] - before < 70 << 20  # a line of 16 MiB, some times


def test_more_writers_than_there_are_places_are_told_when_to_come_back(
    told: ToldIngest, settings: Settings
) -> None:
    with served(told, settings) as port:
        streams = [Stream(port) for _ in range(writing.MAX_WRITERS)]
        for number, stream in enumerate(streams):
            stream.send(b"".join(line(f"a{number}-{n}") for n in range(bulk.BATCH_LINES)))
        until(lambda: len(told.batches) == writing.MAX_WRITERS)
        late = Stream(port, "Connection: close")
        late.end()
        assert late.status() == 429
        assert late.response().headers["Retry-After"] == "1"
        late.close()
        search = HTTPConnection("127.0.0.1", port, timeout=30)  # for which there is room
        search.request("GET", "/v1/search?q=a")
        assert search.getresponse().status == 200
        search.close()
        for stream in streams:
            stream.end()
            stream.close()


@pytest.mark.parametrize("half", [b"", b'{"id": "b", "te'])
def test_a_stream_that_stops_is_ended_with_a_word(
    told: ToldIngest, settings: Settings, monkeypatch: pytest.MonkeyPatch, half: bytes
) -> None:
    """What came whole is stored; of half a line nothing is."""
    monkeypatch.setattr(bodies, "IDLE", 0.5)
    with served(told, settings) as port:
        stream = Stream(port)
        stream.send(line("a") + half)
        assert stream.answer()["status"] == "created"
        last = stream.answer()
        assert (last["line"], last["status"], last["code"]) == (None, "failed", "slow-body")
        stream.close()
        assert set(told.texts) == {"a"}
        never = Stream(port, "Connection: close")
        assert never.status() == 408
        never.close()


def test_the_server_that_stops_finishes_the_batch_in_work_and_says_so(settings: Settings) -> None:
    held = HeldIngest()
    with stoppable(held, settings) as (port, stop):
        stream = Stream(port)
        stream.send(b"".join(line(f"a{n}") for n in range(3 * bulk.BATCH_LINES)))
        assert held.entered.wait(10)
        stop()
        time.sleep(0.5)
        held.release.set()
        found = [stream.answer() for _ in range(bulk.BATCH_LINES + 1)]
        assert {f["status"] for f in found[:-1]} == {"created"}
        assert (found[-1]["line"], found[-1]["code"]) == (None, "stopping")
        stream.close()
    assert len(held.texts) == bulk.BATCH_LINES
    assert held.closed


def test_a_client_that_still_sends_gets_its_answers_when_the_server_stops(
    settings: Settings,
) -> None:
    """Also one that reads slowly, and more than the sockets' buffers hold."""
    told = Wordy(wait=0.2)
    with stoppable(told, settings) as (port, stop):
        stream = Stream(port)
        sending = threading.Thread(target=send_until_the_end, args=(stream,))
        sending.start()
        until(lambda: len(told.batches) > 2)
        stop()
        count = 0
        while (last := stream.answer())["line"] is not None:
            count += 1
            time.sleep(0.005)
        assert last["code"] == "stopping"
        assert count == sum(told.batches) > 100
        stream.close()
        sending.join()


def send_until_the_end(stream: Stream) -> None:
    with suppress(OSError):
        while True:
            stream.send(line("a", "x" * 1_000) * 200)


class BusyLater(ToldIngest):
    """Takes one batch; then another process writes."""

    def lines(
        self, lines: Sequence[BodyLine], places: FirstPlaces, collection: str = ""
    ) -> list[WriteOutcome]:
        if self.batches:
            raise EngineBusy("another process writes")
        return super().lines(lines, places)


def test_the_server_that_stops_waits_for_no_other_process(settings: Settings) -> None:
    told = BusyLater()
    with stoppable(told, settings) as (port, stop):
        stream = Stream(port)
        stream.send(b"".join(line(f"a{n}") for n in range(2 * bulk.BATCH_LINES)))
        until(lambda: bool(told.batches))
        began = time.monotonic()
        stop()
        codes = [stream.answer()["code"] for _ in range(2 * bulk.BATCH_LINES)]
        assert codes == [None] * bulk.BATCH_LINES + ["engine-busy"] * bulk.BATCH_LINES
        assert stream.answer()["code"] == "stopping"
        assert time.monotonic() - began < bulk.BUSY_PATIENCE
        stream.close()


def test_the_server_that_stops_waits_for_no_body(told: ToldIngest, settings: Settings) -> None:
    """Of whatever kind, sent as slowly as it may be: 503, or a last answer that says so."""
    with stoppable(told, settings) as (port, stop):
        stream, silent = Stream(port), Stream(port)
        stream.send(b"".join(line(f"a{n}") for n in range(bulk.BATCH_LINES)))
        until(lambda: bool(told.batches))
        heads = (
            b"PUT /v1/articles/a HTTP/1.1\r\nContent-Type: application/json",
            b"POST /v1/articles HTTP/1.1\r\nContent-Type: text/plain",
            b"POST /v1/articles HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=x",
            b"DELETE /v1/articles/a HTTP/1.1",
        )
        others = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in heads]
        for head, other in zip(heads, others, strict=True):
            other.sendall(head + b"\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n")
        time.sleep(0.3)
        began = time.monotonic()
        stop()
        *_, last = answers(stream.rest())
        assert last["code"] == "stopping"
        assert silent.status() == 503
        assert b"/problems/stopping" in silent.rest()
        for other in others:
            answer = b""
            while piece := other.recv(1 << 16):
                answer += piece
            assert answer.startswith(b"HTTP/1.1 503")
            assert b"/problems/stopping" in answer
            assert b"retry-after: " in answer.lower()
            other.close()
        stream.close()
        silent.close()
    assert time.monotonic() - began < 10


def test_many_streams_at_once_are_each_answered_in_order(settings: Settings) -> None:
    told = ToldIngest(wait=0.01)
    with served(told, settings) as port:
        failures: list[str] = []

        def play(name: str) -> None:
            stream = Stream(port)
            for number in range(30):
                stream.send(line(f"{name}-{number}"))
            stream.end()
            found = [stream.answer()["id"] for _ in range(30)]
            if found != [f"{name}-{number}" for number in range(30)]:
                failures.append(name)
            stream.close()

        threads = [threading.Thread(target=play, args=(f"s{n}",)) for n in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []
    assert len(told.texts) == 12 * 30
