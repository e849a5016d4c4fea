"""The HTTP server: uvicorn, bounded in connections and in time.

`indexer` never imports the application: it calls `serve`, and gives what is written with.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import shutil
import signal
import socket
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import TYPE_CHECKING, cast

import uvicorn

from api.logs import json_logs
from api.serving.connections import AT_ONCE, BACKLOG, MAX_CONNECTIONS, Acceptor, room
from api.serving.handover import Channel
from api.serving.http_protocol import TimedProtocol
from api.serving.workers import Lifeline, keep_running
from search.errors import SettingsError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from api.routes.judging import Judge
    from api.writing import OpenIngest

log = logging.getLogger("fihris.server")

_METRICS = "fihris-metrics-"  # then the process's number
KEEP_ALIVE_SECONDS = 15
ARENAS = 2  # of malloc; the least at which threads seldom wait for each other
_M_ARENA_MAX = -8
SHUTDOWN_SECONDS = 5  # for requests to end; some more are for what writes, and the engine


class StoppingServer(uvicorn.Server):
    """A server that bounds its connections, and tells its application when it is to stop.

    ASGI tells it only when all requests have ended, and a stream would not by itself. So
    the application may leave a function `stop` in its lifespan's state.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        connections: int = MAX_CONNECTIONS,
        worker: Worker | None = None,
    ) -> None:
        """`connections` is how many there may be at once; `worker` None: this is the only one."""
        super().__init__(config)
        self._most = connections
        self._worker = worker
        self._acceptors: list[Acceptor] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=[])  # so that asyncio accepts nothing
        at_once = AT_ONCE if self._worker is None else 1
        connections = cast("Collection[TimedProtocol]", self.server_state.connections)
        for listening in sockets or []:
            acceptor = Acceptor(listening, self._protocol, connections, self._most, at_once)
            self._acceptors.append(acceptor)
        if self._worker is not None:
            asyncio.get_running_loop().add_reader(self._worker.lifeline, self._orphaned)
            if self._worker.channel is not None and self._worker.writes:
                self._worker.channel.receive(self._take_over)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if (stop := self.lifespan.state.get("stop")) is not None:
            stop()
        # Until all is closed the application says that it stops: nobody's connection is refused.
        await super().shutdown(sockets=[])
        if self._worker is not None and self._worker.channel is not None and self._worker.writes:
            self._worker.channel.stop()
        for acceptor in self._acceptors:
            await acceptor.stop()
        for listening in sockets or []:
            listening.close()
        for connection in list(self.server_state.connections):
            cast("TimedProtocol", connection).drop()
        await asyncio.sleep(0)  # in which the loop closes them

    def _protocol(self, received: bytes = b"") -> asyncio.Protocol:
        make = cast("Callable[..., TimedProtocol]", self.config.http_protocol_class)
        protocol = make(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        protocol.received = received
        if self._worker is not None and not self._worker.writes:
            protocol.writer = self._worker.channel
        return protocol

    def _take_over(self, connection: socket.socket, received: bytes) -> None:
        self._acceptors[0].begin(connection, partial(self._protocol, received))

    def _orphaned(self) -> None:
        self.should_exit = True
        if self._worker is not None:
            asyncio.get_running_loop().remove_reader(self._worker.lifeline)


@dataclass(frozen=True, slots=True)
class Worker:
    """What one of several processes has of its parent.

    Attributes:
        writes: whether it is the one that takes what writes.
        channel: to that one; None where every worker may write.
    """

    writes: bool
    channel: Channel | None
    lifeline: Lifeline


def serve(
    host: str,
    port: int,
    announce: Callable[[str], None],
    ingest: OpenIngest | None = None,
    *,
    judge: Judge | None = None,
    mcp: bool = False,
    workers: int = 1,
    one_writer: bool = True,
) -> None:
    """Serve until a signal ends it; `announce` is given the address once it is bound.

    Args:
        host: an address or name of this machine.
        port: 0 takes any free one.
        announce: called with such as `http://127.0.0.1:8000/`.
        ingest: opens what articles are given to over HTTP; without it none are taken.
        judge: keeps a person's grades (`api.routes.judging.Judge`); one process only.
        mcp: whether assistants are answered too.
        workers: processes that answer.
        one_writer: whether what writes must come to one of them.

    Raises:
        SettingsError: the address cannot be listened on, or this system has no fork.
    """
    if workers > 1 and not hasattr(os, "fork"):
        raise SettingsError("this system cannot fork processes: FIHRIS_WORKERS must be 1")
    made = partial(_application, ingest, judge, mcp)
    with _bound(host, port) as listening:
        shown = f"[{host}]" if ":" in host else host
        announce(f"http://{shown}:{listening.getsockname()[1]}/")
        if workers == 1:
            _run(listening, made)
            return
        lifeline, channel = Lifeline(), Channel() if one_writer and ingest is not None else None
        _remove_leftovers()
        with TemporaryDirectory(prefix=f"{_METRICS}{os.getpid()}-") as folder:
            # Where each worker counts (`api.metrics`), read when prometheus_client is imported.
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
            ended_by = keep_running(
                workers,
                lambda number: _run(listening, made, Worker(number == 0, channel, lifeline)),
                lifeline,
                _told,
            )
    if ended_by == signal.SIGTERM:  # the end that a single process has
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)


def _remove_leftovers() -> None:
    """Remove what parents of workers that were killed left of their counts."""
    for path in Path(gettempdir()).glob(f"{_METRICS}*-*"):
        with suppress(ValueError, PermissionError):  # another's, or not of a process
            try:
                os.kill(int(path.name.removeprefix(_METRICS).partition("-")[0]), 0)
            except (ProcessLookupError, OverflowError):
                shutil.rmtree(path, ignore_errors=True)


def _told(line: str) -> None:
    """Log a line as the application does, whose logging is not set up in the workers' parent."""
    with json_logs():
        log.error("%s", line)


def _application(ingest: OpenIngest | None, judge: Judge | None, mcp: bool) -> FastAPI:
    from api.app import create_app  # which the parent of workers does without

    return create_app(ingest=ingest, judge=judge, mcp=mcp)


def _run(
    listening: socket.socket, made: Callable[[], FastAPI], worker: Worker | None = None
) -> None:
    config = uvicorn.Config(
        made,
        factory=True,
        http=TimedProtocol,
        loop="auto",  # uvloop, where there is one
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # which it would believe from loopback: FIHRIS_TRUSTED_PROXIES says whom
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    # glibc gives threads up to eight times as many arenas as there are cores, and each keeps what
    # the largest search or batch in it took: 788 MB after ten minutes, 604 with two (docs/RELIABILITY.md).
    with suppress(AttributeError, TypeError):  # other systems' malloc
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, ARENAS)
    with suppress(KeyboardInterrupt):  # how a server is meant to be stopped
        StoppingServer(config, room(), worker).run(sockets=[listening])


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
            bound.listen(BACKLOG)  # so that who reads the announcement can connect at once
        except OSError:
            bound.close()
            raise
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SettingsError(
            f"cannot listen on {host} port {port}: {reason}; "
            "choose another with --host and --port (0 takes any free port)"
        ) from error
    return bound
