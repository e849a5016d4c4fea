"""One JSON request to an Elasticsearch, with the standard library alone."""

from __future__ import annotations

import base64
import json
import ssl
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener


def ask(
    url: str,
    method: str = "GET",
    body: object = None,
    *,
    authority: Path | None = None,
    timeout: float = 30.0,
) -> Any:
    """Return what a server answers, read as JSON; a user and password may stand in the URL.

    Raises OSError (of which HTTPError and URLError are kinds) when it cannot be
    reached or answers an error, and ValueError when the answer is not JSON.
    """
    parts = urlsplit(url)
    headers = {"Content-Type": "application/json"}
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        parts = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    data = None if body is None else json.dumps(body).encode()
    request = Request(urlunsplit(parts), data=data, headers=headers, method=method)
    context = ssl.create_default_context(cafile=str(authority) if authority else None)
    # An HTTP proxy named in the environment has no business with a test's own server.
    opener = build_opener(ProxyHandler({}), HTTPSHandler(context=context))
    try:
        with opener.open(request, timeout=timeout) as answer:
            return json.loads(answer.read())
    except HTTPError as error:
        error.close()
        raise


def version_of(url: str, *, authority: Path | None = None, timeout: float = 10.0) -> str:
    """Return a server's version number; raises OSError or ValueError as `ask` does."""
    answer = ask(url, authority=authority, timeout=timeout)
    try:
        return str(answer["version"]["number"])
    except (KeyError, TypeError) as error:
        raise ValueError("the answer names no version") from error
