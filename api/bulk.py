"""`POST /v1/articles:bulk`: articles as a stream of JSON lines, answered line by line.

The body is never whole in memory: lines are taken a batch at a time, and no more of the
body is read while a batch is written, so that the network makes the client wait. The
answers go through a spool (see there why), sent while the body is still arriving.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.bodies import IDLE, Body, Gone, Unpacked
from api.problems import encode, kind_of
from api.spool import Spool
from api.writing import Writing
from search.errors import EngineBusy, FihrisError, InputError
from search.ingest import Ingest, Ingested

logger = logging.getLogger("fihris.api")

MEDIA_TYPE = "application/x-ndjson"
MEDIA_TYPES = (MEDIA_TYPE, "application/jsonl", "application/json-lines", "application/ndjson")
MAX_LINE = 16 << 20  # bytes
BATCH_LINES = 64
BATCH_SIZE = 1 << 20  # bytes; a longer line is a batch of its own
PAUSE = 0.5  # seconds without a byte after which the lines that are there are taken
BUSY_WAITS = (0.5, 1.0, 2.0, 3.0, 4.0)  # seconds between tries while another process writes


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the body by its number, from 1; `content` None if it was too long to keep."""

    number: int
    content: bytes | None


class Record(Protocol):
    """Where a copy of the answers goes, for an Idempotency-Key."""

    def add(self, content: bytes) -> None: ...

    def keep(self, sha256: str) -> None: ...

    def drop(self) -> None: ...


class Splitter:
    """Pieces of a body to its lines, of which it keeps `MAX_LINE` bytes at most."""

    def __init__(self) -> None:
        self._number = 0
        self._kept = bytearray()
        self._too_long = False

    def lines(self, piece: bytes) -> list[Line]:
        """Return the lines that end in this piece; blank ones are counted and left out."""
        *ends, rest = piece.split(b"\n")
        found = []
        for end in ends:
            self._take(end)
            found += self._ended()
        self._take(rest)
        return found

    def last(self) -> list[Line]:
        """Return the line that the body ended in, if it had no line end."""
        return self._ended()

    def _take(self, part: bytes) -> None:
        if self._too_long or len(self._kept) + len(part) > MAX_LINE:
            self._too_long = True
            self._kept.clear()
        else:
            self._kept += part

    def _ended(self) -> list[Line]:
        self._number += 1
        content = None if self._too_long else bytes(self._kept)
        self._too_long = False
        self._kept.clear()
        return [] if content is not None and not content.strip() else [Line(self._number, content)]


async def batches(body: Body, unpacked: Unpacked) -> AsyncIterator[list[Line]]:
    """Yield a body's lines in batches: full ones, or what there is when the client pauses.

    Raises:
        TimeoutError: no byte came for `IDLE` seconds.
        Gone: the client went away. Both after what was there has been given.
        InputError: the body cannot be unpacked.
    """
    splitter = Splitter()
    batch: list[Line] = []
    size = 0
    while True:
        try:
            piece = await body.piece(PAUSE if batch else IDLE)
        except TimeoutError:
            if not batch:
                raise
            yield batch
            batch, size = [], 0
            continue
        found = unpacked.pieces(piece) if piece is not None else ()
        for part in found:
            for line in splitter.lines(part):
                batch.append(line)
                size += len(line.content or b"")
                if len(batch) >= BATCH_LINES or size >= BATCH_SIZE:
                    yield batch
                    batch, size = [], 0
        if piece is None:
            if batch := batch + splitter.last():
                yield batch
            return


class Exchange:
    """The lines of one request, written batch after batch."""

    def __init__(self, writing: Writing, ingest: Ingest, *, show: bool) -> None:
        self._writing = writing
        self._ingest = ingest
        self._show = show

    async def answers(self, batch: Sequence[Line], waits: Sequence[float]) -> bytes:
        """Write a batch; return its answers.

        Raises:
            FihrisError: nothing can be written, and waiting did not help.
        """
        contents = [line.content for line in batch if line.content is not None]
        for wait in (*waits, None):
            try:
                written = await self._writing.run(lambda: self._ingest.lines(contents))
                break
            except EngineBusy:
                if wait is None:
                    raise
                await asyncio.sleep(wait)
        if self._show:
            await self._writing.run(self._ingest.show)
        outcomes = iter(written)
        too_long = f"the line has more than {MAX_LINE:,} bytes"
        return b"".join(
            _answer(
                line.number,
                Ingested("", "failed", too_long, "too-large")
                if line.content is None
                else next(outcomes),
            )
            for line in batch
        )

    async def whatever_happens(self, batch: Sequence[Line]) -> bytes:
        """Write a batch; where that fails, return answers that say so for each line."""
        try:
            return await self.answers(batch, BUSY_WAITS)
        except FihrisError as error:
            logger.warning("%s: %s", type(error).__name__, error)
            failed = Ingested("", "failed", str(error), kind_of(error).name)
        except Exception:
            logger.exception("a batch failed")
            failed = Ingested("", "failed", "the server failed on it; its log says why", "internal")
        return b"".join(_answer(line.number, failed) for line in batch)


class BulkResponse(Response):
    """Answers that are sent while the body is still being read.

    Not a StreamingResponse: that one reads from `receive` itself to see the client leave.
    """

    def __init__(
        self,
        exchange: Exchange,
        body: Body,
        rest: AsyncIterator[list[Line]],
        first: bytes,
        record: Record | None,
    ) -> None:
        super().__init__(media_type=MEDIA_TYPE)
        del self.headers["content-length"]
        self._exchange = exchange
        self._body = body
        self._rest = rest
        self._first = first
        self._record = record

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        spool = Spool()
        reading = asyncio.create_task(self._read(spool))
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            while piece := await spool.read():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await reading
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            spool.end()
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading
            spool.close()
            if self._record is not None:
                self._record.drop()  # unless it was kept

    async def _read(self, spool: Spool) -> None:
        async def say(answers: bytes) -> None:
            if self._record is not None:
                self._record.add(answers)
            await spool.write(answers)

        try:
            await say(self._first)
            async for batch in self._rest:
                await say(await self._exchange.whatever_happens(batch))
        except Gone:
            return
        except TimeoutError:
            reason = f"no byte of the body came for {IDLE:g} seconds: the rest was not read"
            await spool.write(_answer(None, Ingested("", "failed", reason, "slow-body")))
        except InputError as error:
            await spool.write(_answer(None, Ingested("", "failed", str(error), "unreadable")))
        else:
            if self._record is not None:
                self._record.keep(self._body.sha256)
        finally:
            spool.end()


def _answer(number: int | None, ended: Ingested) -> bytes:
    answer = {
        "line": number,
        "id": ended.id or None,
        "status": ended.status,
        "error": ended.error or None,
        "code": ended.code or None,
    }
    return encode(answer) + b"\n"
