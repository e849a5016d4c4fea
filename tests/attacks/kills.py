"""A writer killed at any moment: what was acknowledged is there, whole; the rest is whole or absent.

A child writes, replaces and deletes, and logs each call before it and each acknowledgement after
it, with fsync. It is killed by SIGKILL at a random moment, again and again over the same folder;
after each death the index is opened and compared with the log.
"""

from __future__ import annotations

import json
import os
import random
import time
from pathlib import Path

from search.engines.protocol import RankRequest
from search.errors import FihrisError
from search.query.clauses import Everything
from tests.conformance.corpus import EMBEDDER

from .tally import Tally
from .truth import lies, opened, processes, version_of

POOL = 12  # article ids: small, so that most writes replace and most deletes hit
CALLS = 12  # at most, that a writer makes before the one it is killed in or after
LONGEST = 0.05  # seconds that it lives after those

State = dict[str, str]  # article id -> version


def kills(folder: Path, count: int, seed: int) -> Tally:
    """Kill a writer so many times; `folder` is where its index will be."""
    tally = Tally("SIGKILL of a writer", "opened after a kill, first search included")
    data, log = folder / "data", folder / "log"
    log.write_text(json.dumps({"settled": {}}) + "\n", "utf-8")
    chosen = random.Random(seed)
    acknowledged = 0
    for kill in range(count):
        _killed(data, log, kill, chosen.randrange(CALLS), chosen.uniform(0, LONGEST))
        tally.tried += 1
        acknowledged += log.read_text("utf-8").count("acknowledged")
        state = _compare(data, _possible(log), tally, f"kill {kill} of seed {seed}")
        log.write_text(json.dumps({"settled": state}) + "\n", "utf-8")
    tally.outcomes["calls acknowledged"] = acknowledged
    return tally


def _killed(data: Path, log: Path, seed: int, calls: int, lives: float) -> None:
    child = processes().Process(target=_write_until_killed, args=(data, log, seed))
    child.start()
    deadline = time.monotonic() + 60
    while _calls(log) <= calls and child.is_alive() and time.monotonic() < deadline:
        time.sleep(0.002)
    time.sleep(lives)
    ended = not child.is_alive()
    child.kill()
    child.join()
    if ended:
        raise RuntimeError(f"the writer ended by itself, with {child.exitcode}")


def _calls(log: Path) -> int:
    return log.read_bytes().count(b"\n{")  # after the line that says what was there


def _compare(data: Path, possible: list[State], tally: Tally, what: str) -> State:
    """Compare the index with what the log allows; return what it holds."""
    begun = time.monotonic()
    try:
        engine = opened(data)
        engine.rank(RankRequest(Everything(), limit=1))
        tally.took(time.monotonic() - begun)
        state: State = {}
        for key in engine.article_ids("", 10_000):
            stored = engine.article(key)
            state[key] = stored.article.text.split(" ", 1)[0] if stored else ""
        told, raised = lies(engine, {key: version_of(key, v) for key, v in state.items()})
        engine.close()
    except FihrisError as error:
        tally.lost += 1
        tally.example(f"{what}: {error}")
        return possible[-1]
    except Exception as error:
        tally.crashed += 1
        tally.example(f"{what}: {type(error).__name__}: {error}")
        return possible[-1]
    if state not in possible:
        tally.lost += 1
        tally.example(f"{what}: holds what was not acknowledged, or lacks what was")
    if told or raised:
        tally.wrong += 1
        tally.example(f"{what}: {[*told, *raised][:3]}")
    return state


def _write_until_killed(data: Path, log: Path, seed: int) -> None:
    chosen = random.Random(seed)
    engine = opened(data)
    with log.open("a", encoding="utf-8") as file:

        def say(line: object) -> None:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())

        for turn in range(100_000):
            ids = chosen.sample([f"a{i}" for i in range(POOL)], chosen.randint(1, 5))
            if chosen.random() < 0.25:
                say({"delete": ids})
                engine.delete(ids)
            else:
                versions = {key: f"v{seed}t{turn}{key}" for key in ids}
                say({"write": versions})
                outcomes = engine.write([version_of(key, v) for key, v in versions.items()])
                assert all(outcome.is_stored for outcome in outcomes)
            say("acknowledged")
            if chosen.random() < 0.1:
                engine.rank(RankRequest(Everything(), EMBEDDER.embed_query("x")))
            if chosen.random() < 0.05:
                engine.close()
                engine = opened(data)


def _after(state: State, call: dict[str, object]) -> State:
    if "write" in call:
        return {**state, **call["write"]}  # type: ignore[dict-item]
    return {key: v for key, v in state.items() if key not in call["delete"]}  # type: ignore[operator]


def _possible(log: Path) -> list[State]:
    """Return the states the log allows: without the last call, and with it if it was not acknowledged."""
    state: State = {}
    pending: dict[str, object] | None = None
    for line in log.read_text("utf-8").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:  # the log's own last line, cut by the kill
            break
        if entry == "acknowledged":
            assert pending is not None
            state, pending = _after(state, pending), None
        elif "settled" in entry:
            state, pending = entry["settled"], None
        else:
            pending = entry
    return [state] if pending is None else [state, _after(state, pending)]
