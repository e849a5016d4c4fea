"""The server of `fihris serve` around an application of a test's own, on a real socket."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from api.serving import connections, http_protocol, server


@contextmanager
def running(
    application: Any, limit: int = connections.MAX_CONNECTIONS, **options: Any
) -> Iterator[tuple[int, Callable[[], None]]]:
    """Give the port of a server, and what tells it to stop; it is stopped at the end."""
    listening = server._bound("127.0.0.1", 0)
    config = uvicorn.Config(
        application, http=http_protocol.TimedProtocol, log_config=None, **options
    )
    running = server.StoppingServer(config, limit)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
    thread.start()

    def stop() -> None:
        running.should_exit = True

    try:
        yield listening.getsockname()[1], stop
    finally:
        stop()
        thread.join()
        listening.close()


@contextmanager
def serving(application: Any, limit: int = 100) -> Iterator[int]:
    """Give the port of a server that takes so many connections at once and keeps idle ones 1 s."""
    with running(application, limit, lifespan="off", timeout_keep_alive=1) as (port, _):
        yield port
