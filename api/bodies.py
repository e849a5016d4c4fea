"""Bodies of writing requests, piece by piece: bounded in size and in time, never whole in memory."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import BinaryIO

from fastapi import Request
from starlette.exceptions import HTTPException

from api.problems import Gone, SlowBody, TooLarge
from search.errors import InputError, Stopping

IDLE = 30.0  # seconds without a byte after which a body is given up
LONGEST = 600.0  # seconds that a body with a limit may take in all
PART = 1 << 16  # bytes unpacked at once: nothing else is answered meanwhile
# What gzip may unpack to: JSON of real text is packed 3 to 20 times, an endless body 1,000.
MOST_UNPACKED = 200  # times its own size
MOST_FREE = 16 << 20  # bytes that any body may unpack to


class Body:
    """One request's body. `api.writing.Writing.body` makes it, and stops it."""

    def __init__(self, request: Request, limit: int | None = None) -> None:
        """Args:
        request: nothing may have read its body.
        limit: bytes; None for a stream without end, which whoever reads it bounds.

        Raises:
            TooLarge: it says itself that it passes the limit.
            HTTPException: 415, it is packed and only streams may be.
        """
        self._receive = request.receive
        self._limit = limit
        self._size = 0
        self._ended = False
        self._stopped = False
        self._waiting: asyncio.Timeout | None = None
        if limit is None:
            return
        declared = request.headers.get("content-length", "")
        if declared.isascii() and declared.isdigit() and int(declared[:20]) > limit:
            raise _too_large(limit)
        if encoding_of(request) not in ("", "identity"):
            raise HTTPException(415, "This path takes bodies without Content-Encoding only.")

    def stop(self) -> None:
        """Have no more of it be read, now or later."""
        self._stopped = True
        if self._waiting is not None:
            self._waiting.reschedule(0.0)

    def check(self) -> None:
        """Raise Stopping if no more of it may be read."""
        if self._stopped:
            raise Stopping("the server is being stopped: the rest was not read; send it again")

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield all of it.

        Raises:
            SlowBody: nothing came for `IDLE` seconds, or it took longer than `LONGEST`.
            Gone: the client left.
            Stopping: no more may be read.
            TooLarge: it passes the limit.
        """
        latest = asyncio.get_running_loop().time() + LONGEST
        while not self._ended:
            piece = await self._piece()
            self._size += len(piece)
            if self._limit is not None:
                if self._size > self._limit:
                    raise _too_large(self._limit)
                if asyncio.get_running_loop().time() > latest:
                    raise SlowBody(f"The body did not arrive within {LONGEST:g} seconds.")
            if piece:
                yield piece

    async def whole(self) -> bytes:
        return b"".join([piece async for piece in self.pieces()])

    async def into(self, file: BinaryIO) -> None:
        async for piece in self.pieces():
            file.write(piece)
        file.flush()
        file.seek(0)

    async def discard(self) -> None:
        """Take what still comes and throw it away, until nothing will."""
        while not self._ended:
            message = await self._receive()
            self._ended = not message.get("more_body", False)

    async def _piece(self) -> bytes:
        self.check()
        try:
            async with asyncio.timeout(IDLE) as self._waiting:
                message = await self._receive()
        except TimeoutError:
            self.check()
            raise SlowBody(
                f"No byte of the body came for {IDLE:g} seconds: the rest was not read."
            ) from None
        finally:
            self._waiting = None
        if message["type"] == "http.disconnect":
            self._ended = True
            raise Gone
        self._ended = not message.get("more_body", False)
        return bytes(message.get("body", b""))


class Unpacked:
    """A body's pieces as they were before `Content-Encoding: gzip`, a little at a time."""

    def __init__(self, encoding: str) -> None:
        """Raises HTTPException: 415, an encoding that is not read."""
        if encoding not in ("", "identity", "gzip"):
            raise HTTPException(
                415, f"Content-Encoding {encoding[:40]!r} is not read; send gzip or none."
            )
        self._packed = encoding == "gzip"
        self._inflate: zlib._Decompress | None = None  # of the member that is being read
        self._came = self._gave = 0  # bytes

    def parts(self, piece: bytes) -> Iterator[bytes]:
        """Yield what a piece unpacks to, at most `PART` bytes of gzip at a time.

        Raises:
            InputError: it is not gzip, or unpacks to too many times its size.
        """
        if not self._packed:
            yield piece
            return
        self._came += len(piece)
        try:
            while piece:
                if self._inflate is None:
                    self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
                part = self._inflate.decompress(piece, PART)
                self._gave += len(part)
                if self._gave > max(MOST_FREE, MOST_UNPACKED * self._came):
                    raise InputError(
                        f"the body unpacks to more than {MOST_UNPACKED} times its size;"
                        " send it less packed",
                        field="body",
                    )
                yield part
                piece = self._inflate.unconsumed_tail
                if self._inflate.eof:
                    piece = self._inflate.unused_data
                    self._inflate = None
        except zlib.error as error:
            raise InputError(f"the body is not gzip: {error}", field="body") from error

    def end(self) -> None:
        """Raise InputError if the body ended in the middle of its gzip."""
        if self._inflate is not None:
            raise InputError("the body's gzip ends in the middle", field="body")


def encoding_of(request: Request) -> str:
    return request.headers.get("content-encoding", "").strip().lower()


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body is larger than {limit:,} bytes, the most that this path takes.")
