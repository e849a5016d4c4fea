"""A missing engine is a failure where it is required, and a visible skip elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from search.engine import Engine, Fingerprint
from tests.conformance import engines
from tests.conformance.corpus import FINGERPRINT


@contextmanager
def _never(folder: Path, fingerprint: Fingerprint) -> Iterator[Engine]:
    if folder.exists():
        raise engines.Unavailable("needs a server")
    yield  # type: ignore[misc]  # never reached


def test_every_required_engine_is_in_the_list() -> None:
    assert set(engines.required()) <= set(engines.ENGINES)


def test_required_and_unknown_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REQUIRE_ENGINES", "nowhere")
    assert "nowhere" in engines.names()
    with pytest.raises(pytest.fail.Exception, match="nowhere"):
        engines.opened("nowhere", tmp_path, FINGERPRINT).__enter__()


def test_required_and_not_startable_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(engines.ENGINES, "never", _never)
    monkeypatch.setenv("REQUIRE_ENGINES", "embedded, never")
    with pytest.raises(pytest.fail.Exception, match="needs a server"):
        engines.opened("never", tmp_path, FINGERPRINT).__enter__()


def test_not_required_and_not_startable_is_skipped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(engines.ENGINES, "never", _never)
    monkeypatch.delenv("REQUIRE_ENGINES", raising=False)
    with pytest.raises(pytest.skip.Exception, match="needs a server"):
        engines.opened("never", tmp_path, FINGERPRINT).__enter__()
