"""Bodies of writing requests, piece by piece: bounded in size and in time, never whole in memory."""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import BinaryIO

from fastapi import Request
from starlette.exceptions import HTTPException

from api.problems import SlowBody, TooLarge
from search.errors import InputError

IDLE = 30.0  # seconds without a byte after which a body is given up


class Gone(Exception):
    """The client went away before its body was whole."""


class Body:
    """One request's body. `sha256` covers what was read of it, as it came."""

    def __init__(self, request: Request, limit: int | None = None) -> None:
        """Args:
        request: nothing may have read its body.
        limit: bytes; None for a stream without end, which whoever reads it bounds.
        """
        self._receive = request.receive
        self._limit = limit
        self._size = 0
        self._ended = False
        self._digest = hashlib.sha256()
        declared = request.headers.get("content-length", "")
        if limit is not None and declared.isdigit() and int(declared[:20]) > limit:
            raise _too_large(limit)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    async def piece(self, wait: float = IDLE) -> bytes | None:
        """Return the next bytes, None at the end.

        Raises:
            TimeoutError: none came in `wait` seconds; asking again goes on.
            Gone: none will come.
            TooLarge: they pass the limit.
        """
        while not self._ended:
            async with asyncio.timeout(wait):
                message = await self._receive()
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
        """Yield all that is left. Raises SlowBody, Gone, TooLarge."""
        while True:
            try:
                piece = await self.piece()
            except TimeoutError:
                raise SlowBody(f"No byte of the body came for {IDLE:g} seconds.") from None
            if piece is None:
                return
            yield piece

    async def whole(self) -> bytes:
        return b"".join([piece async for piece in self.pieces()])

    async def into(self, file: BinaryIO) -> None:
        async for piece in self.pieces():
            file.write(piece)
        file.flush()
        file.seek(0)


class Unpacked:
    """A body's pieces as they were before `Content-Encoding: gzip`, a little at a time."""

    def __init__(self, encoding: str) -> None:
        if encoding not in ("", "identity", "gzip"):
            raise HTTPException(
                415, f"Content-Encoding {encoding[:40]!r} is not read; send gzip or none."
            )
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16) if encoding == "gzip" else None

    def pieces(self, packed: bytes, most: int = 1 << 20) -> Iterator[bytes]:
        """Yield what a piece unpacks to, at most `most` bytes at a time.

        Raises:
            InputError: it is not gzip.
        """
        if self._inflate is None:
            yield packed
            return
        try:
            while packed:
                yield self._inflate.decompress(packed, most)
                packed = self._inflate.unconsumed_tail
                if self._inflate.eof and (packed := self._inflate.unused_data):
                    self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
        except zlib.error as error:
            raise InputError(f"the body is not gzip: {error}", field="body") from error


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body is larger than {limit:,} bytes, the most that this path takes.")
