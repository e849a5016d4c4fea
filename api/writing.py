"""Who may write, how many at once, and what they write with."""

from __future__ import annotations

import hmac
import ipaddress
import re
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar
from urllib.parse import urlsplit
from weakref import WeakSet

import anyio
import anyio.to_thread
from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import Scope

from api.bodies import Body
from api.problems import (
    CROSS_ORIGIN,
    FORWARDED,
    READ_ONLY,
    TOKEN_NEEDED,
    TOO_MANY_WRITERS,
    UNAUTHORIZED,
    Kind,
    Refused,
)
from search.errors import Stopping
from search.ingest import Ingest
from search.ranking.searcher import Searcher
from search.settings import Settings

MAX_WRITERS = 16  # writing requests at once, with as many threads beside those that search
METHODS = ("POST", "PUT", "DELETE", "PATCH")
# What a proxy adds. One on this machine makes everybody's requests look as if they came from it.
FORWARDING = re.compile(
    r".*forwarded.*|.*(-|client|socket)ip|(x-)?(remote|client|real)-addr|x-original-(host|url)"
    r"|x-envoy-.*|via|cdn-loop"
)

Given = TypeVar("Given")
OpenIngest = Callable[[Searcher], Ingest]


def writes(scope: Scope) -> bool:
    """Tell whether a request is one that writes: it bounds its body and its number itself."""
    return scope["method"] in METHODS and scope["path"].startswith("/v1/articles")


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

    def is_stopping(self) -> bool:
        return self.stopping

    def close(self) -> None:
        """Let go of what writes. Blocks for a few seconds at most."""
        if self._ingest is not None:
            self._ingest.close()

    def allow(self, request: Request) -> None:
        """Let a request write articles. Raises Refused where it may not."""
        if self._open is None:
            raise Refused(READ_ONLY, "This server only searches; nothing can be written to it.")
        self.authorise(request)

    def authorise(self, request: Request) -> None:
        """Let a request change anything. Raises Refused where it may not."""
        check_origin(request.headers)
        token = self.settings.write_token
        if token is None:
            advice = "Set FIHRIS_WRITE_TOKEN, and send it as `Authorization: Bearer TOKEN`."
            check_local(request, self.settings, advice, TOKEN_NEEDED, FORWARDED)
            return
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        # Headers are bytes, which Starlette shows as Latin-1.
        wanted = token.get_secret_value().encode()
        right = hmac.compare_digest(given.strip().encode("latin-1"), wanted)
        if scheme.lower() != "bearer" or not right:
            raise Refused(
                UNAUTHORIZED,
                "Writing needs this server's FIHRIS_WRITE_TOKEN, as `Authorization: Bearer TOKEN`.",
            )

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Take one of the places of writing requests. Raises Refused."""
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
                    raise Stopping("the server is being stopped; try again in a moment")
                self._ingest = self._open(searcher)
            return self._ingest

    async def run(self, call: Callable[[], Given]) -> Given:
        """Call what blocks in a thread of writing's own: searches keep theirs.

        Not given up when the client goes: what was begun is finished.
        """
        if self._threads is None:
            self._threads = anyio.CapacityLimiter(MAX_WRITERS)
        return await anyio.to_thread.run_sync(call, limiter=self._threads)


def check_local(
    request: Request, settings: Settings, advice: str, reached: Kind, forwarded: Kind
) -> None:
    """Let through what can only come from this machine. Raises Refused, of one kind or the other."""
    if not _is_loopback(settings.host):
        where = f"This server listens on {settings.host}, where others can reach it. "
        raise Refused(reached, where + advice)
    if (name := next(filter(FORWARDING.fullmatch, request.headers), None)) is not None:
        raise Refused(
            forwarded,
            f"A proxy passed this on (its header {name[:40]}), so that it may come from anywhere. "
            + advice,
        )


def check_origin(headers: Headers) -> None:
    """Refuse what a page of another site has a browser send: it needs nobody's consent."""
    site = headers.get("sec-fetch-site", "none")
    origin = headers.get("origin")
    same = origin is None or _host_of(origin) == headers.get("host", "").lower()
    if site not in ("same-origin", "none") or not same:
        raise Refused(
            CROSS_ORIGIN, "A page of another site asked for this; only this server's own may."
        )


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:  # half an address in brackets
        return None


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost" or host.lower().endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
