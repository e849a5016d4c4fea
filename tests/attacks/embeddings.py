"""Long bodies that are being embedded, a small article beside them, and the end of the process."""

from __future__ import annotations

import json
import random
import threading
import time
from pathlib import Path

from tests.conformance.corpus import WORDS

from .serving import Answer, served
from .tally import Tally

SIZE = 5_000_000  # bytes of each body
WITHIN = 2.0  # seconds, for an article of one line
ENDED_WITHIN = 10.0
PUTS = 5
PATIENCE = 90.0


def long_embeddings(folder: Path, count: int, seed: int) -> Tally:
    """Send so many bodies of 5 MB at once, small ones beside them, then SIGTERM."""
    return beside_embeddings(folder, count, seed, within=WITHIN, ended_within=ENDED_WITHIN)


def beside_embeddings(
    folder: Path, count: int, seed: int, *, within: float, ended_within: float
) -> Tally:
    """Send bodies of 5 MB, the first one article and the others of many, small ones beside them.

    Lost is a small one that was not stored `within` seconds, an end that came more than
    `ended_within` after SIGTERM, an acknowledged article that is gone. Wrong is an article that
    is there though its body was cut off. Crashed is an answer that is a fault of the server.
    """
    tally = Tally(f"{count} bodies of 5 MB being embedded", "one-line PUT beside them")
    with served(folder) as server:
        answers: list[Answer] = []

        def send(number: int) -> None:
            texts = _paragraphs(f"{seed} {number}")
            if number == 0:
                answers.append(server.put("long", "\n".join(texts), patience=PATIENCE + 60))
                return
            lines = (json.dumps({"id": f"{number}-{n}", "text": t}) for n, t in enumerate(texts))
            body = "\n".join(lines).encode()
            answers.append(server.ask("POST", "/v1/articles:bulk", body, patience=PATIENCE + 60))

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
            if answer.status not in (200, 201) or answer.took > within:
                tally.lost += 1
                tally.example(f"one line: {answer.status} in {answer.took:.1f} s")
        tally.outcomes["bodies that were done by then"] = len(answers)
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
        for status in (*(answer.status for answer in answers), *stopping):
            tally.outcomes[f"answered {status or 'with nothing'}"] += 1
            tally.crashed += status == 500
        kept += [key for answer in answers for key in _acknowledged(answer)]
        if server.process.poll() is None or took > ended_within:
            tally.lost += 1
            tally.example(f"the process had not ended {took:.0f} s after SIGTERM")
    with served(folder) as server:
        for key in kept:
            if server.ask("GET", f"/v1/articles/{key}").status != 200:
                tally.lost += 1
                tally.example(f"{key} was acknowledged and is gone")
        if "long" not in kept and server.ask("GET", "/v1/articles/long").status != 404:
            tally.wrong += 1
            tally.example("an article is there though its body was cut off")
    return tally


def _paragraphs(seed: str) -> list[str]:
    """Return paragraphs of sixty words, 5 MB in all."""
    words = random.Random(seed).choices(WORDS, k=SIZE // 10)
    return [" ".join(words[start : start + 60]) for start in range(0, len(words), 60)]


def _acknowledged(answer: Answer) -> list[str]:
    """Return the articles that a long body's answer says are stored."""
    if answer.status not in (200, 201):
        return []
    lines = [json.loads(line) for line in answer.body.splitlines()]
    return [line["id"] for line in lines if line["status"] in ("created", "updated")]
