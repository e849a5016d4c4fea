"""The HTTP server: uvicorn, told by name which application to run, and bounded in time.

`indexer` never imports `api`: the application is found by its name, and given what it needs.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import cast

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from indexer.accepting import BACKLOG, MAX_CONNECTIONS, Acceptor, room
from indexer.framing import StrictConnection
from search.errors import SettingsError
from search.ingest import Ingest
from search.searcher import Searcher

APPLICATION = "api.app", "create_app"
REQUEST_SECONDS = 10.0  # a request's head has arrived by then, or its connection is closed
UNREAD_SECONDS = 60.0  # without a byte of an answer being taken
MAX_UNREAD = 256  # answers that wait to be taken; the longest waiting is given up for the next
SILENT_SECONDS = 1.0  # without a byte of a body: then its connection may have to make room
KEEP_ALIVE_SECONDS = 15
SHUTDOWN_SECONDS = 5  # for requests to end; some more are for what writes, and the engine
MAX_HEADERS = 32_768  # bytes


class StoppingServer(uvicorn.Server):
    """A server that bounds its connections, and tells its application when it is to stop.

    ASGI tells it only when all requests have ended, and a stream would not by itself. So
    the application may leave a function `stop` in its lifespan's state; and one, `refused`,
    that makes the answer (status, headers, content) to what is no HTTP request, of a status
    and what was wrong.
    """

    def __init__(self, config: uvicorn.Config, connections: int = MAX_CONNECTIONS) -> None:
        """`connections` is how many there may be at once."""
        super().__init__(config)
        self._most = connections
        self._acceptors: list[Acceptor] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=[])  # so that asyncio accepts nothing
        for listening in sockets or []:
            connections = cast("Collection[TimedProtocol]", self.server_state.connections)
            self._acceptors.append(Acceptor(listening, self._protocol, connections, self._most))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if (stop := self.lifespan.state.get("stop")) is not None:
            stop()
        # Until all is closed the application says that it stops: nobody's connection is refused.
        await super().shutdown(sockets=[])
        for acceptor in self._acceptors:
            await acceptor.stop()
        for listening in sockets or []:
            listening.close()
        for connection in list(self.server_state.connections):
            cast("TimedProtocol", connection).drop()
        await asyncio.sleep(0)  # in which the loop closes them

    def _protocol(self) -> asyncio.Protocol:
        make = cast("Callable[..., asyncio.Protocol]", self.config.http_protocol_class)
        return make(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )


class TimedProtocol(H11Protocol):
    """HTTP/1.1 that gives a request's head `REQUEST_SECONDS` to arrive.

    uvicorn itself bounds only the idle time after an answer: a client that sends a
    header a minute would keep its connection for ever. How long a body may take is the
    application's to say, since some are streams of hours; the rest of a body that was
    answered already has `REQUEST_SECONDS` again.

    Nor does it bound how long an answer may wait to be taken: a client that takes nothing of
    it is let go after `UNREAD_SECONDS`, also where it still sends, or when `MAX_UNREAD` came
    after it.
    """

    _deadline: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _unread_since = 0.0
    _since = 0.0  # a request's head is waited for; while a body comes, its last piece

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.conn = StrictConnection(self.config.h11_max_incomplete_event_size or MAX_HEADERS)
        transport.set_write_buffer_limits(high=0)  # so that `pause_writing` tells of every wait
        self._since = self.loop.time()
        self._watch()

    def waiting(self) -> tuple[int, float] | None:
        """Return what kind of wait for its client this is, the least costly first, and since when.

        0: for a request's head, since the last answer; a head that comes slowly is no younger.
        1: for a body of which nothing has come for a while. 2: for an answer to be taken.
        None: the server works, or the client does.
        """
        if self.transport.is_closing():
            return None
        if self._unread is not None:
            return 2, self._unread_since
        if cast("object", self.cycle) is None or self.cycle.response_complete:
            return 0, self._since
        silent = self.loop.time() - self._since >= SILENT_SECONDS
        begun = self.conn.our_state is h11.SEND_BODY
        if self._sends() and silent and not begun and not self.flow.read_paused:
            return 1, self._since
        return None

    def drop(self) -> None:
        """End the connection at once."""
        self.transport.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread_since = self.loop.time()
        self._wait_for_reader()
        everyone = cast("set[TimedProtocol]", self.connections)
        unread = [each for each in everyone if each._unread is not None]
        if len(unread) > MAX_UNREAD:
            min(unread, key=lambda each: each._unread_since).drop()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._taken()

    def data_received(self, data: bytes) -> None:
        self._watch()
        if self._sends():
            self._since = self.loop.time()
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE and not self._answered_early():
            self._arrived()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP request as the application answers errors, and close."""
        error = sys.exception()  # uvicorn calls this where it caught h11's
        refused = self.app_state.get("refused")
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()  # an answer is on its way already
            return
        if refused is None:
            super().send_400_response(msg)
            return
        hint = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else 400
        status, headers, content = refused(431 if hint == 431 else 400, f"{error or msg}.")
        for event in (
            h11.Response(status_code=status, headers=[*headers, (b"connection", b"close")]),
            h11.Data(data=content),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def on_response_complete(self) -> None:
        self._since = self.loop.time()
        super().on_response_complete()
        if self._answered_early():
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        self._taken()
        super().connection_lost(exc)

    def _sends(self) -> bool:
        return self.conn.their_state is h11.SEND_BODY

    def _answered_early(self) -> bool:
        return self.conn.our_state is h11.DONE and self._sends()

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
        if self.transport.get_write_buffer_size() < before:
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
            h11_max_incomplete_event_size=MAX_HEADERS,
        )
        with suppress(KeyboardInterrupt):  # how a server is meant to be stopped
            StoppingServer(config, room()).run(sockets=[listening])


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
