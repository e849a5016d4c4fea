"""Reads the bodies of writing requests piece by piece: bounded in size and time, never whole in memory."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from typing import BinaryIO

from fastapi import Request

from api.problems import BODY_TOO_LARGE, BODY_TOO_SLOW, UNSUPPORTED, ClientGone, Refused
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
        limit: bytes; None for a stream without end, which whoever reads it bounds. Only a
            stream may be gzip.

        Raises:
            Refused: it says itself that it passes the limit, or has a Content-Encoding that is
                not read here.
        """
        self._receive = request.receive
        self._limit = limit
        self._ended = False
        self._stopped = False
        self._waiting: asyncio.Timeout | None = None
        encoding = request.headers.get("content-encoding", "").strip().lower()
        self._is_gzip = encoding == "gzip" and limit is None
        if encoding not in ("", "identity") and not self._is_gzip:
            readable = "gzip or none" if limit is None else "none"
            raise Refused(
                UNSUPPORTED,
                f"Content-Encoding {encoding[:40]!r} is not read here; send {readable}.",
            )
        declared = request.headers.get("content-length", "")
        if limit is not None and declared.isascii() and declared.isdigit():
            _check_size(int(declared[:20]), limit)

    def stop(self) -> None:
        """Have no more of it be read, now or later."""
        self._stopped = True
        if self._waiting is not None:
            self._waiting.reschedule(0.0)

    def check(self) -> None:
        """Raise Stopping if no more of it may be read."""
        if self._stopped:
            raise Stopping("the server is being stopped: the rest was not read; send it again")

    def pieces(self) -> AsyncIterator[bytes]:
        """Yield all of it, unpacked.

        Raises:
            Refused: it passes the limit, nothing came for `IDLE` seconds, or it took longer
                than `LONGEST`.
            ClientGone: the client left.
            Stopping: no more may be read.
            InputError: it is not gzip and should be, or unpacks to too many times its size.
        """
        return _unpacked(self._received()) if self._is_gzip else self._received()

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

    async def _received(self) -> AsyncIterator[bytes]:
        size = 0
        latest = asyncio.get_running_loop().time() + LONGEST
        while not self._ended:
            piece = await self._piece()
            size += len(piece)
            if self._limit is not None:
                _check_size(size, self._limit)
                if asyncio.get_running_loop().time() > latest:
                    raise Refused(
                        BODY_TOO_SLOW, f"The body did not arrive within {LONGEST:g} seconds."
                    )
            if piece:
                yield piece

    async def _piece(self) -> bytes:
        self.check()
        try:
            async with asyncio.timeout(IDLE) as self._waiting:
                message = await self._receive()
        except TimeoutError:
            self.check()
            raise Refused(
                BODY_TOO_SLOW,
                f"No byte of the body came for {IDLE:g} seconds: the rest was not read.",
            ) from None
        finally:
            self._waiting = None
        if message["type"] == "http.disconnect":
            self._ended = True
            raise ClientGone
        self._ended = not message.get("more_body", False)
        return bytes(message.get("body", b""))


async def _unpacked(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield what gzip, of any number of members, unpacks to: at most `PART` bytes at a time."""
    inflate: zlib._Decompress | None = None  # of the member that is being read
    received = unpacked = 0  # bytes
    async for piece in pieces:
        received += len(piece)
        while piece:
            inflate = inflate or zlib.decompressobj(zlib.MAX_WBITS | 16)
            try:
                part = inflate.decompress(piece, PART)
            except zlib.error as error:
                raise InputError(f"the body is not gzip: {error}", field="body") from error
            unpacked += len(part)
            if unpacked > max(MOST_FREE, MOST_UNPACKED * received):
                raise InputError(
                    f"the body unpacks to more than {MOST_UNPACKED} times its size;"
                    " send it less packed",
                    field="body",
                )
            yield part
            piece = inflate.unconsumed_tail
            if inflate.eof:
                piece = inflate.unused_data
                inflate = None
    if inflate is not None:
        raise InputError("the body's gzip ends in the middle", field="body")


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise Refused(
            BODY_TOO_LARGE,
            f"The body is larger than {limit:,} bytes, the most that this path takes.",
        )
