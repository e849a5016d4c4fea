"""The server answers from the first moment, says why it cannot search, and tries again."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import cast

import pytest
from fastapi.testclient import TestClient

import search.assembly
from api.app import create_app
from api.problems import Refused
from api.readiness import Readiness
from search.errors import (
    EngineUnavailable,
    FihrisError,
    FingerprintMismatch,
    RecordCorrupt,
    RecordLost,
)
from search.query.synonyms import SynonymFile
from search.ranking.searcher import Searcher
from search.settings import Settings
from tests.api.support import ToldSearcher, client
from tests.support import until


def ready(readiness: Readiness) -> bool:
    try:
        return readiness.searcher() is not None
    except FihrisError:
        return False


def test_live_answers_and_ready_waits_while_the_index_opens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told, release = ToldSearcher(), threading.Event()

    def opened(settings: Settings) -> Searcher:
        assert release.wait(20)
        return cast("Searcher", told)

    monkeypatch.setattr(search.assembly, "open_searcher", opened)
    with TestClient(create_app(settings=Settings()), base_url="http://localhost") as http:
        assert http.get("/live").json() == {"status": "live"}
        for path in ("/ready", "/v1/search?q=a", "/v1/status"):
            answer = http.get(path)
            assert (answer.status_code, answer.json()["type"]) == (503, "/problems/not-ready")
            assert answer.headers["retry-after"] == "2"
        assert http.get("/v1/analyze?text=a").status_code == 200  # needs no index
        assert http.get("/").status_code == 200
        release.set()
        until(lambda: http.get("/ready").status_code == 200)
        assert http.get("/ready").json() == {"status": "ready", "degraded": []}
        assert http.get("/v1/search?q=a").status_code == 200
        assert told.closed == 0
    assert told.closed == 1  # what the server opened it closes


def test_a_searcher_that_was_given_stays_its_owners() -> None:
    told = ToldSearcher()
    with client(told) as http:
        assert http.get("/ready").status_code == 200
    assert told.closed == 0


def test_what_is_degraded_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.query.synonyms._LOOKED_AT", 0.0)
    file = tmp_path / "synonyms.txt"
    file.write_text("نفط, خام", encoding="utf-8")
    told = ToldSearcher()
    told.embedder = cast("object", None)
    told.synonyms = SynonymFile(file)
    with client(told) as http:
        assert http.get("/ready").json() == {"status": "ready", "degraded": ["semantic"]}
        file.write_text("نفط", encoding="utf-8")
        degraded = http.get("/ready").json()["degraded"]
    assert degraded == ["semantic", "synonyms"]


def test_an_index_that_is_lost_is_not_ready() -> None:
    with client(ToldSearcher(error=EngineUnavailable("gone"))) as http:
        answer = http.get("/ready")
        assert (answer.status_code, answer.json()["detail"]) == (503, "gone")
        assert http.get("/live").status_code == 200


@pytest.mark.parametrize(
    "kind", [EngineUnavailable, RecordLost, RecordCorrupt, FingerprintMismatch]
)
def test_what_an_engine_lost_while_it_is_open_is_told_whole_and_forgotten_when_it_is_back(
    kind: type[FihrisError],
) -> None:
    lost = "the index in /data is not what was acknowledged: " + "من هنا إلى هناك " * 50
    told = ToldSearcher()
    with client(told) as http:
        told.engine.error = kind(lost)
        for path in ("/ready", "/v1/search?q=a", "/v1/status", "/v1/articles/a"):
            answer = http.get(path)
            assert (answer.status_code, answer.json()["detail"]) == (503, lost)
            assert answer.headers["content-type"] == "application/problem+json"
        assert http.get("/live").status_code == 200
        told.engine.error = None
        assert http.get("/ready").status_code == 200
        assert http.get("/v1/search?q=a").status_code == 200


def test_a_failure_is_told_and_tried_again() -> None:
    told, tries = ToldSearcher(), 0

    def opened() -> Searcher:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise FingerprintMismatch("made by another model; run fihris reindex")
        return cast("Searcher", told)

    readiness = Readiness(opened, retry=(0.2, 0.01))
    with pytest.raises(Refused):
        readiness.searcher()
    readiness.start()
    until(lambda: tries == 1)
    time.sleep(0.02)
    with pytest.raises(FingerprintMismatch, match="fihris reindex"):
        readiness.searcher()
    until(lambda: ready(readiness))
    assert tries == 3
    readiness.stop()
    assert told.closed == 1


def test_a_fault_while_opening_is_unavailable_without_its_text() -> None:
    def opened() -> Searcher:
        raise ZeroDivisionError("secret")

    readiness = Readiness(opened, retry=(0.01,))
    readiness.start()
    until(lambda: readiness._failure is not None)
    with pytest.raises(EngineUnavailable, match="log says why") as raised:
        readiness.searcher()
    assert "secret" not in str(raised.value)
    readiness.stop()


def test_stopping_ends_the_tries() -> None:
    tries = 0

    def opened() -> Searcher:
        nonlocal tries
        tries += 1
        raise EngineUnavailable("no")

    readiness = Readiness(opened, retry=(60.0,))
    readiness.start()
    until(lambda: tries == 1)
    begun = time.monotonic()
    readiness.stop()
    assert time.monotonic() - begun < 30
    assert tries == 1
