"""What saved searches tell: webhooks that are signed, tried again and led nowhere, and feeds."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import json
import signal
import socket
import sqlite3
import ssl
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from indexer.ingestion.pipeline import index
from indexer.sources import Found
from search.assembly import fingerprint_of
from search.domain import Query
from search.engines import open_engine
from search.errors import InputError
from search.ranking.searcher import Searcher
from search.saved import delivery, open_alerts, webhook
from search.saved.delivery import Deliverer
from search.saved.domain import SavedMatch
from search.saved.feed import atom
from search.saved.manager import SavedSearches
from search.saved.webhook import check_webhook, is_public
from search.settings import Settings
from tests.servers.certificates import Certificates, make_certificates
from tests.serving import started
from tests.support import HashingEmbedder, article, until

SECRET = "a secret of enough letters"
EMBEDDER = HashingEmbedder()
ATOM = "{http://www.w3.org/2005/Atom}"


class Hook(HTTPServer):
    """Keeps what is posted; answers with `statuses` in turn, 200 when they are used up."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.statuses: list[int] = []
        self.answering = threading.Event()  # nothing is answered before
        self.answering.set()
        self.posted: list[tuple[dict[str, str], bytes]] = []
        self.address = f"http://127.0.0.1:{self.server_port}/hook?key=1"


class _Handler(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posted.append(({k.lower(): v for k, v in self.headers.items()}, body))
        self.server.answering.wait(60)
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        self.send_response(status)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as served:
        threading.Thread(target=served.serve_forever, args=(0.05,), daemon=True).start()
        yield served
        served.shutdown()


class Secure(Hook):
    """A hook with a certificate for 127.0.0.1."""

    def __init__(self, certificates: Certificates) -> None:
        super().__init__()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.chain, certificates.key)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def handle_error(self, *_: object) -> None:
        pass


@pytest.fixture
def saved(tmp_path: Path) -> Iterator[SavedSearches]:
    settings = Settings(data=tmp_path, webhook_private=True)
    engine = open_engine(settings, fingerprint_of(EMBEDDER, settings))
    with closing(engine), SavedSearches(Searcher(engine, EMBEDDER), settings) as searches:
        yield searches


def write(saved: SavedSearches, *texts: str) -> None:
    found = [Found(article(text, text, title="<عنوان> & \x0b"), text, 0) for text in texts]
    assert index(found, saved.engine, EMBEDDER, saved.settings).written == len(texts)  # type: ignore[arg-type]


def deliverer(saved: SavedSearches, **changes: Any) -> Deliverer:
    return Deliverer(saved.store, saved.engine, saved.settings.model_copy(update=changes))


def test_each_match_is_posted_until_it_is_taken_under_one_id_and_signed(
    saved: SavedSearches, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "FIRST_WAIT", 0.0)
    search = saved.add("اسم", Query("بغداد", mode="keyword"), webhook=hook.address, secret=SECRET)
    write(saved, "بغداد", "عن بغداد")
    hook.statuses = [500, 307]
    mine = deliverer(saved)
    for status in (500, 307):
        assert mine.deliver().failures == {"اسم": f"127.0.0.1 answered {status}"}
    done = mine.deliver()
    assert (done.taken, done.failures) == (2, {})
    assert deliverer(saved).deliver().taken == 0
    heads, bodies = [head for head, _ in hook.posted], [body for _, body in hook.posted]
    ids = [match.match.id for match in saved.matches(search.id).matches]
    assert [head["webhook-id"] for head in heads[:3]] == [heads[0]["webhook-id"]] * 3
    assert sorted({head["webhook-id"] for head in heads}) == sorted(ids)
    for head, body in hook.posted:
        signed = f"{head['webhook-id']}.{head['webhook-timestamp']}.".encode() + body
        digest = hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()
        assert head["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
    told = json.loads(bodies[-1])
    assert (told["saved"], told["by"]) == ({"id": search.id, "name": "اسم", "q": "بغداد"}, "words")
    assert told["passage"]["id"] == f"{told['article']['id']}#0"


def test_over_tls_only_a_certificate_of_a_known_authority_and_of_the_host_is_taken(
    saved: SavedSearches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "FIRST_WAIT", 0.0)
    certificates = make_certificates(tmp_path / "certificates")
    looked_up = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda _, *rest, **more: looked_up("127.0.0.1", *rest, **more)
    )
    with Secure(certificates) as hook:
        threading.Thread(target=hook.serve_forever, args=(0.05,), daemon=True).start()
        query = Query("بغداد", mode="keyword")
        for name in ("127.0.0.1", "another.example"):
            address = f"https://{name}:{hook.server_port}/hook"
            saved.add(name, query, webhook=address, secret=SECRET)
        write(saved, "بغداد")
        mine = deliverer(saved)
        failures = mine.deliver().failures
        assert all("SSLCertVerificationError" in reason for reason in failures.values())
        assert (set(failures), hook.posted) == ({"127.0.0.1", "another.example"}, [])
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
        done = mine.deliver()
        assert (done.taken, set(done.failures)) == (1, {"another.example"})
        ((head, body),) = hook.posted
        assert json.loads(body)["id"] == head["webhook-id"]
        hook.shutdown()


def test_a_server_killed_while_it_posts_posts_the_match_again_under_its_id(
    hook: Hook, tmp_path: Path
) -> None:
    environment = {"FIHRIS_DATA": str(tmp_path / "index"), "FIHRIS_WEBHOOK_PRIVATE": "true"}
    hook.answering.clear()
    with started(environment) as (url, process):
        body = {"q": "بغداد", "mode": "keyword", "webhook": hook.address, "secret": SECRET}
        ask(f"{url}/v1/saved", "POST", body)
        ask(f"{url}/v1/articles/a", "PUT", {"text": "بغداد"})
        until(lambda: len(hook.posted) == 1)
        process.kill()
    hook.answering.set()
    store = tmp_path / "index" / "saved.sqlite"
    with closing(sqlite3.connect(store)) as table, table:
        table.execute("UPDATE state SET until = 0 WHERE name = 'lease'")  # as after a minute
    with started(environment) as (url, process):
        ask(f"{url}/v1/articles/a", "PUT", {"text": "بغداد"})
        until(lambda: len(hook.posted) == 2)
        (search,) = ask(f"{url}/v1/saved", "GET")["saved"]
        (match,) = ask(f"{url}/v1/saved/{search['id']}/matches", "GET")["matches"]
        with closing(sqlite3.connect(store)) as table:
            taken = "SELECT count(*), sum(delivered) FROM matches"
            until(lambda: table.execute(taken).fetchone() == (1, 1))
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert search["kept"] == 1
    assert {head["webhook-id"] for head, _ in hook.posted} == {match["id"]}


def ask(url: str, method: str, body: object = None) -> Any:
    content = None if body is None else json.dumps(body).encode()
    head = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, content, head, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def test_nothing_is_led_inside_a_private_network(
    saved: SavedSearches, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("127.0.0.1", "hook.example"):
        address = f"http://{name}:{hook.server_port}/"
        saved.add(name, Query("بغداد", mode="keyword"), webhook=address, secret=SECRET)
    public = ("93.184.216.34", hook.server_port)
    inside = ("127.0.0.1", hook.server_port)
    asked = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", each) for each in (public, inside)]
    looked_up = socket.getaddrinfo

    def named(host: str, *args: Any, **kwargs: Any) -> Any:
        return asked if host == "hook.example" else looked_up(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", named)
    write(saved, "بغداد")
    done = deliverer(saved, webhook_private=False).deliver()
    assert (done.taken, hook.posted, set(done.failures)) == (0, [], {"127.0.0.1", "hook.example"})
    assert all("private address" in reason for reason in done.failures.values())


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("8.8.8.8", True), ("2606:4700::1", True), ("10.0.0.1", False), ("169.254.169.254", False),
        ("100.64.0.1", False), ("224.0.0.1", False), ("0.0.0.0", False), ("::1", False),
        ("fe80::1", False), ("fc00::1", False), ("::ffff:127.0.0.1", False),
        ("64:ff9b::7f00:1", False), ("2002:7f00:1::", False),
    ],
)  # fmt: skip
def test_which_addresses_are_anybodys(address: str, expected: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is expected


@pytest.mark.parametrize(
    "address",
    [
        "ftp://example.org/", "example.org", "http://", "http://a b/", "http://user:pw@example.org/",
        "http://[::1", "https://127.0.0.1/", "http://x\n.org/", "https://example.org/" + "x" * 2_048,
    ],
)  # fmt: skip
def test_what_is_no_webhook_is_said(address: str) -> None:
    with pytest.raises(InputError) as refused:
        check_webhook(address, private=False)
    assert refused.value.field == "webhook"


def test_without_a_secret_nothing_is_posted(saved: SavedSearches, hook: Hook) -> None:
    query = Query("بغداد", mode="keyword")
    for secret in ("", "short"):
        with pytest.raises(InputError) as refused:
            saved.add("", query, webhook=hook.address, secret=secret)
        assert refused.value.field == "secret"
    assert SECRET not in repr(saved.add("", query, webhook=hook.address, secret=SECRET))


def test_one_process_delivers_and_what_was_never_written_is_not_told(
    saved: SavedSearches, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = saved.add("", Query("بغداد", mode="keyword"), webhook=hook.address, secret=SECRET)
    write(saved, "بغداد")
    lost = SavedMatch("lost", search.id, "none", 0, "", "words", None, 1)
    saved.store.record([lost])
    other = deliverer(saved)
    assert saved.store.lease(other._owner, 60)
    assert deliverer(saved).deliver().taken == 0
    assert other.deliver().taken == 1
    assert len(hook.posted) == 1
    assert saved.list()[0][1].kept == 1  # a day old, and still not in the index: dropped


def test_a_slow_answer_is_given_up(saved: SavedSearches, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        saved.add("slow", Query("بغداد", mode="keyword"), webhook=address, secret=SECRET)
        write(saved, "بغداد")
        assert "cannot be reached" in deliverer(saved).deliver().failures["slow"]


def test_a_feed_of_any_text_is_well_formed_and_its_ids_stay(saved: SavedSearches) -> None:
    search = saved.add("<b> & \x00", Query("بغداد", mode="keyword"))
    assert ET.fromstring(atom(search, [])).findall(f"{ATOM}entry") == []
    write(saved, "بغداد ]]> <script>", "بغداد \ufffe")
    matches = saved.matches(search.id).matches
    feed = ET.fromstring(atom(search, matches))
    assert feed.findtext(f"{ATOM}id") == f"urn:uuid:{search.id}"
    entries = feed.findall(f"{ATOM}entry")
    assert [e.findtext(f"{ATOM}id") for e in entries] == [f"urn:uuid:{m.match.id}" for m in matches]
    texts = {entry.findtext(f"{ATOM}summary") for entry in entries}
    assert texts == {"بغداد ]]> <script>", "بغداد \ufffd"}
    assert {entry.findtext(f"{ATOM}title") for entry in entries} == {"<عنوان> & \ufffd"}


def test_where_nothing_is_saved_nothing_is_made(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data")
    with closing(open_alerts(settings, EMBEDDER)) as alerts:
        assert not alerts.are_asked()
        alerts.record([], {})
    assert not (tmp_path / "data").exists()
