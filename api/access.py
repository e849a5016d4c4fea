"""Checks who may send a request, and how often: a route names a scope, and a key has some.

Without a file of keys a server is its own machine's: on loopback everybody may everything, but for
what a proxy passed on, which may only search.
"""

from __future__ import annotations

import base64
import ipaddress
import math
import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from typing import cast
from urllib.parse import urlsplit

from fastapi import Depends, Request, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase
from starlette.datastructures import Headers

from api.problems import (
    CROSS_ORIGIN,
    KEYS_NEEDED,
    SCOPE_NEEDED,
    TOO_MANY_REQUESTS,
    UNAUTHORIZED,
    Refused,
)
from search.errors import SettingsError
from search.keys import Scope, key_file
from search.settings import Settings, listed

MAX_CLIENTS = 10_000  # of which requests are counted, those seen last: 2 MB
MINUTE = 60.0

# What a proxy adds. One on this machine makes everybody's requests look as if they came from it.
FORWARDING = re.compile(
    r".*forwarded.*|.*(-|client|socket)ip|(x-)?(remote|client|real)-addr|x-original-(host|url)"
    r"|x-envoy-.*|via|cdn-loop"
)
_HOW = "`fihris keys create NAME --scope {}` makes one; send it as `Authorization: Bearer KEY`."


class Access:
    """Lets requests in that may, by the keys there are now."""

    def __init__(self, settings: Settings) -> None:
        self._keys = key_file(settings)
        self._public_search = settings.public_search
        self._loopback = _is_loopback(settings.host)
        self._origins = listed(settings.cors_origins)
        self._of_key, self._of_address = Rate(settings.key_rate), Rate(settings.address_rate)

    def check(self, request: Request, scope: Scope, *, public: bool = False) -> None:
        """Let a request ask for what needs a scope.

        Args:
            public: whether it is what others may see too: FIHRIS_PUBLIC_SEARCH opens it, and who
                comes through a proxy to a server without keys, or from another site's page, may.

        Raises:
            Refused, SettingsError: it may not, or it cannot be told.
        """
        if not public:
            self._check_origin(request.headers)
        key = self._keys.find(_given(request.headers))
        expired = key is not None and key.has_expired()
        if key is not None and not expired:
            self._of_key.take(key.id)
            request.state.key = key.id
        elif client := client_of(request.client.host if request.client else ""):
            self._of_address.take(client)
        if public and self._public_search:
            return
        if self._keys.keys() is None:
            self._check_machine(request.headers, scope, public=public)
            return
        if key is None:
            raise Refused(UNAUTHORIZED, f"This needs an API key: {_HOW.format(scope)}")
        if expired:
            raise Refused(UNAUTHORIZED, f"The key {key.name!r} has expired: {_HOW.format(scope)}")
        if scope not in key.scopes:
            raise Refused(
                SCOPE_NEEDED,
                f"The key {key.name!r} has not the scope {scope}: {_HOW.format(scope)}",
            )

    def _check_origin(self, headers: Headers) -> None:
        """Refuse what a page of another site has a browser send: it needs nobody's consent."""
        site = headers.get("sec-fetch-site", "none")
        origin = headers.get("origin")
        if origin in self._origins:
            return
        same = origin is None or _host_of(origin) == headers.get("host", "").lower()
        if site not in ("same-origin", "none") or not same:
            raise Refused(
                CROSS_ORIGIN, "A page of another site asked for this; only this server's own may."
            )

    def _check_machine(self, headers: Headers, scope: Scope, *, public: bool) -> None:
        """Let this machine in where there are no keys."""
        if not self._loopback:
            raise Refused(
                KEYS_NEEDED,
                f"Others can reach this server, and it has no keys: {_HOW.format(scope)}",
            )
        passed_on = (name for name in headers if FORWARDING.fullmatch(name))
        if not public and (name := next(passed_on, None)) is not None:
            raise Refused(
                KEYS_NEEDED,
                f"A proxy passed this on (its header {name[:40]}), so that it may come from"
                f" anywhere, and this server has no keys: {_HOW.format(scope)}",
            )


class Rate:
    """Lets each client make so many requests at once, and as many more in each minute.

    Of each it keeps one number (GCRA): when all that it asked for would be due at an even pace.
    """

    def __init__(self, a_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`a_minute` 0: any number."""
        self._pace = MINUTE / a_minute if a_minute else 0.0
        self._clock = clock
        self._due: dict[str, float] = {}

    def take(self, client: str) -> None:
        """Count a request. Raises Refused, saying when to come again."""
        if not self._pace:
            return
        now = self._clock()
        due = max(self._due.pop(client, now), now)
        wait = due + self._pace - now - MINUTE
        self._due[client] = due if wait > 0 else due + self._pace
        if len(self._due) > MAX_CLIENTS:
            del self._due[next(iter(self._due))]
        if wait > 0:
            seconds = math.ceil(wait)
            again = (
                f"{MINUTE / self._pace:.0f} requests a minute are taken; try again in {seconds} s."
            )
            raise Refused(TOO_MANY_REQUESTS, again, retry_after=seconds)


def client_of(host: str) -> str:
    """Return what is counted as one client, "" for this machine: IPv6 gives each many addresses."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host[:64]
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return (
                ""
                if address.is_loopback
                else str(ipaddress.ip_network((address, 64), strict=False))
            )
        address = address.ipv4_mapped
    return "" if address.is_loopback else str(address)


class _ApiKey(SecurityBase):
    """The dependency that asks `Access`; OpenAPI has it as HTTP's bearer scheme."""

    model = HTTPBearer(description="An API key: `fihris keys create`.")
    scheme_name = "key"

    async def __call__(self, request: Request, needed: SecurityScopes) -> None:
        access: Access = request.app.state.access
        for scope in needed.scopes:
            access.check(request, cast("Scope", scope), public=scope == "search")


async def _public() -> None:
    """Ask for nothing."""


_API_KEY = _ApiKey()
# One of these stands at every route; `tests/api/test_access.py` finds those that have none.
SEARCH = Security(_API_KEY, scopes=["search"])
INDEX = Security(_API_KEY, scopes=["index"])
ADMIN = Security(_API_KEY, scopes=["admin"])
PUBLIC = Depends(_public)


def check_start(settings: Settings) -> None:
    """Raise SettingsError where a server must not start: others would reach it, and no key is made."""
    if os.environ.get("FIHRIS_WRITE_TOKEN"):
        raise SettingsError(
            "FIHRIS_WRITE_TOKEN is no more: unset it; `fihris keys create NAME --scope index --scope"
            " admin` makes a key that writes, and FIHRIS_PUBLIC_SEARCH=true has everybody search as"
            " before"
        )
    keys = key_file(settings)
    if not (_is_loopback(settings.host) or settings.public_search or keys.keys()):
        raise SettingsError(
            f"others would reach this server on {settings.host or 'every address'}, and there is no"
            f" key in {keys.path}: `fihris keys create NAME --scope search` makes one, `fihris serve"
            " --first-key` makes one where none is; FIHRIS_PUBLIC_SEARCH=true has everybody search"
        )


def _given(headers: Headers) -> str:
    """Return the key in a request: a bearer's, or, as feed readers send one, a password."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        with suppress(ValueError):
            return base64.b64decode(given).decode("latin-1").partition(":")[2]
    return given.strip() if scheme.lower() == "bearer" else ""


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
