"""Answers that wait to be read: in memory, then in a file that no folder shows."""

from __future__ import annotations

import asyncio
from tempfile import SpooledTemporaryFile

IN_MEMORY = 1 << 20  # bytes
MOST = 1 << 30  # bytes waiting; past it whoever writes waits too
PIECE = 1 << 16  # bytes read at once


class Spool:
    """Bytes in one end and out of the other, within one event loop.

    Most clients send a whole body before they read a byte of the answer. If answers waited
    for the client, and the body for the answers, both would wait for ever.
    """

    def __init__(self, most: int = MOST) -> None:
        self._file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  # `close` closes it
        self._most = most
        self._written = 0
        self._read = 0
        self._ended = False
        self._changed = asyncio.Event()

    async def write(self, content: bytes) -> None:
        """Add bytes, once there is room."""
        while self._written - self._read > self._most and not self._ended:
            await self._change()
        self._file.seek(self._written)
        self._file.write(content)
        self._written += len(content)
        self._changed.set()

    def end(self) -> None:
        """Say that nothing more will come, or that nobody reads any more."""
        self._ended = True
        self._changed.set()

    async def read(self) -> bytes:
        """Return some bytes, b"" at the end."""
        while self._read == self._written and not self._ended:
            await self._change()
        self._file.seek(self._read)
        content = self._file.read(min(PIECE, self._written - self._read))
        self._read += len(content)
        if self._read == self._written:  # a client that reads keeps it small
            self._file.seek(0)
            self._file.truncate()
            self._read = self._written = 0
        self._changed.set()
        return content

    def close(self) -> None:
        self._file.close()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()
