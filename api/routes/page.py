"""The search page: a few files, read once, with no build step and nothing from elsewhere.

Beside it, what each problem's `type` leads to: a line that says what it means.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from importlib import resources

from fastapi import APIRouter, Request, Response
from starlette.responses import PlainTextResponse

from api.access import PUBLIC
from api.problems import KINDS
from search.errors import NotFound

# Not `mimetypes`: its table depends on the machine, and nosniff makes a wrong type fatal.
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
PAGES = {"index.html": "/"}


def page_router(*, judging: bool = False) -> APIRouter:
    """Return routes for `/` and each other file of api/static under `/static/`.

    Args:
        judging: whether grades are taken, which the page is told as it is made, so that nothing
            appears in it later.
    """
    router = APIRouter(include_in_schema=False, dependencies=[PUBLIC])
    for file in sorted(resources.files("api").joinpath("static").iterdir(), key=lambda f: f.name):
        suffix = "." + file.name.rpartition(".")[2]
        if suffix not in TYPES:
            continue
        path = PAGES.get(file.name, f"/static/{file.name}")
        content = file.read_bytes()
        if judging and file.name == "index.html":
            content = content.replace(b"<html ", b"<html data-judging ", 1)
        router.add_api_route(path, _serve(content, TYPES[suffix]), methods=["GET", "HEAD"])
    router.add_api_route("/problems/{name}", _meaning, methods=["GET", "HEAD"])
    return router


async def _meaning(name: str) -> Response:
    kind = KINDS.get(name)
    if kind is None:
        raise NotFound(f"there is no problem {name[:100]!r}")
    return PlainTextResponse(f"{kind.title} ({kind.status})\n\n{kind.meaning}\n")


def _serve(content: bytes, media_type: str) -> Callable[[Request], Response]:
    # Weak: packed and not, it is the same.
    etag = f'W/"{hashlib.sha256(content).hexdigest()[:32]}"'
    # no-cache: kept by the browser, asked about each time, so an upgrade shows at once.
    headers = {"ETag": etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    packed = gzip.compress(content, mtime=0)

    async def serve(request: Request) -> Response:
        if etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(packed, 200, {**headers, "Content-Encoding": "gzip"}, media_type)
        return Response(content, media_type=media_type, headers=headers)

    return serve  # type: ignore[return-value]
