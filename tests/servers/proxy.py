"""A proxy in front of an HTTP server that fails on demand.

    with Proxy(server.url) as proxy:
        proxy.fail(r"POST /.*_bulk", status=429, times=3)
        ... use proxy.url ...
        assert proxy.count(r"POST /.*_bulk") == 4

A pattern is matched, from its start, against "METHOD /path?query". Only plain HTTP.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Literal
from urllib.parse import urlsplit

MAX_HEAD = 65_536  # bytes of one header line
UPSTREAM_SECONDS = 120.0

Action = Literal["fail", "delay", "cut_answer", "cut_request"]
REASONS = {429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable"}


@dataclass
class Rule:
    """What is done to the next `left` requests that match (None: to all)."""

    pattern: re.Pattern[str]
    action: Action
    left: int | None
    status: int = 0
    retry_after: int | None = None
    seconds: float = 0.0
    after: int = 0


@dataclass
class Message:
    """A request or an answer, as it came: the head with its empty line, and the body's bytes.

    `whole` is false for an answer that ends with its connection.
    """

    first: str
    head: bytes
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    whole: bool = True


class Proxy:
    """Forwards to `upstream`, by rules that can change at any time. Safe to use from any thread."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        if parts.scheme != "http" or parts.hostname is None:
            raise ValueError(f"only plain HTTP can be read on its way: {upstream}")
        self._upstream = (parts.hostname, parts.port or 80)
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self._seen: list[str] = []
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener: socket.socket | None = None
        self._port = 0

    def __enter__(self) -> Proxy:
        self.accept()
        return self

    def __exit__(self, *_: object) -> None:
        self.refuse()

    @property
    def url(self) -> str:
        """Where to send requests; the same after `refuse` and `accept`."""
        return f"http://127.0.0.1:{self._port}"

    # --- Rules ------------------------------------------------------------------------------

    def fail(
        self,
        pattern: str,
        *,
        status: int = 503,
        times: int | None = 1,
        retry_after: int | None = None,
    ) -> None:
        """Answer with an error; the upstream hears nothing of the request."""
        self._add(Rule(re.compile(pattern), "fail", times, status=status, retry_after=retry_after))

    def delay(self, pattern: str, seconds: float, *, times: int | None = None) -> None:
        """Hold the upstream's answer back for a while; another rule may join this one."""
        self._add(Rule(re.compile(pattern), "delay", times, seconds=seconds))

    def cut_answer(self, pattern: str, *, after: int = 0, times: int | None = 1) -> None:
        """Close after so many bytes of the answer's body: the upstream did what was asked."""
        self._add(Rule(re.compile(pattern), "cut_answer", times, after=after))

    def cut_request(self, pattern: str, *, times: int | None = 1) -> None:
        """Close once the request has been read: the upstream hears nothing of it."""
        self._add(Rule(re.compile(pattern), "cut_request", times))

    def clear(self) -> None:
        """Drop every rule."""
        with self._lock:
            self._rules.clear()

    def refuse(self) -> None:
        """Close every connection, and refuse new ones."""
        with self._lock:
            listener, self._listener = self._listener, None
            open_sockets = [*self._sockets]
            threads, self._threads = self._threads, []
        for one in (*([listener] if listener else []), *open_sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for it, which closes
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(10)

    def accept(self) -> None:
        """Take connections, at the same port as before."""
        if self._listener is not None:
            return
        # SO_REUSEADDR is set: connections that were cut do not keep the port.
        listener = socket.create_server(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        self._listener = listener
        self._spawn(listener)

    # --- What was asked ---------------------------------------------------------------------

    @property
    def requests(self) -> list[str]:
        """Every request so far, as "METHOD /path?query", failed ones too."""
        with self._lock:
            return [*self._seen]

    @property
    def counts(self) -> Counter[str]:
        """How often each "METHOD /path" was asked for."""
        return Counter(line.partition("?")[0] for line in self.requests)

    def count(self, pattern: str) -> int:
        """Return how many requests matched."""
        return sum(bool(re.match(pattern, line)) for line in self.requests)

    # --- Connections ------------------------------------------------------------------------

    def _add(self, rule: Rule) -> None:
        with self._lock:
            self._rules.append(rule)

    def _spawn(self, one: socket.socket, client: bool = False) -> None:
        target = self._serve if client else self._listen
        thread = threading.Thread(target=target, args=(one,), daemon=True)
        with self._lock:
            self._threads = [t for t in self._threads if t.is_alive()]
            self._threads.append(thread)
            # Under the lock, so that `refuse` never meets a thread that has not started.
            thread.start()

    def _listen(self, listener: socket.socket) -> None:
        with listener, contextlib.suppress(OSError):
            while True:
                client = listener.accept()[0]
                with self._lock:
                    wanted = self._listener is listener
                if not wanted:
                    client.close()
                    return
                self._spawn(client, client=True)

    def _serve(self, client: socket.socket) -> None:
        with self._open(client), client.makefile("rb") as stream:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # A client that goes away, or a cut, ends this connection and nothing else.
            with contextlib.suppress(OSError, EOFError, ValueError):
                while (request := read_message(stream)) and self._handle(client, request):
                    pass

    @contextlib.contextmanager
    def _open(self, one: socket.socket) -> Iterator[None]:
        with self._lock:
            self._sockets.add(one)
        try:
            yield
        finally:
            with self._lock:
                self._sockets.discard(one)
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)  # a plain close waits for the file made of it
            one.close()

    def _handle(self, client: socket.socket, request: Message) -> bool:
        """Answer one request; return whether the connection goes on."""
        method, target = request.first.split(" ")[:2]
        delay, rule = self._rules_for(f"{method} {target}")
        if rule and rule.action == "cut_request":
            return False
        if rule and rule.action == "fail":
            client.sendall(error_answer(rule.status, rule.retry_after))
            return True
        answer = self._forward(request, method)
        time.sleep(delay)
        if rule and rule.action == "cut_answer":
            client.sendall(answer.head + answer.body[: rule.after])
            return False
        client.sendall(answer.head + answer.body)
        closing = "close" in (request.headers.get("connection"), answer.headers.get("connection"))
        return answer.whole and not closing

    def _rules_for(self, line: str) -> tuple[float, Rule | None]:
        """Return the delay, and the first other rule, that this request falls under."""
        delay, chosen = 0.0, None
        with self._lock:
            self._seen.append(line)
            for rule in self._rules:
                if rule.left == 0 or not rule.pattern.match(line):
                    continue
                if rule.action == "delay":
                    delay += rule.seconds
                elif chosen is None:
                    chosen = rule
                else:
                    continue
                if rule.left is not None:
                    rule.left -= 1
        return delay, chosen

    def _forward(self, request: Message, method: str) -> Message:
        # A connection for each request: a kept one may be closing just as it is used again.
        upstream = socket.create_connection(self._upstream, timeout=UPSTREAM_SECONDS)
        with self._open(upstream), upstream.makefile("rb") as stream:
            upstream.sendall(request.head + request.body)
            answer = read_message(stream, answer_to=method)
            while answer is not None and answer.first.split(" ")[1].startswith("1"):
                answer = read_message(stream, answer_to=method)
        if answer is None:
            raise EOFError("the upstream closed without an answer")
        return answer


# --- HTTP/1.1 -------------------------------------------------------------------------------


def read_message(stream: BinaryIO, answer_to: str = "") -> Message | None:
    """Read one message, an answer if the method it answers is given; None at the end.

    Raises EOFError if it breaks off, ValueError if it is not HTTP.
    """
    first = stream.readline(MAX_HEAD)
    if not first:
        return None
    head, headers = [first], dict[str, str]()
    while (line := stream.readline(MAX_HEAD)).strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip().lower()
        if name.strip().lower() != "expect":  # we read the body first, so nobody is to wait for it
            head.append(line)
    if not line:
        raise EOFError("the head breaks off")
    message = Message(first.decode("latin-1").strip(), b"".join([*head, line]), b"", headers)
    if len(message.first.split(" ")) < 2:
        raise ValueError("not HTTP")
    status = message.first.split(" ")[1] if answer_to else ""
    if answer_to == "HEAD" or status.startswith("1") or status in ("204", "304"):
        return message
    if "chunked" in headers.get("transfer-encoding", ""):
        message.body = read_chunks(stream)
    elif "content-length" in headers:
        message.body = read_exactly(stream, int(headers["content-length"]))
    elif answer_to:
        message.body, message.whole = stream.read(), False
    return message


def read_chunks(stream: BinaryIO) -> bytes:
    """Read a chunked body, its sizes and trailers with it."""
    parts: list[bytes] = []
    while True:
        size = stream.readline(MAX_HEAD)
        parts.append(size)
        length = int(size.split(b";")[0], 16)
        if length == 0:
            break
        parts.append(read_exactly(stream, length + 2))
    while (trailer := stream.readline(MAX_HEAD)).strip():
        parts.append(trailer)
    return b"".join([*parts, trailer])


def read_exactly(stream: BinaryIO, length: int) -> bytes:
    """Read so many bytes; raises EOFError if there are fewer."""
    found = stream.read(length)
    if len(found) < length:
        raise EOFError("the body breaks off")
    return found


def error_answer(status: int, retry_after: int | None) -> bytes:
    """Return an error as Elasticsearch would word it."""
    body = b'{"error":{"type":"injected","reason":"by the test\'s proxy"},"status":%d}' % status
    lines = [
        f"HTTP/1.1 {status} {REASONS.get(status, 'Injected')}",
        "Content-Type: application/json",
        # Without it the official client takes the server for something else.
        "X-Elastic-Product: Elasticsearch",
        f"Content-Length: {len(body)}",
        *([f"Retry-After: {retry_after}"] if retry_after is not None else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
