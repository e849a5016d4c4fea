"""`create_app`: the server, assembled. Run it with `fihris serve`."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from functools import partial
from importlib import metadata

import anyio.to_thread
from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from api import openapi, problems
from api.access import Access
from api.logs import RequestLog, json_logs
from api.metrics import Measured, counted, metrics_router
from api.readiness import Readiness
from api.routes.annotations import annotations_router
from api.routes.articles import articles
from api.routes.judging import Judge, judging_router
from api.routes.originals import originals
from api.routes.page import page_router
from api.routes.retrieval import retrieval_router
from api.routes.saved import saved_router
from api.routes.search import health, router
from api.security import WRITING, Gate
from api.serving.proxies import believing
from api.writing import OpenIngest, Writing
from search.errors import FihrisError
from search.ranking.searcher import Searcher
from search.settings import Settings, listed, read_settings

THREADS = 16  # answering at once; the rest of `security.MAX_AT_ONCE` waits for one of them


def create_app(
    searcher: Searcher | None = None,
    settings: Settings | None = None,
    ingest: OpenIngest | None = None,
    judge: Judge | None = None,
    *,
    mcp: bool = False,
) -> FastAPI:
    """Return the server's ASGI application.

    Args:
        searcher: what answers; stays its owner's to close. Without one it is
            opened in the background from the settings, and closed at the end.
        settings: without them they are read from the environment.
        ingest: opens what articles are written with; without it none are taken.
        judge: keeps the grades of the page `/judge`; without it none are taken.
        mcp: whether assistants are answered on `/v1/mcp`; needs the extra `mcp`.

    Raises:
        SettingsError: the environment holds a setting that cannot be used.
    """
    settings = settings or read_settings()
    readiness = Readiness.of(counted(searcher)) if searcher else Readiness(lambda: _open(settings))

    writing = Writing(settings, ingest)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Callable[..., object]]]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        stopped = threading.Event()
        with json_logs():
            readiness.start()
            # `api.serving.server` calls `stop` when it is told to: ASGI says nothing until all
            # requests have ended, and a stream would not by itself.
            deliver = partial(_deliver, app, stopped)
            if ingest is not None:
                threading.Thread(target=deliver, name="fihris-deliver", daemon=True).start()
            yield {"stop": writing.stop}
            stopped.set()
            await anyio.to_thread.run_sync(writing.close)
            for opened in filter(None, (app.state.saved, app.state.annotations)):
                opened.close()
            await anyio.to_thread.run_sync(readiness.stop)

    app = FastAPI(
        title="Fihris",
        version=metadata.version("fihris"),
        lifespan=lifespan,
        # Their pages load scripts from a CDN.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # OpenTelemetry's, where it is set up: a span a request (`Measured` takes out what was
        # asked); texts of errors may hold some of it too.
        telemetry={"logs": False, "operation_spans": False},
        middleware=[
            Middleware(Measured),
            *_outer(settings),
            Middleware(RequestLog, log_queries=settings.log_queries),
            Middleware(
                Gate,
                host=settings.host,
                hosts=listed(settings.hosts),
                writing=writing,
            ),
        ],
    )
    app.state.readiness = readiness
    app.state.writing = writing
    app.state.access = Access(settings)
    app.state.saved = app.state.annotations = None  # opened when they are first asked for
    problems.install(app)
    openapi.install(app)
    app.include_router(health)
    app.include_router(metrics_router())
    app.include_router(articles)
    app.include_router(router)
    app.include_router(originals)
    app.include_router(retrieval_router)
    app.include_router(saved_router)
    app.include_router(annotations_router)
    if judge is not None:
        app.include_router(judging_router(judge))
    if mcp:
        from api.mcp_server import mcp_router  # half a second, and an extra

        app.include_router(mcp_router(readiness))
    app.include_router(page_router(judging=judge is not None))
    return app


def _outer(settings: Settings) -> list[Middleware]:
    """Return what stands before the log: errors too have CORS's headers, or no page could read them."""
    found = []
    if origins := listed(settings.cors_origins):
        found.append(
            Middleware(
                CORSMiddleware,
                allow_origins=origins,
                allow_methods=["GET", *WRITING],
                allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
                expose_headers=["Content-Disposition", "Retry-After", "X-Request-ID"],
            )
        )
    return [*found, *believing(listed(settings.trusted_proxies))]


def _deliver(app: FastAPI, stopped: threading.Event) -> None:
    """Post what saved searches match, once the index is open."""
    from search.saved import open_store
    from search.saved.delivery import PAUSE, Deliverer

    readiness: Readiness = app.state.readiness
    settings: Settings = app.state.writing.settings
    while not stopped.wait(PAUSE):
        with suppress(FihrisError):
            engine = readiness.searcher().engine
            with closing(open_store(settings)) as store:
                Deliverer(store, engine, settings).run(stopped)


def _open(settings: Settings) -> Searcher:
    from search.assembly import open_searcher  # engines and models are imported where used

    searcher = counted(open_searcher(settings))
    try:
        searcher.prepare()
    except BaseException:
        searcher.close()
        raise
    return searcher
