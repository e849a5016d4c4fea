"""Clients that leave, or do not read: what they gave is finished, and nothing of them stays."""

from __future__ import annotations

import logging
import socket
import time

import pytest

from api import bodies, writing
from api.routes import bulk
from api.serving import http_protocol
from search.settings import Settings
from tests.api.streams import Stream, Wordy, answers, line, served
from tests.api.support import ToldIngest
from tests.support import until

pytestmark = pytest.mark.slow


def place_is_free(port: int) -> bool:
    """Say whether a stream gets one of the places of writers."""
    stream = Stream(port, "Connection: close")
    stream.end()
    status = stream.status()
    stream.close()
    assert status in (200, 429)
    return status == 200


def test_a_client_that_goes_leaves_nothing_behind(settings: Settings) -> None:
    told = ToldIngest(wait=0.2)
    with served(told, settings) as port:
        for _ in range(writing.MAX_WRITERS + 5):
            stream = Stream(port)
            stream.send(line("a"))
            stream.close()
            time.sleep(0.02)
        until(lambda: place_is_free(port))


def test_what_was_handed_over_is_finished_though_the_client_went(settings: Settings) -> None:
    told = ToldIngest(wait=0.5)
    with served(told, settings) as port:
        stream = Stream(port)
        stream.send(b"".join(line(f"a{n}") for n in range(bulk.BATCH_LINES)))
        time.sleep(0.2)
        stream.close()
        until(lambda: len(told.texts) == bulk.BATCH_LINES)


def test_lines_of_a_body_that_was_cut_are_stored_up_to_a_batch(
    told: ToldIngest, settings: Settings
) -> None:
    """Nobody is answered; sent again, what was stored is unchanged and the rest is new."""
    body = [line(f"a{n}") for n in range(bulk.BATCH_LINES + 3)]
    with served(told, settings) as port:
        cut = Stream(port)
        cut.send(b"".join(body) + b'{"id": "b", "te')
        until(lambda: bool(told.batches))
        cut.close()
        until(lambda: place_is_free(port))
        assert len(told.texts) in (bulk.BATCH_LINES, bulk.BATCH_LINES + 3)
        again = Stream(port)
        again.send(b"".join(body))
        again.end()
        statuses = [f["status"] for f in answers(again.rest())]
        again.close()
    assert statuses[: bulk.BATCH_LINES] == ["unchanged"] * bulk.BATCH_LINES
    assert len(statuses) == bulk.BATCH_LINES + 3


@pytest.mark.parametrize(
    "head",
    [
        b"POST /v1/articles:bulk HTTP/1.1\r\nContent-Type: application/x-ndjson\r\n",
        b"PUT /v1/articles/a HTTP/1.1\r\nContent-Type: application/json\r\n",
        b"POST /v1/articles HTTP/1.1\r\nContent-Type: text/plain\r\n",
    ],
)
def test_a_client_that_goes_in_its_body_is_no_fault_of_the_server(
    told: ToldIngest,
    settings: Settings,
    head: bytes,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logging.getLogger("fihris"), "handlers", [logging.NullHandler()])
    with served(told, settings) as port:
        with socket.create_connection(("127.0.0.1", port)) as gone:
            gone.sendall(head + b"Host: localhost\r\nContent-Length: 99\r\n\r\n{")
            time.sleep(0.3)
        time.sleep(0.3)
    assert [r for r in caplog.records if r.levelname == "ERROR"] == []
    assert told.texts == {}


def test_a_client_that_never_reads_is_given_up(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "UNREAD_SECONDS", 0.5)
    monkeypatch.setattr(writing, "MAX_WRITERS", 1)
    with served(Wordy(), settings) as port:
        stream = Stream(port)
        for _ in range(150):
            stream.send(line("a"))
        stream.end()
        until(lambda: place_is_free(port))
        stream.close()


@pytest.mark.parametrize("sends", [True, False])
def test_a_client_that_never_reads_nor_ends_is_given_up(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, sends: bool
) -> None:
    """What it sends after its last answer is thrown away for a while, then cut off."""
    monkeypatch.setattr(http_protocol, "UNREAD_SECONDS", 0.5)
    monkeypatch.setattr(bulk, "MAX_ANSWERS", 10_000_000)
    monkeypatch.setattr(bodies, "IDLE", 0.5)
    monkeypatch.setattr(writing, "MAX_WRITERS", 1)
    with served(Wordy(), settings) as port:
        stream = Stream(port)
        for _ in range(150):
            stream.send(line("a"))
        if sends:
            with pytest.raises(ConnectionError):
                send_for_ever(stream)
        until(lambda: place_is_free(port))
        stream.close()


def send_for_ever(stream: Stream) -> None:
    while True:
        stream.send(line("a"))
