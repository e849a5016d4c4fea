"""Servers start, die and fail as tests ask them to, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from tests import servers
from tests.servers import Unavailable, distribution, dockerd, elasticsearch, images
from tests.servers.distribution import Distribution
from tests.support import REPOSITORY

# --- Which server ---------------------------------------------------------------------------


@pytest.fixture
def nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every way to a server that a test did not set up fail it."""
    for name in ("ELASTICSEARCH_URL", "ELASTICSEARCH_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("docker_answers", "from_maven"):
        monkeypatch.setattr(servers, name, lambda name=name: pytest.fail(f"{name} was asked"))


def test_a_named_url_is_used_as_it_is(
    nothing_else: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ELASTICSEARCH_HOME", str(tmp_path))
    monkeypatch.setenv("ELASTICSEARCH_URL", "http://127.0.0.1:1,http://127.0.0.1:2")
    asked: list[str] = []

    def version_of(url: str) -> str:
        asked.append(url)
        return "9.9.9"

    monkeypatch.setattr(servers, "version_of", version_of)
    with elasticsearch() as server:
        assert server.url == "http://127.0.0.1:1,http://127.0.0.1:2"
        assert (server.version, server.origin) == ("9.9.9", "ELASTICSEARCH_URL")
    assert asked == ["http://127.0.0.1:1"]


def test_a_named_url_that_does_not_answer_is_said(
    nothing_else: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELASTICSEARCH_URL", "http://me:secret@127.0.0.1:1")
    with pytest.raises(Unavailable, match=r"ELASTICSEARCH_URL names, 127\.0\.0\.1:1") as raised:
        elasticsearch().__enter__()
    assert "secret" not in str(raised.value)


def test_a_home_without_elasticsearch_is_said(
    nothing_else: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ELASTICSEARCH_HOME", str(tmp_path / "absent"))
    with pytest.raises(Unavailable, match=r"ELASTICSEARCH_HOME=.*absent.*bin/elasticsearch"):
        elasticsearch().__enter__()


def test_old_java_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distribution, "java_version", lambda home: 17)
    with pytest.raises(Unavailable, match=r"needs Java 21 or newer.*"):
        distribution.find_java()


def test_a_failure_is_remembered(monkeypatch: pytest.MonkeyPatch, nothing_else: None) -> None:
    monkeypatch.setattr(servers, "_outcome", None)
    monkeypatch.setattr(servers, "docker_answers", lambda: False)
    tries: list[int] = []

    def fail() -> Distribution:
        tries.append(1)
        raise Unavailable("no Maven")

    monkeypatch.setattr(servers, "from_maven", fail)
    for _ in range(2):
        with pytest.raises(Unavailable, match="no Maven"):
            servers.shared()
    assert len(tries) == 1


# --- Docker ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (
            "sources.list",
            "# deb http://old/debian\ndeb [signed-by=/k] http://near/debian trixie main",
        ),
        ("sources.list.d/debian.sources", "Types: deb\nURIs: http://near/debian\nSuites: trixie"),
    ],
)
def test_debian_comes_from_where_apt_takes_it(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "browser.sources").write_text("URIs: http://far/browser")
    with pytest.raises(Unavailable, match="names no mirror"):
        images.mirror(tmp_path)
    (tmp_path / file).write_text(text)
    assert images.mirror(tmp_path) == "http://near/debian"


def test_without_an_engine_one_line_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dockerd, "answers", lambda environment: False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Unavailable, match="no Docker engine answers, and only root can"):
        dockerd.docker_engine().__enter__()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(dockerd, "NEEDED", ("no-such-program",))
    with pytest.raises(Unavailable, match="none can start without no-such-program"):
        dockerd.docker_engine().__enter__()


def test_elasticsearch_of_three_nodes_wants_fewer_files(tmp_path: Path) -> None:
    name = "org/elasticsearch/bootstrap/BootstrapChecks$FileDescriptorCheck.class"
    with zipfile.ZipFile(tmp_path / "old.jar", "w") as jar:
        jar.writestr(name, b"before\x03\x00\x00\xff\xffafter")
        jar.writestr("other", b"kept")
    with (tmp_path / "new.jar").open("wb") as changed:
        images.with_fewer_files(tmp_path / "old.jar", changed)
    with zipfile.ZipFile(tmp_path / "new.jar") as jar:
        assert jar.read(name) == b"before\x03\x00\x00\x10\x00after"
        assert jar.read("other") == b"kept"


# --- Real servers ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found() -> Distribution:
    """Return what servers are started from."""
    return distribution.find()


def gone(pid: int, folder: Path, seconds: float = 10.0) -> bool:
    """Wait until a server's process and folder are gone; return whether they are."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not Path(f"/proc/{pid}").exists() and not folder.exists():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.slow
def test_nothing_outlives_a_killed_parent(found: Distribution) -> None:
    """Not even a server that is frozen, which heeds no signal but one."""
    program = (
        "import os, signal, time; from tests.servers import Node\n"
        "from tests.servers.distribution import find\n"
        "node = Node(find(), heap='512m'); node.start(); os.kill(node.pid, signal.SIGSTOP)\n"
        "print(node.pid, node.folder, flush=True); time.sleep(300)"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as parent:
        assert parent.stdout is not None
        try:
            pid, folder = parent.stdout.readline().split()
            assert Path(f"/proc/{pid}").exists()
        finally:
            parent.send_signal(signal.SIGKILL)
    assert gone(int(pid), Path(folder))


@pytest.mark.slow
def test_the_command_sees_the_server_and_its_status_is_kept() -> None:
    shell = 'printf "%s %s" "$FIHRIS_ELASTICSEARCH_URL" "$FIHRIS_ELASTICSEARCH_REPLICAS"; exit 3'
    url = servers.shared().url
    done = subprocess.run(
        [sys.executable, "-m", "tests.servers", "sh", "-c", shell],
        cwd=REPOSITORY,
        env={**os.environ, "ELASTICSEARCH_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert done.stdout == f"{url} 0"
    assert done.stderr.startswith("Elasticsearch ")
