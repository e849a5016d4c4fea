"""Host names, security headers, and bounds on requests."""

from __future__ import annotations

import asyncio
import ipaddress
import uuid
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.bodies import Body
from api.problems import (
    BODY_TOO_SLOW,
    BY_STATUS,
    OVERLOADED,
    UNKNOWN_HOST,
    ClientGone,
    Refused,
    problem_response,
)
from api.writing import Writing
from search.errors import Stopping

WRITING = ("POST", "PUT", "DELETE", "PATCH")  # methods
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
NOT_KEPT = "no-store"  # unless an answer says how it may be cached


def refused(status: int, detail: str) -> Response:
    """Return the answer to what is no HTTP request."""
    request_id = uuid.uuid4().hex
    headers = {**HEADERS, "Cache-Control": NOT_KEPT, "X-Request-ID": request_id}
    return problem_response(BY_STATUS[status], detail, request_id=request_id, headers=headers)


class Gate:
    """Lets in what may be answered now; the rest is refused by raising, and `api.logs` answers that.

    Host names: an attacker's page reaches a server on loopback only under the attacker's own name
    (DNS rebinding), so literal addresses, localhost and the configured names are safe. A server
    that listens on every address and is told none cannot know them: all pass.

    Once the server is being stopped nothing new is answered, `/live` apart, so that who balances
    load or supervises is told where to go, instead of a refused connection.

    Bodies are taken in whole, bounded in bytes and time, before anything else sees them. At most
    `at_once` API requests are answered; the next is told at once to come back. Without that a
    burst waits in memory for the few threads that search. An answer that is ready takes no
    place: who does not read it would keep others out. What writes articles reads its body itself
    and has a bound of its own, so that neither keeps out the other.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        host: str = "",
        hosts: Sequence[str] = (),
        writing: Writing | None = None,
        timeout: float = BODY_TIMEOUT,
        at_once: int = MAX_AT_ONCE,
    ) -> None:
        self.app = app
        self.hosts = {"localhost", host.lower(), *map(str.lower, hosts)} - {""}
        self.any = not hosts and host in ("0.0.0.0", "::", "")  # noqa: S104
        self.writing = writing
        self.timeout = timeout
        self.at_once = at_once
        self.now = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if not self._is_known(_name(Headers(scope=scope).get("host", ""))):
            raise Refused(
                UNKNOWN_HOST,
                "The Host header names a server that this is not; use localhost, an address,"
                " or a name in FIHRIS_HOST or FIHRIS_HOSTS.",
            )
        if self.writing and self.writing.stopping and scope["path"] != "/live":
            raise Stopping()
        if writes(scope):
            await self.app(scope, receive, send)
            return
        try:
            read = await self._read(scope, receive)
        except ClientGone:
            return  # nobody waits for an answer
        if scope["path"].startswith("/v1/"):
            await self._answer(scope, read, send)
        else:
            await self.app(scope, read, send)

    def _is_known(self, name: str) -> bool:
        return self.any or name in self.hosts or name.endswith(".localhost") or _is_address(name)

    async def _read(self, scope: Scope, receive: Receive) -> Receive:
        """Take in a request's body, if it has one (RFC 9112, 6.3); return what gives it again."""
        if not {"content-length", "transfer-encoding"} & set(Headers(scope=scope)):
            return receive
        try:
            async with asyncio.timeout(self.timeout):
                body = await Body(Request(scope, receive), MAX_BODY).whole()
        except TimeoutError:
            late = f"The body did not arrive within {self.timeout:g} seconds."
            raise Refused(BODY_TOO_SLOW, late, closes=True) from None
        except Refused as error:
            raise Refused(error.kind, str(error), closes=True) from None
        messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return messages.pop() if messages else await receive()

        return replay

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.now >= self.at_once:
            busy = f"{self.at_once} requests are being answered; try again in a second."
            raise Refused(OVERLOADED, busy)
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


def writes(scope: Scope) -> bool:
    """Tell whether a request is one that writes: it bounds its body and its number itself."""
    return scope["method"] in WRITING and scope["path"].startswith("/v1/articles")


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
