"""What happens to the lines of a bulk request, and how they are answered.

The answers go through a spool (see there why), sent while the body is still arriving.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Sequence

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.bodies import Body
from api.bulk import MAX_LINE, MEDIA_TYPE, Batch
from api.idempotency import Recording
from api.problems import Gone, encode, kind_of
from api.schemas import ingested_out
from api.spool import UNREAD, Spool, Unread
from api.writing import Writing
from search.errors import EngineBusy, FihrisError
from search.ingest import Ingest, Ingested

logger = logging.getLogger("fihris.api")

LINGER = 2.0  # seconds for a client to see that no more of its body is read
BUSY_WAITS = (0.5, 1.0, 2.0, 3.0, 4.0)  # seconds between tries while another process writes

Answers = list[tuple[int | None, Ingested]]  # by the number of the line


class Exchange:
    """The batches of one request, written and answered one after the other."""

    def __init__(self, writing: Writing, ingest: Ingest, *, show: bool) -> None:
        """Args:
        show: whether the last line's answer waits until every process's searches see it all.
        """
        self.writing = writing
        self._ingest = ingest
        self._show = show
        self._waiting: Answers = []  # until it is seen, or more lines are answered
        self.lasting = True  # whether the same request would be answered the same again

    async def first(self, batch: Batch) -> bytes:
        """Return the answers to the first batch, while the whole answer can still be a problem.

        Raises:
            FihrisError: nothing can be written now.
        """
        if batch.error is not None and not batch.lines:
            raise batch.error
        return _joined(await self._given(batch, await self._written(batch, ())), self._end(batch))

    async def next(self, batch: Batch) -> bytes:
        """Return what may be answered now, whatever happens to the lines of a batch."""
        try:
            written = await self._written(batch, BUSY_WAITS)
        except Exception as error:
            written = self._failed([line.number for line in batch.lines], error)
        waiting = [number for number, _ in (*self._waiting, *written)]
        try:
            given = await self._given(batch, written)
        except Exception as error:
            given = self._failed(waiting, error)
        return _joined(given, self._end(batch))

    async def _written(self, batch: Batch, waits: Sequence[float]) -> Answers:
        contents = [line.content for line in batch.lines if line.content is not None]
        outcomes = iter(await self._stored(contents, waits) if contents else ())
        too_long = Ingested("", "failed", f"the line has more than {MAX_LINE:,} bytes", "too-large")
        return [
            (line.number, too_long if line.content is None else next(outcomes))
            for line in batch.lines
        ]

    async def _stored(self, contents: Sequence[bytes], waits: Sequence[float]) -> list[Ingested]:
        """Store lines, again after each of `waits` where another process writes."""
        for wait in waits:
            try:
                return await self.writing.run(lambda: self._ingest.lines(contents))
            except EngineBusy:
                if self.writing.stopping:
                    raise
                await asyncio.sleep(wait)
        return await self.writing.run(lambda: self._ingest.lines(contents))

    async def _given(self, batch: Batch, written: Answers) -> Answers:
        """Return the answers that may be given now."""
        before, self._waiting = self._waiting, []
        if self._show and not batch.pause:
            self._waiting = written
            return before
        if self._show and (before or written):
            await self.writing.run(self._ingest.show)
        return before + written

    def _failed(self, numbers: Iterable[int | None], error: Exception) -> Answers:
        if isinstance(error, FihrisError):
            logger.warning("%s: %s", type(error).__name__, error)
            failed = Ingested("", "failed", str(error), kind_of(error).name)
        else:
            logger.error("a batch failed", exc_info=error)
            failed = Ingested("", "failed", "the server failed on it; its log says why", "internal")
        self.lasting = False
        return [(number, failed) for number in numbers]

    def _end(self, batch: Batch) -> Answers:
        return [] if batch.error is None else self._failed([None], batch.error)


class BulkResponse(Response):
    """Answers that are sent while the body is still being read.

    Not a StreamingResponse: that one reads from `receive` itself to see the client leave.
    """

    def __init__(
        self,
        exchange: Exchange,
        body: Body,
        rest: AsyncIterator[Batch],
        first: bytes,
        record: Recording | None,
    ) -> None:
        """Args:
        first: the answers to the batch that was already taken from `rest`.
        record: keeps the answers for an Idempotency-Key; let go of at the end.
        """
        super().__init__(media_type=MEDIA_TYPE)
        del self.headers["content-length"]
        self._exchange = exchange
        self._body = body
        self._rest = rest
        self._first = first
        self._record = record

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        spool = Spool()
        try:
            with self._exchange.writing.stream(self._body):
                async with asyncio.TaskGroup() as both:  # where one fails, the other is given up
                    reading = both.create_task(self._read(spool))
                    both.create_task(self._send(spool, send, reading))
        except* Unread:
            logger.warning("a client does not read its answers: given up")
        finally:
            spool.close()
            if self._record is not None:
                self._record.drop()  # unless it was kept

    async def _send(self, spool: Spool, send: Send, reading: asyncio.Task[None]) -> None:
        head = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **head})
        while piece := await spool.read():
            message = {"type": "http.response.body", "body": piece, "more_body": True}
            sending = asyncio.ensure_future(send(message))
            try:
                while not sending.done():
                    nothing_to_send = spool.ended
                    await asyncio.wait({sending}, timeout=UNREAD)
                    if nothing_to_send and not sending.done():
                        raise Unread  # while it sends, a client may be one that reads later
                await sending
            finally:
                sending.cancel()
        await asyncio.wait({reading}, timeout=LINGER)
        reading.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _read(self, spool: Spool) -> None:
        try:
            await self._say(spool, self._first)
            async for batch in self._rest:
                await self._say(spool, await self._exchange.next(batch))
            await self._keep()
        except Gone:
            return  # nobody reads the answers, which are sent all the same: to nowhere
        finally:
            spool.end()
        # Where it was not read to its end: a connection that is closed on bytes that nobody
        # read is reset, and the client loses the answers that are on their way.
        await self._body.discard()

    async def _say(self, spool: Spool, answers: bytes) -> None:
        if self._record is not None:
            self._record.add(answers)
        await spool.write(answers)

    async def _keep(self) -> None:
        record, sha256 = self._record, self._body.sha256
        if record is not None and self._exchange.lasting:
            await self._exchange.writing.run(lambda: record.keep(sha256))


def _joined(*answers: Answers) -> bytes:
    return b"".join(_line(number, ended) for some in answers for number, ended in some)


def _line(number: int | None, ended: Ingested) -> bytes:
    return encode({"line": number, **ingested_out(ended)}) + b"\n"
