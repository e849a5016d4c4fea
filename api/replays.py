"""Requests with an Idempotency-Key: done once, and then answered from what was kept."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterator
from itertools import chain

from fastapi import Request, Response
from starlette.responses import StreamingResponse

from api.bodies import Body
from api.idempotency import Kept, Recording, asked
from api.problems import KeyReused
from api.writing import Writing
from search.errors import EngineUnavailable

KEY = "Idempotency-Key"


async def taken(
    request: Request, writing: Writing, status: int = 200, media_type: str = "application/json"
) -> Kept | Recording | None:
    """Return what a request's key gives, None without a key. `Keys.take` says what it raises."""
    key = request.headers.get(KEY)
    if key is None:
        return None
    about = about_of(request)
    return await writing.run(lambda: writing.keys.take(key, about, status, media_type))


async def once(
    request: Request, writing: Writing, content: bytes, store: Callable[[], Awaitable[Response]]
) -> Response:
    """Return what was answered before to this key and request, else do it now.

    Args:
        content: what makes this body another one than others.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    record = await taken(request, writing)
    if record is None:
        return await store()
    if isinstance(record, Kept):
        return await replayed(writing, record, asked(about_of(request), sha256))
    try:
        answer = await store()
        record.status = answer.status_code
        record.add(bytes(answer.body))
        await writing.run(lambda: record.keep(sha256))
        return answer
    finally:
        record.drop()


async def again(request: Request, writing: Writing, kept: Kept, body: Body) -> Response:
    """Return a kept answer to a stream, once the stream is known to be the same."""
    async for _ in body.pieces():
        pass
    return await replayed(writing, kept, asked(about_of(request), body.sha256))


async def replayed(writing: Writing, kept: Kept, request: str) -> Response:
    if kept.request != request:
        raise KeyReused(
            "This Idempotency-Key was used for another request within a day; take a new one."
        )
    headers = {"Idempotency-Replayed": "true"}
    if kept.status == 204:
        return Response(status_code=204, headers=headers)
    content = await writing.run(lambda: _begun(kept.content()))
    return StreamingResponse(content, kept.status, headers, kept.media_type)


def about_of(request: Request) -> str:
    query = request.scope["query_string"].decode("ascii", "replace")
    return f"{request.method} {request.url.path}?{query}"


def _begun(content: Iterator[bytes]) -> Iterator[bytes]:
    """Return the same content with its file open: it may be removed from now on."""
    try:
        return chain((next(content, b""),), content)
    except OSError as error:
        raise EngineUnavailable("the kept answer is gone; send the request again") from error
