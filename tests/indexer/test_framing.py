"""A request that two servers could end at different places is refused, and its connection closed."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import h11
import pytest

from indexer.framing import StrictConnection
from search.settings import Settings
from tests.api.streams import served
from tests.api.support import ToldIngest

POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
AMBIGUOUS = {
    "two lengths": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "the other way round": POST + b"transfer-encoding: chunked\r\ncontent-length: 0\r\n\r\n",
    "unlike lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
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
    "a folded trailer": POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: a\r\n b\r\n\r\n",
}
SOUND = {
    "no body": (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b""),
    "a length": (POST + b"Content-Length: 2\r\n\r\nab", b"ab"),
    "one length twice": (POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab", b"ab"),
    "LF in a body": (POST + b"Content-Length: 4\r\n\r\n\na\n ", b"\na\n "),
    "chunks": (
        POST + b"Transfer-Encoding: Chunked\r\n\r\n1\r\n\n\r\n2\r\n \n\r\n0\r\n\r\n",
        b"\n \n",
    ),
    "a chunk's extension": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n1;a=b\r\nx\r\n0\r\nX: a\r\n\r\n",
        b"x",
    ),
    "HTTP/1.0": (b"POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\na", b"a"),
    "letters of other scripts": (b"GET / HTTP/1.1\r\nHost: a\r\nX: \xd8\xb9\r\n\r\n", b""),
    "spaces around a value": (POST + b"Content-Length: \t2 \r\n\r\nab", b"ab"),
}


def body(sent: bytes, step: int) -> bytes:
    """Return a request's body, of what comes in so many bytes at once."""
    connection = StrictConnection(32_768)
    found = b""
    for start in range(0, len(sent), step):
        connection.receive_data(sent[start : start + step])
        while (event := connection.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
            if isinstance(event, h11.Data):
                found += event.data
            if isinstance(event, h11.EndOfMessage):
                return found
    raise AssertionError("the request did not end")


@pytest.mark.parametrize("step", [1, 7, 1_000])
@pytest.mark.parametrize("sent", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_what_is_ambiguous_is_refused(sent: bytes, step: int) -> None:
    with pytest.raises(h11.RemoteProtocolError):
        body(sent, step)


@pytest.mark.parametrize("step", [1, 7, 1_000])
@pytest.mark.parametrize(("sent", "expected"), SOUND.values(), ids=SOUND)
def test_unambiguous_requests_are_read(sent: bytes, expected: bytes, step: int) -> None:
    assert body(sent, step) == expected


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
