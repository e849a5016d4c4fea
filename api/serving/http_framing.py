"""HTTP/1.1 heads read in one way only: what another server may read otherwise is refused.

Where a proxy and this server disagree about where a request ends, the rest of one is taken
for another's. RFC 9112 (2.2, 3.2, 5.1, 5.2, 6.1) lets a server refuse such requests. Most are
refused by llhttp, the parser behind httptools: lines that end with LF alone, folded lines, two
lengths, odd ones, spaces before colons, in heads, chunks and trailers. What it takes is here.

One thing is read that it refuses: letters of an address that are not percent-encoded, as curl
and scripts send them (`/v1/search?q=بغداد`). Byte by byte there is one way to read them. So is `#`,
which no client means as the beginning of a fragment. And one header is not read: `Upgrade`, to
protocols that nobody speaks here (Java's client asks for h2c with each request). httptools would
take such a request to have no body, and its body to be the next request.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

MAX_HEAD = 32_768  # bytes of a request's head, or of chunks' sizes and trailers without a body's
END = b"\r\n\r\n"

_RAW = re.compile(rb"[\x80-\xff#]")
_UPGRADE = re.compile(rb"(?<=\r\n)upgrade(?=:)", re.IGNORECASE)
_LONE = re.compile(rb"(?<!\r)\n|\r(?![\n])(?=.)", re.DOTALL)


class HeadRefused(Exception):
    """A request that is answered with an error, and its connection closed."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def head_end(received: bytes | bytearray, before: int) -> int:
    """Return where the head ends with which `received` begins, 0 while it has not come.

    Args:
        before: how many bytes were looked at already.

    Raises:
        HeadRefused: it is no head, or too long.
    """
    if received[:1] <= b" ":
        raise HeadRefused("there is no request line")
    end = received.find(END, max(0, before - len(END)))
    size = end + len(END) if end >= 0 else len(received)
    if size > MAX_HEAD:
        raise HeadRefused("the head is too long", 431)
    if _LONE.search(received, max(0, before - 1), size):
        raise HeadRefused("a line ends with LF or CR alone")
    return size if end >= 0 else 0


def readable(head: bytes) -> bytes:
    """Return a head as httptools is to read it.

    Its address has only bytes that an address may have, and it asks for no other protocol; the
    header that did has another name, so that its value is checked all the same.
    """
    line, rest = _UPGRADE.sub(b"x-upgrade", head).split(b"\r\n", 1)
    return _RAW.sub(lambda byte: b"%%%02X" % byte[0][0], line) + b"\r\n" + rest


def check(version: str, headers: Sequence[tuple[bytes, bytes]]) -> None:
    """Check what llhttp takes of a request's headers, whose names are in small letters.

    Raises:
        HeadRefused: they may be read in two ways.
    """
    if version not in ("1.0", "1.1"):
        raise HeadRefused(f"HTTP/{version} is not spoken here")
    hosts = sum(name == b"host" for name, _ in headers)
    if hosts > 1 or (not hosts and version == "1.1"):
        raise HeadRefused("the Host header must be there once")
    codings = [value.strip().lower() for name, value in headers if name == b"transfer-encoding"]
    if codings and version == "1.0":
        raise HeadRefused("HTTP/1.0 has no Transfer-Encoding")
    if codings and codings != [b"chunked"]:
        raise HeadRefused("the only Transfer-Encoding is chunked")


def body_length(headers: Sequence[tuple[bytes, bytes]]) -> int | None:
    """Return the bytes of a body that llhttp has found no fault with; None: it is chunked."""
    length = 0
    for name, value in headers:
        if name == b"transfer-encoding":
            return None
        if name == b"content-length":
            length = int(value)
    return length
