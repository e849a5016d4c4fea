"""Bodies of writing requests, piece by piece: bounded in size and in time, never whole in memory."""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import BinaryIO

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.types import Message

from api.problems import Gone, SlowBody, Stopping, TooLarge
from search.errors import InputError

IDLE = 30.0  # seconds without a byte after which a body is given up
LONGEST = 600.0  # seconds that a body with a limit may take in all
PART = 1 << 16  # bytes unpacked at once: nothing else is answered meanwhile


class Body:
    """One request's body. `sha256` covers what was read of it, as it came."""

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
        self._latest = asyncio.get_running_loop().time() + LONGEST
        self._digest = hashlib.sha256()
        if limit is None:
            return
        declared = request.headers.get("content-length", "")
        if declared.isascii() and declared.isdigit() and int(declared[:20]) > limit:
            raise _too_large(limit)
        if encoding_of(request) not in ("", "identity"):
            raise HTTPException(415, "This path takes bodies without Content-Encoding only.")

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def stop(self) -> None:
        """Have no more of it be read, now or later."""
        self._stopped = True
        if self._waiting is not None:
            self._waiting.reschedule(0.0)

    def check(self) -> None:
        """Raise Stopping if no more of it may be read."""
        if self._stopped:
            raise Stopping("the server is being stopped: the rest was not read; send it again")

    async def piece(self, wait: float = IDLE) -> bytes | None:
        """Return the next bytes, None at the end.

        Raises:
            TimeoutError: none came in `wait` seconds; asking again goes on.
            Gone: none will come.
            Stopping: none may be read any more.
            TooLarge: they pass the limit.
        """
        while not self._ended:
            self.check()
            message = await self._message(wait)
            if message["type"] == "http.disconnect":
                raise Gone
            self._ended = not message.get("more_body", False)
            if piece := message.get("body", b""):
                self._size += len(piece)
                if self._limit is not None and self._size > self._limit:
                    raise _too_large(self._limit)
                self._digest.update(piece)
                return bytes(piece)
        return None

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield all that is left. Raises SlowBody, Gone, TooLarge, Stopping."""
        while True:
            try:
                piece = await self.piece()
            except TimeoutError:
                raise too_slow() from None
            if piece is None:
                return
            if self._limit is not None and asyncio.get_running_loop().time() > self._latest:
                raise SlowBody(f"The body did not arrive within {LONGEST:g} seconds.")
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

    async def _message(self, wait: float) -> Message:
        try:
            async with asyncio.timeout(wait) as self._waiting:
                return await self._receive()
        except TimeoutError:
            self.check()
            raise
        finally:
            self._waiting = None


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

    def parts(self, piece: bytes | None) -> Iterator[bytes]:
        """Yield what a piece unpacks to, at most `PART` bytes at a time; None is the end.

        Raises:
            InputError: it is not gzip, or ends in the middle.
        """
        if piece is None:
            if self._inflate is not None:
                raise InputError("the body's gzip ends in the middle", field="body")
            return
        if not self._packed:
            for start in range(0, len(piece), PART):
                yield piece[start : start + PART]
            return
        try:
            while piece:
                if self._inflate is None:
                    self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
                yield self._inflate.decompress(piece, PART)
                piece = self._inflate.unconsumed_tail
                if self._inflate.eof:
                    piece = self._inflate.unused_data
                    self._inflate = None
        except zlib.error as error:
            raise InputError(f"the body is not gzip: {error}", field="body") from error


def encoding_of(request: Request) -> str:
    return request.headers.get("content-encoding", "").strip().lower()


def too_slow() -> SlowBody:
    return SlowBody(f"No byte of the body came for {IDLE:g} seconds: the rest was not read.")


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body is larger than {limit:,} bytes, the most that this path takes.")
