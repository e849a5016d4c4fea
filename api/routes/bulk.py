"""`POST /v1/articles:bulk`: a body of any length, stored a batch of lines at a time.

Neither the body nor the answers are ever whole in memory. No more of a body is read while
a batch is written, so that the network makes its client wait; the answers wait in a file
until the body is at its end, since most clients read nothing before they have sent all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, closing
from functools import partial
from io import SEEK_END
from tempfile import TemporaryFile
from typing import BinaryIO

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.bodies import Body
from api.metrics import written
from api.problems import BODY_TOO_LARGE, Refused, encode, kind_of
from api.schemas import ingested_out
from api.writing import Writing
from search.domain import WriteOutcome
from search.errors import EngineUnavailable, FihrisError, InputError
from search.ingest import BodyLine, Ingest
from search.limits import MAX_LINE
from search.seen_ids import BODY_CACHE, FirstPlaces
from search.write_turns import in_turn

logger = logging.getLogger("fihris.api")

MEDIA_TYPE = "application/x-ndjson"
MEDIA_TYPES = (MEDIA_TYPE, "application/jsonl", "application/json-lines", "application/ndjson")
MAX_ANSWERS = 1 << 30  # bytes on disk, some 12 million lines
BATCH_LINES = 64
BATCH_SIZE = 1 << 20  # bytes; a longer line is the last of its batch
BUSY_PATIENCE = 10.0  # seconds that a batch waits while another process writes
PIECE = 1 << 16  # bytes of the answers sent at once
LINGER = 2.0  # seconds for a client to see that no more of its body is read
BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # at the head of a file, also where files were joined


async def batches(body: Body) -> AsyncIterator[list[BodyLine]]:
    """Yield a body's lines in batches.

    Raises:
        Refused, InputError: after what came whole, where the rest did not.
        ClientGone, Stopping: at once; lines that were not yielded are not written.
    """
    batch: list[BodyLine] = []
    size = 0
    try:
        async for line in _lines(body.pieces()):
            batch.append(line)
            size += len(line.content or b"")
            if len(batch) >= BATCH_LINES or size >= BATCH_SIZE:
                yield batch
                batch, size = [], 0
                body.check()
    except (Refused, InputError):
        if batch:
            yield batch
        raise
    if batch:
        yield batch


async def _lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[BodyLine]:
    """Yield the lines that are not blank, of which hardly more than `MAX_LINE` bytes are kept."""
    number = 1
    line = bytearray()
    async for piece in pieces:
        *ends, rest = piece.split(b"\n")
        for end in ends:
            if end or line:  # a body may be line ends and nothing else
                line += end[: MAX_LINE + 1 - len(line)]
                if (found := _line(number, line)) is not None:
                    yield found
                line.clear()
            number += 1
        line += rest[: MAX_LINE + 1 - len(line)]
        await asyncio.sleep(0)  # a few bytes of gzip may be very many pieces
    if (found := _line(number, line)) is not None:
        yield found


def _line(number: int, line: bytearray) -> BodyLine | None:
    """Return a line; None if it is blank, without content if it is too long."""
    if len(line) > MAX_LINE:
        return BodyLine(number, None)
    content = bytes(line).removeprefix(BYTE_ORDER_MARK)
    return BodyLine(number, content) if content.strip() else None


async def answered(
    body: Body, writing: Writing, ingest: Ingest, collection: str = "", *, show: bool
) -> BinaryIO:
    """Store a body's lines; return their answers, a line of JSON each and in order.

    A last answer, its `line` null, says why the rest of a body was not read.

    Args:
        collection: what they are in; "": as their ids say.
        show: return only when every process's searches see all that was stored.

    Raises:
        FihrisError: nothing was stored, or it cannot be shown.
        ClientGone: the client left.
    """
    with ExitStack() as stack, closing(FirstPlaces(BODY_CACHE)) as places:
        try:
            file = stack.enter_context(TemporaryFile())
            store = partial(ingest.lines, places=places, collection=collection)
            await _answer(body, writing, store, file)
            if show and file.tell():
                await writing.run(ingest.show)
        except OSError as error:
            raise EngineUnavailable(f"no room for the answers: {error.strerror}") from error
        stack.pop_all()  # whoever sends it closes it
        return file


async def _answer(
    body: Body,
    writing: Writing,
    store: Callable[[Sequence[BodyLine]], list[WriteOutcome]],
    file: BinaryIO,
) -> None:
    """Write the answers into a file. While it is empty, the whole answer can be a problem."""
    try:
        async for batch in batches(body):
            write = partial(store, batch)
            if file.tell():  # what was begun waits for its next turn
                write = partial(in_turn, write, lambda: writing.stopping, BUSY_PATIENCE)
            try:
                ended = await writing.run(write)
            except Exception as error:
                if not file.tell():
                    raise
                ended = [_failed(error)] * len(batch)
            file.writelines(
                _answer_line(each.number, written(its))
                for each, its in zip(batch, ended, strict=True)
            )
            if file.tell() > MAX_ANSWERS:
                raise Refused(
                    BODY_TOO_LARGE, "A body has too many lines; send the rest in another one."
                )
    except FihrisError as error:
        if not file.tell():
            raise
        file.write(_answer_line(None, _failed(error)))


def _failed(error: Exception) -> WriteOutcome:
    if isinstance(error, FihrisError):
        logger.warning("%s: %s", type(error).__name__, error)
        return WriteOutcome("", "failed", str(error), kind_of(error).name)
    logger.error("a batch failed", exc_info=error)
    return WriteOutcome("", "failed", "the server failed on it; its log says why", "internal")


def _answer_line(number: int | None, ended: WriteOutcome) -> bytes:
    return encode({"line": number, **ingested_out(ended)}) + b"\n"


class BulkResponse(Response):
    """The answers in a file, sent while what still comes of the body is thrown away.

    A client that sends and does not read would else wait for us for ever; and a connection
    that is closed on bytes that nobody read is reset, and loses what is on its way.
    """

    def __init__(self, file: BinaryIO, body: Body) -> None:
        super().__init__(media_type=MEDIA_TYPE)
        self.headers["Content-Length"] = str(file.seek(0, SEEK_END))
        self._file = file
        self._body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        discarding = asyncio.ensure_future(self._body.discard())
        with self._file as file:
            try:
                file.seek(0)
                head = {"status": self.status_code, "headers": self.raw_headers}
                await send({"type": "http.response.start", **head})
                while piece := file.read(PIECE):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                await asyncio.wait({discarding}, timeout=LINGER)
                await send({"type": "http.response.body", "body": b""})
            finally:
                discarding.cancel()
