"""The OpenAPI document: FastAPI's, with every error declared as a problem."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import TypeAdapter

from api import examples
from api.problems import BY_STATUS, KINDS, MEDIA_TYPE, Problem
from api.requests import described
from api.routes import bulk

DESCRIPTION = """\
Arabic-first search over your own articles: by words, by meaning, or both.

- A **passage** is one paragraph of an article, and what a search finds.
- All offsets count Unicode code points and are half-open: `text[start:end]`.
- Every error is `application/problem+json` (RFC 9457) with a stable `type`.
- A server with API keys asks for one (`Authorization: Bearer`) that has the scope named;
  without any, writing is for its own machine. Where a status 429 or 503 has `Retry-After`,
  try again then.
- Send `X-Request-ID` to find your request in the server's log; it comes back.
"""

EVERYWHERE = (400, 408, 413, 421, 422, 500)


def install(app: FastAPI) -> None:
    """Make `app.openapi` return the document with problems and without FastAPI's own errors."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = TypeAdapter(Problem).json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    for route in (each.original_route for each in iter_route_contexts(app.routes)):
        if isinstance(route, APIRoute) and route.include_in_schema:
            models = [
                model
                for each in route.dependant.dependencies
                if isinstance(model := getattr(each.call, "model", None), type)
            ]
            found = [its for model in models for its in described(model)]
            for method in route.methods if route.methods and found else ():
                operation = document["paths"][route.path_format][method.lower()]
                operation.setdefault("parameters", []).extend(found)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            example = examples.BY_METHOD.get((method, path)) or examples.BY_PATH.get(path)
            if example is not None and method != "delete":
                kind = bulk.MEDIA_TYPE if isinstance(example, str) else "application/json"
                operation["responses"]["200"]["content"][kind]["example"] = example
            for status in _statuses(path, method):
                operation["responses"][str(status)] = _response(status)
    return document


def _statuses(path: str, method: str) -> list[int]:
    statuses = list(EVERYWHERE)
    names_one = "{id}" in path or path.endswith((":similar", "/retrieval"))
    if names_one or (path, method) == ("/v1/annotations", "post"):
        statuses.append(404)
    if method in ("post", "put"):
        statuses.append(415)
    if path.startswith("/v1/"):
        statuses += [401, 403, 429]
    if (path in ("/v1/articles", "/v1/annotations") and method == "get") or path.endswith(
        "/matches"
    ):
        statuses.append(410)
    if path == "/v1/originals/{id}":
        statuses += [409, 410]
    if path != "/live":
        statuses.append(503)
    return sorted(statuses)


def _response(status: int) -> dict[str, Any]:
    kinds = [k for k in KINDS.values() if k.status == status]
    example = BY_STATUS[status]
    return {
        "description": " ".join(f"`{k.name}`: {k.meaning}" for k in kinds),
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "example": {
                    "type": f"/problems/{example.name}",
                    "title": example.title,
                    "status": status,
                    "detail": example.meaning,
                    "request_id": "3f1c2d…",
                },
            }
        },
    }
