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
LATER = 1.2  # times
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
    arguments: Sequence[str | Path], environment: Mapping[str, str], kill_after: float | None = None
) -> Ended:
    """Run the command line; with `kill_after`, SIGKILL it when so many seconds have gone."""
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
            if kill_after is not None and time.monotonic() - begun > kill_after:
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

    A run that was killed before it had written anything does not count, and the next is killed
    later: on a machine that is busier now it may be too soon.

    Args:
        stored: tells how many articles the index holds.
        kills: that count, at most; fewer where a run ends before it is killed.
        lasting: seconds that a run in peace takes.

    Returns how many kills count, and the last run.
    """
    chosen = random.Random(seed)
    counted, before = 0, 0
    for _ in range(4 * kills):
        ended = run(arguments, environment, kill_after=lasting * chosen.uniform(0.3, 0.8))
        now = stored()
        if now > before and ended.status == -signal.SIGKILL:
            counted += 1
        elif ended.status == -signal.SIGKILL:
            lasting *= LATER
        before = now
        if ended.status == 0 or counted == kills:
            break
    return counted, run(arguments, environment)


def count_stored(settings: Settings) -> int:
    """Return how many articles an index holds, 0 where there is none."""
    fingerprint = stored_fingerprint(settings)
    if fingerprint is None:
        return 0
    with closing(open_engine(settings, fingerprint)) as engine:
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
