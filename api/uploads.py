"""Uploaded files: as a body of their own, or as the only file of a form."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import BinaryIO

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.types import Message

from api.problems import BODY_TOO_LARGE, UNSUPPORTED, Refused
from api.requests import MAX_NAME
from api.schemas import UploadedOut, UploadOut, uploaded_out
from api.writing import Writing
from search.domain import WriteOutcome
from search.errors import EngineUnavailable, InputError
from search.ingest import MEDIA_TYPES, OTHER_SUFFIXES

FORM = "multipart/form-data"
MAX_LISTED = 1_000  # articles of a file that its answer lists
FRAME = 1 << 16  # bytes that a form may have around its file, its `name` among them

_NAME = re.compile(rf"[^\x00-\x1f\x7f-\x9f\u2028\u2029\\]{{1,{MAX_NAME}}}")
_SUFFIXES = frozenset((*MEDIA_TYPES.values(), *OTHER_SUFFIXES))


def media_type_of(request: Request) -> str:
    return _kind(request.headers.get("content-type"))


async def received(
    request: Request, writing: Writing, file: BinaryIO, limit: int, given: str | None
) -> str:
    """Write what is sent into a file; return its name, whose suffix tells the kind of file.

    Args:
        given: the name in the address, which goes before a form's.

    Raises:
        InputError: the form has not exactly one file, or the name is none.
        Refused: a kind of file that is not read, or as a body raises it.
        EngineUnavailable: there is no room for it.
        ClientGone, Stopping: as a body raises them.
    """
    kind = media_type_of(request)
    try:
        if kind == FORM:
            named, kind = await _from_form(request, writing, file, limit)
            given = named if given is None else given
        elif kind in MEDIA_TYPES:
            await writing.body(request, limit).into(file)
        else:
            known = ", ".join(MEDIA_TYPES)
            raise Refused(
                UNSUPPORTED, f"Send a file with its Content-Type, one of {known}, or a form."
            )
    except OSError as error:
        raise EngineUnavailable(f"the server has no room for the file: {error.strerror}") from error
    return _name(_unnamed(file) if given is None else given, kind)


def summary(outcomes: Iterable[WriteOutcome]) -> UploadOut:
    """Return what became of a file's articles; takes them in as they come. Blocks."""
    counts = Counter[str]()
    listed: list[UploadedOut] = []
    for ended in outcomes:
        counts[ended.status] += 1
        if len(listed) < MAX_LISTED:
            listed.append(uploaded_out(ended))
    return {
        "created": counts["created"],
        "updated": counts["updated"],
        "unchanged": counts["unchanged"],
        "failed": counts["failed"],
        "articles": listed,
    }


def _unnamed(file: BinaryIO) -> str:
    """Return a name that is made of the content: the same file has the same."""
    digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    file.seek(0)
    return f"upload/{digest[:16]}"


def _check(name: str) -> None:
    if not _NAME.fullmatch(name) or ".." in name.split("/") or name.startswith("/"):
        raise InputError(
            f"name is 1 to {MAX_NAME} characters, without control characters, a leading / and ..",
            field="name",
        )


def _name(given: str, kind: str) -> str:
    """Return a name that tells its kind. Raises InputError."""
    _check(given)
    _, dot, suffix = given.rpartition("/")[2].rpartition(".")
    told = f"{dot}{suffix}".lower() in _SUFFIXES
    return given if told else given + MEDIA_TYPES.get(kind, "")


async def _from_form(
    request: Request, writing: Writing, file: BinaryIO, limit: int
) -> tuple[str | None, str]:
    """Write a form's only file; return its name and media type."""
    pieces = writing.body(request, limit + FRAME).pieces()

    async def receive() -> Message:
        piece = await anext(pieces, None)
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    whole = Request(request.scope, receive)
    try:
        async with whole.form(max_files=1, max_fields=1, max_part_size=FRAME // 2) as form:
            name, sent = _parts(form)
            if (sent.size or 0) > limit:
                raise Refused(BODY_TOO_LARGE, f"The file is larger than {limit:,} bytes.")
            while piece := await sent.read(1 << 18):
                file.write(piece)
            file.flush()
            file.seek(0)
            return name, _kind(sent.content_type)
    except (MultiPartException, HTTPException) as error:
        said = error.message if isinstance(error, MultiPartException) else error.detail
        raise InputError(f"the form cannot be read: {said}", field="body") from error


def _parts(form: FormData) -> tuple[str | None, UploadFile]:
    """Return a form's name for its file, and the file."""
    sent = None
    name = None
    for field, value in form.multi_items():
        if isinstance(value, UploadFile):
            sent = value
        elif field == "name":
            _check(value)  # also where the address has another
            name = value
        else:
            raise InputError(
                f"there is no field {field[:100]!r}; there are a file, and its name", field="body"
            )
    if sent is None:
        raise InputError("the form has no file; send exactly one", field="file")
    if name is None:  # a browser may say the whole path
        name = PurePosixPath((sent.filename or "").replace("\\", "/")).name or None
    return name, sent


def _kind(content_type: str | None) -> str:
    return (content_type or "").partition(";")[0].strip().lower()
