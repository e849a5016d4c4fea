"""How many of our modules one warm search over HTTP runs: docs/ARCHITECTURE.md draws their order."""

from __future__ import annotations

import threading
from types import FrameType

import pytest

from search.ranking.searcher import Searcher
from tests.api.support import client
from tests.support import REPOSITORY

# 14 are of the embedded engine, which verifies what it reads; 4 let a request in and count it.
MOST = 46


def test_a_search_runs_few_modules(searcher: Searcher, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: set[str] = set()
    ours = tuple(f"{REPOSITORY / package}/" for package in ("api", "search", "indexer"))

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(ours):
            ran.add(frame.f_code.co_filename)

    threading.setprofile(note)  # of the threads that the server starts
    try:
        with client(searcher) as http:
            for _ in range(3):
                ran.clear()
                assert http.get(
                    "/v1/search", params={"q": "\u0627\u0644\u0623\u0645\u0646 في بغداد"}
                ).json()["hits"]
            last = set(ran)
    finally:
        threading.setprofile(None)
    assert len(last) <= MOST, sorted(name.removeprefix(f"{REPOSITORY}/") for name in last)
    assert any(name.endswith("search/ranking/searcher.py") for name in last)
