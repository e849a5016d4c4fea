"""`POST /v1/articles:bulk`: line by line, in order, bounded; test_streams has it on sockets."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence

import pytest
from fastapi.testclient import TestClient

from api import bulk, exchange
from search.errors import EmbedderError, EngineBusy, EngineUnavailable
from search.ingest import Ingested
from search.settings import Settings
from tests.api.streams import answers, line
from tests.api.support import ToldIngest, ToldSearcher, client

NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest.fixture
def http(told: ToldIngest, settings: Settings) -> Iterator[TestClient]:
    with client(ToldSearcher(), settings, told) as connected:
        yield connected


def post(http: TestClient, body: bytes, **headers: str) -> list[dict[str, object]]:
    answer = http.post("/v1/articles:bulk", content=body, headers={**NDJSON, **headers})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return answers(answer.content)


def test_each_line_is_answered_in_order_and_a_bad_one_fails_alone(http: TestClient) -> None:
    body = line("a") + b"\n" + b"{\n" + line("b") + line("a") + line("a", "آخر").rstrip()
    assert post(http, body) == [
        {"line": 1, "id": "a", "status": "created", "error": None, "code": None},
        {"line": 3, "id": None, "status": "failed", "error": "not JSON", "code": "not-json"},
        {"line": 4, "id": "b", "status": "created", "error": None, "code": None},
        {"line": 5, "id": "a", "status": "unchanged", "error": None, "code": None},
        {"line": 6, "id": "a", "status": "updated", "error": None, "code": None},
    ]


def test_nothing_is_answered_with_nothing(http: TestClient) -> None:
    assert post(http, b"") == []
    assert post(http, b"\n \n\r\n") == []


def test_lines_go_in_bounded_batches(http: TestClient, told: ToldIngest) -> None:
    body = b"".join(line(f"a{n}") for n in range(200))
    assert len(post(http, body)) == 200
    assert told.batches == [64, 64, 64, 8]


def test_a_line_that_is_too_long_fails_alone(
    http: TestClient, told: ToldIngest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "MAX_LINE", 1_000)
    found = post(http, line("a") + line("b", "ن" * 1_000) + line("c"))
    assert [(f["line"], f["status"], f["code"]) for f in found] == [
        (1, "created", None), (2, "failed", "too-large"), (3, "created", None),
    ]  # fmt: skip
    assert set(told.texts) == {"a", "c"}


def test_gzip_is_unpacked_and_nothing_else(http: TestClient) -> None:
    body = b"".join(line(f"a{n}") for n in range(100))
    packed = gzip.compress(body[:1_000]) + gzip.compress(body[1_000:])
    assert len(post(http, packed, **{"Content-Encoding": "gzip"})) == 100
    answer = http.post(
        "/v1/articles:bulk", content=body, headers={**NDJSON, "Content-Encoding": "br"}
    )
    assert answer.status_code == 415
    broken = http.post(
        "/v1/articles:bulk", content=body, headers={**NDJSON, "Content-Encoding": "gzip"}
    )
    assert (broken.status_code, broken.json()["type"]) == (422, "/problems/invalid-input")


def test_gzip_that_ends_in_the_middle_is_told(http: TestClient, told: ToldIngest) -> None:
    body = b"".join(line(f"a{n}") for n in range(100))
    *found, last = post(http, gzip.compress(body)[:-1], **{"Content-Encoding": "gzip"})
    assert [f["id"] for f in found] == [f"a{n}" for n in range(100)]  # what is there is written
    assert (last["line"], last["status"], last["code"]) == (None, "failed", "invalid-input")
    assert post(http, b"", **{"Content-Encoding": "gzip"}) == []


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "", "multipart/form-data"])
def test_other_kinds_of_body_are_refused(http: TestClient, kind: str) -> None:
    answer = http.post("/v1/articles:bulk", content=line("a"), headers={"Content-Type": kind})
    assert answer.status_code == 415


@pytest.mark.parametrize("kind", bulk.MEDIA_TYPES)
def test_the_kinds_of_body_that_are_read(http: TestClient, kind: str) -> None:
    assert len(post(http, line("a"), **{"Content-Type": f"{kind}; charset=utf-8"})) == 1


@pytest.mark.parametrize(
    "error", [EngineBusy("another writes"), EngineUnavailable("down"), EmbedderError("none")]
)
def test_what_cannot_be_written_at_all_is_a_problem(
    http: TestClient, told: ToldIngest, error: Exception
) -> None:
    told.error = error
    answer = http.post("/v1/articles:bulk", content=line("a"), headers=NDJSON)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0


class FailingLater(ToldIngest):
    """Takes one batch, then fails `times` times with each of its errors."""

    def __init__(self, errors: Sequence[Exception]) -> None:
        super().__init__()
        self.errors = list(errors)

    def lines(self, lines: Sequence[bytes]) -> list[Ingested]:
        if self.batches and self.errors:
            raise self.errors.pop(0)
        return super().lines(lines)


def test_what_fails_later_fails_its_lines_only(settings: Settings) -> None:
    failing = FailingLater([EngineUnavailable("down"), ZeroDivisionError("a bug")])
    with client(ToldSearcher(), settings, failing) as http:
        found = post(http, b"".join(line(f"a{n}") for n in range(256)))
    codes = [f["code"] for f in found]
    assert codes == [None] * 64 + ["engine-unavailable"] * 64 + ["internal"] * 64 + [None] * 64


def test_a_busy_engine_is_waited_for(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "BUSY_WAITS", (0.01, 0.01))
    failing = FailingLater([EngineBusy("another")] * 2)
    with client(ToldSearcher(), settings, failing) as http:
        found = post(http, b"".join(line(f"a{n}") for n in range(100)))
    assert {f["status"] for f in found} == {"created"}


def test_a_busy_engine_is_not_waited_for_for_ever(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 8 < sum(exchange.BUSY_WAITS) < 12
    monkeypatch.setattr(exchange, "BUSY_WAITS", (0.01, 0.01))
    failing = FailingLater([EngineBusy("another")] * 3)
    with client(ToldSearcher(), settings, failing) as http:
        found = post(http, b"".join(line(f"a{n}") for n in range(200)))
    assert [f["code"] for f in found] == [None] * 64 + ["engine-busy"] * 64 + [None] * 72
    assert found[64]["error"] == "another"


def test_refresh_waits_until_all_is_seen_and_once(http: TestClient, told: ToldIngest) -> None:
    http.post("/v1/articles:bulk", content=line("a"), headers=NDJSON)
    assert told.shown == 0
    wait = "/v1/articles:bulk?refresh=wait"
    for lines in (1, 64, 200):
        told.shown = 0
        body = b"".join(line(f"a{n}") for n in range(lines))
        answer = http.post(wait, content=body, headers=NDJSON)
        assert [a["line"] for a in answers(answer.content)] == list(range(1, lines + 1))
        assert told.shown == 1
    told.shown = 0
    assert http.post(wait, content=b"", headers=NDJSON).status_code == 200
    assert told.shown == 0
    wrong = http.post("/v1/articles:bulk?refresh=yes", content=line("b"), headers=NDJSON)
    assert wrong.status_code == 422


class Unseen(ToldIngest):
    """Stores and cannot show."""

    def show(self) -> None:
        raise EngineUnavailable("down")


def test_what_cannot_be_shown_is_not_acknowledged(settings: Settings) -> None:
    wait = "/v1/articles:bulk?refresh=wait"
    with client(ToldSearcher(), settings, Unseen()) as http:
        assert http.post(wait, content=line("a"), headers=NDJSON).status_code == 503
        body = b"".join(line(f"a{n}") for n in range(100))
        found = answers(http.post(wait, content=body, headers=NDJSON).content)
    assert [f["line"] for f in found] == list(range(1, 101))
    assert {f["code"] for f in found} == {"engine-unavailable"}


# -- Idempotency-Key


def test_a_key_gives_the_same_answer_again(http: TestClient, told: ToldIngest) -> None:
    body = b"".join(line(f"a{n}") for n in range(100))
    headers = {**NDJSON, "Idempotency-Key": "one"}
    first = http.post("/v1/articles:bulk", content=body, headers=headers)
    again = http.post("/v1/articles:bulk", content=body, headers=headers)
    assert again.content == first.content
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert told.batches == [64, 36]
    other = http.post("/v1/articles:bulk", content=body + line("b"), headers=headers)
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-mismatch")
    without = http.post("/v1/articles:bulk", content=body, headers=NDJSON)
    assert {f["status"] for f in answers(without.content)} == {"unchanged"}


def test_a_failed_try_keeps_no_answer(http: TestClient, told: ToldIngest) -> None:
    headers = {**NDJSON, "Idempotency-Key": "one"}
    told.error = EngineBusy("another writes")
    assert http.post("/v1/articles:bulk", content=line("a"), headers=headers).status_code == 503
    told.error = None
    assert http.post("/v1/articles:bulk", content=line("a"), headers=headers).status_code == 200


def test_a_key_is_visible_ascii(http: TestClient) -> None:
    headers = {**NDJSON, "Idempotency-Key": "a b"}
    assert http.post("/v1/articles:bulk", content=line("a"), headers=headers).status_code == 422


def test_an_answer_that_would_be_another_next_time_is_not_kept(settings: Settings) -> None:
    failing = FailingLater([EngineUnavailable("down")])
    headers = {**NDJSON, "Idempotency-Key": "one"}
    body = b"".join(line(f"a{n}") for n in range(100))
    with client(ToldSearcher(), settings, failing) as http:
        first = http.post("/v1/articles:bulk", content=body, headers=headers)
        assert answers(first.content)[-1]["code"] == "engine-unavailable"
        again = http.post("/v1/articles:bulk", content=body, headers=headers)
    assert "Idempotency-Replayed" not in again.headers
    assert {a["code"] for a in answers(again.content)} == {None}


def test_the_answer_to_a_bad_line_is_kept(http: TestClient) -> None:
    headers = {**NDJSON, "Idempotency-Key": "one"}
    first = http.post("/v1/articles:bulk", content=b"{\n", headers=headers)
    again = http.post("/v1/articles:bulk", content=b"{\n", headers=headers)
    assert again.content == first.content
    assert again.headers["Idempotency-Replayed"] == "true"
