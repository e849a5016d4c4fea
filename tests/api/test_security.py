"""Hosts, headers, bodies and bursts."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from api.logs import RequestLog
from api.security import MAX_AT_ONCE, MAX_BODY, Gate
from search.domain import Query, Results
from search.errors import SettingsError
from search.settings import Settings, read_settings
from tests.api.support import ToldIngest, ToldSearcher, client

JSON = {"Content-Type": "application/json"}


def status_with_host(host: str, settings: Settings | None = None) -> int:
    with client(ToldSearcher(), settings) as http:
        return http.get("/live", headers={"Host": host}).status_code


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8000", "LOCALHOST", "localhost.", "x.localhost", "127.0.0.1:8000",
     "127.8.8.8", "[::1]", "[::1]:8000", "192.168.1.7:8000"],
)  # fmt: skip
def test_known_hosts(host: str) -> None:
    assert status_with_host(host) == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example",
     "evillocalhost", "", "[", "::1.evil.example"],
)  # fmt: skip
def test_hosts_of_others_are_refused(host: str) -> None:
    with client(ToldSearcher()) as http:
        answer = http.get("/v1/search?q=a", headers={"Host": host})
    assert (answer.status_code, answer.json()["type"]) == (421, "/problems/unknown-host")


def test_the_configured_host_is_known() -> None:
    assert status_with_host("fihris.example:80", Settings(host="Fihris.example")) == 200
    assert status_with_host("other.example", Settings(host="fihris.example")) == 421


def test_names_that_are_set_are_the_only_ones_on_every_address_too() -> None:
    settings = Settings(host="0.0.0.0", hosts="news.example, Search.Example", public_search=True)
    for host in ("news.example", "search.example:443", "localhost", "10.0.0.1:8000", "[::1]"):
        assert status_with_host(host, settings) == 200
    for host in ("", "evil.example", "news.example.evil.example"):
        assert status_with_host(host, settings) == 421
    with client(ToldSearcher(), settings) as http:  # what a proxy says of the name is not believed
        named = {"Host": "evil.example", "X-Forwarded-Host": "news.example"}
        assert http.get("/live", headers=named).status_code == 421


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_server_on_every_address_knows_any_name(host: str) -> None:
    assert status_with_host("anything.example", Settings(host=host)) == 200


@pytest.mark.parametrize(
    "path", ["/", "/static/app.js", "/v1/search?q=a", "/v1/search", "/nothing", "/openapi.json"]
)
def test_every_answer_has_the_headers(path: str) -> None:
    with client(ToldSearcher()) as http:
        headers = http.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in headers
    page = path in ("/", "/static/app.js")
    assert headers["cache-control"] == ("no-cache" if page else "no-store")


def test_no_other_origin_is_let_in() -> None:
    with client(ToldSearcher()) as http:
        answer = http.options(
            "/v1/search",
            headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"},
        )
    assert answer.status_code == 405
    assert "access-control-allow-origin" not in answer.headers


def test_origins_that_are_named_are_let_in_and_read_errors_too(tmp_path: Path) -> None:
    news = "https://news.example"
    settings = Settings(data=tmp_path, cors_origins=f"{news}, http://localhost:3000")
    told = ToldIngest()
    with client(ToldSearcher(), settings, told) as http:
        wanted = {
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "authorization,content-type",
        }
        answer = http.options("/v1/articles/a", headers={"Origin": news, **wanted})
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == news
        assert "access-control-allow-credentials" not in answer.headers
        crossing = {"Origin": news, "Sec-Fetch-Site": "cross-site"}
        for path, status in (("/v1/search?q=a", 200), ("/v1/search", 422), ("/v1/articles/x", 404)):
            found = http.get(path, headers=crossing)
            assert (found.status_code, found.headers["access-control-allow-origin"]) == (
                status,
                news,
            )
        unknown = http.get("/live", headers={**crossing, "Host": "evil.example"})
        assert (unknown.status_code, unknown.headers["access-control-allow-origin"]) == (421, news)
        assert http.put("/v1/articles/a", json={"text": "x"}, headers=crossing).status_code == 201
        evil = {**crossing, "Origin": "https://evil.example"}
        assert http.options("/v1/articles/a", headers={**evil, **wanted}).status_code == 400
        assert http.put("/v1/articles/b", json={"text": "x"}, headers=evil).status_code == 403
        assert "access-control-allow-origin" not in http.get("/live", headers=evil).headers
    assert list(told.texts) == ["a"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("cors_origins", "*"), ("cors_origins", "news.example"), ("cors_origins", "https://a/b"),
     ("trusted_proxies", "*"), ("trusted_proxies", "10.0.0.1/8"), ("trusted_proxies", "proxy")],
)  # fmt: skip
def test_what_would_let_in_more_than_it_says_is_refused(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"FIHRIS_{name.upper()}"):
        read_settings({name: value})


def test_a_body_of_the_limit_is_read_and_one_byte_more_is_not() -> None:
    fits = b'{"q":"a"}'.ljust(MAX_BODY)
    with client(ToldSearcher()) as http:
        assert http.post("/v1/search", content=fits, headers=JSON).status_code == 200
        answer = http.post("/v1/search", content=fits + b" ", headers=JSON)
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/body-too-large")
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("length", ["1" * 4000, "99999999999999999999999", "65537"])
def test_a_declared_length_is_believed_when_it_is_too_large(length: str) -> None:
    with client(ToldSearcher()) as http:
        answer = http.post("/v1/search", content=b"{}", headers={**JSON, "Content-Length": length})
    assert answer.status_code == 413


async def _answer(app: Gate, receive: Receive, path: str = "/v1/search") -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"transfer-encoding", b"chunked")]
    scope: Scope = {"type": "http", "method": "POST", "path": path, "headers": headers}
    await RequestLog(app, log_queries=False)(scope, receive, send)
    return sent


async def _never(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("must not be reached")


def test_a_chunked_body_is_stopped_where_it_passes_the_limit() -> None:
    read = 0

    async def receive() -> Message:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": b" " * 1024, "more_body": True}

    sent = asyncio.run(_answer(Gate(_never), receive))
    assert sent[0]["status"] == 413
    assert read == MAX_BODY // 1024 + 1


def test_a_body_that_stalls_is_given_up() -> None:
    async def stalled() -> Message:
        await asyncio.sleep(60)
        raise AssertionError("must not wait so long")

    sent = asyncio.run(_answer(Gate(_never, timeout=0.05), stalled))
    assert sent[0]["status"] == 408


def test_a_client_that_leaves_gets_no_answer() -> None:
    async def gone() -> Message:
        return {"type": "http.disconnect"}

    assert asyncio.run(_answer(Gate(_never), gone)) == []


def test_a_burst_is_told_to_come_back_and_health_still_answers() -> None:
    async def play() -> tuple[list[Message], list[Message], list[Message]]:
        release = asyncio.Event()

        async def slow(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["path"].startswith("/v1/"):
                await release.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        async def receive() -> Message:
            return {"type": "http.request"}

        app = Gate(slow, at_once=1)
        first = asyncio.create_task(_answer(app, receive))
        await asyncio.sleep(0)
        refused = await _answer(app, receive)
        health = await _answer(app, receive, "/live")
        release.set()
        await first
        return refused, health, await _answer(app, receive)

    refused, health, later = asyncio.run(play())
    assert refused[0]["status"] == 503
    assert (b"retry-after", b"1") in refused[0]["headers"]
    assert health[0]["status"] == 200
    assert later[0]["status"] == 200


def test_who_does_not_read_its_answer_takes_no_place() -> None:
    async def play() -> list[int]:
        read = asyncio.Event()

        async def ready(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"much"})

        async def receive() -> Message:
            return {"type": "http.request"}

        app = Gate(ready, at_once=1)
        scope: Scope = {
            "type": "http", "method": "GET", "path": "/v1/search", "headers": [],
            "state": {"request_id": "r"},
        }  # fmt: skip

        async def unread(message: Message) -> None:
            if message["type"] == "http.response.body":
                await read.wait()

        waiting = [asyncio.create_task(app(scope, receive, unread)) for _ in range(5)]
        await asyncio.sleep(0)
        sent = await _answer(app, receive)
        read.set()
        await asyncio.gather(*waiting)
        return [sent[0]["status"], app.now]

    assert asyncio.run(play()) == [200, 0]


def test_who_writes_takes_no_place_of_who_searches() -> None:
    async def play() -> list[int]:
        release = asyncio.Event()

        async def slow(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["path"] != "/v1/search":
                await release.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})

        async def receive() -> Message:
            return {"type": "http.request"}

        app = Gate(slow, at_once=1)
        paths = ["/v1/articles:bulk", "/v1/articles", "/v1/articles/a"]
        writing = [asyncio.create_task(_answer(app, receive, path)) for path in paths]
        await asyncio.sleep(0)
        answered = [await _answer(app, receive)]
        release.set()
        answered += await asyncio.gather(*writing)
        return [int(sent[0]["status"]) for sent in answered]

    assert asyncio.run(play()) == [200] * 4


class Slow(ToldSearcher):
    """Answers once released, and counts how many it answers at once."""

    def __init__(self) -> None:
        super().__init__()
        self.release = threading.Event()

    def search(self, query: Query) -> Results:
        assert self.release.wait(30)
        return super().search(query)


@pytest.mark.slow
def test_a_real_burst_is_bounded() -> None:
    slow = Slow()
    with client(slow) as http, ThreadPoolExecutor(MAX_AT_ONCE + 20) as pool:
        asked = [pool.submit(_status, http) for _ in range(MAX_AT_ONCE + 20)]
        done = 0
        while done < 20:
            done = sum(a.done() for a in asked)
        slow.release.set()
        statuses = sorted(a.result() for a in asked)
    assert statuses == [200] * MAX_AT_ONCE + [503] * 20


def _status(http: TestClient) -> int:
    return http.get("/v1/search?q=a").status_code
