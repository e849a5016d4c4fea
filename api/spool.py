"""Answers that wait to be read: in memory, then in a file that no folder shows."""

from __future__ import annotations

import asyncio
from tempfile import SpooledTemporaryFile

IN_MEMORY = 1 << 20  # bytes
MOST = 1 << 30  # bytes waiting; past it whoever writes waits too
UNREAD = 60.0  # seconds in which a client takes something, or is given up
PIECE = 1 << 16  # bytes read at once


class Unread(Exception):
    """The client does not read what it is answered."""


class Spool:
    """Bytes in one end and out of the other, within one event loop.

    Most clients send a whole body before they read a byte of the answer. If answers waited
    for the client, and the body for the answers, both would wait for ever.

    The file is a ring: what was read makes room, so that it never grows past `most`.
    """

    def __init__(self, most: int | None = None) -> None:
        self._file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  # `close` closes it
        self._most = MOST if most is None else most
        self._written = 0
        self._read = 0
        self.ended = False
        self._changed = asyncio.Event()

    async def write(self, content: bytes) -> None:
        """Add bytes, as there is room. Raises Unread."""
        rest = memoryview(content)
        while rest and not self.ended:
            room = self._most - (self._written - self._read)
            if not room:
                await self._room()
                continue
            at = self._written % self._most
            part = rest[: min(room, self._most - at)]
            self._file.seek(at)
            self._file.write(part)
            self._written += len(part)
            self._changed.set()
            rest = rest[len(part) :]

    def end(self) -> None:
        """Say that nothing more will come."""
        self.ended = True
        self._changed.set()

    async def read(self) -> bytes:
        """Return some bytes, b"" at the end."""
        while self._read == self._written and not self.ended:
            await self._change()
        at = self._read % self._most
        self._file.seek(at)
        content = self._file.read(min(PIECE, self._written - self._read, self._most - at))
        self._read += len(content)
        if self._read == self._written:  # a client that reads keeps it small
            self._file.seek(0)
            self._file.truncate()
            self._read = self._written = 0
        self._changed.set()
        return content

    def close(self) -> None:
        self._file.close()

    async def _room(self) -> None:
        try:
            async with asyncio.timeout(UNREAD):
                await self._change()
        except TimeoutError:
            raise Unread from None

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()
