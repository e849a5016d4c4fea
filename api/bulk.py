"""The body of `POST /v1/articles:bulk`: lines of JSON, a batch at a time.

It is never whole in memory: no more of it is read while a batch is written, so that the
network makes the client wait. `api.exchange` writes and answers the batches.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from api.bodies import IDLE, Body, Unpacked, too_slow
from api.problems import Stopping
from search.errors import FihrisError, InputError

MEDIA_TYPE = "application/x-ndjson"
MEDIA_TYPES = (MEDIA_TYPE, "application/jsonl", "application/json-lines", "application/ndjson")
MAX_LINE = 16 << 20  # bytes
BATCH_LINES = 64
BATCH_SIZE = 1 << 20  # bytes; a longer line is the last of its batch
PAUSE = 0.5  # seconds after which the lines that are there are taken


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the body by its number, from 1; `content` None if it was too long to keep."""

    number: int
    content: bytes | None


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines that are written together.

    pause  the client has sent nothing more for now: it may be waiting for the answers
    error  why the rest of the body is not read, None where it is
    """

    lines: list[Line] = field(default_factory=list)
    pause: bool = False
    error: FihrisError | None = None


class Splitter:
    """Pieces of a body to its lines, of which it keeps `MAX_LINE` bytes at most."""

    def __init__(self) -> None:
        self._number = 0
        self._kept = bytearray()
        self._too_long = False

    def lines(self, piece: bytes) -> list[Line]:
        """Return the lines that end in this piece; blank ones are counted and left out."""
        *ends, rest = piece.split(b"\n")
        found: list[Line] = []
        for end in ends:
            if not end and not self._kept and not self._too_long:
                self._number += 1  # a body may be line ends and nothing else
                continue
            self._take(end)
            found += self.last()
        self._take(rest)
        return found

    def last(self) -> list[Line]:
        """Return the line that ends here; at the end of a body it needs no line end."""
        self._number += 1
        content = None if self._too_long else bytes(self._kept)
        self._too_long = False
        self._kept.clear()
        return [] if content is not None and not content.strip() else [Line(self._number, content)]

    def _take(self, part: bytes) -> None:
        if self._too_long or len(self._kept) + len(part) > MAX_LINE:
            self._too_long = True
            self._kept.clear()
        else:
            self._kept += part


class _Gathered:
    """The lines that will be the next batch."""

    def __init__(self) -> None:
        self._lines: list[Line] = []
        self._size = 0

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def full(self) -> bool:
        return len(self._lines) >= BATCH_LINES or self._size >= BATCH_SIZE

    def add(self, line: Line) -> None:
        self._lines.append(line)
        self._size += len(line.content or b"")

    def take(self) -> list[Line]:
        lines, self._lines, self._size = self._lines, [], 0
        return lines


async def batches(body: Body, unpacked: Unpacked) -> AsyncIterator[Batch]:
    """Yield a body's lines in batches: full ones, or what there is after half a second.

    The last one may have no lines; its `error` is there where the body did not come whole.

    Raises:
        Gone: the client went away; lines that were not yielded are not written.
    """
    now = asyncio.get_running_loop().time
    splitter, gathered = Splitter(), _Gathered()
    due: float | None = None  # when the client counts as pausing, None while it does
    while True:
        try:
            piece = await body.piece(IDLE if due is None else max(0.0, due - now()))
            for part in unpacked.parts(piece):
                for line in splitter.lines(part):
                    gathered.add(line)
                    if gathered.full:
                        yield Batch(gathered.take())
                        due = now() + PAUSE
                        body.check()
                await asyncio.sleep(0)  # a small piece may unpack to very many parts
        except TimeoutError:
            if due is None:
                yield Batch(pause=True, error=too_slow())
                return
            yield Batch(gathered.take(), pause=True)
            due = None
            continue
        except InputError as error:
            yield Batch(gathered.take(), pause=True, error=error)
            return
        except Stopping as error:
            yield Batch(pause=True, error=error)
            return
        if piece is None:
            for line in splitter.last():
                gathered.add(line)
            yield Batch(gathered.take(), pause=True)
            return
        if gathered and due is None:
            due = now() + PAUSE
