"""What does a server do at half, nearly all and twice of what it can answer?

    python -m benchmarks.load FOLDER... [--rates 0.5 0.9 1.2 2] [--seconds 10] [--workers 1]
        [--mode keyword...] [--indexing] [--rounds 1] [--saturation N] [--held SECONDS] [--json]

The queries of judged sets over the index that the FIHRIS_* variables name, as `benchmarks.throughput`
asks them. Saturation is what 16 clients that wait for their answers get in so many seconds; each
round has its own, so that other work on the machine is in both of a round's figures. Then
searches arrive at random (a Poisson process) at multiples of it, whether or not those before are
answered, and each one's latency counts from when it was due: a server that stalls cannot make its
clients wait politely. Goodput are the answers (200) a second, those of the seconds only; refused is
503 with Retry-After, all else is failed. `/live` is asked ten times a second besides. `--indexing`:
articles of a paragraph are written meanwhile, twenty a request, one after the other; their texts are
the queries, their ids come again after 2,000. `--held`: memory (its own part of what is shared),
descriptors and threads of the server's processes, now and after every so many seconds, for a soak:
`--rates 0.5 --seconds 600 --held 60 --mode keyword hybrid --indexing`. The generator is a process of
the same machine, whose CPU is the server's loss.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import quote

from benchmarks.throughput import Client, ask_for, cpu, memory, served
from indexer.evaluation.beir import read_judged_set

PATIENCE = 30.0  # seconds until an answer is given up
LATE = 1.0  # seconds after its due time: an answer that nobody waits for
WRITTEN = 2_000  # articles that are written anew and anew, so that the index stops growing


class Load:
    """One run at one rate: what came of each request."""

    def __init__(self, port: int, until: float) -> None:
        self.port = port
        self.until = until
        self.idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.ended: Counter[str] = Counter()
        self.took: dict[str, list[float]] = {"answered": [], "refused": [], "live": []}

    async def ask(self, request: bytes, due: float, kind: str = "") -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                how = await self._ask(request)
        except (OSError, EOFError, TimeoutError, asyncio.IncompleteReadError):
            how = "failed"
        took = time.perf_counter() - due
        if how == "answered" and not kind:
            self.ended["late"] += took > LATE
            self.ended["in time"] += due + took <= self.until
        self.ended[f"{kind} {how}".strip()] += 1
        self.took.setdefault(kind or how, []).append(took)

    async def _ask(self, request: bytes) -> str:
        here = "127.0.0.1"
        pair = self.idle.pop() if self.idle else await asyncio.open_connection(here, self.port)
        reader, writer = pair
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length: ")[2].partition(b"\r")[0]
        await reader.readexactly(int(length or 0))
        if b"connection: close" in head:
            writer.close()
        else:
            self.idle.append(pair)
        if head.startswith(b"http/1.1 200"):
            return "answered"
        return (
            "refused" if head.startswith(b"http/1.1 503") and b"retry-after" in head else "failed"
        )


async def at(port: int, rate: float, requests: Iterator[bytes], seconds: float, bodies: Iterator[bytes] | None) -> Load:  # fmt: skip
    """Ask at a rate for so long; return when all is answered."""
    begun = due = time.perf_counter()
    load, chosen = Load(port, begun + seconds), random.Random(rate)
    tasks = [asyncio.create_task(_live(load, begun + seconds))]
    if bodies is not None:
        tasks.append(asyncio.create_task(_write(load, bodies, begun + seconds)))
    while (due := due + chosen.expovariate(rate)) < begun + seconds:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(load.ask(next(requests), due)))
    await asyncio.gather(*tasks)
    for _, writer in load.idle:
        writer.close()
    return load


async def _live(load: Load, until: float) -> None:
    while (now := time.perf_counter()) < until:
        await load.ask(b"GET /live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", now, "live")  # fmt: skip
        await asyncio.sleep(0.1)


def hold(pids: list[int], every: float, ended: threading.Event) -> None:
    """Print what processes have in use, now and after every so many seconds."""
    begun = time.perf_counter()
    while True:
        fds, threads = (sum(len(list(Path(f"/proc/{pid}/{each}").iterdir())) for pid in pids) for each in ("fd", "task"))  # fmt: skip
        print(f"after {time.perf_counter() - begun:.0f} s: {sum(memory(pids))} MB, {fds} descriptors, {threads} threads", flush=True)  # fmt: skip
        if ended.wait(every):
            return


async def _write(load: Load, bodies: Iterator[bytes], until: float) -> None:
    while (now := time.perf_counter()) < until:
        await load.ask(next(bodies), now, "write")


def quantile(values: list[float], share: float) -> float:
    """Return milliseconds; 0 where there are none."""
    return round(sorted(values)[int(len(values) * share)] * 1000, 1) if values else 0.0


def saturated(port: int, requests: Iterator[bytes], seconds: float) -> float:
    """Return how many answers a second clients get that wait for them."""
    with ExitStack() as stack:
        clients = [Client(port) for _ in range(16)]
        for client in clients:
            stack.enter_context(client.connection)
        ask_for(clients, requests, seconds / 4)
        begun = time.perf_counter()
        answered = len(ask_for(clients, requests, seconds))
        return answered / (time.perf_counter() - begun)


def measured(port: int, pids: list[int], rate: float, requests: Iterator[bytes], seconds: float, bodies: Iterator[bytes] | None) -> dict[str, float]:  # fmt: skip
    server, own = cpu(pids), time.process_time()
    load = asyncio.run(at(port, rate, requests, seconds, bodies))
    took, ended = load.took, load.ended
    return {
        "asked/s": round(rate, 1),
        "goodput/s": round(ended["in time"] / seconds, 1),
        "refused/s": round(ended["refused"] / seconds, 1),
        "late": ended["late"],
        "failed": ended["failed"] + ended["live failed"] + ended["write failed"],
        "p50 ms": quantile(took["answered"], 0.5),
        "p95 ms": quantile(took["answered"], 0.95),
        "p99 ms": quantile(took["answered"], 0.99),
        "refusal p50 ms": quantile(took["refused"], 0.5),
        "refusal p99 ms": quantile(took["refused"], 0.99),
        "/live p99 ms": quantile(took["live"], 0.99),
        "/live most ms": quantile(took["live"], 0.9999),
        "articles/s": round(20 * ended["write answered"] / seconds, 1),
        "server's CPU s": round(cpu(pids) - server, 1),
        "generator's CPU s": round(time.process_time() - own, 1),
    }


def writing(queries: list[str]) -> Iterator[bytes]:
    number = 0
    while True:
        lines = []
        for query in (queries * 20)[number % len(queries) :][:20]:
            number += 1
            lines.append(
                json.dumps({"id": f"load-{number % WRITTEN}", "text": f"{query} {number}"})
            )
        body = "\n".join(lines).encode()
        yield b"POST /v1/articles:bulk HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\nContent-Length: %d\r\n\r\n" % len(body) + body  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--rates", nargs="+", type=float, default=[0.5, 0.9, 1.2, 2.0])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--mode", nargs="+", default=["keyword"])
    parser.add_argument("--indexing", action="store_true")
    parser.add_argument("--saturation", type=float, help="searches a second, measured if not given")
    parser.add_argument("--held", type=float, help="seconds between two looks at memory")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    queries = [q for folder in options.folders for q in read_judged_set(folder).queries.values()]
    random.Random(5).shuffle(queries)

    def asked() -> Iterator[bytes]:
        number = 0
        while True:  # each one another, so that none is remembered
            number += 1
            text = f"{queries[number % len(queries)]} {number}"
            mode = options.mode[number % len(options.mode)]
            yield f"GET /v1/search?mode={mode}&q={quote(text)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()

    requests, rows = asked(), []
    bodies = writing(queries) if options.indexing else None
    with served(options.workers, None) as (port, pids):
        ended = threading.Event()
        held = threading.Thread(target=hold, args=(pids, options.held, ended))
        if options.held:
            held.start()
        for _ in range(options.rounds):
            saturation = options.saturation or saturated(port, requests, options.seconds)
            for share in options.rates:
                row = {"times saturation": share}
                row |= measured(port, pids, share * saturation, requests, options.seconds, bodies)
                row["goodput of saturation"] = round(float(row["goodput/s"]) / saturation, 2)
                rows.append(row)
                if not options.json:
                    print("  ".join(f"{name} {value}" for name, value in row.items()), flush=True)
        ended.set()
        if options.held:
            hold(pids, 0, ended)
            held.join()
    if options.json:
        with suppress(BrokenPipeError):
            json.dump(rows, sys.stdout)


if __name__ == "__main__":
    main()
