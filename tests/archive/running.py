"""`fihris index` as a process of its own: let run, or killed again and again; and what it left."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from search.engines import open_engine, stored_fingerprint
from search.settings import Settings
from tests.support import REPOSITORY

POLL = 0.05  # seconds
MOMENT = 0.5  # seconds
PAGE = 1_000  # articles compared at once


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended; `peak` is MB of all its processes together, as they were seen."""

    status: int
    out: str
    seconds: float
    peak: float

    @property
    def report(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.out)
        return found


def run(
    arguments: Sequence[str | Path],
    environment: Mapping[str, str],
    is_due: Callable[[], bool] = lambda: False,
) -> Ended:
    """Run the command line; SIGKILL it when `is_due`."""
    command = [sys.executable, "-m", "indexer.cli", *map(str, arguments)]
    begun = time.monotonic()
    peak = 0.0
    with subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        while process.poll() is None:
            peak = max(peak, memory_of(process.pid))
            if is_due():
                process.send_signal(signal.SIGKILL)
            time.sleep(POLL)
        out = process.stdout.read() if process.stdout else ""
    return Ended(process.returncode, out, time.monotonic() - begun, peak)


def run_killed(
    arguments: Sequence[str | Path],
    environment: Mapping[str, str],
    stored: Callable[[], int],
    *,
    kills: int,
    lasting: float,
    seed: int,
) -> tuple[int, Ended]:
    """Start the command again and again, kill it at random moments, then let it end.

    The first run is killed when a part of its time has gone, or something was written; the next
    ones within a moment after something more was written, however busy the machine is.

    Args:
        stored: tells how many articles the index holds.
        kills: how many, after the first; fewer where a run ends before it is killed.
        lasting: seconds that a run in peace takes.

    Returns how many were killed after they had written something, and the last run.
    """
    chosen = random.Random(seed)
    first = time.monotonic() + lasting * chosen.uniform(0.1, 0.8)
    # A first run on a server that has just started may take twice as long as this one.
    ended = run(arguments, environment, lambda: time.monotonic() > first or stored() > 0)
    counted = 0
    while ended.status and counted < kills:
        before, moment = stored(), chosen.uniform(0.0, MOMENT)

        def is_due(before: int = before, moment: float = moment) -> bool:
            written = stored() > before
            if written:
                time.sleep(moment)
            return written

        ended = run(arguments, environment, is_due)
        counted += ended.status == -signal.SIGKILL
    return counted, run(arguments, environment)


def count_stored(settings: Settings) -> int:
    """Return how many articles an index holds, 0 where there is none."""
    fingerprint = stored_fingerprint(settings)
    if fingerprint is None:
        return 0
    with closing(open_engine(settings, fingerprint)) as engine:
        if settings.engine == "elasticsearch":
            engine.show()  # status counts what searches see
        return engine.status().articles


def contents(settings: Settings) -> dict[str, tuple[str, bool]]:
    """Return what an index holds: the content hash of each article, and if it has vectors."""
    fingerprint = stored_fingerprint(settings)
    assert fingerprint is not None
    held: dict[str, tuple[str, bool]] = {}
    after = ""
    with closing(open_engine(settings, fingerprint)) as engine:
        while page := engine.article_ids(after, PAGE):
            stored = engine.stored(page)
            held.update({key: (each.content_hash, each.embedded) for key, each in stored.items()})
            after = page[-1]
    return held


def fingerprint_of(held: Mapping[str, tuple[str, bool]]) -> str:
    """Return one SHA-256 for what an index holds."""
    return hashlib.sha256(json.dumps(sorted(held.items())).encode()).hexdigest()


def memory_of(pid: int) -> float:
    """Return the MB that a process and all below it hold now (Linux; 0 elsewhere)."""
    total = 0.0
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        try:
            status = Path(f"/proc/{one}/status").read_text("ascii", "replace")
            waiting += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
        except OSError:  # ended meanwhile
            continue
        total += next(
            (
                int(line.split()[1]) / 1024
                for line in status.splitlines()
                if line.startswith("VmRSS")
            ),
            0.0,
        )
    return total
