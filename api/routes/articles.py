"""Writing articles: one, many, a file of them; removing one, or changing those of a filter."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from tempfile import TemporaryFile
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Request, Response

from api import examples
from api.access import INDEX
from api.metrics import removed, written
from api.problems import UNSUPPORTED, Refused
from api.readiness import Readiness
from api.requests import (
    NAME,
    IntoParameters,
    ManyParameters,
    UploadParameters,
    WriteParameters,
    reads,
)
from api.routes import bulk
from api.routes.search import JSON, Answer, ArticleId
from api.schemas import (
    ChangedOut,
    DeletedOut,
    IngestedOut,
    UploadOut,
    changed_out,
    deleted_out,
    ingested_out,
)
from api.uploads import FORM, media_type_of, received, summary
from api.writing import Writing
from search.errors import InputError, NotFound, SourceError
from search.ingest import MEDIA_TYPES, Ingest
from search.json_objects import check_keys, object_of
from search.limits import FIELDS, MAX_ARTICLE, MAX_CHANGE, MAX_FILE

T = TypeVar("T")


async def writing_of(request: Request) -> AsyncIterator[Writing]:
    """Give what writes, for as long as a request is being answered."""
    writing: Writing = request.app.state.writing
    async with writing.turn():
        yield writing


async def ndjson_only(request: Request) -> None:
    if media_type_of(request) not in bulk.MEDIA_TYPES:
        raise Refused(UNSUPPORTED, f"Send the body as Content-Type: {bulk.MEDIA_TYPE}.")


Writer = Annotated[Writing, Depends(writing_of)]
Given = Annotated[WriteParameters, reads(WriteParameters)]
Into = Annotated[IntoParameters, reads(IntoParameters)]
Many = Annotated[ManyParameters, reads(ManyParameters)]

articles = APIRouter(prefix="/v1", tags=["articles"], dependencies=[INDEX])


@articles.post(
    "/articles:bulk",
    dependencies=[Depends(ndjson_only)],
    summary="Store many articles, a line of JSON each",
    response_class=Response,
    responses={200: {"content": {bulk.MEDIA_TYPE: {"schema": {"type": "string"}}}}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {bulk.MEDIA_TYPE: {"schema": {"type": "string"}, "example": examples.LINES}},
        },
    },
)
async def bulk_articles(request: Request, given: Into, writing: Writer) -> Response:
    """Reads a body of any length as it comes, and when it is at its end answers each line in
    order: `line`, `id`, `status` (created, updated, unchanged or failed), `error`, `code`.

    A line that is no article fails alone; so does an id that an earlier line has. What is
    answered as stored survives a crash, and this server's searches see it. A body may be
    `Content-Encoding: gzip`. Where the rest of a body is not read, a last answer says why, its
    `line` null and its `code` slow-body, stopping, invalid-input or body-too-large. Sending a
    body again is safe: what is stored already is `unchanged`.
    """
    body = writing.body(request)
    ingest = await _ingest(request, writing)
    show = _shows(writing, given)
    file = await bulk.answered(body, writing, ingest, given.collection, show=show)
    return bulk.BulkResponse(file, body)


@articles.put(
    "/articles/{id:id}",
    response_model=IngestedOut,
    dependencies=[JSON],
    summary="Store one article",
    responses={201: {"model": IngestedOut, "description": "There was none of this id."}},
    openapi_extra={
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
async def put_article(id: ArticleId, request: Request, given: Into, writing: Writer) -> Response:
    """The fields are `text` and, as far as known, `title`, `author`, `source`, `language`,
    `published`, `tags` and `url`. An article is replaced whole. Percent-encode the id.
    """
    content = await writing.body(request, MAX_ARTICLE).whole()
    fields = await writing.run(lambda: {"id": id, **_object(content)})
    if fields["id"] != id:
        raise InputError("the id in the body is not that of the address", field="id")
    into = given.collection
    ended = written(
        await _write(request, writing, given, lambda ingest: ingest.article(fields, into))
    )
    if ended.status == "failed":
        raise InputError(ended.error, field=_field_in(ended.error))
    return Answer(ingested_out(ended), 201 if ended.status == "created" else 200)


@articles.delete(
    "/articles",
    response_model=DeletedOut,
    summary="Remove the articles of a filter",
)
async def delete_articles(request: Request, given: Many, writing: Writer) -> Response:
    """Removes every article that a filter lets through, for some twenty seconds; then `cursor`
    says where it got to. Sending it again is safe.
    """
    inside = given.filter()
    await writing.body(request, 1).whole()
    cursor, dry_run = given.cursor, given.dry_run
    done = await _write(
        request,
        writing,
        given,
        lambda ingest: ingest.delete_matching(inside, cursor, dry_run=dry_run),
    )
    removed(0 if dry_run else done.changed)
    return Answer(deleted_out(done))


@articles.patch(
    "/articles",
    response_model=ChangedOut,
    dependencies=[JSON],
    summary="Change what is known of the articles of a filter",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"type": "object"},
                    "example": {"source": "CNN Arabic", "add_tags": ["حرب"]},
                }
            },
        },
    },
)
async def patch_articles(request: Request, given: Many, writing: Writer) -> Response:
    """Sets `source`, `author`, `language`, `published` or `tags` (null: unknown), and adds and
    removes tags (`add_tags`, `remove_tags`), of every article that a filter lets through. Texts
    and vectors stay as they are. After some twenty seconds `cursor` says where it got to. Sending
    it again is safe.
    """
    inside = given.filter()
    content = await writing.body(request, MAX_CHANGE).whole()
    fields = await writing.run(lambda: _object(content))
    cursor, dry_run = given.cursor, given.dry_run
    done = await _write(
        request,
        writing,
        given,
        lambda ingest: ingest.change_matching(inside, fields, cursor, dry_run=dry_run),
    )
    return Answer(changed_out(done))


@articles.delete(
    "/articles/{id:id}",
    status_code=204,
    response_class=Response,
    summary="Remove an article",
)
async def delete_article(
    id: ArticleId, request: Request, given: Given, writing: Writer
) -> Response:
    """Removes it with all its passages. Percent-encode the id."""
    await writing.body(request, 1).whole()
    if not await _write(request, writing, given, lambda ingest: ingest.delete(id)):
        raise NotFound(f"there is no article {id[:100]!r}")
    removed(1)
    return Response(status_code=204)


@articles.post(
    "/articles",
    response_model=UploadOut,
    summary="Store the articles of a file",
    responses={201: {"model": UploadOut, "description": "At least one article is new."}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                **{
                    kind: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES
                },
                FORM: {
                    "schema": {
                        "type": "object",
                        "properties": {
                            "file": {"type": "string", "format": "binary"},
                            "name": NAME,
                        },
                        "required": ["file"],
                        "additionalProperties": False,
                    }
                },
            },
        },
    },
)
async def upload(
    request: Request,
    given: Annotated[UploadParameters, reads(UploadParameters)],
    writing: Writer,
) -> Response:
    """One file as the body with its Content-Type, or as the only file of a form, which may have
    its `name` in a field. It is read in a process with bounds of its own; archives and tables
    give many articles.
    """
    with TemporaryFile() as file:
        name = await received(request, writing, file, MAX_FILE, given.name)
        found = await _write(
            request,
            writing,
            given,
            lambda ingest: summary(map(written, ingest.file(file, name, given.collection))),
        )
    if not found["articles"]:
        raise SourceError("empty: there is no article in it", code="empty")
    if not found["created"] + found["updated"] + found["unchanged"]:
        first = found["articles"][0]
        raise SourceError(f"{first['code']}: {first['error']}", code=first["code"] or "")
    return Answer(found, 201 if found["created"] else 200)


async def _write(
    request: Request, writing: Writing, given: WriteParameters, call: Callable[[Ingest], T]
) -> T:
    """Call what writes, then wait until it is seen if that was asked for."""
    ingest = await _ingest(request, writing)
    result = await writing.run(lambda: call(ingest))
    if _shows(writing, given):
        await writing.run(ingest.show)
    return result


def _shows(writing: Writing, given: WriteParameters) -> bool:
    """Tell whether the answer waits until all see it: `refresh=wait`, or several workers."""
    return writing.shows or given.refresh == "wait"


async def _ingest(request: Request, writing: Writing) -> Ingest:
    readiness: Readiness = request.app.state.readiness
    searcher = readiness.searcher()
    return await writing.run(lambda: writing.ingest(searcher))


def _object(content: bytes) -> Mapping[str, object]:
    """Return the JSON object of a body. Raises InputError."""
    try:
        found = json.loads(content, object_pairs_hook=object_of)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the body is not JSON: {error}", field="body") from error
    if not isinstance(found, dict):
        raise InputError("the body must be a JSON object", field="body")
    try:
        check_keys(found)
    except SourceError as error:
        raise InputError(str(error), field=_field_in(str(error))) from error
    return found


def _field_in(error: str) -> str:
    """Return the field that an error is about; they quote it."""
    return next((name for name in re.findall(r'"(\w+)"', error) if name in FIELDS[1:]), "body")
