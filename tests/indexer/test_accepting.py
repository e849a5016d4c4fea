"""Connections have a bound; who has waited longest makes room; descriptors never run out."""

from __future__ import annotations

import asyncio
import errno
import logging
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Any

import pytest

from api.serving import connections, http_protocol
from tests.indexer.serving import serving
from tests.support import REPOSITORY

ASKED = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


async def hello(
    scope: dict[str, object],
    receive: Callable[[], Awaitable[dict[str, object]]],
    send: Callable[[dict[str, object]], Awaitable[None]],
) -> None:
    if scope["path"] == "/slow":
        await asyncio.sleep(2)
    while (await receive()).get("more_body"):
        pass
    size = 50_000_000 if scope["path"] == "/much" else 2
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok" * (size // 2)})


def connected(port: int, sent: bytes = b"", *, buffer: int = 0) -> socket.socket:
    one = socket.socket()
    if buffer:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    one.settimeout(20)
    one.connect(("127.0.0.1", port))
    one.sendall(sent)
    return one


def received(one: socket.socket) -> bytes:
    return b"".join(iter(lambda: one.recv(65_536), b""))


def answered(port: int) -> bool:
    with connected(port, ASKED) as one:
        return b"\r\nok" in received(one)


def is_open(one: socket.socket) -> bool:
    one.setblocking(False)
    try:
        return one.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HTTP/1.1\r\nHo",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\na",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na",
    ],
)
def test_every_kind_of_silent_connection_makes_room(sent: bytes) -> None:
    with serving(hello, 20) as port, ExitStack() as stack:
        for _ in range(60):
            stack.enter_context(connected(port, sent))
            assert answered(port)


@pytest.mark.slow
def test_the_longest_waiting_makes_room_first_and_sending_a_little_makes_nobody_younger() -> None:
    with serving(hello, 16) as port, ExitStack() as stack:
        oldest = stack.enter_context(connected(port, b"G"))
        time.sleep(2 * connections.GRACE)
        others = [stack.enter_context(connected(port)) for _ in range(14)]
        time.sleep(2 * connections.GRACE)
        oldest.sendall(b"E")
        assert answered(port)
        more = stack.enter_context(connected(port))
        assert answered(port)
        assert not is_open(oldest)
        assert all(map(is_open, [*others[1:], more]))


@pytest.mark.slow
def test_who_is_being_answered_never_makes_room() -> None:
    with serving(hello, 10) as port, ExitStack() as stack:
        slow = [
            stack.enter_context(connected(port, ASKED.replace(b"/ ", b"/slow "))) for _ in range(8)
        ]
        for _ in range(30):
            stack.enter_context(connected(port))
        assert answered(port)
        assert all(b"\r\nok" in received(each) for each in slow)


@pytest.mark.slow
def test_answers_that_nobody_takes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "MAX_UNREAD", 3)
    with serving(hello, 100) as port, ExitStack() as stack:
        unread = []
        for _ in range(5):
            asked = ASKED.replace(b"/ ", b"/much ")
            unread.append(stack.enter_context(connected(port, asked, buffer=4096)))
            # More than the head is there: the answer is being sent, and waits to be taken.
            unread[-1].recv(1_000, socket.MSG_PEEK | socket.MSG_WAITALL)

        def whole(one: socket.socket) -> bool:
            try:
                return len(received(one)) > 50_000_000
            except ConnectionError:
                return False

        assert [whole(one) for one in unread] == [False, False, True, True, True]


class Full(socket.socket):
    """A listening socket where descriptors run out."""

    def accept(self) -> tuple[socket.socket, Any]:
        raise OSError(errno.EMFILE, "Too many open files")


class Waiting:
    def __init__(self, since: float) -> None:
        self.since = since
        self.dropped = False

    def waiting(self) -> tuple[int, float] | None:
        return None if self.dropped else (0, self.since)

    def drop(self) -> None:
        self.dropped = True


def test_without_descriptors_the_longest_waiting_is_closed_and_little_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    crowd = [Waiting(since - 1_000.0) for since in range(100)]

    async def run() -> None:
        with Full() as listening:
            listening.bind(("127.0.0.1", 0))
            acceptor = connections.Acceptor(listening, asyncio.Protocol, crowd, 160)
            with socket.create_connection(listening.getsockname()):
                while not crowd[19].dropped:
                    await asyncio.sleep(0.01)
            before = time.process_time()
            await asyncio.sleep(0.3)  # nobody is left: it waits, and takes no processor
            assert time.process_time() - before < 0.25
            await acceptor.stop()

    with caplog.at_level(logging.WARNING, "fihris.server"):
        asyncio.run(run())
    assert len(caplog.records) == 1
    assert "Too many open files" in caplog.text


@pytest.mark.parametrize(
    ("soft", "hard", "raised", "expected"),
    [(256, 256, 256, 128), (64, 2_048, 2_048, 1_792), (1_024, 1_024, 1_024, 768)],
)
def test_the_limit_of_descriptors_is_raised_and_some_are_left_to_the_index(
    soft: int, hard: int, raised: int, expected: int
) -> None:
    said = subprocess.run(
        [sys.executable, "-c", "import resource; from api.serving.connections import room;"
         f"resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}));"
         "print(room(), resource.getrlimit(resource.RLIMIT_NOFILE)[0])"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert said == [str(expected), str(raised)]


def test_a_limit_that_is_high_enough_stays() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert connections.room() <= connections.MAX_CONNECTIONS
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= before[0]
