"""Handing a connection over to the process that writes, with the bytes that were read of it.

The embedded engine has one writer. With several workers (`api.serving.workers`) the first one is it;
another that reads the head of a writing request sends the connection's descriptor and all that
it has read to the first, through a pair of Unix sockets that all have from their parent. The
first goes on as if it had accepted the connection: bounds of time, bodies of any length and
answers that stream need nothing more.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable

log = logging.getLogger("fihris.server")

# One datagram: a head of 32 KB and one read of 256 KB; Linux doubles what is asked for.
_BUFFER = 212_992
_MOST = 1 << 19  # bytes of a datagram that are received
_PATIENCE = 10.0  # seconds in which the writer takes it, or whoever has it writes itself
_PAUSE = 0.01  # seconds between two tries


class Channel:
    """The way to the process that writes; made before the workers are forked, and had by all.

    What lies in it outlives the process that reads it: the next one takes it.
    """

    def __init__(self) -> None:
        self._taking, self._giving = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for end in (self._taking, self._giving):
            end.setblocking(False)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)

    def receive(self, begin: Callable[[socket.socket, bytes], None]) -> None:
        """Call `begin` with each connection that is given and what was read of it; needs a loop."""

        def ready() -> None:
            try:
                read, descriptors, _, _ = socket.recv_fds(self._taking, _MOST, 1)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                log.warning("a connection that writes could not be taken over: %s", error)
                return
            if not descriptors:  # the kernel closes what this process has no descriptor left for
                log.warning("a connection that writes could not be taken over: no descriptor left")
            for descriptor in descriptors:
                begin(socket.socket(fileno=descriptor), read)

        asyncio.get_running_loop().add_reader(self._taking, ready)

    def stop(self) -> None:
        """Receive no more."""
        asyncio.get_running_loop().remove_reader(self._taking)

    def close(self) -> None:
        """Close both ends in this process."""
        self._taking.close()
        self._giving.close()

    async def give(self, connection: int, read: bytes) -> bool:
        """Give a connection's descriptor, which stays the caller's to close; say whether it went."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _PATIENCE
        while True:
            try:
                socket.send_fds(self._giving, [read], [connection])
            except (BlockingIOError, InterruptedError):  # the writer has some to take already
                if loop.time() > until:
                    return False
            except OSError as error:
                log.warning("a connection that writes could not be handed over: %s", error)
                return False
            else:
                return True
            await asyncio.sleep(_PAUSE)


def duplicate(transport: asyncio.Transport) -> int:
    """Return a descriptor of a transport's connection that stays open when it is aborted."""
    return os.dup(transport.get_extra_info("socket").fileno())
