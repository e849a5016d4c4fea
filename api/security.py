"""What a request may be and what a browser may do with the answer, as plain ASGI middleware."""

from __future__ import annotations

import asyncio
import ipaddress
import uuid
from collections.abc import Callable, Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import BY_STATUS, Overloaded, error_response, problem_response
from api.writing import writes
from search.errors import Stopping

MAX_BODY = 64 * 1024  # bytes
BODY_TIMEOUT = 10.0  # seconds for a whole body
MAX_AT_ONCE = 64  # API requests being answered or waiting for a thread

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class SecurityHeaders:
    """Adds the headers above, and forbids caching unless the answer says how to."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)


def refused(status: int, detail: str) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Return the answer to what is no HTTP request: status, headers and content."""
    request_id = uuid.uuid4().hex
    headers = {**HEADERS, "Cache-Control": "no-store", "X-Request-ID": request_id}
    kind = BY_STATUS[status]
    answer = problem_response(kind, detail, request_id=request_id, headers=headers)
    return answer.status_code, answer.raw_headers, bytes(answer.body)


class KnownHost:
    """Refuses a Host header that names another server, which is how DNS rebinding arrives.

    An attacker's page reaches a server on loopback only under the attacker's
    own name, so literal addresses, localhost and the configured name are safe.
    A server that listens on every address cannot know its names: all pass.
    """

    def __init__(self, app: ASGIApp, *, host: str) -> None:
        self.app = app
        self.host = host.lower()
        self.any = self.host in ("0.0.0.0", "::", "")  # noqa: S104

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self.any:
            name = _name(Headers(scope=scope).get("host", ""))
            if not self._is_known(name):
                answer = problem_response(
                    BY_STATUS[421],
                    "The Host header names a server that this is not; use localhost, an address,"
                    " or the name in FIHRIS_HOST.",
                    request_id=scope["state"]["request_id"],
                )
                await answer(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _is_known(self, name: str) -> bool:
        return name in ("localhost", self.host) or name.endswith(".localhost") or _is_address(name)


def _name(host: str) -> str:
    """Return a Host header's name, without port, brackets and the root's dot."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].rstrip(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class WhileRunning:
    """Answers 503 to what comes once the server is being stopped, `/live` apart, and closes.

    So who balances load or supervises is told where to go, instead of a refused connection.
    """

    def __init__(self, app: ASGIApp, *, stopping: Callable[[], bool]) -> None:
        self.app = app
        self.stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == "/live" or not self.stopping():
            await self.app(scope, receive, send)
            return
        answer = error_response(
            Stopping("the server is being stopped; try again in a moment"),
            request_id=scope["state"]["request_id"],
        )
        answer.headers["Connection"] = "close"
        await answer(scope, receive, send)


class BoundedBody:
    """Takes in the whole body, bounded in bytes and time, before anything else sees it.

    What counts is what arrives: a chunked body has no length to trust. What writes
    articles reads its body itself.
    """

    def __init__(
        self, app: ASGIApp, *, max_bytes: int = MAX_BODY, timeout: float = BODY_TIMEOUT
    ) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.timeout = timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or writes(scope):
            await self.app(scope, receive, send)
            return
        request_id = scope["state"]["request_id"]
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isascii() and declared.isdigit() and int(declared[:20]) > self.max_bytes:
            await self._refuse(413, request_id)(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self.timeout):
                body = await self._read(receive)
        except TimeoutError:
            await self._refuse(408, request_id)(scope, receive, send)
            return
        except _TooLarge:
            await self._refuse(413, request_id)(scope, receive, send)
            return
        if body is None:
            return  # the client went away: nobody waits for an answer
        await self.app(scope, _replay(body, receive), send)

    async def _read(self, receive: Receive) -> bytes | None:
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            part = message.get("body", b"")
            size += len(part)
            if size > self.max_bytes:
                raise _TooLarge
            parts.append(part)
            if not message.get("more_body", False):
                return b"".join(parts)

    def _refuse(self, status: int, request_id: str) -> ASGIApp:
        detail = {
            408: f"The body did not arrive within {self.timeout:g} seconds.",
            413: f"The body is larger than {self.max_bytes:,} bytes.",
        }[status]
        # Closing tells the client to stop sending what nobody will read.
        return problem_response(
            BY_STATUS[status], detail, request_id=request_id, headers={"Connection": "close"}
        )


class _TooLarge(Exception):
    pass


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting: Iterable[Message] = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def replayed() -> Message:
        for message in waiting:
            return message
        return await receive()

    return replayed


class BoundedConcurrency:
    """Answers at most `at_once` API requests; the next is told at once to come back.

    Those that write have a bound of their own, so that neither keeps out the other.

    Without it a burst waits in memory for the few threads that search. An answer that is
    ready takes no place: who does not read it would keep others out.
    """

    def __init__(self, app: ASGIApp, *, at_once: int = MAX_AT_ONCE) -> None:
        self.app = app
        self.at_once = at_once
        self.now = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/v1/") or writes(scope):
            await self.app(scope, receive, send)
            return
        if self.now >= self.at_once:
            busy = Overloaded(f"{self.at_once} requests are being answered; try again in a second.")
            answer = error_response(busy, request_id=scope["state"]["request_id"])
            await answer(scope, receive, send)
            return
        self.now += 1
        working = True

        def ended() -> None:
            nonlocal working
            self.now -= working
            working = False

        async def send_and_leave(message: Message) -> None:
            if not message.get("more_body", False) and message["type"] == "http.response.body":
                ended()
            await send(message)

        try:
            await self.app(scope, receive, send_and_leave)
        finally:
            ended()
