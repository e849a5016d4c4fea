"""`POST /v1/articles:bulk` on real sockets: answers in time, no deadlock, nothing left behind."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path

import pytest

from api import bulk, writing
from search.errors import EngineBusy
from search.ingest import Ingested
from search.settings import Settings
from tests.api.streams import Stream, Wordy, child, line, memory, served, stoppable
from tests.api.support import ToldIngest

pytestmark = pytest.mark.slow


def test_answers_come_while_the_body_is_still_sent(told: ToldIngest, settings: Settings) -> None:
    with served(told, settings) as port:
        stream = Stream(port)
        for number in range(3):
            stream.send(line(f"a{number}"))
            assert stream.answer()["id"] == f"a{number}"  # the client only pauses
        stream.end()
        stream.close()


def test_lines_that_come_slowly_do_not_wait_for_many(told: ToldIngest, settings: Settings) -> None:
    """Without a pause of its own that is long enough, and with half a line at its end."""
    with served(told, settings) as port:
        stream = Stream(port)
        began = time.monotonic()
        for number in range(12):
            stream.send(line(f"a{number}"))
            time.sleep(bulk.PAUSE / 2.5)
        assert stream.answer()["id"] == "a0"
        stream.send(b'{"id": ')
        assert len(told.batches) > 2
        assert time.monotonic() - began < 10
        stream.close()


def test_two_lines_in_pieces_one_bad(told: ToldIngest, settings: Settings) -> None:
    with served(told, settings) as port:
        stream = Stream(port)
        for byte in line("a") + b"{":
            stream.send(bytes([byte]))
        stream.end()
        assert [stream.answer()["code"] for _ in range(2)] == [None, "not-json"]
        stream.close()


def test_a_client_that_reads_nothing_before_it_has_sent_all(tmp_path: Path) -> None:
    """Most clients are like that. 50 MB of lines, whose 16 MB of answers are more than all
    socket buffers hold, take a few megabytes of memory."""
    count, text = 200_000, "x" * 220
    with child(tmp_path) as (port, pid):
        connection = HTTPConnection("127.0.0.1", port, timeout=120)
        headers = {"Content-Type": "application/x-ndjson"}
        connection.request("POST", "/v1/articles:bulk", line("a"), headers)
        connection.getresponse().read()
        before = memory(pid)["VmHWM"]
        pieces = (
            b"".join(line(f"a{n}", text) for n in range(start, start + 1_000))
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
    for content in (b"\n" * 50_000_000, b" " * 50_000_000, line("a", "x" * 50_000_000)):
        packed = gzip.compress(content)
        with child(tmp_path) as (port, pid):
            before = memory(pid)["VmHWM"]
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
            assert slowest < 1
            assert stream.status() == 200
            assert b"created" not in stream.rest()
            stream.close()
            assert memory(pid)["VmHWM"] - before < 70 << 20  # a line of 16 MiB, some times


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
        assert late.response().headers["Retry-After"] == "1"
        late.close()
        search = HTTPConnection("127.0.0.1", port, timeout=30)  # for which there is room
        search.request("GET", "/v1/search?q=a")
        assert search.getresponse().status == 200
        search.close()
        for stream in streams:
            stream.end()
            stream.close()


def test_a_stream_that_stops_is_ended_with_a_word(
    told: ToldIngest, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "IDLE", 0.5)
    with served(told, settings) as port:
        stream = Stream(port)
        stream.send(line("a"))
        assert stream.answer()["status"] == "created"
        last = stream.answer()
        assert (last["line"], last["status"], last["code"]) == (None, "failed", "slow-body")
        stream.close()
        never = Stream(port, "Connection: close")
        assert never.status() == 408
        never.close()


class Held(ToldIngest):
    """Writes when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.release = threading.Event()

    def lines(self, lines: Sequence[bytes]) -> list[Ingested]:
        self.entered.set()
        assert self.release.wait(20)
        return super().lines(lines)


def test_the_server_that_stops_finishes_the_batch_in_work_and_says_so(settings: Settings) -> None:
    held = Held()
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
        stream.answer()
        time.sleep(1)
        stop()
        count = 1
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

    def lines(self, lines: Sequence[bytes]) -> list[Ingested]:
        if self.batches:
            raise EngineBusy("another process writes")
        return super().lines(lines)


def test_the_server_that_stops_waits_for_no_other_process(settings: Settings) -> None:
    with stoppable(BusyLater(), settings) as (port, stop):
        stream = Stream(port)
        stream.send(b"".join(line(f"a{n}") for n in range(2 * bulk.BATCH_LINES)))
        for _ in range(bulk.BATCH_LINES):
            stream.answer()
        began = time.monotonic()
        stop()
        busy = [stream.answer()["code"] for _ in range(bulk.BATCH_LINES)]
        assert set(busy) == {"engine-busy"}
        assert stream.answer()["code"] == "stopping"
        assert time.monotonic() - began < 3
        stream.close()


def test_the_server_that_stops_waits_for_no_stream(told: ToldIngest, settings: Settings) -> None:
    with stoppable(told, settings) as (port, stop):
        stream, silent = Stream(port), Stream(port)
        stream.send(line("a"))
        stream.answer()
        began = time.monotonic()
        stop()
        assert stream.answer()["code"] == "stopping"
        assert silent.status() == 503
        assert b"/problems/stopping" in silent.rest()
        stream.close()
        silent.close()
    assert time.monotonic() - began < 5


def test_the_same_key_at_once_is_in_progress(told: ToldIngest, settings: Settings) -> None:
    with served(told, settings) as port:
        first = Stream(port, "Idempotency-Key: one")
        first.send(line("a"))
        first.answer()
        second = Stream(port, "Idempotency-Key: one", "Connection: close")
        second.end()
        assert second.status() == 409
        assert second.response().headers["Retry-After"] == "2"
        second.close()
        first.end()
        first.close()


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
