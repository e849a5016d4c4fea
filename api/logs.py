"""Request ids, and a log of JSON lines; it holds query texts only if a setting says so."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from datetime import UTC, datetime
from logging.handlers import QueueHandler, QueueListener
from queue import SimpleQueue

from opentelemetry import trace
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import INTERNAL, error_response, problem_response
from api.security import HEADERS, NOT_KEPT
from search.errors import FihrisError, Stopping

access = logging.getLogger("fihris.access")
logger = logging.getLogger("fihris.api")

MAX_LOGGED = 500  # code points of a path or a query in the log
MAX_ALIKE = 10  # lines of one message in `ALIKE_SECONDS`, but for those about one request
ALIKE_SECONDS = 10.0
MAX_KINDS = 1_000  # messages that are counted; then counting begins anew
MAX_WAITING = 10_000  # lines that whoever reads the log has not taken
_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")


class JsonFormatter(logging.Formatter):
    """One JSON object a line, in ASCII, so that no text can forge a line or a terminal code."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


class Sparing(logging.Filter):
    """Passes `MAX_ALIKE` lines of one message in a while, then says how many it held back.

    A message is what is written in the code, without its values. Lines that name a request
    pass: there are as many as requests.
    """

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        fields = getattr(record, "fields", {})
        if "request_id" in fields:
            return True
        kind = record.name, str(record.msg)
        now = time.monotonic()
        begun, count = self._counts.get(kind, (now, 0))
        if now - begun >= ALIKE_SECONDS:
            if count > MAX_ALIKE:
                record.fields = {**fields, "held_back": count - MAX_ALIKE}
            begun, count = now, 0
        if len(self._counts) >= MAX_KINDS:
            self._counts.clear()
        self._counts[kind] = begun, count + 1
        return count < MAX_ALIKE


class Aside(QueueHandler):
    """Leaves writing to a thread: who answers requests never waits for who reads the log.

    Past `MAX_WAITING` lines that are not written yet, more of them are lost.
    """

    def __init__(self) -> None:
        self._lines: SimpleQueue[logging.LogRecord] = SimpleQueue()
        super().__init__(self._lines)

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        if record.args:  # they may change meanwhile
            record = copy(record)
            record.msg, record.args = record.getMessage(), None
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        if self._lines.qsize() < MAX_WAITING:
            self._lines.put(record)


@contextmanager
def json_logs() -> Iterator[None]:
    """Write what is logged to stderr as JSON while the server runs, each line of it."""
    writing = logging.StreamHandler(sys.stderr)
    writing.setFormatter(JsonFormatter())
    handler = Aside()
    handler.addFilter(Sparing())
    listener = QueueListener(handler.queue, writing)
    listener.start()
    # Where a set-up of the owner's is in force, it stays. "" is all else: warnings and worse.
    own = [logging.getLogger(name) for name in ("fihris", "search", "indexer", "uvicorn", "")]
    taken = [(log, log.level, log.propagate) for log in own if not log.handlers]
    for log, _, _ in taken:
        log.addHandler(handler)
        if log.name != "root":
            log.setLevel(logging.INFO)
            log.propagate = False
    logging.captureWarnings(True)  # else they are lines that are no JSON
    try:
        yield
    finally:
        logging.captureWarnings(False)
        for log, level, propagate in taken:
            log.removeHandler(handler)
            log.setLevel(level)
            log.propagate = propagate
        listener.stop()


class RequestLog:
    """Gives each request an id and each answer its headers, and logs it.

    What was raised before a route was found is answered here; what nobody expected is a 500.

    A sane `X-Request-ID` is taken over. Handlers find the id in
    `request.state.request_id`, and may put the query's text into
    `request.state.query`, which is logged only if `log_queries`.
    """

    def __init__(self, app: ASGIApp, *, log_queries: bool) -> None:
        self.app = app
        self.log_queries = log_queries

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope).get("x-request-id", ""))
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        trace.get_current_span().set_attribute("fihris.request_id", request_id)
        status: int | None = None
        begun = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                for name, value in {**HEADERS, "Cache-Control": NOT_KEPT}.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except FihrisError as error:
            await error_response(error, request_id=request_id)(scope, receive, send_with_id)
        except asyncio.CancelledError:
            # uvicorn ends what was not answered in SHUTDOWN_SECONDS; it would say a bare 500.
            if status is not None:
                raise
            await error_response(Stopping(), request_id=request_id)(scope, receive, send_with_id)
        except Exception:
            logger.exception("unexpected error", extra={"fields": {"request_id": request_id}})
            if status is not None:
                raise  # half an answer is out: only cutting the connection is honest
            answer = problem_response(
                INTERNAL,
                "The server failed on this request; its log has the reason by the request id.",
                request_id=request_id,
            )
            await answer(scope, receive, send_with_id)
        finally:
            fields = {
                "request_id": request_id,
                "method": scope["method"],
                "path": scope["path"][:MAX_LOGGED],
                "status": status,
                "took_ms": round((time.perf_counter() - begun) * 1000, 2),
            }
            if "key" in state:
                fields["key"] = state["key"]  # its id
            if self.log_queries and "query" in state:
                fields["query"] = state["query"][:MAX_LOGGED]
            access.info("request", extra={"fields": fields})


def _request_id(given: str) -> str:
    return given if _ACCEPTABLE_ID.fullmatch(given) else uuid.uuid4().hex
