"""The MCP server: what assistants ask for, over stdio, or over HTTP as a route of a server (`/v1/mcp`).
Needs `pip install "fihris[mcp]"`.

`search` and `fetch` have the names and shapes that assistants know; the other tools are Fihris's own.
Each asks the API through its client: a server's, or that of the local index in this process. Nothing
is written.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict
from functools import wraps
from importlib import metadata
from typing import Annotated, Any, cast

import anyio
import httpx2
from fastapi import APIRouter, FastAPI, Response
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types import ToolAnnotations
from pydantic import Field
from starlette.types import ASGIApp, Receive, Scope, Send

from api import problems
from api.access import SEARCH, Access
from api.client import AsyncClient, RequestFailed
from api.readiness import Readiness
from api.requests import MAX_PASSAGE_ID, Cursor, FilterParameters, QueryText
from api.routes.search import JSON, NOTHING, router
from api.schemas import ArticleOut, HitOut, StoredArticleOut
from search.domain import KwicSort, Mode, SearchSort, Sort
from search.errors import FihrisError
from search.limits import MAX_CONTEXT
from search.settings import Settings

MAX_HITS = 20
TOLD = ("total", "searched_also", "did_you_mean", "degraded")  # of a search, beside its hits
MAX_LINES = 100
MAX_TEXT = 40_000  # code points of an article given at once, some 15,000 tokens
INSTRUCTIONS = """\
Articles of somebody's own collection, mostly in Arabic, searched by words and by meaning: a question
in any language finds passages in Arabic. `search` finds articles, `fetch` reads one by its id; cite
its title and url. `search_passages` filters, sorts by date and pages; `keywords_in_context` shows each
occurrence of words; `list_articles` and `list_collections` show what there is."""

Asked = Annotated[
    QueryText,
    Field(description='A question or words in any language; "a phrase", +required, -excluded.'),
]
Where = Annotated[FilterParameters, Field(description="Only what is of these articles.")]
EVERYWHERE = FilterParameters()
Start = Annotated[int, Field(ge=0, le=1_000, description="Results passed over, to page.")]
Answer = Mapping[str, object]
Ask = Callable[..., Coroutine[None, None, Answer]]


class Tools:
    """What an assistant can ask; each method is a tool, and its docstring what the assistant reads."""

    def __init__(self, fihris: AsyncClient) -> None:
        self._fihris = fihris

    async def search(self, query: Asked) -> Answer:
        """Find the articles that answer a question, best first, as {"results": [{"id", "title",
        "url"}]}. Give an id to `fetch` to read the article.
        """
        found = await self._fihris.search(
            q=query, group_by="article", collapse="duplicates", fields=["passage"]
        )
        groups = found["groups"] or ()
        ids = [cast("list[HitOut]", group["hits"])[0]["passage"]["id"] for group in groups]
        results = [
            {"id": its, "title": group["article"]["title"] or its, "url": group["article"]["url"]}
            for its, group in zip(ids, groups, strict=True)
        ]
        return {"results": results}

    async def fetch(
        self,
        id: Annotated[
            str, Field(min_length=1, max_length=MAX_PASSAGE_ID, description="A result's.")
        ],
    ) -> Answer:
        """Read the article of an id, as {"id", "title", "text", "url", "metadata"}. Of a long one the
        part around the id's passage; `metadata` has the id of the `next` part then.
        """
        article, position = await self._article(id)
        info, text, passages = article["article"], article["text"], article["passages"]
        known: dict[str, object] = {name: value for name, value in info.items() if value}
        if len(text) > MAX_TEXT:
            its = next((each for each in passages if each["position"] == position), passages[0])
            start = max(0, its["start"] - MAX_TEXT // 4) if its["position"] else 0
            end = min(start + MAX_TEXT, len(text))
            known["part"] = {"start": start, "end": end, "of": len(text)}
            known["next"] = next((each["id"] for each in passages if each["end"] > end), None)
            text = text[start:end]
        title, url = info["title"] or info["id"], info["url"]
        return {"id": id, "title": title, "text": text, "url": url, "metadata": known}

    async def search_passages(
        self,
        query: Asked,
        mode: Annotated[
            Mode, Field(description="By words (keyword), by meaning (semantic), or by both.")
        ] = "hybrid",
        filter: Where = EVERYWHERE,
        sort: Annotated[
            SearchSort, Field(description="newest, oldest: by date, only what matches by words.")
        ] = "relevance",
        size: Annotated[int, Field(ge=1, le=MAX_HITS)] = 10,
        start: Start = 0,
    ) -> Answer:
        """Find passages with filters and pages: the whole text of each, its article and place in the
        original; how many match by words, and what was searched besides or perhaps meant.
        """
        found = await self._fihris.search(
            q=query, mode=mode, sort=sort, size=size, start=start, **_given(filter)
        )
        hits = cast("list[HitOut]", found["hits"])
        results = [
            {
                "id": hit["passage"]["id"],
                "text": hit["passage"]["text"],
                "place": hit["passage"]["place"],
                "score": round(hit["score"], 4),
                **_known(hit["article"]),
            }
            for hit in hits
        ]
        return {"results": results, **_some(found, TOLD)}

    async def keywords_in_context(
        self,
        query: Annotated[QueryText, Field(description='Words in any form, or "a phrase".')],
        filter: Where = EVERYWHERE,
        sort: Annotated[
            KwicSort, Field(description="By relevance, or by the words before or after.")
        ] = "relevance",
        width: Annotated[int, Field(ge=1, le=MAX_CONTEXT, description="Words on each side.")] = 8,
        size: Annotated[int, Field(ge=1, le=MAX_LINES, description="Lines.")] = 30,
        start: Start = 0,
    ) -> Answer:
        """Show each occurrence of words between the words around it, and how often each source and
        year has them: for usage, counting and quotation.
        """
        found = await self._fihris.kwic(
            q=query, sort=sort, width=width, size=size, start=start, **_given(filter)
        )
        lines = [
            {
                "before": line["before"],
                "word": line["word"],
                "after": line["after"],
                "id": line["passage"],
                **_known(line["article"]),
            }
            for line in found["lines"]
        ]
        return {"lines": lines, **_some(found, ("occurrences", "passages", "frequencies"))}

    async def list_articles(
        self,
        filter: Where = EVERYWHERE,
        sort: Sort = "newest",
        size: Annotated[int, Field(ge=1, le=100)] = 20,
        cursor: Annotated[Cursor, Field(description="Of the page before.")] = "",
    ) -> Answer:
        """List articles without a search, by date or id; `cursor` of an answer gives the next page."""
        found = await self._fihris.articles(sort=sort, size=size, cursor=cursor, **_given(filter))
        articles = [_known(each) for each in cast("list[ArticleOut]", found["articles"])]
        return {**found, "articles": articles}

    async def list_collections(self) -> Answer:
        """List the collections with their numbers of articles (those without one as ""), and how much there is in all."""
        status, found = await self._fihris.status(), await self._fihris.collections()
        return {**found, "articles": status["articles"], "passages": status["passages"]}

    async def _article(self, id: str) -> tuple[StoredArticleOut, int]:
        """Return the article of a passage's or an article's id, and the passage's position."""
        named = re.fullmatch(r"(.+)#(\d+)", id, re.DOTALL)
        if named:
            try:
                return await self._fihris.article(id=named[1]), int(named[2])
            except RequestFailed as error:
                if error.status != 404:
                    raise
        return await self._fihris.article(id=id), 0


def _given(filter: FilterParameters) -> dict[str, Any]:
    return {name: getattr(filter, name) for name in filter.model_fields_set}


def _some(answer: Any, names: tuple[str, ...]) -> dict[str, object]:  # noqa: ANN401
    return {name: answer[name] for name in names if answer[name]}


def _known(article: ArticleOut) -> dict[str, object]:
    known = {name: value for name, value in article.items() if value}
    return {"article": known.pop("id"), **known}


def mcp_server(fihris: AsyncClient) -> MCPServer[Any]:
    """Return the server of the tools; whoever runs it closes the client."""
    server: MCPServer[Any] = MCPServer(
        "fihris",
        title="Fihris",
        instructions=INSTRUCTIONS,
        version=metadata.version("fihris"),
        log_level="WARNING",
    )
    tools = Tools(fihris)
    hints = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
    for ask in (
        tools.search,
        tools.fetch,
        tools.search_passages,
        tools.keywords_in_context,
        tools.list_articles,
        tools.list_collections,
    ):
        server.add_tool(_as_text(ask), annotations=hints, structured_output=False)
    return server


def _as_text(ask: Ask) -> Callable[..., Coroutine[None, None, str]]:
    """Have a tool answer with one text of JSON, and the assistant read its errors."""

    @wraps(ask)
    async def answer(**given: object) -> str:
        try:
            found = await ask(**given)
        except FihrisError as error:
            raise ToolError(str(error)) from error
        text = json.dumps(found, ensure_ascii=False, default=_plain)
        return text.encode("utf-8", "replace").decode()  # half of a surrogate pair is no UTF-8

    return answer


def _plain(value: object) -> object:
    return asdict(value)  # type: ignore[call-overload]


@asynccontextmanager
async def local_client(readiness: Readiness) -> AsyncIterator[AsyncClient]:
    """Give a client of the routes that search, in this process: no network, no keys."""
    app = FastAPI(openapi_url=None, telemetry={"tracing": False, "metrics": False, "logs": False})
    app.state.access = Access(Settings(public_search=True))
    app.state.readiness = readiness
    problems.install(app)
    app.include_router(router)
    async with AsyncClient("http://localhost", transport=httpx2.ASGITransport(app=app)) as fihris:
        yield fihris


def serve(client: AbstractAsyncContextManager[AsyncClient]) -> None:
    """Answer over stdin and stdout until told to end."""

    async def run() -> None:
        async with client as fihris:
            await mcp_server(fihris).run_stdio_async()

    anyio.run(run)


class _Handled(Response):
    """What another ASGI application answers."""

    def __init__(self, handle: ASGIApp) -> None:
        super().__init__()
        self._handle = handle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._handle(scope, receive, send)


def mcp_router(readiness: Readiness) -> APIRouter:
    """Return the route `/v1/mcp`: a server's keys, Host names and limits are its own too.

    Each request stands for itself: without sessions any of several workers answers it, and there
    is no stream that would stay open.
    """
    managers: list[StreamableHTTPSessionManager] = []

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        async with local_client(readiness) as fihris:
            server = mcp_server(fihris)
            # No host: which names are this server's, `Gate` has looked at.
            server.streamable_http_app(json_response=True, stateless_http=True, host="")
            async with server.session_manager.run():
                managers.append(server.session_manager)
                yield

    router = APIRouter(lifespan=running, include_in_schema=False)

    @router.post("/v1/mcp", dependencies=[SEARCH, NOTHING, JSON])
    async def mcp() -> Response:
        return _Handled(managers[-1].handle_request)

    return router
