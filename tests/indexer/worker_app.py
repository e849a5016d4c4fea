"""An application that says which process answers, served by several.

    python -m tests.indexer.worker_app COUNT

Prints its address. `/slow` takes two seconds; `/v1/articles` is what writes.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any, cast

import api.app
from api.serving import server

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def create(ingest: object, judge: object, *, mcp: bool = False) -> Callable[..., Awaitable[None]]:
    async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            scope["state"].update(stop=lambda: None)
            for word in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{word}.complete"})
            return
        size = 0
        more = True
        while more:
            message = await receive()
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
        if scope["path"] == "/slow":
            await asyncio.sleep(2)
        said = f"{os.getpid()} {size}".encode()
        length = (b"content-length", str(len(said)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": said})

    return application


if __name__ == "__main__":
    api.app.create_app = cast("Any", create)
    server.serve(
        "127.0.0.1",
        0,
        lambda url: print(url, flush=True),
        cast("Any", object()),
        workers=int(sys.argv[1]),
    )
