"""SIGTERM under load: what was acknowledged is there at the next start, what was begun is answered."""

from __future__ import annotations

import random
import signal
import threading
import time
from pathlib import Path

from tests.conformance.corpus import WORDS

from .serving import Server, served
from .tally import Tally

CLIENTS = 8  # that ask without pause, each on a new connection every time; every other one writes
LONGEST = 1.0  # seconds of load before the signal, from the first article that is stored
ENDED_WITHIN = 10.0
REFUSED = (429, 503)


def drains(folder: Path, count: int, seed: int) -> Tally:
    """Stop a server so many times; `folder` is where its index will be.

    Lost is an acknowledged article that is gone at the next start, and an end that is late or not
    SIGTERM's own. Crashed is an answer that was cut off or a fault of the server's. A connection
    that is closed before anything was answered is counted: nothing of it was acknowledged.
    """
    tally = Tally(f"SIGTERM beside {CLIENTS} clients", "ended after SIGTERM")
    chosen = random.Random(seed)
    kept: list[str] = []
    for stop in range(count):
        with served(folder) as server:
            _compare(server, kept, tally)
            kept = _stopped(server, stop, chosen.uniform(0, LONGEST), tally)
        tally.tried += 1
    with served(folder) as server:
        _compare(server, kept, tally)
    return tally


def _compare(server: Server, kept: list[str], tally: Tally) -> None:
    for key in kept:
        if server.ask("GET", f"/v1/articles/{key}").status != 200:
            tally.lost += 1
            tally.example(f"{key} was acknowledged and is gone")


def _stopped(server: Server, stop: int, after: float, tally: Tally) -> list[str]:
    """Stop a server under load; return the articles that were acknowledged."""
    kept: list[str] = []
    ended = threading.Event()

    def ask(client: int) -> None:
        chosen = random.Random(f"{stop} {client}")
        turn = 0
        while not ended.is_set():
            turn += 1
            key, words = f"{stop}-{client}-{turn}", " ".join(chosen.choices(WORDS, k=12))
            answer = server.put(key, words) if client % 2 else server.search(words, "hybrid")
            if answer.status in (200, 201):
                tally.outcomes["answered"] += 1
                if client % 2:
                    kept.append(key)
            elif answer.status in REFUSED:
                tally.outcomes["refused"] += 1
                time.sleep(0.01)
            elif answer.status == 0 and b"IncompleteRead" not in answer.body:
                listened = b"refused" not in answer.body
                tally.outcomes["closed unanswered" if listened else "nobody listens"] += 1
                time.sleep(0.01)
            else:
                tally.crashed += 1
                tally.example(f"stop {stop}: {answer.status} {answer.body[:200]!r}")

    clients = [threading.Thread(target=ask, args=(n,)) for n in range(CLIENTS)]
    for each in clients:
        each.start()
    first = time.monotonic()
    while not kept and time.monotonic() < first + 60:
        time.sleep(0.01)
    time.sleep(after)
    begun = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    while server.process.poll() is None and time.monotonic() < begun + 60:
        time.sleep(0.01)
    status = server.process.returncode
    took = time.monotonic() - begun
    tally.took(took)
    ended.set()
    for each in clients:
        each.join()
    if status != -signal.SIGTERM or took > ENDED_WITHIN:
        tally.lost += 1
        tally.example(f"stop {stop}: ended with {status} after {took:.1f} s")
    return kept
