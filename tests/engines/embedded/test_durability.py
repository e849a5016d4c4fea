"""A writer killed at any moment: what was acknowledged is there, whole; the rest is whole or absent.

A child writes, replaces and deletes, and logs each call before it and each
acknowledgement after it, with fsync. It is killed by SIGKILL at a random
moment, again and again over the same folder; after each death the index is
opened and compared with the log.
"""

from __future__ import annotations

import json
import os
import random
import time
from pathlib import Path

import pytest

from search.clauses import Everything, Term
from search.domain import IndexedArticle
from search.engine import RankRequest
from search.engines.embedded.engine import EmbeddedEngine
from tests.conformance.corpus import EMBEDDER, FINGERPRINT, found, indexed, passages_of
from tests.engines.embedded.opening import opened, processes

KILLS = 36
POOL = 12  # article ids: small, so that most writes replace and most deletes hit

State = dict[str, str]  # article key -> version


def _article(key: str, version: str) -> IndexedArticle:
    """Return an article every paragraph of which names its version."""
    paragraphs = 1 + sum(map(ord, version)) % 5
    return indexed(key, *(f"{version} كلمة{i}. جملة {version}" for i in range(paragraphs)))


def _write_until_killed(folder: Path, log: Path, seed: int) -> None:
    random_ = random.Random(seed)
    engine = EmbeddedEngine(folder, FINGERPRINT)
    with log.open("a", encoding="utf-8") as file:

        def say(line: object) -> None:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())

        for turn in range(100_000):
            ids = random_.sample([f"a{i}" for i in range(POOL)], random_.randint(1, 5))
            if random_.random() < 0.25:
                say({"delete": ids})
                engine.delete(ids)
            else:
                versions = {key: f"v{seed}t{turn}{key}" for key in ids}
                say({"write": versions})
                outcomes = engine.write([_article(key, v) for key, v in versions.items()])
                assert all(outcome.status == "written" for outcome in outcomes)
            say("acknowledged")
            if random_.random() < 0.1:
                engine.rank(RankRequest(Everything(), EMBEDDER.embed_query("x")))
            if random_.random() < 0.05:
                engine.close()
                engine = EmbeddedEngine(folder, FINGERPRINT)


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


def _stored(engine: EmbeddedEngine) -> State:
    """Return what the index holds, having checked that each article is whole everywhere."""
    state = {}
    for key in engine.article_ids("", 1000):
        stored = engine.article(key)
        assert stored is not None
        version = stored.article.text.split(" ", 1)[0]
        expected = _article(key, version)
        assert stored.article == expected.article
        assert stored.passages == tuple(p.passage for p in expected.passages)
        assert found(engine, Term("stem", version)) == sorted(passages_of([expected]))
        state[key] = version
    passages = passages_of(_article(key, version) for key, version in state.items())
    assert set(found(engine, Everything(), limit=1000)) == set(passages)
    request = RankRequest(vector=EMBEDDER.embed_query("كلمة0"), limit=1000)
    assert {hit.passage_id for hit in engine.rank(request).vector} == set(passages)
    status = engine.status()
    assert status.sentences == sum(len(p.sentences) for p in passages.values())
    return state


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_and_nothing_is_half_there(tmp_path: Path) -> None:
    folder, log = tmp_path / "index", tmp_path / "log"
    log.touch()
    random_ = random.Random(20261122)
    context = processes()
    calls_seen = 0
    for kill in range(KILLS):
        acknowledged = random_.randint(1, 8)  # calls, some of which begin or end a text index
        child = context.Process(target=_write_until_killed, args=(folder, log, kill))  # type: ignore[attr-defined]
        child.start()
        deadline = time.monotonic() + 30
        while child.is_alive() and time.monotonic() < deadline:
            if log.read_text("utf-8").count("acknowledged") >= acknowledged:
                break
            time.sleep(0.002)
        time.sleep(random_.uniform(0, 0.05))
        assert child.is_alive(), "the writer ended by itself"
        child.kill()
        child.join()
        possible = _possible(log)
        with opened(folder) as engine:
            state = _stored(engine)
        assert state in possible, f"kill {kill}"
        calls_seen += log.read_text("utf-8").count("acknowledged")
        log.write_text(json.dumps({"settled": state}) + "\n", "utf-8")
    assert calls_seen > KILLS, "too few calls were acknowledged for this to prove anything"
