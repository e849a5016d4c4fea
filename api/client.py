"""A client of the API in Python, sync and async: a method for each route, typed by its schemas.

    with Client("http://127.0.0.1:8000") as fihris:
        for hit in fihris.search(q="ضربات في العراق", size=3)["hits"]: ...

`AsyncClient` has the same methods, to be awaited. Parameters are those of the route, all by name
(`from` is `from_`), checked before anything is sent; answers are those of `api.schemas`. Needs
httpx2 (`pip install "fihris[client]"`), which carries on what httpx was.

Every failure is a `FihrisError`: `InputError` for what cannot be sent, `EngineUnavailable` where
nobody answers, `RequestFailed` with the server's problem. What is safe to send twice is sent again
when the connection is lost or the server asks to come back (429, 503).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from types import NoneType
from typing import Annotated, Any, Generic, ParamSpec, Self, TypeVar, overload
from urllib.parse import quote

import httpx2
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from api.problems import MEDIA_TYPE, Problem
from api.requests import (
    AnalyzeParameters,
    ArticleParameters,
    IntoParameters,
    KwicParameters,
    ListParameters,
    ManyParameters,
    MatchesParameters,
    OriginalsParameters,
    Parameters,
    SearchesBody,
    SearchParameters,
    SimilarParameters,
    SuggestParameters,
    UploadParameters,
    WriteParameters,
)
from api.routes.annotations import (
    AnnotationBody,
    AnnotationOut,
    AnnotationsOut,
    AnnotationsParameters,
)
from api.routes.saved import SavedBody, SavedListOut, SavedMatchesOut, SavedOut
from api.schemas import (
    AnalyzeOut,
    ChangedOut,
    CollectionsOut,
    DeletedOut,
    IngestedOut,
    KwicOut,
    ListOut,
    LiveOut,
    OriginalsOut,
    ReadyOut,
    SearchesOut,
    SearchOut,
    StatusOut,
    StoredArticleOut,
    StoredPassageOut,
    SuggestOut,
    UploadOut,
)
from search.errors import EngineUnavailable, FihrisError, InputError
from search.ingest import MEDIA_TYPES

LONGEST_PAUSE = 30.0  # seconds, whatever Retry-After says
JSON, JSON_LINES = "application/json", "application/x-ndjson"

P = ParamSpec("P")
T = TypeVar("T")
Id = Annotated[str, Field(min_length=1)]


class RequestFailed(FihrisError):
    """The server refused or failed: `problem` is what it said, `kind` the last part of its type."""

    def __init__(self, problem: Problem, retry_after: float | None = None) -> None:
        super().__init__(problem["detail"] or problem["title"])
        self.problem = problem
        self.status = problem["status"]
        self.kind = problem["type"].rpartition("/")[2]
        self.retry_after = retry_after


class ById(Parameters):
    """What is meant by its id."""

    id: Id


class ArticleById(ArticleParameters, ById):
    """An article, and what is marked in it."""


class MatchesById(MatchesParameters, ById):
    """A saved search, and which page of what it matched."""


class RemoveById(WriteParameters, ById):
    """An article to remove."""


class Put(IntoParameters, ById):
    """An article to store; `body` has its fields."""

    body: dict[str, object]


class Change(ManyParameters):
    """What is changed of the articles of a filter."""

    body: dict[str, object]


class Bulk(IntoParameters):
    """Articles to store, a dict each."""

    body: list[dict[str, object]]


class Say(ById):
    """An annotation, and what it is to say."""

    body: dict[str, object]


class Save(SavedBody):
    """A search to save."""

    model_config = ConfigDict(validate_by_name=True)


class Upload(UploadParameters):
    """A file to store; its name's suffix tells its kind."""

    name: Annotated[str, Field(min_length=1)]
    body: bytes


class LineOut(IngestedOut):
    """What became of a line; its number is null where the rest of the body was not read."""

    line: int | None


class Route(Generic[P, T]):
    """A route, which is a method of both clients."""

    def __init__(
        self,
        method: str,
        path: str,
        parameters: Callable[P, Parameters],
        answer: type[T],
        *,
        repeatable: bool | None = None,
    ) -> None:
        self.method = method
        self.path = path
        self.parameters = parameters
        self.answer = answer
        self.repeatable = method in ("GET", "PUT") if repeatable is None else repeatable

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: Client, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(
        self, client: AsyncClient, owner: type
    ) -> Callable[P, Coroutine[None, None, T]]: ...
    def __get__(self, client: Client | AsyncClient | None, owner: type) -> Any:
        return self if client is None else partial(client.send, self)

    def request(self, http: Any, given: dict[str, Any]) -> httpx2.Request:  # noqa: ANN401
        """Return the request for these parameters. Raises InputError."""
        try:
            checked = self.parameters(**given)  # type: ignore[call-arg]
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = ".".join(map(str, first["loc"]))
            message = first["msg"].removeprefix("Value error, ")
            raise InputError(f"{name}: {message}", field=name) from error
        body = getattr(checked, "body", None)
        rest = checked.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"body"})
        path = self.path
        if "{id}" in path:
            path = path.replace("{id}", quote(rest.pop("id"), safe=""))
        if body is None and self.method == "POST":
            body, rest = rest, {}
        content, kind = _content(body, rest.get("name", ""))
        headers = {"Content-Type": kind} if kind else None
        made: httpx2.Request = http.build_request(
            self.method, path, params=rest or None, content=content, headers=headers
        )
        return made

    @cached_property
    def _shape(self) -> TypeAdapter[T]:
        return TypeAdapter(self.answer)

    def read(self, response: httpx2.Response) -> Any:  # noqa: ANN401
        """Return what an answer holds: files as text. Raises RequestFailed."""
        kind = response.headers.get("content-type", "").partition(";")[0]
        if not response.is_success:
            wait = response.headers.get("retry-after", "")
            problem = response.json() if kind == MEDIA_TYPE else _unexpected(response)
            raise RequestFailed(problem, float(wait) if wait.isdecimal() else None)
        try:
            if kind == JSON:
                return self._shape.validate_json(response.content)
            if kind == JSON_LINES and self.answer is not ListOut:
                lines = [json.loads(line) for line in response.text.split("\n") if line]
                return self._shape.validate_python(lines)
        except ValidationError as error:
            raise RequestFailed(_unexpected(response, str(error))) from error
        return response.text or None


def _unexpected(response: httpx2.Response, detail: str = "") -> Problem:
    """Return a problem for what is none of this server's answers."""
    return Problem(
        type="about:blank",
        title=response.reason_phrase,
        status=response.status_code,
        detail=(detail or response.text)[:500],
        request_id=response.headers.get("x-request-id", ""),
    )


def _content(body: object, name: str) -> tuple[bytes | None, str]:
    """Return a body's bytes and media type."""
    if isinstance(body, bytes):
        suffix = name.rpartition(".")[2].lower()
        kinds = (kind for kind, its in MEDIA_TYPES.items() if its == f".{suffix}")
        return body, next(kinds, "application/octet-stream")
    if isinstance(body, list):
        return "".join(json.dumps(each) + "\n" for each in body).encode(), JSON_LINES
    return (None, "") if body is None else (json.dumps(body).encode(), JSON)


class _Routes:
    """The routes, by name."""

    live = Route("GET", "/live", Parameters, LiveOut)
    ready = Route("GET", "/ready", Parameters, ReadyOut)
    status = Route("GET", "/v1/status", Parameters, StatusOut)
    search = Route("POST", "/v1/search", SearchParameters, SearchOut, repeatable=True)
    multi_search = Route("POST", "/v1/multi-search", SearchesBody, SearchesOut, repeatable=True)
    kwic = Route("GET", "/v1/kwic", KwicParameters, KwicOut)
    suggest = Route("GET", "/v1/suggest", SuggestParameters, SuggestOut)
    similar_passages = Route("GET", "/v1/passages:similar", SimilarParameters, SearchOut)
    similar_articles = Route("GET", "/v1/articles:similar", SimilarParameters, SearchOut)
    articles = Route("GET", "/v1/articles", ListParameters, ListOut)
    collections = Route("GET", "/v1/collections", Parameters, CollectionsOut)
    article = Route("GET", "/v1/articles/{id}", ArticleById, StoredArticleOut)
    passage = Route("GET", "/v1/passages/{id}", ById, StoredPassageOut)
    originals = Route("GET", "/v1/originals", OriginalsParameters, OriginalsOut)
    analyze = Route("GET", "/v1/analyze", AnalyzeParameters, AnalyzeOut)
    put_article = Route("PUT", "/v1/articles/{id}", Put, IngestedOut)
    bulk = Route("POST", "/v1/articles:bulk", Bulk, list[LineOut], repeatable=True)
    upload = Route("POST", "/v1/articles", Upload, UploadOut, repeatable=True)
    change_articles = Route("PATCH", "/v1/articles", Change, ChangedOut, repeatable=True)
    delete_articles = Route("DELETE", "/v1/articles", ManyParameters, DeletedOut, repeatable=True)
    delete_article = Route("DELETE", "/v1/articles/{id}", RemoveById, NoneType)
    annotate = Route("POST", "/v1/annotations", AnnotationBody, AnnotationOut)
    annotations = Route("GET", "/v1/annotations", AnnotationsParameters, AnnotationsOut)
    change_annotation = Route("PUT", "/v1/annotations/{id}", Say, AnnotationOut)
    delete_annotation = Route("DELETE", "/v1/annotations/{id}", ById, NoneType)
    save = Route("POST", "/v1/saved", Save, SavedOut)
    saved = Route("GET", "/v1/saved", Parameters, SavedListOut)
    delete_saved = Route("DELETE", "/v1/saved/{id}", ById, NoneType)
    saved_matches = Route("GET", "/v1/saved/{id}/matches", MatchesById, SavedMatchesOut)


class Client(_Routes):
    """A client of a server.

    Args:
        url: of the server, without `/v1`.
        key: an API key, where the server asks for one.
        timeout: seconds without a byte from the server.
        retries: how often what is safe to repeat is sent again.
        transport: instead of the network, as httpx2 has it.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        key: str = "",
        *,
        timeout: float = 30.0,
        retries: int = 2,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._http = httpx2.Client(
            base_url=url, headers=_headers(key), timeout=timeout, transport=transport
        )
        self._retries = retries

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def send(self, route: Route[P, T], *_: P.args, **given: P.kwargs) -> T:
        """Ask a route. Raises FihrisError, as the module says."""
        request = route.request(self._http, given)
        for tried in range(self._retries + 1):
            try:
                with _reachable(self._http.base_url):
                    response = self._http.send(request)
                answer: T = route.read(response)
            except FihrisError as error:
                time.sleep(_pause(error, route, tried, self._retries))
            else:
                return answer
        raise AssertionError


class AsyncClient(_Routes):
    """A client of a server, whose methods are awaited; the arguments are those of `Client`."""

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        key: str = "",
        *,
        timeout: float = 30.0,
        retries: int = 2,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = httpx2.AsyncClient(
            base_url=url, headers=_headers(key), timeout=timeout, transport=transport
        )
        self._retries = retries

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def send(self, route: Route[P, T], *_: P.args, **given: P.kwargs) -> T:
        """Ask a route. Raises FihrisError, as the module says."""
        request = route.request(self._http, given)
        for tried in range(self._retries + 1):
            try:
                with _reachable(self._http.base_url):
                    response = await self._http.send(request)
                answer: T = route.read(response)
            except FihrisError as error:
                await asyncio.sleep(_pause(error, route, tried, self._retries))
            else:
                return answer
        raise AssertionError


def _headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}


@contextmanager
def _reachable(url: object) -> Iterator[None]:
    """Raise EngineUnavailable where the server cannot be reached, or not understood."""
    try:
        yield
    except httpx2.HTTPError as error:
        raise EngineUnavailable(
            f"{url} cannot be reached: {str(error) or type(error).__name__}"
        ) from error


def _pause(error: FihrisError, route: Route[..., Any], tried: int, retries: int) -> float:
    """Return how many seconds to wait before sending again. Raises the error where that is of no use."""
    lost = isinstance(error, EngineUnavailable)
    asked = error.retry_after if isinstance(error, RequestFailed) else None
    if tried == retries or not route.repeatable or not (lost or asked is not None):
        raise error
    return min(0.2 * 2**tried if asked is None else asked, LONGEST_PAUSE)
