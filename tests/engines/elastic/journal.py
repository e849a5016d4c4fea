"""Writers that are killed: each says what it is about to do, and what was acknowledged.

A line goes to the log, with fsync, before each call and after each acknowledgement: after
the writer's death the log says what must be there and what may be.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path

from search.errors import EngineBusy
from tests.engines.elastic.opening import opened, versioned

State = dict[str, str]  # article key -> version


def logger(path: Path) -> Callable[[object], None]:
    """Return what writes a line to a log so that it is there after a kill."""
    file = path.open("a", encoding="utf-8")

    def say(line: object) -> None:
        file.write(json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())

    return say


def write_until_killed(
    url: str, alias: str, log: Path, seed: int, pool: int, at_once: int, deletes: float
) -> None:
    """Write, replace and delete articles of a small pool, for ever."""
    random_ = random.Random(seed)
    say = logger(log)
    with opened(url, alias) as engine:
        for turn in range(100_000):
            keys = random_.sample([f"a{i}" for i in range(pool)], random_.randint(1, at_once))
            if random_.random() < deletes:
                say({"delete": keys})
                engine.delete(keys)
            else:
                versions = {key: f"v{seed}t{turn}{key}" for key in keys}
                say({"write": versions})
                outcomes = engine.write([versioned(key, v) for key, v in versions.items()])
                assert all(outcome.is_stored for outcome in outcomes)
            say("acknowledged")


def write_beside_others(url: str, alias: str, log: Path, seed: int, turns: int) -> None:
    """Write overlapping articles beside others who do the same; wait where they are busy."""
    random_ = random.Random(seed)
    say = logger(log)
    with opened(url, alias) as engine:
        for turn in range(turns):
            keys = random_.sample([f"a{i}" for i in range(8)], random_.randint(1, 4))
            versions = {key: f"w{seed}t{turn}{key}" for key in keys}
            while True:
                say({"write": versions})
                try:
                    outcomes = engine.write([versioned(key, v) for key, v in versions.items()])
                except EngineBusy as error:
                    say({"busy": str(error)})
                    continue
                assert all(outcome.is_stored for outcome in outcomes)
                say("acknowledged")
                break
        say("done")


def after(state: State, call: dict[str, object]) -> State:
    """Return the state a call makes of another."""
    if "write" in call:
        return {**state, **call["write"]}  # type: ignore[dict-item]
    return {key: v for key, v in state.items() if key not in call["delete"]}  # type: ignore[operator]


def possible(log: Path) -> list[State]:
    """Return the states the log allows: without the call that was cut short, and with it."""
    state: State = {}
    pending: dict[str, object] | None = None
    for entry in entries(log):
        if entry == "acknowledged":
            assert pending is not None
            state, pending = after(state, pending), None
        elif isinstance(entry, dict) and "settled" in entry:
            state, pending = entry["settled"], None
        elif isinstance(entry, dict):
            pending = entry
    return [state] if pending is None else [state, after(state, pending)]


def entries(log: Path) -> list[object]:
    """Return the log's entries, but for a last one that the kill cut."""
    found: list[object] = []
    for line in log.read_text("utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            break
    return found
