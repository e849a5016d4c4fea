"""Long articles that are being embedded, a small one beside them, and the end of the process."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

from tests.conformance.corpus import WORDS

from .serving import served
from .tally import Tally

SIZE = 5_000_000  # bytes of each body
WITHIN = 2.0  # seconds, for an article of one line
ENDED_WITHIN = 10.0
PUTS = 5
PATIENCE = 90.0


def long_embeddings(folder: Path, count: int, seed: int) -> Tally:
    """Send so many bodies of 5 MB at once, small ones beside them, then SIGTERM.

    Lost is a small one that was not stored in time, an end that came too late, an acknowledged
    article that is gone. Crashed is an answer that is a fault of the server.
    """
    tally = Tally(f"{count} bodies of 5 MB being embedded", "one-line PUT beside them")
    with served(folder) as server:
        answers: list[int] = []

        def send(number: int) -> None:
            chosen = random.Random(f"{seed} {number}")
            words = chosen.choices(WORDS, k=SIZE // 10)
            text = "\n".join(" ".join(words[i : i + 60]) for i in range(0, len(words), 60))
            answers.append(server.put(f"long-{number}", text, patience=PATIENCE + 60).status)

        threads = [threading.Thread(target=send, args=(n,), daemon=True) for n in range(count)]
        for thread in threads:
            thread.start()
        time.sleep(5)
        kept = []
        for number in range(PUTS):
            answer = server.put(f"small-{number}", "سطر واحد")
            tally.took(answer.took)
            tally.tried += 1
            if answer.status in (200, 201):
                kept.append(f"small-{number}")
            if answer.status not in (200, 201) or answer.took > WITHIN:
                tally.lost += 1
                tally.example(f"one line: {answer.status} in {answer.took:.1f} s")
        begun = time.monotonic()
        server.process.terminate()
        stopping = []
        while server.process.poll() is None and time.monotonic() < begun + PATIENCE:
            stopping.append(server.put("late", "سطر متأخر", patience=2).status)
            time.sleep(0.2)
        took = time.monotonic() - begun
        for thread in threads:
            thread.join(5)
        tally.outcomes["ended after SIGTERM, ms"] = round(took * 1000)
        for status in (*answers, *stopping):
            tally.outcomes[f"answered {status or 'with nothing'}"] += 1
            tally.crashed += status == 500
        if server.process.poll() is None or took > ENDED_WITHIN:
            tally.lost += 1
            tally.example(f"the process had not ended {took:.0f} s after SIGTERM")
    with served(folder) as server:
        for key in kept:
            if server.ask("GET", f"/v1/articles/{key}").status != 200:
                tally.lost += 1
                tally.example(f"{key} was acknowledged and is gone")
    return tally
