"""HTTP/1.1 over one connection: uvicorn's over httptools, bounded, and handed over where it writes.

One request is read at a time, by a parser of its own: what comes behind it waits, as bytes,
until it is answered. (uvicorn itself begins each at once, in memory: 9,000 in one read.)
"""

from __future__ import annotations

import asyncio
import os
from typing import cast
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.security import refused, writes
from api.serving.handover import Channel, duplicate
from api.serving.http_framing import MAX_HEAD, HeadRefused, body_length, check, head_end, readable

REQUEST_SECONDS = 10.0  # a request's head has arrived by then, or its connection is closed
UNREAD_SECONDS = 60.0  # without a byte of an answer being taken
MAX_UNREAD = 256  # answers that wait to be taken; the longest waiting is given up for the next
SILENT_SECONDS = 1.0  # without a byte of a body: then its connection may have to make room


class _Elsewhere(Exception):
    """A request is answered by another process."""


class _Behind(Exception):
    """Another request came behind a chunked body, in one read: where it begins is not known."""


class TimedProtocol(HttpToolsProtocol):
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

    _reading = "head"  # or "body" or "nothing": the whole request has come
    _looked = 0  # bytes of `_waiting` in which no head ends
    _left: int | None = 0  # bytes of the body that have not come; None: it is chunked
    _beside = 0  # bytes of a chunked body since the last that was its content
    _headed = False  # headers that come are trailers, which are nobody's

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._waiting = bytearray()
        transport.set_write_buffer_limits(high=0)  # so that `pause_writing` tells of every wait
        self._since = self.loop.time()
        self._watch()
        if self.received:
            self.data_received(self.received)

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
        if not self._is_answering():
            return 0, self._since
        silent = self.loop.time() - self._since >= SILENT_SECONDS
        begun = self.cycle.response_started
        if self._reading == "body" and silent and not begun and not self.flow.read_paused:
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
        self._unset_keepalive_if_required()
        self._watch()
        if self._reading == "body":
            self._since = self.loop.time()
        self._waiting += data
        self._read()
        if self._reading != "head" and not self._answered_early():
            self._arrived()

    def _read(self) -> None:
        """Read what waits, as far as it is one request."""
        try:
            while self._waiting and not self.transport.is_closing():
                if self._reading == "head":
                    if not self._read_head():
                        return
                elif self._reading == "body":
                    self._read_body()
                else:
                    self.flow.pause_reading()
                    return
                if self._reading == "nothing" and not self._is_answering():
                    self._begin()
        except _Elsewhere:
            self._arrived()
        except HeadRefused as error:
            self._refuse(error)

    def _read_head(self) -> bool:
        """Read a head, and tell whether it has come."""
        end = head_end(self._waiting, self._looked)
        self._looked = len(self._waiting)
        if not end:
            return False
        self._unset_keepalive_if_required()
        head = bytes(self._waiting[:end])
        self._reading, self._headed, self._left = "body", False, 0
        self.parser = httptools.HttpRequestParser(self)
        try:
            self._feed(readable(head))
        except _Elsewhere:
            self.flow.pause_reading()  # now: uvloop calls again while its reads are full ones
            self._giving = self.loop.create_task(self._give(bytes(self._waiting)))
            raise
        finally:
            del self._waiting[:end]
        return True

    def _read_body(self) -> None:
        size = len(self._waiting) if self._left is None else min(self._left, len(self._waiting))
        piece = bytes(self._waiting[:size])
        del self._waiting[:size]
        if self._left is not None:
            self._left -= size
        self._beside += size
        try:
            self._feed(piece)
        except _Behind:  # it is sent again, by who is told that the connection closes
            if not self._is_answering():
                self.transport.close()
            self.cycle.keep_alive = False
            self._waiting.clear()
        if self._beside > MAX_HEAD:
            raise HeadRefused("a chunk's head or the trailers are too long")

    def _feed(self, piece: bytes) -> None:
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            if isinstance(cause, HeadRefused | _Elsewhere | _Behind):
                raise cause from None
            raise HeadRefused("the address cannot be read") from error
        except httptools.HttpParserError as error:
            raise HeadRefused(str(error)) from error

    def _begin(self) -> None:
        """Wait for the next request."""
        self._reading, self._looked = "head", 0

    def on_message_begin(self) -> None:
        if self._headed:
            raise _Behind
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._headed:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        version = self.parser.get_http_version()
        check(version, self.headers)
        if self.parser.should_upgrade():  # without a body then, whatever its headers say
            raise HeadRefused("CONNECT is not spoken here")
        self._headed = True
        if self._is_elsewhere():
            raise _Elsewhere
        self._left, self._beside = body_length(self.headers), 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._beside = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._reading = "nothing"

    def on_response_complete(self) -> None:
        self._since = self.loop.time()
        super().on_response_complete()
        if self._answered_early():
            self._watch()
        elif self._reading == "nothing" and not self.transport.is_closing():
            self._begin()
            self._read()

    def _refuse(self, error: HeadRefused) -> None:
        """Answer what is no HTTP request as the application answers errors, and close."""
        self.logger.warning("Invalid HTTP request received.")
        self._waiting.clear()
        if self._is_answering():
            self.cycle.disconnected = True  # nothing more is read or sent by who answers it
            self.cycle.message_event.set()
            if self.cycle.response_started:
                self.transport.close()
                return
        answer = refused(error.status, f"{error}.")
        lines = [b"HTTP/1.1 %d " % answer.status_code]
        lines += [b"%s: %s" % each for each in answer.raw_headers]
        self.transport.write(b"\r\n".join([*lines, b"connection: close", b"", bytes(answer.body)]))
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        self._taken()
        super().connection_lost(exc)

    def _is_elsewhere(self) -> bool:
        """Tell whether a request is to be handed over: what writes, if no answer is on its way."""
        if self.writer is None or self.transport.get_write_buffer_size():
            return False
        path = unquote(httptools.parse_url(self.url).path.decode("ascii"))
        scope = {"method": self.parser.get_method().decode("ascii"), "path": path}
        return writes(scope)

    async def _give(self, received: bytes) -> None:
        assert self.writer is not None  # noqa: S101
        given = False
        try:
            connection = duplicate(self.transport)
            try:
                given = await self.writer.give(connection, received)
            finally:
                os.close(connection)
        except OSError as error:  # no descriptor left
            self.logger.warning("a connection that writes could not be handed over: %s", error)
        finally:
            self._giving = None
        if given:
            self.transport.abort()  # this process's descriptor only
        elif not self.transport.is_closing():  # nobody took it: this process writes
            self.writer = None
            self._waiting.clear()
            self._begin()
            self.flow.resume_reading()
            self.data_received(received)

    def _is_answering(self) -> bool:
        return cast("object", self.cycle) is not None and not self.cycle.response_complete

    def _answered_early(self) -> bool:
        return self._reading == "body" and not self._is_answering()

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
