"""Accepts connections while there is room; if there is none, the one that has waited longest is closed.

asyncio's own loop takes every connection there is a descriptor for; then it accepts nothing for a
second, and logs a traceback for each of the 2,048 places of its backlog (19 MB in a minute).
"""

from __future__ import annotations

import asyncio
import errno
import heapq
import logging
import socket
from collections.abc import Callable, Collection
from typing import Protocol

log = logging.getLogger("fihris.server")

MAX_CONNECTIONS = 8_192  # 30 KB each
RESERVED = 256  # descriptors for the index, the files that are read and those sent
WANTED_DESCRIPTORS = MAX_CONNECTIONS + RESERVED
BACKLOG = 4_096  # connections that the kernel keeps until they are accepted
AT_ONCE = 64  # accepted before anything else is done
GRACE = 0.1  # seconds in which nobody has to make room: a client far away sends meanwhile
PAUSE = 0.02  # seconds until it is tried again where no room could be made
_LOG_EVERY = 10.0  # seconds
_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Connection(Protocol):
    """What is asked of a connection."""

    def waiting(self) -> tuple[int, float] | None:
        """Return how dispensable it is and since when, the least first; None: it is not."""
        ...

    def drop(self) -> None:
        """End it at once."""
        ...


class Acceptor:
    """Accepts a listening socket's connections, `limit` of them at once."""

    def __init__(
        self,
        listening: socket.socket,
        make: Callable[[], asyncio.Protocol],
        connections: Collection[Connection],
        limit: int,
        at_once: int = AT_ONCE,
    ) -> None:
        """Begin to accept; needs a running loop.

        Args:
            listening: stays its owner's to close.
            make: gives the protocol of a connection, which joins `connections`.
            connections: those there are.
            limit: past it the longest waiting are closed, a sixteenth of all at once.
            at_once: accepted before anything else is done; 1 shares them with other processes.
        """
        self._loop = asyncio.get_running_loop()
        self._listening = listening
        self._make = make
        self._connections = connections
        self._limit = limit
        self._at_once = at_once
        # Each with its protocol, which joins `connections` before the task has ended.
        self._beginning: dict[asyncio.Task[None], asyncio.Protocol | None] = {}
        self._closed = 0
        self._log_after = 0.0
        self._stopped = False
        listening.setblocking(False)
        listening.listen(BACKLOG)
        self._resume()

    async def stop(self) -> None:
        """Accept no more; returns when what was accepted has its protocol."""
        self._stopped = True
        self._loop.remove_reader(self._listening)
        await asyncio.gather(*self._beginning, return_exceptions=True)

    def _resume(self) -> None:
        if not self._stopped:
            self._loop.add_reader(self._listening, self._accept)

    def _accept(self) -> None:
        for number in range(self._at_once):
            if self._count() >= self._limit:
                if not number:  # else it is not known that one waits
                    self._make_room("as many connections as there may be")
                return  # what was closed is gone in the loop's next round
            try:
                connection, _ = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _NO_ROOM:
                    raise
                self._make_room(str(error))
                return
            self.begin(connection, self._make)

    def _count(self) -> int:
        joined: Collection[object] = self._connections
        beginning = sum(each not in joined for each in self._beginning.values())
        return len(self._connections) + beginning

    def begin(self, connection: socket.socket, make: Callable[[], asyncio.Protocol]) -> None:
        """Have a connection that was accepted, here or elsewhere, answered by what `make` gives."""
        connection.setblocking(False)

        def made() -> asyncio.Protocol:
            self._beginning[task] = protocol = make()
            return protocol

        task = self._loop.create_task(self._begin(connection, made))
        self._beginning[task] = None
        task.add_done_callback(lambda ended: self._beginning.pop(ended, None))

    async def _begin(self, connection: socket.socket, make: Callable[[], asyncio.Protocol]) -> None:
        try:
            await self._loop.connect_accepted_socket(make, connection)
        except OSError:  # it went away already
            connection.close()

    def _make_room(self, why: str) -> None:
        now = self._loop.time()
        latest = now - GRACE
        waiting = ((each.waiting(), each) for each in self._connections)
        found = [(since, each) for since, each in waiting if since and since[1] < latest]
        most = max(1, self._limit // 16)
        for _, each in heapq.nsmallest(most, found, key=lambda pair: pair[0]):
            each.drop()
        self._closed += min(most, len(found))
        if not found:  # all are being answered, or came just now
            self._loop.remove_reader(self._listening)
            self._loop.call_later(PAUSE, self._resume)
        if now >= self._log_after:
            fields = {"connections": len(self._connections), "closed": self._closed}
            log.warning("no room for connections: %s", why, extra={"fields": fields})
            self._closed = 0
            self._log_after = now + _LOG_EVERY


def room() -> int:
    """Return how many connections there may be, having raised this process's limit of descriptors.

    Half of them, or all but `RESERVED`, are for connections.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return MAX_CONNECTIONS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    infinite = resource.RLIM_INFINITY
    wanted = WANTED_DESCRIPTORS if hard == infinite else min(WANTED_DESCRIPTORS, hard)
    if soft != infinite and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        except (OSError, ValueError):  # macOS has a limit of its own below
            log.warning("the limit of %d descriptors cannot be raised to %d", soft, wanted)
    if soft == infinite:
        return MAX_CONNECTIONS
    return min(MAX_CONNECTIONS, max(soft - RESERVED, soft // 2))
