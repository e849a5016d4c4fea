"""Several processes serve one address; one of them writes; who dies is replaced."""

from __future__ import annotations

import asyncio
import errno
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from api.serving import handover, server, workers
from api.serving.handover import Channel
from tests.support import REPOSITORY, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork"),
]


class Running:
    """A server of several processes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process = process
        self.port = int(process.stdout.readline().rstrip("/\n").rpartition(":")[2])

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def pid(self) -> int:
        with closing(self.connection()) as one:
            return asked(one, "GET", "/")[0]

    def pids(self, count: int, *, but: int = 0) -> set[int]:
        """Return the processes that answer, when there are as many."""
        found: set[int] = set()

        def all_there() -> bool:
            found.add(self.pid())
            return len(found - {but}) >= count

        until(all_there)
        return found - {but}

    def writer(self) -> int:
        with closing(self.connection()) as one:
            return asked(one, "PUT", "/v1/articles/a", b"text")[0]


@contextmanager
def running(count: int = 2) -> Iterator[Running]:
    command = [sys.executable, "-m", "tests.indexer.worker_app", str(count)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Running(process)
        finally:
            process.kill()  # its workers end with it


def asked(
    one: http.client.HTTPConnection, method: str, path: str, body: bytes | Iterator[bytes] = b""
) -> tuple[int, int]:
    """Return the process that answered and how long it found the body."""
    one.request(method, path, body=body)
    pid, size = one.getresponse().read().split()
    return int(pid), int(size)


def is_running(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_all_answer_and_what_writes_comes_to_one() -> None:
    with running() as server, ExitStack() as stack:
        workers = server.pids(2)
        connections: list[http.client.HTTPConnection] = []
        answered = set[int]()

        def all_answer() -> bool:
            """Which of the waiting processes takes a connection is up to the kernel."""
            connections.append(stack.enter_context(closing(server.connection())))
            answered.add(asked(connections[-1], "GET", "/")[0])
            return len(connections) >= 20 and answered == workers

        until(all_answer)
        large = b"x" * 3_000_000
        (writer,) = {asked(one, "PUT", "/v1/articles/a", b"text") for one in connections[:10]}
        assert {asked(one, "PUT", "/v1/articles/a", large) for one in connections[10:]} == {
            (writer[0], len(large))
        }
        assert writer[0] in workers
        # A connection stays where it wrote.
        assert {asked(one, "GET", "/")[0] for one in connections} == {writer[0]}


def test_a_body_that_comes_slowly_and_a_path_in_escapes_come_to_the_one_that_writes() -> None:
    def slowly() -> Iterator[bytes]:
        for _ in range(5):
            time.sleep(0.05)
            yield b"x" * 10_000

    with running() as server:
        server.pids(2)
        found = set()
        for path in ("/v1/articles/a", "/v1/%61rticles/a") * 10:
            with closing(server.connection()) as one:
                found.add(asked(one, "PUT", path, slowly()))
        assert len(found) == 1
        assert found.pop()[1] == 50_000


def test_what_follows_an_answer_that_waits_is_handed_over_behind_it() -> None:
    sent = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    sent += b"PUT /v1/articles/a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
    sent += b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    with running() as server:
        server.pids(2)
        writer = server.writer()
        for _ in range(10):
            with socket.create_connection(("127.0.0.1", server.port), timeout=10) as one:
                one.sendall(sent)
                content = b"".join(iter(lambda: one.recv(65_536), b"")).decode()
            assert content.count("HTTP/1.1 200") == 3
            assert f"{writer} 3" in content


def test_a_worker_that_dies_is_replaced() -> None:
    with running() as server:
        workers = server.pids(2)
        victim = (workers - {server.writer()}).pop()
        os.kill(victim, signal.SIGKILL)
        assert victim not in server.pids(2, but=victim)


def test_who_writes_while_the_writer_is_away_is_answered_by_the_next_one() -> None:
    with running() as server:
        workers = server.pids(2)
        writer = server.writer()
        os.kill(writer, signal.SIGKILL)
        until(lambda: not is_running(writer))
        assert server.writer() not in workers


@pytest.mark.parametrize(
    ("sent", "status"), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 0)]
)
def test_a_signal_drains_all(sent: signal.Signals, status: int) -> None:
    with running() as server, ExitStack() as stack:
        workers = server.pids(2)
        slow = [stack.enter_context(closing(server.connection())) for _ in range(10)]
        for one in slow:
            one.request("GET", "/slow")
        time.sleep(0.5)
        server.process.send_signal(sent)
        assert {int(one.getresponse().read().split()[0]) for one in slow} <= workers
        assert server.process.wait(20) == status
        assert not any(map(is_running, workers))


def test_a_worker_that_cannot_be_forked_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    fork, told, tries = os.fork, list[str](), iter((True, False))

    def forked() -> int:
        if next(tries):
            raise OSError(errno.EAGAIN, "no process left")
        return fork()

    def work(_: int) -> None:
        os.kill(os.getppid(), signal.SIGINT)

    monkeypatch.setattr(workers, "_WAIT", 0.05)
    monkeypatch.setattr(os, "fork", forked)
    workers.keep_running(1, work, workers.Lifeline(), told.append)
    assert told == ["worker 0 cannot be started: [Errno 11] no process left; tried again"]


def test_workers_end_with_their_parent() -> None:
    with running() as server:
        workers = server.pids(2)
        server.process.kill()
        until(lambda: not any(map(is_running, workers)))


def test_a_connection_that_nobody_takes_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "_PATIENCE", 0.1)

    async def given() -> list[bool]:
        with closing(Channel()) as channel, socket.socket() as one:
            return [await channel.give(one.fileno(), b"x" * 200_000) for _ in range(20)]

    outcomes = asyncio.run(given())
    assert outcomes[0]
    assert not outcomes[-1]


def test_what_was_given_comes_out_with_its_bytes() -> None:
    async def taken() -> tuple[bytes, bytes]:
        here, there = socket.socketpair()
        found: asyncio.Future[tuple[socket.socket, bytes]] = asyncio.Future()
        with here, there, closing(Channel()) as channel:
            channel.receive(lambda connection, read: found.set_result((connection, read)))
            assert await channel.give(there.fileno(), b"x" * 290_000)
            connection, read = await found
            channel.stop()
            with connection:
                connection.sendall(b"answer")
            return read, here.recv(100)

    assert asyncio.run(taken()) == (b"x" * 290_000, b"answer")


def test_what_a_killed_parent_left_of_its_counts_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with subprocess.Popen(["true"]) as ended:
        pass
    for name in (str(ended.pid), str(os.getpid()), "x"):
        (tmp_path / f"fihris-metrics-{name}-a").mkdir()
    server._remove_leftovers()
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {f"fihris-metrics-{os.getpid()}-a", "fihris-metrics-x-a"}
