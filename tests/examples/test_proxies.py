"""examples/nginx.conf and Caddyfile: the real programs, with TLS, before the real server."""

from __future__ import annotations

import http.client
import json
import os
import re
import select
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from search.keys import KeyFile
from tests.servers.certificates import Certificates, make_certificates
from tests.servers.node import free_ports
from tests.serving import started
from tests.support import REPOSITORY

pytestmark = pytest.mark.slow

EXAMPLES = REPOSITORY / "examples"
NAME = "search.example"
PATIENCE = 120.0  # seconds
FORGED = {"X-Forwarded-For": "198.51.100.7"}
NDJSON = {"Content-Type": "application/x-ndjson"}

NGINX = """daemon off;
master_process off;
pid {folder}/pid;
error_log stderr;
events {{}}
http {{
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  include {folder}/fihris.conf;
}}
"""


@dataclass(frozen=True, slots=True)
class Site:
    """Fihris behind a proxy, and where each is reached."""

    direct: int
    port: int
    trust: ssl.SSLContext
    keys: KeyFile
    forwards: bool  # whether the proxy is told by PROXY protocol who asks

    @contextmanager
    def connected(self, client: str = "") -> Iterator[http.client.HTTPConnection]:
        """Give a connection through the proxy, which is told that it comes from `client`."""
        plain = socket.create_connection(("127.0.0.1", self.port), 60)
        if self.forwards:
            plain.sendall(f"PROXY TCP4 {client or '127.0.0.1'} 127.0.0.1 1 2\r\n".encode())
        with self.trust.wrap_socket(plain, server_hostname=NAME) as secured:
            connection = http.client.HTTPConnection(NAME, timeout=60)
            connection.sock = secured
            yield connection

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        client: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, http.client.HTTPMessage, Any]:
        """Return what is answered through the proxy: status, headers, and the body's JSON."""
        with self.connected(client) as connection:
            connection.request(method, path, body, dict(headers or {}))
            return answer_of(connection)

    def straight(self, path: str, headers: Mapping[str, str]) -> int:
        """Return what Fihris answers without the proxy."""
        with closing(
            http.client.HTTPConnection("127.0.0.1", self.direct, timeout=60)
        ) as connection:
            connection.request("GET", path, headers=dict(headers))
            return answer_of(connection)[0]

    def key(self, name: str) -> Mapping[str, str]:
        _, secret = self.keys.create(name, ["search", "index"])
        return {"Authorization": f"Bearer {secret}"}


def answer_of(connection: http.client.HTTPConnection) -> tuple[int, http.client.HTTPMessage, Any]:
    answer = connection.getresponse()
    text = answer.read()
    kind = answer.headers.get("Content-Type", "")
    return answer.status, answer.headers, json.loads(text) if "json" in kind else text


def nginx(folder: Path, port: int, other: int, upstream: int, tls: Certificates) -> list[str]:
    """Write the example for these ports and this certificate; return the command.

    It listens for the PROXY protocol, so that a client on this machine can be any other.
    """
    text = (EXAMPLES / "nginx.conf").read_text("utf-8")
    text = re.sub(r".*listen \[::\].*\n", "", text)
    text = text.replace("listen 80;", f"listen 127.0.0.1:{other};")
    text = text.replace(
        "listen 443 ssl;",
        f"listen 127.0.0.1:{port} ssl proxy_protocol;\n"
        "set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol;",
    )
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{upstream}")
    text = re.sub(r"/etc/\S+fullchain.pem", str(tls.chain), text)
    text = re.sub(r"/etc/\S+privkey.pem", str(tls.key), text)
    (folder / "fihris.conf").write_text(text, "utf-8")
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder), "utf-8")
    return ["nginx", "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]


def caddy(folder: Path, port: int, other: int, upstream: int, tls: Certificates) -> list[str]:
    """Write the example for these ports and this certificate; return the command."""
    text = (EXAMPLES / "Caddyfile").read_text("utf-8")
    ports = f"{{\n\tadmin off\n\tdefault_bind 127.0.0.1\n\thttp_port {other}\n\thttps_port {port}\n"
    text = text.replace("{\n\tservers", f"{ports}\tservers", 1)
    text = text.replace(f"{NAME} {{\n", f"{NAME} {{\n\ttls {tls.chain} {tls.key}\n", 1)
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{upstream}")
    (folder / "Caddyfile").write_text(text, "utf-8")
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


PROXIES: Mapping[str, Callable[[Path, int, int, int, Certificates], list[str]]] = {
    "nginx": nginx,
    "caddy": caddy,
}


@pytest.fixture(scope="module", params=PROXIES)
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    program: str = request.param
    if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip(f"{program} is not installed (Debian: apt-get install {program})")
    folder = tmp_path_factory.mktemp(program)
    tls = make_certificates(folder / "tls", f"DNS:{NAME}")
    keys = KeyFile(folder / "keys.json")
    environment = {
        "FIHRIS_DATA": str(folder / "data"),
        "FIHRIS_KEYS": str(keys.path),
        "FIHRIS_HOSTS": NAME,
        "FIHRIS_TRUSTED_PROXIES": "127.0.0.1",
        "FIHRIS_KEY_RATE": "60",
        "FIHRIS_ADDRESS_RATE": "1",
    }
    port, other = free_ports(2)
    with started(environment) as (address, _):
        direct = int(address.rpartition(":")[2])
        command = PROXIES[program](folder, port, other, direct, tls)
        home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        path = {"PATH": f"{os.environ['PATH']}:/usr/sbin"}
        with subprocess.Popen(command, env={**os.environ, **home, **path}) as process:
            try:
                trust = ssl.create_default_context(cafile=str(tls.authority))
                # In 1.3 tickets come whenever they like: what can be read is no answer then.
                trust.maximum_version = ssl.TLSVersion.TLSv1_2
                made = Site(direct, port, trust, keys, program == "nginx")
                await_answer(made, process)
                yield made
            finally:
                process.terminate()
                process.wait(60)


def await_answer(site: Site, process: subprocess.Popen[bytes]) -> None:
    limit = time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None, "the proxy has ended"
        try:
            assert site.ask("GET", "/live")[2] == {"status": "live"}
            return
        except OSError:
            assert time.monotonic() < limit
            time.sleep(0.1)


@pytest.fixture(autouse=True)
def without_keys(site: Site) -> None:
    site.keys.path.unlink(missing_ok=True)


def test_a_page_a_file_and_a_search_go_through(site: Site) -> None:
    key = site.key("desk")
    status, headers, page = site.ask("GET", "/")
    assert (status, b"<title>" in page) == (200, True)
    assert headers["Strict-Transport-Security"] == "max-age=31536000"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    text = {**key, "Content-Type": "text/plain; charset=utf-8"}
    sent = site.ask(
        "POST", "/v1/articles?name=a.txt", "فتحت المكتبة أبوابها".encode(), headers=text
    )
    assert sent[0] == 201, sent
    status, headers, found = site.ask(
        "GET", "/v1/search?q=%D9%85%D9%83%D8%AA%D8%A8%D8%A9", headers=key
    )
    assert (status, found["hits"][0]["passage"]["text"]) == (200, "فتحت المكتبة أبوابها")
    assert headers["X-Request-ID"]


def test_a_bulk_stream_is_stored_while_it_is_sent(site: Site) -> None:
    """The first lines are found before the last is sent; the body is larger than proxies' defaults."""
    key = site.key("archive")
    reader = site.key("reader")

    def line(number: int) -> bytes:
        article = {"id": f"bulk-{number}", "text": f"نص المقال رقم {number}"}
        return json.dumps(article).encode() + b"\n"

    with site.connected() as connection:
        connection.putrequest("POST", "/v1/articles:bulk")
        for name, value in {**key, **NDJSON, "Transfer-Encoding": "chunked"}.items():
            connection.putheader(name, value)
        connection.endheaders()

        def send(part: bytes) -> None:
            connection.send(f"{len(part):x}\r\n".encode() + part + b"\r\n")

        send(b"x" * (3 << 20) + b"\n")  # fails alone
        send(b"".join(map(line, range(64))))
        sent, limit = 64, time.monotonic() + PATIENCE
        while site.ask("GET", "/v1/articles/bulk-0", headers=reader)[0] != 200:
            assert time.monotonic() < limit
            send(line(sent))  # a silent stream is given up
            sent += 1
            time.sleep(2)
        connection.send(b"0\r\n\r\n")
        answer = connection.getresponse()
        answers = [json.loads(each) for each in answer.read().splitlines()]
    assert answer.status == 200
    assert [each["status"] for each in answers] == ["failed", *["created"] * sent]


def test_a_body_that_is_too_large_is_refused_by_fihris_itself(site: Site) -> None:
    with site.connected() as connection:
        connection.putrequest("PUT", "/v1/articles/a")
        large = {**site.key("large"), "Content-Type": "application/json"}
        for name, value in {**large, "Content-Length": str(20 << 20)}.items():
            connection.putheader(name, value)
        connection.endheaders()
        # Caddy passes an early answer on with the next piece of the body.
        while not select.select([connection.sock], [], [], 0.02)[0]:
            connection.send(b" " * 1024)
        status, _, problem = answer_of(connection)
    assert (status, problem["type"]) == (413, "/problems/body-too-large")


def test_the_rule_for_this_machine_is_not_fooled_by_the_proxy(site: Site) -> None:
    """Without keys only this machine writes, and what a proxy passed on is not this machine's."""
    article, kind = b'{"text": "x"}', {"Content-Type": "application/json"}
    for forged in ({}, FORGED, {"X-Forwarded-For": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}):
        status, _, problem = site.ask("PUT", "/v1/articles/f", article, headers={**kind, **forged})
        assert (status, problem["type"]) == (403, "/problems/keys-needed"), forged
        assert site.ask("GET", "/v1/search?q=a", headers=forged)[0] == 200
    assert site.straight("/v1/articles/f", {}) == 404


def test_what_a_client_says_of_its_address_is_dropped(site: Site) -> None:
    """Each address without a key may ask once a minute; Fihris believes this machine's proxies."""
    path = "/v1/search?q=a"
    assert [site.straight(path, FORGED) for _ in range(2)] == [200, 429]
    assert [site.ask("GET", path, headers=FORGED)[0] for _ in range(3)] == [200] * 3
    if site.forwards:
        status = [site.ask("GET", path, client="203.0.113.5", headers=FORGED)[0] for _ in range(2)]
        assert status == [200, 429]
        assert site.ask("GET", path, client="203.0.113.6", headers=FORGED)[0] == 200


def test_what_fihris_refuses_goes_through_as_it_is(site: Site) -> None:
    key = site.key("busy")
    limit = time.monotonic() + PATIENCE
    while (refused := site.ask("GET", "/v1/status", headers=key))[0] == 200:
        assert time.monotonic() < limit
    status, headers, problem = refused
    assert (status, problem["type"]) == (429, "/problems/too-many-requests")
    assert int(headers["Retry-After"]) > 0
    site.keys.path.write_text("damaged", "utf-8")
    status, headers, problem = site.ask("GET", "/v1/status", headers=key)
    assert (status, problem["type"]) == (503, "/problems/misconfigured")
    assert headers["Content-Type"] == "application/problem+json"


def test_another_name_is_refused(site: Site) -> None:
    status, _, answer = site.ask("GET", "/v1/status", headers={"Host": "evil.example"})
    # Caddy answers names that it does not know by itself, with nothing.
    assert (status, answer) == (200, b"") or status == 421, answer
