"""Writing articles: one, many, a file of them; removing one."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import PurePosixPath
from tempfile import TemporaryFile
from typing import Annotated, BinaryIO, TypeVar

from fastapi import APIRouter, Depends, Request, Response
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.responses import StreamingResponse
from starlette.types import Message

from api import bulk
from api.bodies import IDLE, Body, Unpacked
from api.idempotency import Kept, Keys, asked
from api.problems import KeyReused, SlowBody, TooLarge
from api.readiness import Readiness
from api.routes import Answer, ArticleId, json_only, takes
from api.schemas import IngestedOut, UploadOut, ingested_out
from api.writing import Writing
from search.errors import InputError, NotFound, SourceError
from search.ingest import MEDIA_TYPES, Ingest, Ingested

MAX_ARTICLE = 16 << 20  # bytes of one article's JSON
MAX_FILE = 64 << 20  # bytes of an upload
MAX_LISTED = 1_000  # articles of an upload that its answer lists
MAX_NAME = 400
Given = TypeVar("Given")

_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\\]{1,400}")


async def writing_of(request: Request) -> AsyncIterator[Writing]:
    """Give what writes to a request that may, for as long as it is being answered."""
    writing: Writing = request.app.state.writing
    writing.allow(request)
    async with writing.turn():
        yield writing


def refresh_of(request: Request) -> bool:
    """Return whether `refresh=wait` was asked for."""
    refresh = request.query_params.get("refresh")
    if refresh not in (None, "wait"):
        raise InputError(f"refresh is {refresh[:40]!r}; it can only be wait", field="refresh")
    return refresh == "wait"


def ndjson_only(request: Request) -> None:
    if _media_type(request) not in bulk.MEDIA_TYPES:
        raise HTTPException(415, f"Send the body as Content-Type: {bulk.MEDIA_TYPE}.")


Writer = Annotated[Writing, Depends(writing_of)]
Refresh = Annotated[bool, Depends(refresh_of)]
REFRESH_DOC = {
    "name": "refresh",
    "in": "query",
    "required": False,
    "description": "`wait`: answer when every process's searches see it.",
    "schema": {"type": "string", "enum": ["wait"]},
}
KEY_DOC = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key with the same request gets the same answer for a day.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
BOTH_DOC = {"parameters": [REFRESH_DOC, KEY_DOC]}

articles = APIRouter(prefix="/v1", tags=["articles"])


@articles.post(
    "/articles:bulk",
    dependencies=[Depends(takes("refresh")), Depends(ndjson_only)],
    summary="Store many articles, a line of JSON each",
    response_class=Response,
    responses={200: {"content": {bulk.MEDIA_TYPE: {"schema": {"type": "string"}}}}},
    openapi_extra={
        **BOTH_DOC,
        "requestBody": {
            "required": True,
            "content": {bulk.MEDIA_TYPE: {"schema": {"type": "string"}}},
        },
    },
)
async def bulk_articles(request: Request, writing: Writer, show: Refresh) -> Response:
    """Reads the body as it comes, however long it is, and answers each line in order:
    `line`, `id`, `status` (created, updated, unchanged or failed), `error`, `code`.

    A line that is no article fails alone. What is answered as stored survives a crash, and
    this server's searches see it. A body may be `Content-Encoding: gzip`.
    """
    body = Body(request)
    unpacked = Unpacked(request.headers.get("content-encoding", "").strip().lower())
    keys, key = _keys(writing), request.headers.get("idempotency-key")
    if key is not None and (kept := keys.find(key)):
        return await _again(request, kept, body)
    ingest = await _ingest(request, writing)
    record = keys.begin(key, _about(request), 200, bulk.MEDIA_TYPE) if key is not None else None
    exchange = bulk.Exchange(writing, ingest, show=show)
    rest = bulk.batches(body, unpacked)
    first = b""
    try:
        with suppress(StopAsyncIteration):
            # Before the answer begins it can still be that nothing can be written now.
            first = await exchange.answers(await anext(rest), ())
    except BaseException as error:
        if record is not None:
            record.drop()
        if isinstance(error, TimeoutError):
            raise SlowBody(f"No byte of the body came for {IDLE:g} seconds.") from None
        raise
    return bulk.BulkResponse(exchange, body, rest, first, record)


@articles.put(
    "/articles/{id:path}",
    response_model=IngestedOut,
    dependencies=[Depends(takes("refresh")), Depends(json_only)],
    summary="Store one article",
    responses={201: {"model": IngestedOut, "description": "There was none of this id."}},
    openapi_extra={
        **BOTH_DOC,
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "properties": {"text": {"type": "string", "pattern": "\\S"}},
                        "required": ["text"],
                    },
                    "example": {"title": "خبر", "text": "نص الخبر", "published": "2024-01-31"},
                }
            },
        },
    },
)
async def put_article(id: ArticleId, request: Request, writing: Writer, show: Refresh) -> Response:
    """The fields are `text` and, as far as known, `title`, `author`, `source`, `language`,
    `published`, `tags` and `url`. An article is replaced whole. Percent-encode the id.
    """
    content = await Body(request, MAX_ARTICLE).whole()

    async def store() -> Response:
        fields = {"id": id, **_object(content)}
        if fields["id"] != id:
            raise InputError("the id in the body is not that of the address", field="id")
        ingest = await _ingest(request, writing)
        ended = await _written(writing, ingest, lambda: ingest.article(fields), show=show)
        if ended.status == "failed":
            raise InputError(ended.error, field="body")
        return _answer(ingested_out(ended), 201 if ended.status == "created" else 200)

    return await _once(request, writing, content, store)


@articles.delete(
    "/articles/{id:path}",
    status_code=204,
    response_class=Response,
    dependencies=[Depends(takes("refresh"))],
    summary="Remove an article",
    openapi_extra=BOTH_DOC,
)
async def delete_article(
    id: ArticleId, request: Request, writing: Writer, show: Refresh
) -> Response:
    """Removes it with all its passages. Percent-encode the id."""
    content = await Body(request, 1).whole()

    async def remove() -> Response:
        ingest = await _ingest(request, writing)
        if not await _written(writing, ingest, lambda: ingest.delete(id), show=show):
            raise NotFound(f"there is no article {id[:100]!r}")
        return Response(status_code=204)

    return await _once(request, writing, content, remove)


@articles.post(
    "/articles",
    response_model=UploadOut,
    dependencies=[Depends(takes("refresh", "name"))],
    summary="Store the articles of a file",
    responses={201: {"model": UploadOut, "description": "At least one article is new."}},
    openapi_extra={
        "parameters": [
            REFRESH_DOC,
            KEY_DOC,
            {
                "name": "name",
                "in": "query",
                "required": False,
                "description": "A path-like name, of which ids are made; its suffix tells the kind.",
                "schema": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": MAX_NAME,
                    "pattern": "^[^/\\\\\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029]"
                    "[^\\\\\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029]*$",
                },
            },
        ],
        "requestBody": {
            "required": True,
            "content": {
                **{
                    kind: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES
                },
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "properties": {"file": {"type": "string", "format": "binary"}},
                        "required": ["file"],
                    }
                },
            },
        },
    },
)
async def upload(request: Request, writing: Writer, show: Refresh) -> Response:
    """One file as the body with its Content-Type, or as the only file of a form. It is read in
    a process with bounds of its own; archives and tables give many articles.
    """
    with TemporaryFile() as file:
        name, sha256 = await _received(request, file)

        async def store() -> Response:
            ingest = await _ingest(request, writing)

            def all_of_it() -> UploadOut:
                return _summary(ingest.file(file, name))

            found = await _written(writing, ingest, all_of_it, show=show)
            if not found["created"] + found["updated"] + found["unchanged"]:
                first = found["articles"][0]
                raise SourceError(f"{first['code']}: {first['error']}", code=first["code"] or "")
            return _answer(found, 201 if found["created"] else 200)

        return await _once(request, writing, f"{name}\n{sha256}".encode(), store)


async def _written(
    writing: Writing, ingest: Ingest, call: Callable[[], Given], *, show: bool
) -> Given:
    """Call what writes, then wait until it is seen if that was asked for."""
    result = await writing.run(call)
    if show:
        await writing.run(ingest.show)
    return result


async def _ingest(request: Request, writing: Writing) -> Ingest:
    readiness: Readiness = request.app.state.readiness
    searcher = readiness.searcher()
    return await writing.run(lambda: writing.ingest(searcher))


def _object(content: bytes) -> Mapping[str, object]:
    """Return the JSON object of a body. Raises InputError."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the body is not JSON: {error}", field="body") from error
    if not isinstance(found, dict):
        raise InputError("the body must be a JSON object", field="body")
    return found


def _summary(outcomes: Iterable[Ingested]) -> UploadOut:
    counts = Counter[str]()
    listed: list[IngestedOut] = []
    for ended in outcomes:
        counts[ended.status] += 1
        if len(listed) < MAX_LISTED:
            listed.append(ingested_out(ended))
    return {
        "created": counts["created"],
        "updated": counts["updated"],
        "unchanged": counts["unchanged"],
        "failed": counts["failed"],
        "articles": listed,
    }


async def _received(request: Request, file: BinaryIO) -> tuple[str, str]:
    """Write an upload into a file; return its name and the SHA-256 of its content.

    Raises:
        InputError: the form has not exactly one file, or the name is none.
        HTTPException: 415, a kind of file that is not read.
    """
    given = request.query_params.get("name")
    kind = _media_type(request)
    if kind == "multipart/form-data":
        filename, kind = await _from_form(request, file)
        if given is None:  # a browser may say the whole path
            given = PurePosixPath(filename.replace("\\", "/")).name or None
    elif kind in MEDIA_TYPES:
        await Body(request, MAX_FILE).into(file)
    else:
        raise HTTPException(
            415, f"Send a file with its Content-Type, one of {', '.join(MEDIA_TYPES)}, or a form."
        )
    sha256 = _sha256(file)
    name = f"upload/{sha256[:16]}" if given is None else given
    if not _NAME.fullmatch(name) or ".." in name.split("/") or name.startswith("/"):
        raise InputError(
            f"name is 1 to {MAX_NAME} characters, without control characters, a leading / and ..",
            field="name",
        )
    if "." not in name.rpartition("/")[2]:
        name += MEDIA_TYPES.get(kind, "")
    return name, sha256


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while piece := file.read(1 << 20):
        digest.update(piece)
    file.seek(0)
    return digest.hexdigest()


async def _from_form(request: Request, file: BinaryIO) -> tuple[str, str]:
    """Write a form's only file; return its name and media type."""
    body = Body(request, MAX_FILE + (1 << 20))
    pieces = body.pieces()

    async def receive() -> Message:
        piece = await anext(pieces, None)
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    try:
        async with Request(request.scope, receive).form(max_files=1) as form:
            files = [each for _, each in form.multi_items() if isinstance(each, UploadFile)]
            if len(files) != 1:
                raise InputError("the form has no file; send exactly one", field="file")
            if (files[0].size or 0) > MAX_FILE:
                raise TooLarge(f"The file is larger than {MAX_FILE:,} bytes.")
            while piece := await files[0].read(1 << 20):
                file.write(piece)
            file.flush()
            file.seek(0)
            kind = (files[0].content_type or "").partition(";")[0].strip().lower()
            return files[0].filename or "", kind
    except (MultiPartException, HTTPException) as error:
        said = error.message if isinstance(error, MultiPartException) else error.detail
        raise InputError(f"the form cannot be read: {said}", field="body") from error


# -- Idempotency-Key


async def _once(
    request: Request, writing: Writing, content: bytes, store: Callable[[], Awaitable[Response]]
) -> Response:
    """Return what was answered before to this key and request, else do it now."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return await store()
    keys, about, sha256 = _keys(writing), _about(request), hashlib.sha256(content).hexdigest()
    if kept := keys.find(key):
        return _replayed(kept, asked(about, sha256))
    record = keys.begin(key, about, 0, "application/json")
    try:
        answer = await store()
        record.status = answer.status_code
        record.add(bytes(answer.body))
        record.keep(sha256)
        return answer
    finally:
        record.drop()


async def _again(request: Request, kept: Kept, body: Body) -> Response:
    """Return a kept answer to a stream, once the stream is known to be the same."""
    async for _ in body.pieces():
        pass
    return _replayed(kept, asked(_about(request), body.sha256))


def _replayed(kept: Kept, request: str) -> Response:
    if kept.request != request:
        raise KeyReused(
            "This Idempotency-Key was used for another request within a day; take a new one."
        )
    headers = {"Idempotency-Replayed": "true"}
    if kept.status == 204:
        return Response(status_code=204, headers=headers)
    return StreamingResponse(kept.content(), kept.status, headers, kept.media_type)


def _keys(writing: Writing) -> Keys:
    return writing.keys


def _about(request: Request) -> str:
    query = request.scope["query_string"].decode("ascii", "replace")
    return f"{request.method} {request.url.path}?{query}"


def _answer(content: object, status: int) -> Response:
    return Answer(content, status)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
