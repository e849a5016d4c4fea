"""Servers start, die and fail as tests ask them to, and leave nothing behind."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError

import pytest

from tests import servers
from tests.servers import (
    Node,
    Unavailable,
    asking,
    distribution,
    dockerd,
    elasticsearch,
    images,
)
from tests.servers.distribution import Distribution
from tests.servers.proxy import Proxy
from tests.support import REPOSITORY

# --- The proxy ------------------------------------------------------------------------------


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was sent, in chunks where the path asks for that."""

    protocol_version = "HTTP/1.1"
    heard: list[str]

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length) or b"0123456789"
        self.heard.append(f"{self.command} {self.path}")
        self.send_response(200)
        if self.path.startswith("/chunked"):
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for part in (body[:4], body[4:]):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body if self.command != "HEAD" else b"")

    do_POST = do_GET  # noqa: N815
    do_HEAD = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(Echo, "heard", lines, raising=False)
    return lines


@pytest.fixture
def proxy(heard: list[str]) -> Iterator[Proxy]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as upstream:
        thread = threading.Thread(target=upstream.serve_forever, args=(0.02,))
        thread.start()
        try:
            with Proxy(f"http://127.0.0.1:{upstream.server_address[1]}") as proxy:
                yield proxy
        finally:
            upstream.shutdown()
            thread.join()


@pytest.fixture
def client(proxy: Proxy) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(proxy.url.removeprefix("http://"), timeout=10)
    yield connection
    connection.close()


def send(
    client: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None
) -> tuple[int, bytes]:
    client.request(method, path, body)
    answer = client.getresponse()
    return answer.status, answer.read()


def test_forwards_over_one_connection(
    proxy: Proxy, client: http.client.HTTPConnection, heard: list[str]
) -> None:
    client.connect()
    local = client.sock.getsockname()
    for path in ("/plain?x=1", "/chunked"):
        for body in (b"hello there", b"x" * 300_000):
            assert send(client, "POST", path, body) == (200, body)
        assert send(client, "HEAD", path.replace("chunked", "plain")) == (200, b"")
    assert client.sock.getsockname() == local
    assert heard == proxy.requests
    assert proxy.counts["POST /plain"] == 2
    assert proxy.count(r"POST ") == 4


def test_fails_as_often_as_told(
    proxy: Proxy, client: http.client.HTTPConnection, heard: list[str]
) -> None:
    proxy.fail(r"POST /.*_bulk", status=429, times=2, retry_after=7)
    assert send(client, "GET", "/x/_search")[0] == 200
    client.request("POST", "/x/_bulk?refresh=true", b"{}")
    answer = client.getresponse()
    answer.read()
    assert (answer.status, answer.headers["Retry-After"]) == (429, "7")
    assert send(client, "POST", "/_bulk")[0] == 429
    assert send(client, "POST", "/_bulk")[0] == 200
    assert heard == ["GET /x/_search", "POST /_bulk"]
    assert proxy.count(r"POST /.*_bulk") == 3


@pytest.mark.parametrize("path", ["/plain", "/chunked"])
def test_cuts_the_answer_after_the_upstream_worked(
    proxy: Proxy, client: http.client.HTTPConnection, heard: list[str], path: str
) -> None:
    proxy.cut_answer(r"GET ", after=6)
    with pytest.raises(http.client.IncompleteRead):
        send(client, "GET", path)
    assert heard == [f"GET {path}"]
    client.close()
    assert send(client, "GET", path) == (200, b"0123456789")


def test_cuts_the_request_before_the_upstream(
    proxy: Proxy, client: http.client.HTTPConnection, heard: list[str]
) -> None:
    proxy.cut_request(r"GET ")
    with pytest.raises(http.client.RemoteDisconnected):
        send(client, "GET", "/")
    assert heard == []
    assert send(client, "GET", "/")[0] == 200


def test_delays_and_forgets_its_rules(proxy: Proxy, client: http.client.HTTPConnection) -> None:
    proxy.delay(r"GET /slow", 0.3)
    begun = time.monotonic()
    assert send(client, "GET", "/slow")[0] == 200
    assert time.monotonic() - begun >= 0.3
    proxy.clear()
    begun = time.monotonic()
    assert send(client, "GET", "/slow")[0] == 200
    assert time.monotonic() - begun < 0.3


def test_refuses_and_accepts_at_the_same_port(
    proxy: Proxy, client: http.client.HTTPConnection
) -> None:
    url = proxy.url
    assert send(client, "GET", "/")[0] == 200
    proxy.refuse()
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        send(client, "GET", "/")  # the open connection was cut
    client.close()
    with pytest.raises(ConnectionRefusedError):
        send(client, "GET", "/")
    client.close()
    proxy.accept()
    assert send(client, "GET", "/")[0] == 200
    assert proxy.url == url


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
def test_kill_restart_pause_and_stop(found: Distribution) -> None:
    with Node(found, heap="512m") as node:
        assert node.ask("/")["version"]["number"] == found.version
        url = node.url
        node.ask("/kept/_doc/1", "PUT", {"a": 1})
        node.kill()
        assert not node.running
        node.restart()
        assert node.url == url
        assert node.ask("/kept/_doc/1")["_source"] == {"a": 1}
        node.pause()
        with pytest.raises(OSError, match="timed out"):
            node.ask("/", timeout=1)
        node.resume()
        assert node.ask("/")["version"]["number"] == found.version
        before = time.monotonic()
        node.terminate()
        assert time.monotonic() - before < 20, "SIGTERM was not heeded"
        node.start()
        pid, folder = node.pid, node.folder
    assert gone(pid, folder, 1)


@pytest.mark.slow
@pytest.mark.parametrize("frozen", [False, True])
def test_nothing_outlives_a_killed_parent(found: Distribution, frozen: bool) -> None:
    program = (
        "import time; from tests.servers import Node; from tests.servers.distribution import find\n"
        "node = Node(find(), heap='512m'); node.start()\n"
        f"node.pause() if {frozen} else None\n"
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
def test_security_asks_for_the_password_over_tls(found: Distribution) -> None:
    with Node(found, heap="512m", password="a-secret", tls=True) as node:
        assert node.certificates is not None
        assert node.ask("/_security/_authenticate")["username"] == "elastic"
        authority = node.certificates.authority
        with pytest.raises(HTTPError, match="401"):
            asking.ask(node.url, authority=authority)
        with pytest.raises(HTTPError, match="401"):
            asking.ask(node.url.replace("://", "://elastic:wrong@"), authority=authority)
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            asking.ask(node.url)


@pytest.mark.slow
def test_the_command_sees_the_server_and_its_status_is_kept(found: Distribution) -> None:
    shell = 'printf "%s %s" "$FIHRIS_ELASTICSEARCH_URL" "$FIHRIS_ELASTICSEARCH_REPLICAS"; exit 3'
    command = [sys.executable, "-m", "tests.servers", "sh", "-c", shell]
    environment = {k: v for k, v in os.environ.items() if k != "ELASTICSEARCH_URL"}
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3, done.stderr
    url, replicas = done.stdout.split()
    assert url.startswith("http://")
    assert replicas == "0"
    assert done.stderr.startswith("Elasticsearch ")
