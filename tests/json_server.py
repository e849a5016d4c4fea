"""A small HTTP server that answers JSON by a function and remembers what it was asked."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.servers.certificates import Certificates


@dataclass
class Answer:
    """What is sent; `content` as it stands instead of `body` as JSON."""

    body: object = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes | None = None
    delay: float = 0.0  # seconds before it
    claimed: int | None = None  # a Content-Length that is not so


@dataclass
class Asked:
    path: str
    headers: dict[str, str]
    body: Any
    connection: int  # the client's port


class JsonServer:
    """Answers each POST with what `answer` makes of its body, after those in `first`."""

    def __init__(
        self, answer: Callable[[Any], object], certificates: Certificates | None = None
    ) -> None:
        self.asked: list[Asked] = []
        self.first: list[Answer] = []
        self.answer = answer
        self.stopping = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                sent = self.rfile.read(int(self.headers["Content-Length"]))
                body = json.loads(sent)
                port = self.client_address[1]
                outer.asked.append(Asked(self.path, dict(self.headers), body, port))
                planned = outer.first.pop(0) if outer.first else Answer(outer.answer(body))
                outer.stopping.wait(planned.delay)
                content = planned.content
                if content is None:
                    content = json.dumps(planned.body).encode()
                self.send_response(planned.status)
                for name, value in planned.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(planned.claimed or len(content)))
                self.end_headers()
                self.wfile.write(content)
                if planned.claimed:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        scheme = "http"
        if certificates is not None:
            scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates.chain, certificates.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
