"""What writing requests share: the writer, and how many of them run at once."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar
from weakref import WeakSet

import anyio
import anyio.to_thread
from fastapi import Request

from api.bodies import Body
from api.problems import READ_ONLY, TOO_MANY_WRITERS, Refused
from search.errors import Stopping
from search.ingest import Ingest
from search.ranking.searcher import Searcher
from search.settings import Settings

MAX_WRITERS = 16  # writing requests at once, with as many threads beside those that search

Given = TypeVar("Given")
OpenIngest = Callable[[Searcher], Ingest]


class Writing:
    """What writing requests share. `open_ingest` None makes a server that only searches."""

    def __init__(self, settings: Settings, open_ingest: OpenIngest | None) -> None:
        self.settings = settings
        # Searches of other workers too see what was acknowledged: it is shown before that.
        self.shows = settings.engine == "embedded" and settings.workers > 1
        self.stopping = False
        self._open = open_ingest
        self._ingest: Ingest | None = None
        self._opening = threading.Lock()
        self._writers = 0
        self._bodies: WeakSet[Body] = WeakSet()
        self._threads: anyio.CapacityLimiter | None = None

    def stop(self) -> None:
        """Have no more be read and taken, and every writing request answered within seconds."""
        self.stopping = True
        for body in self._bodies:
            body.stop()
        if self._ingest is not None:
            self._ingest.stop()

    def close(self) -> None:
        """Let go of what writes. Blocks for a few seconds at most."""
        if self._ingest is not None:
            self._ingest.close()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Take one of the places of writing requests. Raises Refused, as where nothing is taken."""
        if self._open is None:
            raise Refused(READ_ONLY, "This server only searches; nothing can be written to it.")
        if self._writers >= MAX_WRITERS:
            raise Refused(
                TOO_MANY_WRITERS,
                f"{MAX_WRITERS} requests are writing; try again in a second or two.",
            )
        self._writers += 1
        try:
            yield
        finally:
            self._writers -= 1

    def body(self, request: Request, limit: int | None = None) -> Body:
        """Return a request's body, which `stop` ends. Raises as `Body` does."""
        body = Body(request, limit)
        self._bodies.add(body)
        if self.stopping:
            body.stop()
        return body

    def ingest(self, searcher: Searcher) -> Ingest:
        """Return what writes. Blocks. Raises FihrisError where it cannot be opened."""
        with self._opening:
            if self._ingest is None:
                assert self._open is not None  # noqa: S101  # `allow` was asked
                if self.stopping:
                    raise Stopping()
                self._ingest = self._open(searcher)
            return self._ingest

    async def run(self, call: Callable[[], Given]) -> Given:
        """Call what blocks in a thread of writing's own: searches keep theirs.

        Not given up when the client goes: what was begun is finished.
        """
        if self._threads is None:
            self._threads = anyio.CapacityLimiter(MAX_WRITERS)
        return await anyio.to_thread.run_sync(call, limiter=self._threads)
