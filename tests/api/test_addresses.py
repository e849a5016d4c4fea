"""What stands in a request's first lines, as raw as it may be: an answer, or a problem."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPResponse, parse_headers

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.serving.http_framing import MAX_HEAD
from search.settings import Settings
from tests.api.streams import served
from tests.api.support import ToldIngest

pytestmark = pytest.mark.slow

BOUNDED = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module")
def told() -> ToldIngest:
    return ToldIngest()


@pytest.fixture(scope="module")
def port(told: ToldIngest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with served(told, Settings(data=tmp_path_factory.mktemp("addresses"))) as port:
        yield port


def answer(port: int, request: bytes) -> tuple[int, str, bytes]:
    """Send bytes; return the status, Content-Type and content of what is answered."""
    with closing(socket.create_connection(("127.0.0.1", port), timeout=20)) as connection:
        connection.sendall(request)
        response = HTTPResponse(connection)
        response.begin()
        found = response.status, response.headers["content-type"] or "", response.read()
        if found[0] >= 400:
            assert response.headers["x-request-id"]
            assert response.headers["x-content-type-options"] == "nosniff"
            assert response.headers["cache-control"] == "no-store"
        return found


def get(port: int, address: bytes) -> tuple[int, str, bytes]:
    return answer(port, b"GET " + address + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")


def problem(found: tuple[int, str, bytes]) -> dict[str, object]:
    status, kind, content = found
    assert kind == "application/problem+json", found
    told: dict[str, object] = json.loads(content)
    assert told["status"] == status
    return told


TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zs"), min_codepoint=0x80), min_size=1,
               max_size=20)  # fmt: skip


@BOUNDED
@given(text=TEXT)
def test_letters_that_are_not_encoded_are_read(port: int, text: str) -> None:
    status, _, content = get(port, b"/v1/search?q=" + text.encode())
    assert status == 200
    assert json.loads(content)["query"]["q"] == text


@BOUNDED
@given(text=TEXT)
def test_letters_of_an_id_that_are_not_encoded_are_read(port: int, text: str) -> None:
    body = b'{"text": "x"}'
    head = b"Host: localhost\r\nContent-Type: application/json\r\nContent-Length: %d" % len(body)
    address = b"/v1/articles/" + text.encode()
    status, _, content = answer(
        port, b"PUT " + address + b" HTTP/1.1\r\n" + head + b"\r\n\r\n" + body
    )
    if status == 422:  # such as U+0085: no id through any door
        problem((status, "application/problem+json", content))
        return
    assert status in (200, 201)
    assert json.loads(content)["id"] == text


@pytest.mark.parametrize(
    "byte", [b"\xe8", b"\xff", b"\xd8", b"%E8", b"%ff", b"%ED%A0%80", b"%C0%AF"]
)
@pytest.mark.parametrize(
    "address",
    [b"/v1/search?q=a%sb", b"/v1/articles/a%sb", b"/v1/passages/a%sb%%230", b"/live?%s=1"],
)
def test_bytes_that_are_no_utf_8_are_told(port: int, address: bytes, byte: bytes) -> None:
    told = problem(get(port, address % byte))
    assert told["status"] == 422
    assert "UTF-8" in str(told["detail"])


def test_an_article_is_never_stored_under_another_id_than_was_sent(
    port: int, told: ToldIngest
) -> None:
    before = set(told.texts)
    head = b"HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n"
    for name in (b"a%FF", b"\xff", b"%D8"):
        problem(answer(port, b"PUT /v1/articles/" + name + b" " + head + b'{"text": "x"}'))
    assert set(told.texts) == before


@pytest.mark.parametrize("escape", ["%", "%z", "%zz", "%1", "100%", "%%", "%u0627"])
def test_percent_signs_that_escape_nothing_are_themselves(port: int, escape: str) -> None:
    status, _, content = get(port, f"/v1/search?q={escape}".encode())
    assert status == 200
    assert json.loads(content)["query"]["q"] == escape


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),  # TLS
        b"GET /v1/search?q=a b HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /v1/search?q=a\tb HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /v1/search?q=\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nA b: c\r\n\r\n",
        b"GET / HTTP/1.1\nHost: localhost\n\n",
        b"GET / HTTP/9\r\nHost: localhost\r\n\r\n",
        b"\r\n\r\n\r\n\r\n",
        b"{}\r\n\r\n",
        b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"PUT /v1/articles/a HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)  # fmt: skip
def test_what_is_no_request_is_told_as_a_problem(port: int, request_: bytes) -> None:
    told = problem(answer(port, request_))
    assert (told["status"], told["type"]) == (400, "/problems/malformed-request")


@pytest.mark.parametrize("long", [b"GET /%s HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nA: %s\r\n\r\n"])
def test_a_head_that_is_too_long_is_told(port: int, long: bytes) -> None:
    told = problem(answer(port, long % (b"x" * (MAX_HEAD + 100_000))))
    assert (told["status"], told["type"]) == (431, "/problems/head-too-large")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /nothing HTTP/1.1", 404),
        (b"GET * HTTP/1.1", 404),
        (b"DELETE /v1/search HTTP/1.1", 405),
        (b"TRACE / HTTP/1.1", 405),
        ("بحث /v1/search HTTP/1.1".encode(), 400),
        (b"POST /v1/search HTTP/1.1\r\nContent-Length: 999999", 413),
        (b"PUT /v1/articles/a HTTP/1.1\r\nContent-Length: 99999999999", 415),
        (b"PUT /v1/articles/a HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 99999999999",
         413),
        (b"POST /v1/articles HTTP/1.1\r\nContent-Type: video/mp4\r\nContent-Length: 1", 415),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_a_problem(port: int, request_: bytes, status: int) -> None:
    told = problem(answer(port, request_ + b"\r\nHost: localhost\r\n\r\n"))
    assert told["status"] == status


def test_a_second_request_on_a_connection_may_have_raw_letters_too(port: int) -> None:
    one = "GET /v1/search?q=بغداد HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with closing(socket.create_connection(("127.0.0.1", port), timeout=20)) as connection:
        connection.sendall(one + one + one[:20])
        connection.sendall(one[20:])
        # One reader of all answers: each HTTPResponse has its own, and may take what follows too.
        with connection.makefile("rb") as answers:
            for _ in range(3):
                assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
                length = int(parse_headers(answers)["Content-Length"])
                assert len(answers.read(length)) == length
