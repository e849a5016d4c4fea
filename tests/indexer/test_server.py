"""The server's bounds in time, on a real socket."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn

from api.serving import http_protocol, server
from search.errors import SettingsError
from tests.indexer.serving import serving

pytestmark = pytest.mark.slow


async def hello(
    scope: dict[str, object],
    receive: Callable[[], Awaitable[dict[str, object]]],
    send: Callable[[dict[str, object]], Awaitable[None]],
) -> None:
    while scope["path"] != "/early" and (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(1_000 if scope["path"] == "/much" else 0):
        await send({"type": "http.response.body", "body": bytes(100_000), "more_body": True})
    await send({"type": "http.response.body", "body": b"ok"})


async def seconds_open(port: int, *pieces: bytes) -> tuple[float, bytes]:
    """Send pieces 0.3 s apart; return how long the server kept the connection, and its answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    started = time.monotonic()
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(0.3)
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    return time.monotonic() - started, answer


@pytest.mark.parametrize(
    ("pieces", "answered"),
    [
        ([], False),  # nothing at all
        ([b"GET / HTTP/1.1\r\n", b"Host: a\r\n"], False),  # a head that never ends
        # the rest of a body that was answered without it
        ([b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n", b"ab"], True),
        ([b"GET / HTTP/1.1\r\n", b"Host: a\r\n\r\n"], True),
        ([b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\n"], True),
    ],
)
def test_a_request_that_does_not_arrive_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, pieces: list[bytes], answered: bool
) -> None:
    monkeypatch.setattr(http_protocol, "REQUEST_SECONDS", 1.0)
    with serving(hello) as port:
        took, answer = asyncio.run(seconds_open(port, *pieces))
    assert took < 15
    assert answer.startswith(b"HTTP/1.1 200") is answered


def test_a_client_that_does_not_read_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "UNREAD_SECONDS", 0.5)
    with serving(hello) as port, socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET /much HTTP/1.1\r\nHost: a\r\n\r\n")
        time.sleep(2)
        size = 0
        while piece := client.recv(1 << 20):
            size += len(piece)
        assert size < 100_000_000  # what lay in the sockets already


def test_a_client_that_reads_slowly_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "UNREAD_SECONDS", 0.5)
    with serving(hello) as port, socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET /much HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        size = 0
        while piece := client.recv(3 << 20, socket.MSG_WAITALL):
            size += len(piece)
            time.sleep(0.1)
        assert size > 100_000_000


def test_the_application_is_told_when_it_is_to_stop() -> None:
    told: list[str] = []

    async def application(
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, object]]],
        send: Callable[[dict[str, object]], Awaitable[None]],
    ) -> None:
        scope["state"]["stop"] = lambda: told.append("stop")
        for word in ("startup", "shutdown"):
            assert (await receive())["type"] == f"lifespan.{word}"
            told.append(word)
            await send({"type": f"lifespan.{word}.complete"})

    listening = server._bound("127.0.0.1", 0)
    running = server.StoppingServer(uvicorn.Config(application, log_config=None))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
    thread.start()
    while not running.started:
        time.sleep(0.01)
    running.should_exit = True
    thread.join()
    listening.close()
    assert told == ["startup", "stop", "shutdown"]


def test_an_idle_connection_after_an_answer_is_closed() -> None:
    with serving(hello) as port:
        took, answer = asyncio.run(seconds_open(port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
    assert b"\r\nok\r\n" in answer
    assert 0.5 < took < 15


@pytest.mark.parametrize(
    ("host", "port"), [("no.such.host.invalid", 0), ("192.0.2.1", 0), ("a" * 300, 0)]
)
def test_an_address_that_cannot_be_had(host: str, port: int) -> None:
    with pytest.raises(SettingsError, match="choose another with --host and --port"):
        server._bound(host, port)
