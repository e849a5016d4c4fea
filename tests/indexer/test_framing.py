"""A request that two servers could end at different places is refused, and its connection closed."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest
import uvicorn
from uvicorn.server import ServerState

from api.serving import http_protocol as protocols
from api.serving.handover import Channel
from api.serving.http_framing import MAX_HEAD
from api.serving.http_protocol import TimedProtocol
from search.settings import Settings
from tests.api.streams import served
from tests.api.support import ToldIngest

POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
AMBIGUOUS = {
    "two lengths": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "the other way round": POST + b"transfer-encoding: chunked\r\ncontent-length: 0\r\n\r\n",
    "unlike lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
    "one length twice": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab",
    "unlike lengths in one line": POST + b"Content-Length: 5, 6\r\n\r\n",
    "a signed length": POST + b"Content-Length: +5\r\n\r\n",
    "a length with an underscore": POST + b"Content-Length: 1_0\r\n\r\n",
    "a hexadecimal length": POST + b"Content-Length: 0x5\r\n\r\n",
    "a negative length": POST + b"Content-Length: -1\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n",
    "chunked twice in two lines": POST + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n",
    "another coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n",
    "another coding before": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
    "identity": POST + b"Transfer-Encoding: identity\r\n\r\n",
    "chunked in HTTP/1.0": b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    "a space before the colon": POST + b"Transfer-Encoding : chunked\r\n\r\n",
    "a tab before the colon": POST + b"Content-Length\t: 5\r\n\r\n",
    "a folded header": POST + b"X: a\r\n b\r\n\r\n",
    "a folded length": POST + b"Content-Length:\r\n\t5\r\n\r\n",
    "a fold at the beginning": b"POST / HTTP/1.1\r\n Host: a\r\n\r\n",
    "a header ended by LF": POST + b"X: a\nContent-Length: 5\r\n\r\n",
    "a head ended by LF": POST + b"\n",
    "a request line ended by LF": b"GET / HTTP/1.1\nHost: a\r\n\r\n",
    "LF only": b"GET / HTTP/1.1\nHost: a\n\n",
    "an empty line of LF first": b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "CR only": POST + b"X: a\rContent-Length: 5\r\n\r\n",
    "two CR": POST + b"X: a\r\r\n\r\n",
    "NUL in a value": POST + b"X: a\0b\r\n\r\n",
    "a vertical tab in a value": POST + b"Content-Length: 5\x0b\r\n\r\n",
    "no name": POST + b": chunked\r\n\r\n",
    "no colon": POST + b"Transfer-Encoding\r\n\r\n",
    "two hosts": POST + b"Host: b\r\n\r\n",
    "no host": b"POST / HTTP/1.1\r\n\r\n",
    "a chunk ended by LF": POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\n0\r\n\r\n",
    "a chunk's size ended by LF": POST + b"Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n",
    "a signed chunk's size": POST + b"Transfer-Encoding: chunked\r\n\r\n+1\r\na\r\n0\r\n\r\n",
    "a chunk's size with 0x": POST + b"Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
    "chunks ended by LF": POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\n",
    "a trailer ended by LF": POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: a\n\r\n",
    "a body of CONNECT": b"CONNECT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab",
    "a folded Upgrade": POST + b"Connection: upgrade\r\nUpgrade: h2c\r\n b\r\n\r\n",
    "a space after Upgrade": POST + b"Connection: upgrade\r\nUpgrade : h2c\r\n\r\n",
    "a folded trailer": POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: a\r\n b\r\n\r\n",
}
SOUND = {
    "no body": (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b""),
    "a length": (POST + b"Content-Length: 2\r\n\r\nab", b"ab"),
    "LF in a body": (POST + b"Content-Length: 4\r\n\r\n\na\n ", b"\na\n "),
    "chunks": (
        POST + b"Transfer-Encoding: Chunked\r\n\r\n1\r\n\n\r\n2\r\n \n\r\n0\r\n\r\n",
        b"\n \n",
    ),
    "a chunk's extension": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n1;a=b\r\nx\r\n0\r\nX: a\r\n\r\n",
        b"x",
    ),
    "a length, and another protocol asked for": (
        POST
        + b"Connection: Upgrade, HTTP2-Settings\r\nUpGrade: h2c\r\nContent-Length: 2\r\n\r\nab",
        b"ab",
    ),
    "chunks, and another protocol asked for": (
        POST
        + b"upgrade: websocket\r\nConnection: upgrade\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"1\r\na\r\n0\r\n\r\n",
        b"a",
    ),
    "HTTP/1.0": (b"POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\na", b"a"),
    "letters of other scripts": (b"GET / HTTP/1.1\r\nHost: a\r\nX: \xd8\xb9\r\n\r\n", b""),
    "spaces around a value": (POST + b"Content-Length: \t2 \r\n\r\nab", b"ab"),
}


class Told(asyncio.Transport):
    """A connection that keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closing = False
        self.reads = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = True

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0


async def _answered(sent: bytes, step: int) -> tuple[list[tuple[Any, bytes]], bytes]:
    """Return the requests (scope, body) of what comes in so many bytes at once, and the answers."""
    found = []

    async def application(
        scope: Any,
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message["more_body"]
        found.append((scope, body))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    config = uvicorn.Config(application, http=TimedProtocol, lifespan="off", log_config=None)
    config.load()
    transport = Told()
    protocol = TimedProtocol(config=config, server_state=ServerState(), app_state={})
    protocol.connection_made(transport)
    for start in range(0, len(sent), step):
        if not transport.closing:
            protocol.data_received(sent[start : start + step])
    for _ in range(20):
        await asyncio.sleep(0)
    protocol.connection_lost(None)
    await asyncio.sleep(0)
    return found, transport.written


def requests(sent: bytes, step: int) -> tuple[list[tuple[Any, bytes]], bytes]:
    return asyncio.run(_answered(sent, step))


@pytest.mark.parametrize("step", [1, 7, 1_000])
@pytest.mark.parametrize("sent", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_what_is_ambiguous_is_refused(sent: bytes, step: int) -> None:
    found, answer = requests(sent, step)
    assert found == []
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1") == 1
    assert b"connection: close" in answer


@pytest.mark.parametrize("step", [1, 7, 1_000])
@pytest.mark.parametrize(("sent", "expected"), SOUND.values(), ids=SOUND)
def test_unambiguous_requests_are_read(sent: bytes, expected: bytes, step: int) -> None:
    found, answer = requests(sent, step)
    assert [body for _, body in found] == [expected]
    assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("step", [1, 7, 1_000])
def test_what_follows_a_request_is_the_next_one(step: int) -> None:
    sent = b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n" + SOUND["a length"][0]
    sent += "GET /?q=\u0642 HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    found, answer = requests(sent, step)
    assert [body for _, body in found] == [b"", b"ab", b""]
    assert found[0][0]["path"] == "/a#b"
    assert found[2][0]["query_string"] == b"q=%D9%82"
    assert answer.count(b"HTTP/1.1 200 ") == 3


def test_behind_chunks_in_one_read_nothing_is_read_and_the_connection_closes() -> None:
    found, answer = requests(SOUND["chunks"][0] + SOUND["no body"][0], 1_000)
    assert [body for _, body in found] == [b"\n \n"]
    assert answer.count(b"HTTP/1.1 200 ") == 1
    assert b"connection: close" in answer


@pytest.mark.parametrize("step", [1_000, 40_000])
def test_what_is_no_body_is_bounded(step: int) -> None:
    head = POST + b"Transfer-Encoding: chunked\r\n\r\n"
    long = b"a" * (2 * MAX_HEAD)
    for sent in (
        b"GET /" + long,
        POST + b"X: " + long,
        POST + b"X: " + long + b"\r\n\r\n",
        head + b"1;a=" + long,
        head + b"0\r\nX: " + long,
    ):
        found, answer = requests(sent, step)
        assert found == []
        assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 431 "))


def test_trailers_are_no_headers() -> None:
    sent = POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Late: a\r\n\r\n"
    (found,), _ = requests(sent, 1)
    assert b"x-late" not in dict(found[0]["headers"])


def test_many_requests_in_one_read_are_answered_one_after_the_other() -> None:
    found, answer = requests(SOUND["no body"][0] * 15, 100_000)
    assert len(found) > 5
    assert answer.count(b"HTTP/1.1 200 ") == len(found)


def _protocol(writer: object) -> tuple[TimedProtocol, Told]:
    """Return a protocol that hands over whatever it is asked."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()

    config = uvicorn.Config(application, http=TimedProtocol, lifespan="off", log_config=None)
    config.load()
    protocol = TimedProtocol(config=config, server_state=ServerState(), app_state={})
    protocol.writer = cast("Channel", writer)
    transport = Told()
    protocol.connection_made(transport)
    return protocol, transport


def test_nothing_more_is_read_of_a_connection_once_it_is_to_be_handed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Taking:
        given = b""

        async def give(self, connection: int, read: bytes) -> bool:
            self.given += read
            return True

    async def handed() -> tuple[bool, bytes]:
        writer = Taking()
        protocol, transport = _protocol(writer)
        protocol.data_received(SOUND["a length"][0])
        reads = transport.reads  # before any task runs: uvloop may read again at once
        await asyncio.sleep(0.01)
        protocol.connection_lost(None)
        return reads, writer.given

    monkeypatch.setattr(protocols, "writes", lambda _: True)
    monkeypatch.setattr(protocols, "duplicate", lambda _: os.dup(0))
    assert asyncio.run(handed()) == (False, SOUND["a length"][0])


def test_without_a_descriptor_a_connection_stays_where_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(_: object) -> int:
        raise OSError(errno.EMFILE, "no descriptor left")

    async def kept() -> tuple[object, bool]:
        protocol, transport = _protocol(object())
        protocol.data_received(SOUND["a length"][0])
        await asyncio.sleep(0.01)
        found = protocol.scope["method"], transport.reads
        protocol.connection_lost(None)
        return found

    monkeypatch.setattr(protocols, "writes", lambda _: True)
    monkeypatch.setattr(protocols, "duplicate", refused)
    assert asyncio.run(kept()) == ("POST", True)


@pytest.mark.slow
@pytest.mark.parametrize("sent", [AMBIGUOUS["two lengths"], AMBIGUOUS["a folded length"]])
def test_what_follows_an_ambiguous_request_is_not_answered(sent: bytes, tmp_path: Path) -> None:
    with (
        served(ToldIngest(), Settings(data=tmp_path)) as port,
        socket.create_connection(("127.0.0.1", port)) as one,
    ):
        hidden = b"DELETE /v1/articles/a HTTP/1.1\r\nHost: localhost\r\n\r\n"
        one.settimeout(10)
        one.sendall(sent.replace(b"Host: a", b"Host: localhost") + hidden)
        head, _, content = b"".join(iter(lambda: one.recv(65_536), b"")).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close" in head.lower()
    assert json.loads(content)["type"] == "/problems/malformed-request"
