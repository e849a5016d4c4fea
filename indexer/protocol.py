"""HTTP/1.1 over one connection: uvicorn's, bounded in time, and handed over where it writes."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from typing import cast
from urllib.parse import unquote_to_bytes

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from indexer.framing import StrictConnection
from indexer.handing import Channel, duplicate

REQUEST_SECONDS = 10.0  # a request's head has arrived by then, or its connection is closed
UNREAD_SECONDS = 60.0  # without a byte of an answer being taken
MAX_UNREAD = 256  # answers that wait to be taken; the longest waiting is given up for the next
SILENT_SECONDS = 1.0  # without a byte of a body: then its connection may have to make room
MAX_HEADERS = 32_768  # bytes


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
    _giving: asyncio.Task[None] | None = None
    received = b""  # by the process that handed the connection over
    writer: Channel | None = None  # where requests that write are answered, if not here

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._read_from_here(self._elsewhere if self.writer is not None else None)
        transport.set_write_buffer_limits(high=0)  # so that `pause_writing` tells of every wait
        self._since = self.loop.time()
        self._watch()
        if self.received:
            self.data_received(self.received)

    def _read_from_here(self, elsewhere: Callable[[h11.Request, bytes], bool] | None) -> None:
        longest = self.config.h11_max_incomplete_event_size or MAX_HEADERS
        self.conn = StrictConnection(longest, elsewhere)

    def waiting(self) -> tuple[int, float] | None:
        """Return what kind of wait for its client this is, the least costly first, and since when.

        0: for a request's head, since the last answer; a head that comes slowly is no younger.
        1: for a body of which nothing has come for a while. 2: for an answer to be taken.
        None: the server works, or the client does.
        """
        if self.transport.is_closing() or self._giving is not None:
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

    def _elsewhere(self, request: h11.Request, received: bytes) -> bool:
        """Begin to hand over what writes, unless an answer is still on its way out."""
        path = unquote_to_bytes(request.target.partition(b"?")[0]).decode("utf-8", "replace")
        scope = {"method": request.method.decode("ascii"), "path": path}
        if not self.app_state["writes"](scope) or self.transport.get_write_buffer_size():
            return False
        self.flow.pause_reading()
        self._arrived()
        self._giving = self.loop.create_task(self._give(received))
        return True

    async def _give(self, received: bytes) -> None:
        assert self.writer is not None  # noqa: S101
        connection = duplicate(self.transport)
        try:
            given = await self.writer.give(connection, received)
        finally:
            os.close(connection)
            self._giving = None
        if given:
            self.transport.abort()  # this process's descriptor only
        elif not self.transport.is_closing():  # nobody took it: this process writes
            self._read_from_here(None)
            self.flow.resume_reading()
            self.data_received(received)

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
