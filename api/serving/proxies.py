"""Which proxies' `X-Forwarded-For` is believed: uvicorn's middleware, with the proxies that were named."""

from __future__ import annotations

from starlette.middleware import Middleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware


def believing(proxies: list[str]) -> list[Middleware]:
    """Return what puts a request's client in the place of such a proxy; nothing for none."""
    return [Middleware(ProxyHeadersMiddleware, trusted_hosts=proxies)] if proxies else []
