"""Counts and times in Prometheus's text format: `/metrics`. No texts, no ids.

Of several workers each counts into files of its own (prometheus_client's multiprocess mode), in
the folder that PROMETHEUS_MULTIPROC_DIR names; whichever is asked adds them up.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import anyio
import anyio.to_thread
from fastapi import APIRouter, Request, Response
from opentelemetry import trace
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access import ADMIN
from api.readiness import Readiness
from api.requests import Parameters, reads
from api.security import writes
from search.domain import WriteOutcome
from search.errors import FihrisError
from search.ranking.searcher import Searcher

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")  # a client may send any
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_OWN = CollectorRegistry()

_REQUESTS = Counter(
    "fihris_requests", "Requests that were answered.", ["route", "method", "status"], registry=_OWN
)
_TOOK = Histogram(
    "fihris_request_seconds",
    "From a request's head to the end of its answer.",
    ["route"],
    buckets=_SECONDS,
    registry=_OWN,
)
_IN_WORK = Gauge(
    "fihris_requests_in_work",
    "Requests that are being answered or wait for a thread.",
    ["kind"],
    multiprocess_mode="livesum",
    registry=_OWN,
)
_WRITTEN = Counter(
    "fihris_articles_written", "Articles by what became of them.", ["outcome"], registry=_OWN
)
_QUERY_VECTORS = Counter(
    "fihris_query_vectors", "Queries by what gave their vector.", ["source"], registry=_OWN
)


class Measured:
    """Counts requests and their time. The outermost, so that what is refused counts too."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # FastAPI's span of OpenTelemetry, where there is one, has the client's words too.
        trace.get_current_span().set_attributes({"url.path": "", "url.query": ""})
        status, begun = 499, time.perf_counter()  # of a client that left

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        in_work = _IN_WORK.labels("write" if writes(scope) else "read")
        in_work.inc()
        try:
            await self.app(scope, receive, sent)
        finally:
            in_work.dec()
            # What no route takes, or is refused before, has none: paths are the client's words.
            route = getattr(scope.get("route"), "path_format", "")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            _REQUESTS.labels(route, method, status).inc()
            _TOOK.labels(route).observe(time.perf_counter() - begun)


def written(ended: WriteOutcome) -> WriteOutcome:
    """Count what became of an article; return it."""
    _WRITTEN.labels(ended.status).inc()
    return ended


def removed(many: int) -> None:
    """Count articles that were removed."""
    _WRITTEN.labels("removed").inc(many)


def counted(searcher: Searcher) -> Searcher:
    """Have the vectors of its queries counted; return it."""
    if searcher.queries is not None:
        searcher.queries.count = lambda asked: _QUERY_VECTORS.labels(
            "model" if asked else "cache"
        ).inc()
    return searcher


class _Now(Collector):
    """What is so at this moment: the index's size, and the processes' memory and the like."""

    def __init__(self, readiness: Readiness, pids: Iterable[int]) -> None:
        self._readiness = readiness
        self._pids = pids

    def collect(self) -> Iterable[Metric]:
        ready = 0.0
        with suppress(FihrisError):
            held = self._readiness.searcher().engine.status()
            for name, value in (
                ("articles", held.articles),
                ("passages", held.passages),
                ("passages_without_vectors", held.unembedded),
            ):
                yield GaugeMetricFamily(f"fihris_{name}", "In the index.", value=value)
            ready = 1.0
        yield GaugeMetricFamily("fihris_ready", "1 where it can search (as /ready).", value=ready)
        memory, descriptors, threads = (
            GaugeMetricFamily(f"fihris_process_{name}", what, labels=["pid"])
            for name, what in (
                ("resident_memory_bytes", "Memory of a worker."),
                ("open_fds", "Descriptors of a worker."),
                ("threads", "Threads of a worker."),
            )
        )
        for pid in self._pids:
            with suppress(OSError):  # it has ended, or this system has no /proc
                about = Path(f"/proc/{pid}")
                pages = int((about / "statm").read_text().split()[1])
                memory.add_metric([str(pid)], pages * os.sysconf("SC_PAGE_SIZE"))
                descriptors.add_metric([str(pid)], len(os.listdir(about / "fd")))  # noqa: PTH208
                threads.add_metric([str(pid)], len(os.listdir(about / "task")))  # noqa: PTH208
        yield from (memory, descriptors, threads)


def metrics_router() -> APIRouter:
    """Return the route `/metrics`."""
    router = APIRouter(include_in_schema=False, dependencies=[ADMIN])
    # Not among those of searches: it is asked most urgently while these are all busy.
    threads: list[anyio.CapacityLimiter] = []

    @router.get("/metrics", dependencies=[reads(Parameters)])
    async def metrics(request: Request) -> Response:
        """Counts and times of requests, articles written, the index's size, memory of workers."""
        readiness: Readiness = request.app.state.readiness
        threads[:] = threads or [anyio.CapacityLimiter(1)]
        text = await anyio.to_thread.run_sync(_text, readiness, limiter=threads[0])
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    return router


def _text(readiness: Readiness) -> bytes:
    pids, registry = {os.getpid()}, CollectorRegistry()
    if folder := os.environ.get(FOLDER):
        for pid in {int(path.stem.rpartition("_")[2]) for path in Path(folder).glob("*.db")}:
            if Path("/proc/self").exists() and not Path(f"/proc/{pid}").exists():
                # What it had in work goes; its counts stay.
                mark_process_dead(pid, folder)  # type: ignore[no-untyped-call]
            else:
                pids.add(pid)
        MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
    else:
        registry.register(_OWN)
    registry.register(_Now(readiness, sorted(pids)))
    return generate_latest(registry)
