"""The HTTP server: uvicorn, told by name which application to run, and bounded in time.

`indexer` never imports `api`: the application is found by its name, and given what it needs.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from search.errors import SettingsError
from search.ingest import Ingest
from search.searcher import Searcher

APPLICATION = "api.app", "create_app"
REQUEST_SECONDS = 15.0  # a request's head has arrived by then, or its connection is closed
UNREAD_SECONDS = 60.0  # without a byte of an answer being taken, once there is nothing to send
KEEP_ALIVE_SECONDS = 15
SHUTDOWN_SECONDS = 10
MAX_CONNECTIONS = 512  # idle ones count; past it the answer is 503. File handles: 1,024 is usual
MAX_HEADERS = 32_768  # bytes


class StoppingServer(uvicorn.Server):
    """A server that tells its application when it is to stop.

    ASGI tells it only when all requests have ended, and a stream would not by itself. So
    the application may leave a function `stop` in its lifespan's state.
    """

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if (stop := self.lifespan.state.get("stop")) is not None:
            stop()
        await super().shutdown(sockets)


class TimedProtocol(H11Protocol):
    """HTTP/1.1 that gives a request's head `REQUEST_SECONDS` to arrive.

    uvicorn itself bounds only the idle time after an answer: a client that sends a
    header a minute would keep its connection for ever. How long a body may take is the
    application's to say, since some are streams of hours; the rest of a body that was
    answered already has `REQUEST_SECONDS` again.

    Nor does it bound how long an answer may wait to be taken. A client that still sends
    may be one that reads later; any other is let go after `UNREAD_SECONDS`.
    """

    _deadline: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # so that `pause_writing` tells of every wait
        self._watch()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._wait_for_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._taken()

    def data_received(self, data: bytes) -> None:
        self._watch()
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE and not self._answered_early():
            self._arrived()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._answered_early():
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        self._taken()
        super().connection_lost(exc)

    def _answered_early(self) -> bool:
        return self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY

    def _watch(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self._late)

    def _arrived(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _wait_for_reader(self) -> None:
        self._taken()
        left = self.transport.get_write_buffer_size()
        self._unread = self.loop.call_later(UNREAD_SECONDS, self._look_at_reader, left)

    def _taken(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _look_at_reader(self, before: int) -> None:
        sends = self.conn.their_state is h11.SEND_BODY and not self.transport.is_closing()
        if sends or self.transport.get_write_buffer_size() < before:
            self._wait_for_reader()
        else:
            self.transport.abort()

    def _late(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.close()


def serve(
    host: str,
    port: int,
    announce: Callable[[str], None],
    ingest: Callable[[Searcher], Ingest] | None = None,
) -> None:
    """Serve until a signal ends it; `announce` is given the address once it is bound.

    Args:
        host: an address or name of this machine.
        port: 0 takes any free one.
        announce: called with such as `http://127.0.0.1:8000/`.
        ingest: opens what articles are given to over HTTP; without it none are taken.

    Raises:
        SettingsError: the address cannot be listened on.
    """
    with _bound(host, port) as listening:
        shown = f"[{host}]" if ":" in host else host
        announce(f"http://{shown}:{listening.getsockname()[1]}/")
        module, name = APPLICATION
        application = partial(getattr(import_module(module), name), ingest=ingest)
        config = uvicorn.Config(
            application,
            factory=True,
            http=TimedProtocol,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            limit_concurrency=MAX_CONNECTIONS,
            h11_max_incomplete_event_size=MAX_HEADERS,
        )
        with suppress(KeyboardInterrupt):  # how a server is meant to be stopped
            StoppingServer(config).run(sockets=[listening])


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
            bound.listen()  # so that who reads the announcement can connect at once
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
