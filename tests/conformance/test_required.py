"""A missing engine is a failure where it is required, and a visible skip elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import servers
from tests.conformance import engines
from tests.conformance.corpus import FINGERPRINT
from tests.servers import Unavailable
from tests.support import REPOSITORY


def test_every_required_engine_is_in_the_list() -> None:
    assert set(engines.required()) <= set(engines.ENGINES)


def test_required_and_unknown_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REQUIRE_ENGINES", "nowhere")
    assert "nowhere" in engines.names()
    with pytest.raises(pytest.fail.Exception, match="nowhere"):
        engines.opened("nowhere", tmp_path, FINGERPRINT).__enter__()


def test_required_and_not_startable_fails_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUIRE_ENGINES", "embedded, never")
    monkeypatch.setattr(servers, "_used", {})
    with pytest.raises(
        pytest.fail.Exception, match=r"never is required.*: needs a server"
    ) as raised:
        engines.absent("never", Unavailable("needs a server\nand a log of it"))
    assert not raised.value.pytrace
    assert "log" not in str(raised.value)


def test_not_required_and_not_startable_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUIRE_ENGINES", raising=False)
    monkeypatch.setattr(servers, "_used", {})
    with pytest.raises(pytest.skip.Exception, match="needs a server"):
        engines.absent("never", Unavailable("needs a server"))


@pytest.mark.slow
@pytest.mark.parametrize("required", ["", "elasticsearch"])
def test_a_missing_server_is_one_outcome_in_one_line(required: str, tmp_path: Path) -> None:
    """Whatever its tests do: in a test, in fixtures of any scope, with something to undo."""
    environment = {
        **os.environ,
        "REQUIRE_ENGINES": required,
        "ELASTICSEARCH_URL": "http://127.0.0.1:1",
        "ELASTICSEARCH_HOME": str(tmp_path),
    }
    tests = [
        "tests/conformance/test_bounds.py", "tests/congruence/test_sparse.py",
        "tests/engines/elastic/test_mappings.py", "tests/engines/elastic/test_cluster.py",
        "tests/indexer/test_watch_elastic.py", "tests/load", "tests/archive",
    ]  # fmt: skip
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "elastic or congruence"]  # fmt: skip
    done = subprocess.run(
        [*command, *tests], cwd=REPOSITORY, env=environment, capture_output=True, text=True
    )
    summary = done.stdout.splitlines()[-1]
    missed = ("failed", "error") if required else ("skipped",)  # in a fixture it is an "error"
    outcomes = {name for name in ("passed", "failed", "error", "skipped") if name in summary}
    assert outcomes == set(missed), done.stdout[-5000:]
    assert len(done.stdout.splitlines()) < 500
