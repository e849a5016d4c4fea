"""The server of `fihris serve` around an application of a test's own, on a real socket."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from api.serving import http_protocol, server


@contextmanager
def serving(application: Any, limit: int = 100) -> Iterator[int]:
    """Give the port of a server that takes so many connections at once and keeps idle ones 1 s."""
    listening = server._bound("127.0.0.1", 0)
    config = uvicorn.Config(
        application,
        http=http_protocol.TimedProtocol,
        lifespan="off",
        log_config=None,
        timeout_keep_alive=1,
    )
    running = server.StoppingServer(config, limit)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        running.should_exit = True
        thread.join()
        listening.close()
