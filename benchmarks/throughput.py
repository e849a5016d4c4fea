"""How many keyword searches a second does a server answer, with how many processes and clients?

    python -m benchmarks.throughput FOLDER... [--clients 1 4 16] [--workers 1 2] [--seconds 8]
        [--rounds 2] [--mode keyword] [--checkout PATH] [--json]

The queries of judged sets (BEIR layout, as `fihris evaluate` reads them), in one drawn order, over
the index that the FIHRIS_* variables name. A `fihris serve` of each number of workers in turn, round
after round; clients are connections that are kept and ask again when they are answered, all in one
process on the same machine, whose CPU time is said: it is the server's loss. Wall-clock times are
worth something where nothing else runs; CPU time a search is the server's processes'. Memory is
proportional (PSS), after the searches. In other modes than keyword a query that comes again is not
embedded again: say as many queries as are asked, or read the figures so. CHECKOUT is another one, with an environment in .venv, whose
`serve` is measured instead.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

from indexer.evaluation.beir import read_judged_set

WARM_UP = 3.0  # seconds
READY = 120.0  # seconds until every worker is
IN_A_ROW = 20  # connections that found a worker ready


class Client:
    """One connection, which asks and is answered in turn."""

    def __init__(self, port: int) -> None:
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.asked = 0.0

    def ask(self, request: bytes) -> None:
        self._answer = bytearray()
        self._size = 0
        self.asked = time.perf_counter()
        self.connection.sendall(request)

    def is_answered(self) -> bool:
        """Take in what has come. Raises RuntimeError for another status than 200."""
        self._answer += self.connection.recv(1 << 20)
        if not self._size:
            head, end, _ = self._answer.partition(b"\r\n\r\n")
            if not end:
                return False
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(bytes(self._answer).decode())
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            assert length is not None
            self._size = len(head) + len(end) + int(length[1])
        return len(self._answer) >= self._size


def ask_for(clients: list[Client], requests: Iterator[bytes], seconds: float) -> list[float]:
    """Have all clients ask for so long; return the seconds each answer took."""
    took = []
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.connection, selectors.EVENT_READ, client)
            client.ask(next(requests))
        until = time.perf_counter() + seconds
        waiting = len(clients)
        while waiting:
            for key, _ in selector.select():
                client = key.data
                if not client.is_answered():
                    continue
                now = time.perf_counter()
                took.append(now - client.asked)
                if now < until:
                    client.ask(next(requests))
                else:
                    waiting -= 1
    return sorted(took)


def cpu(pids: list[int]) -> float:
    """Return the CPU seconds that processes have used."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory(pids: list[int]) -> list[int]:
    """Return the MB of each process, what it shares with others by its part."""
    found = []
    for pid in pids:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        found.append(int(re.findall(r"^Pss:\s+(\d+)", text, re.MULTILINE)[0]) // 1024)
    return found


@contextmanager
def served(workers: int, checkout: Path | None) -> Iterator[tuple[int, list[int]]]:
    """Give the port and the processes of a server that is ready."""
    python = str(checkout / ".venv/bin/python") if checkout else sys.executable
    command = [python, "-m", "indexer.cli", "serve", "--port", "0"]
    command += ["--workers", str(workers)] if workers > 1 else []
    with subprocess.Popen(
        command, cwd=checkout, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            found = re.search(r":(\d+)/", process.stdout.readline())
            assert found is not None
            port = int(found[1])
            await_ready(port)
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
            yield port, [process.pid, *map(int, children.split())]
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def await_ready(port: int) -> None:
    until = time.monotonic() + READY
    row = 0
    while row < IN_A_ROW:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as one:
            one.sendall(b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            ready = one.recv(100).startswith(b"HTTP/1.1 200")
        row = row + 1 if ready else 0
        if not ready:
            assert time.monotonic() < until
            time.sleep(0.2)


def measured(
    workers: int,
    counts: list[int],
    requests: Iterator[bytes],
    seconds: float,
    checkout: Path | None,
) -> list[dict[str, object]]:
    """Return a row for each number of clients of one server."""
    rows: list[dict[str, object]] = []
    with served(workers, checkout) as (port, pids):
        for count in counts:
            with ExitStack() as stack:
                clients = [Client(port) for _ in range(count)]
                for client in clients:
                    stack.enter_context(client.connection)
                ask_for(clients, requests, WARM_UP)
                server, own, begun = cpu(pids), time.process_time(), time.perf_counter()
                took = ask_for(clients, requests, seconds)
                whole = time.perf_counter() - begun
                rows.append(
                    {
                        "workers": workers,
                        "clients": count,
                        "searches/s": round(len(took) / whole, 1),
                        "p50 ms": round(took[len(took) // 2] * 1000, 1),
                        "p95 ms": round(took[int(len(took) * 0.95)] * 1000, 1),
                        "server's CPU ms": round((cpu(pids) - server) / len(took) * 1000, 2),
                        "client's CPU ms": round((time.process_time() - own) / len(took) * 1000, 2),
                        "MB": memory(pids),
                    }
                )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--clients", nargs="+", type=int, default=[1, 4, 16])
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--mode", default="keyword")
    parser.add_argument("--checkout", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    queries = [q for folder in options.folders for q in read_judged_set(folder).queries.values()]
    random.Random(5).shuffle(queries)
    every = [
        f"GET /v1/search?mode={options.mode}&q={quote(q)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        for q in queries
    ]
    number = 0

    def requests() -> Iterator[bytes]:
        nonlocal number
        while True:
            number += 1
            yield every[number % len(every)]

    rows = []
    for _ in range(options.rounds):
        for workers in options.workers:
            found = measured(
                workers, options.clients, requests(), options.seconds, options.checkout
            )
            rows += found
            for row in [] if options.json else found:
                print("  ".join(f"{name} {value}" for name, value in row.items()), flush=True)
    if options.json:
        json.dump(rows, sys.stdout)


if __name__ == "__main__":
    main()
