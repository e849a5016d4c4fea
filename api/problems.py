"""Every error as RFC 9457 `application/problem+json`: one table, from errors to HTTP.

A problem's `type` is a relative reference such as `/problems/not-found`: stable,
of no particular host, and a page of this server that says what it means.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import NotRequired

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match
from typing_extensions import TypedDict

from search import errors

logger = logging.getLogger("fihris.api")

MEDIA_TYPE = "application/problem+json"
MAX_FIELDS = 20  # field errors listed; a body of 64 KB can hold thousands
MAX_NAME = 100  # code points of a field's name repeated to the client


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem. `retry_after` is seconds, None where waiting does not help."""

    name: str
    status: int
    title: str
    meaning: str
    retry_after: int | None = None
    headers: tuple[tuple[str, str], ...] = ()


class FieldProblem(TypedDict):
    field: str
    message: str


class Problem(TypedDict):
    """RFC 9457 problem details. `errors` is there where single fields are to blame."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: NotRequired[list[FieldProblem]]


class NotReady(errors.EngineUnavailable):
    """The index and the model are still being opened."""


class Overloaded(errors.EngineUnavailable):
    """More requests than this server answers at once."""


class ReadOnly(errors.FihrisError):
    """This server only searches."""


class CrossOrigin(errors.FihrisError):
    """A page of another site asked a browser to write."""


class TokenNeeded(errors.FihrisError):
    """Writing needs a token that the server has not been given."""


class Forwarded(errors.FihrisError):
    """A proxy passed a writing request on to a server that has been given no token."""


class TokenWrong(errors.FihrisError):
    """Writing needs the server's token."""


class TooManyWriters(errors.FihrisError):
    """More writing requests than this server takes at once."""


class TooLarge(errors.FihrisError):
    """A body is larger than its path takes."""


class SlowBody(errors.FihrisError):
    """A body did not arrive in time."""


class ClientGone(Exception):
    """The client went away before its body was whole: nobody is to be answered."""


INTERNAL = Kind(
    "internal", 500, "Internal error", "A fault of the server; its log has it by the request id."
)
INVALID = Kind(
    "invalid-input", 422, "Invalid input", "A parameter or field is not acceptable; `errors` says."
)

BODY_TOO_LARGE = Kind(
    "body-too-large", 413, "Body too large", "The body is larger than its path takes."
)
BODY_TOO_SLOW = Kind("slow-body", 408, "Body too slow", "The body did not arrive in time.")

BY_ERROR: Mapping[type[errors.FihrisError], Kind] = {
    errors.PageTooDeep: Kind(
        "page-too-deep", 422, "Page too deep", "Only the first 10,000 hits can be paged through."
    ),
    errors.CursorGone: Kind(
        "cursor-gone", 410, "Cursor gone", "The list has to be begun again, without the cursor."
    ),
    errors.InputError: INVALID,
    errors.NotFound: Kind("not-found", 404, "Not found", "There is nothing of that name or id."),
    errors.SourceError: Kind(
        "unreadable-source", 422, "Unreadable source", "A file cannot be read as articles."
    ),
    errors.SettingsError: Kind(
        "misconfigured", 503, "Misconfigured", "A setting of the server cannot be used."
    ),
    errors.EmbedderError: Kind(
        "model-unavailable", 503, "Model unavailable", "The model cannot be loaded or failed.", 30
    ),
    errors.RerankerError: Kind(
        "reranker-unavailable", 503, "Reranker unavailable", "The reranker cannot be loaded.", 30
    ),
    NotReady: Kind("not-ready", 503, "Not ready", "Index and model are still being opened.", 2),
    errors.Stopping: Kind("stopping", 503, "Stopping", "The server is being stopped.", 5),
    Overloaded: Kind("overloaded", 503, "Overloaded", "Too many requests at once.", 1),
    errors.EngineUnavailable: Kind(
        "engine-unavailable", 503, "Engine unavailable", "The index cannot be reached now.", 5
    ),
    errors.RecordLost: Kind(
        "index-lost",
        503,
        "Index lost",
        "The index is not what was written: older, another or gone.",
    ),
    errors.EngineBusy: Kind("engine-busy", 503, "Engine busy", "Somebody else is writing.", 5),
    errors.FingerprintMismatch: Kind(
        "index-mismatch", 503, "Index of another make", "The index has to be made anew."
    ),
    errors.RecordCorrupt: Kind(
        "index-damaged", 503, "Index damaged", "The index's record is damaged."
    ),
    ReadOnly: Kind("read-only", 403, "Read only", "This server takes no articles."),
    CrossOrigin: Kind(
        "cross-origin", 403, "Cross-origin writing", "Pages of other sites may not write here."
    ),
    TokenNeeded: Kind(
        "write-token-needed",
        403,
        "Token needed",
        "A server that is reached from elsewhere takes articles only with FIHRIS_WRITE_TOKEN set.",
    ),
    Forwarded: Kind(
        "forwarded",
        403,
        "Forwarded writing",
        "Behind a proxy a server takes articles only with FIHRIS_WRITE_TOKEN set.",
    ),
    TokenWrong: Kind(
        "unauthorized",
        401,
        "Unauthorized",
        "Send the server's FIHRIS_WRITE_TOKEN as `Authorization: Bearer`.",
        headers=(("WWW-Authenticate", "Bearer"),),
    ),
    TooManyWriters: Kind(
        "too-many-writers", 429, "Too many writers", "Too many writing requests at once.", 1
    ),
    TooLarge: BODY_TOO_LARGE,
    SlowBody: BODY_TOO_SLOW,
    errors.EngineError: Kind("engine-error", 500, "Engine error", "The engine cannot do this."),
    errors.FihrisError: INTERNAL,
}

BY_STATUS: Mapping[int, Kind] = {
    kind.status: kind
    for kind in (
        Kind("malformed-request", 400, "Malformed request", "The request cannot be read."),
        BY_ERROR[errors.NotFound],
        BY_ERROR[errors.CursorGone],
        Kind("method-not-allowed", 405, "Method not allowed", "This path has other methods."),
        BY_ERROR[TokenWrong],
        BY_ERROR[ReadOnly],
        BODY_TOO_SLOW,
        BODY_TOO_LARGE,
        Kind(
            "unsupported-media-type",
            415,
            "Unsupported media type",
            "The path takes bodies of another Content-Type.",
        ),
        BY_ERROR[TooManyWriters],
        Kind("unknown-host", 421, "Unknown host", "The Host header names another server."),
        INVALID,
        Kind("head-too-large", 431, "Head too large", "The address and headers are too long."),
        INTERNAL,
        BY_ERROR[errors.EngineUnavailable],
    )
}

DETAILS = {  # said where the framework raises a bare status
    400: "The body could not be read as JSON in UTF-8.",
    404: "There is nothing at this path; /openapi.json lists what there is.",
    405: "This path does not have this method; the Allow header lists those it has.",
}

KINDS: Mapping[str, Kind] = {k.name: k for k in (*BY_ERROR.values(), *BY_STATUS.values())}


def kind_of(error: errors.FihrisError) -> Kind:
    """Return the kind of an error: its own class's, or its nearest ancestor's."""
    return next(BY_ERROR[c] for c in type(error).__mro__ if c in BY_ERROR)


def encode(content: object) -> bytes:
    """Return JSON in valid UTF-8 for any text: unpaired surrogates are written as escapes."""
    try:
        return orjson.dumps(content)  # ten hits: 0.01 ms, `json` 0.16
    except orjson.JSONEncodeError:
        written = json.dumps(content, default=asdict, allow_nan=False, separators=(",", ":"))
        return written.encode("ascii")


def problem_response(
    kind: Kind,
    detail: str,
    *,
    request_id: str,
    errors: Sequence[FieldProblem] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a problem as a response."""
    content = _problem(kind, detail, request_id, errors)
    retry = {"Retry-After": str(kind.retry_after)} if kind.retry_after is not None else {}
    return Response(
        encode(content),
        kind.status,
        headers={**retry, **dict(kind.headers), **(headers or {})},
        media_type=MEDIA_TYPE,
    )


def error_response(error: errors.FihrisError, *, request_id: str) -> Response:
    """Return an error of ours as a response."""
    return problem_response(kind_of(error), str(error), request_id=request_id, errors=_blame(error))


def problem_of(error: errors.FihrisError, request_id: str) -> Problem:
    """Return an error of ours as a problem inside an answer."""
    return _problem(kind_of(error), str(error), request_id, _blame(error))


def _blame(error: errors.FihrisError) -> list[FieldProblem]:
    if isinstance(error, errors.InputError):
        return [FieldProblem(field=error.field, message=str(error))]
    return []


def _problem(kind: Kind, detail: str, request_id: str, blame: Sequence[FieldProblem]) -> Problem:
    problem = Problem(
        type=f"/problems/{kind.name}",
        title=kind.title,
        status=kind.status,
        detail=detail,
        request_id=request_id,
    )
    if blame:
        problem["errors"] = list(blame)
    return problem


def request_id_of(request: Request) -> str:
    return str(getattr(request.state, "request_id", ""))


def install(app: FastAPI) -> None:
    """Answer every error of `app` with a problem; `api.logs` catches what nobody expected."""

    @app.exception_handler(errors.FihrisError)
    async def ours(request: Request, error: errors.FihrisError) -> Response:
        status = kind_of(error).status
        if status == 500:
            logger.error("%s: %s", type(error).__name__, error, exc_info=error)
        elif status > 500 and not isinstance(error, NotReady):
            logger.warning("%s: %s", type(error).__name__, error)
        return error_response(error, request_id=request_id_of(request))

    @app.exception_handler(ClientGone)
    async def gone(request: Request, error: ClientGone) -> Response:  # noqa: ARG001
        return Response(status_code=499)  # for the log, as others write it there

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        found = [_field_problem(e) for e in error.errors()]
        detail = "; ".join(f"{e['field']}: {e['message']}" for e in found[:MAX_FIELDS])
        if len(found) > MAX_FIELDS:
            detail += f"; and {len(found) - MAX_FIELDS:,} more"
        return problem_response(
            INVALID, detail, request_id=request_id_of(request), errors=found[:MAX_FIELDS]
        )

    @app.exception_handler(HTTPException)
    async def bare(request: Request, error: HTTPException) -> Response:
        kind = BY_STATUS.get(error.status_code, INTERNAL)
        headers = dict(error.headers or {})
        if kind.status == 405:
            headers["Allow"] = ", ".join(_methods(app, request))
        return problem_response(
            kind,
            DETAILS.get(kind.status, error.detail),
            request_id=request_id_of(request),
            headers=headers,
        )


def _methods(app: FastAPI, request: Request) -> list[str]:
    """Return a path's methods: the framework names those of its first route only."""
    methods = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
    return [
        method
        for method in methods
        if any(r.matches({**request.scope, "method": method})[0] == Match.FULL for r in app.routes)
    ]


def _field_problem(error: Mapping[str, object]) -> FieldProblem:
    place = error["loc"] if isinstance(error["loc"], tuple) else ()
    # ("query", "size") or ("body", "source", 3); a body that is no JSON has ("body", offset).
    name = ".".join(str(part) for part in place[1:]) or str(place[0] if place else "")
    if error["type"] == "extra_forbidden":
        message = "There is no such parameter; /openapi.json lists those there are."
    elif error["type"] == "json_invalid":
        return FieldProblem(field="body", message=f"It is not JSON (at character {name}).")
    elif error["type"] == "string_unicode":
        message = "It holds half of a surrogate pair, which is no character."
    else:
        message = str(error["msg"]).removeprefix("Value error, ")
    return FieldProblem(field=name[:MAX_NAME], message=message)
