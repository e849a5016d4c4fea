"""Every error as RFC 9457 `application/problem+json`: one table, from errors to HTTP.

A problem's `type` is a relative reference such as `/problems/not-found`: stable,
of no particular host, and a page of this server that says what it means.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
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
    meaning: str
    called: str = ""  # its name's words unless given
    retry_after: int | None = None
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def title(self) -> str:
        return self.called or self.name.replace("-", " ").capitalize()


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


class Refused(errors.FihrisError):
    """A request that this server does not answer as it was asked.

    Args:
        kind: of problem.
        detail: what was wrong and what to do.
        closes: whether the connection is closed, so that no more is sent that nobody will read.
        retry_after: seconds, instead of the kind's.
    """

    def __init__(
        self, kind: Kind, detail: str, *, closes: bool = False, retry_after: int | None = None
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.headers = {"Connection": "close"} if closes else {}
        if retry_after is not None:
            self.headers["Retry-After"] = str(retry_after)


class ClientGone(Exception):
    """The client went away before its body was whole: nobody is to be answered."""


INTERNAL = Kind(
    "internal",
    500,
    "A fault of the server; its log has it by the request id.",
    called="Internal error",
)
INVALID = Kind("invalid-input", 422, "A parameter or field is not acceptable; `errors` says.")
MALFORMED = Kind("malformed-request", 400, "The request cannot be read.")
UNAUTHORIZED = Kind(
    "unauthorized",
    401,
    "Send an API key of the server as `Authorization: Bearer`.",
    headers=(("WWW-Authenticate", "Bearer"),),
)
READ_ONLY = Kind("read-only", 403, "This server takes no articles.")
CROSS_ORIGIN = Kind(
    "cross-origin", 403, "Pages of other sites may not write here.", called="Cross-origin writing"
)
SCOPE_NEEDED = Kind("scope-needed", 403, "The API key is not for this; another scope is needed.")
KEYS_NEEDED = Kind(
    "keys-needed",
    403,
    "A server that is reached from elsewhere or through a proxy needs API keys for this.",
)
ORIGINALS_CLOSED = Kind(
    "originals-closed", 403, "This server opens no original files, or not for you."
)
ORIGINAL_CHANGED = Kind("original-changed", 409, "The file is not as it was when it was indexed.")
ORIGINAL_GONE = Kind("original-gone", 410, "The file is not where it was when it was indexed.")
METHOD_NOT_ALLOWED = Kind("method-not-allowed", 405, "This path has other methods.")
BODY_TOO_SLOW = Kind("slow-body", 408, "The body did not arrive in time.", called="Body too slow")
BODY_TOO_LARGE = Kind("body-too-large", 413, "The body is larger than its path takes.")
UNSUPPORTED = Kind("unsupported-media-type", 415, "The path takes bodies of another Content-Type.")
UNKNOWN_HOST = Kind("unknown-host", 421, "The Host header names another server.")
TOO_MANY_WRITERS = Kind(
    "too-many-writers", 429, "Too many writing requests at once.", retry_after=1
)
TOO_MANY_REQUESTS = Kind(
    "too-many-requests", 429, "Too many requests of one key or address.", retry_after=1
)
HEAD_TOO_LARGE = Kind("head-too-large", 431, "The address and headers are too long.")
NOT_READY = Kind("not-ready", 503, "Index and model are still being opened.", retry_after=2)
OVERLOADED = Kind("overloaded", 503, "Too many requests at once.", retry_after=1)

BY_ERROR: Mapping[type[errors.FihrisError], Kind] = {
    errors.FihrisError: INTERNAL,
    errors.InputError: INVALID,
    errors.PageTooDeep: Kind(
        "page-too-deep", 422, "Only the first 10,000 hits can be paged through."
    ),
    errors.CursorGone: Kind(
        "cursor-gone", 410, "The list has to be begun again, without the cursor."
    ),
    errors.NotFound: Kind("not-found", 404, "There is nothing of that name or id."),
    errors.SourceError: Kind("unreadable-source", 422, "A file cannot be read as articles."),
    errors.EngineUnavailable: Kind(
        "engine-unavailable", 503, "The index cannot be reached now.", retry_after=5
    ),
    errors.SettingsError: Kind("misconfigured", 503, "A setting of the server cannot be used."),
    errors.EmbedderError: Kind(
        "model-unavailable", 503, "The model cannot be loaded or failed.", retry_after=30
    ),
    errors.RerankerError: Kind(
        "reranker-unavailable", 503, "The reranker cannot be loaded.", retry_after=30
    ),
    errors.Stopping: Kind(
        "stopping",
        503,
        "The server is being stopped.",
        retry_after=5,
        headers=(("Connection", "close"),),
    ),
    errors.RecordLost: Kind(
        "index-lost", 503, "The index is not what was written: older, another or gone."
    ),
    errors.EngineBusy: Kind("engine-busy", 503, "Somebody else is writing.", retry_after=5),
    errors.FingerprintMismatch: Kind(
        "index-mismatch", 503, "The index has to be made anew.", called="Index of another make"
    ),
    errors.RecordCorrupt: Kind("index-damaged", 503, "The index's record is damaged."),
    errors.EngineError: Kind("engine-error", 500, "The engine cannot do this."),
}
REFUSALS = (
    MALFORMED, UNAUTHORIZED, READ_ONLY, CROSS_ORIGIN, SCOPE_NEEDED, KEYS_NEEDED, ORIGINALS_CLOSED,
    ORIGINAL_CHANGED, ORIGINAL_GONE, METHOD_NOT_ALLOWED,
    BODY_TOO_SLOW, BODY_TOO_LARGE, UNSUPPORTED, UNKNOWN_HOST, TOO_MANY_WRITERS, TOO_MANY_REQUESTS,
    HEAD_TOO_LARGE, NOT_READY, OVERLOADED,
)  # fmt: skip
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (*BY_ERROR.values(), *REFUSALS)}
# What a bare status means: the first kind that has it.
BY_STATUS: Mapping[int, Kind] = {kind.status: kind for kind in reversed([*KINDS.values()])}

DETAILS = {  # said where the framework raises a bare status
    400: "The body could not be read as JSON in UTF-8.",
    404: "There is nothing at this path; /openapi.json lists what there is.",
    405: "This path does not have this method; the Allow header lists those it has.",
}


def kind_of(error: errors.FihrisError) -> Kind:
    """Return the kind of an error: its own class's, or its nearest ancestor's."""
    if isinstance(error, Refused):
        return error.kind
    return next(BY_ERROR[c] for c in type(error).__mro__ if c in BY_ERROR)


def encode(content: object) -> bytes:
    """Return JSON in valid UTF-8 for any text: unpaired surrogates are written as escapes."""
    try:
        return orjson.dumps(content)  # ten hits: 0.01 ms, `json` 0.16
    except orjson.JSONEncodeError:
        written = json.dumps(content, default=_plain, allow_nan=False, separators=(",", ":"))
        return written.encode("ascii")


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else asdict(value)  # type: ignore[call-overload]


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
    return problem_response(
        kind_of(error),
        str(error),
        request_id=request_id,
        errors=_blame(error),
        headers=error.headers if isinstance(error, Refused) else None,
    )


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
        kind = kind_of(error)
        if kind.status == 500:
            logger.error("%s: %s", type(error).__name__, error, exc_info=error)
        elif kind.status > 500 and kind is not NOT_READY:
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
