"""`POST /v1/articles:bulk`: line by line, in order, bounded; test_streams has it on sockets."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence

import pytest
from fastapi.testclient import TestClient

from api import bodies
from api.routes import bulk
from search import write_turns
from search.domain import WriteOutcome
from search.errors import EmbedderError, EngineBusy, EngineUnavailable
from search.ingest import BodyLine
from search.seen_ids import FirstPlaces
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
        {"line": 5, "id": "a", "status": "failed", "error": "line 1", "code": "duplicate-id"},
        {"line": 6, "id": "a", "status": "failed", "error": "line 1", "code": "duplicate-id"},
    ]
    assert {f["status"] for f in post(http, line("a") + line("b"))} == {"unchanged"}


def test_nothing_is_answered_with_nothing(http: TestClient) -> None:
    assert post(http, b"") == []
    assert post(http, b"\n \n\r\n") == []


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\n", b" \r\n\r\n\t\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_byte_order_mark_and_any_line_ends_are_read(
    http: TestClient, end: bytes, mark: bytes
) -> None:
    """The mark also where files with one each were put together."""
    file = mark + end.join(line(name).rstrip() for name in ("a", "b")) + end
    found = post(http, file + file.replace(b'"a"', b'"c"').replace(b'"b"', b'"d"').rstrip())
    assert [(f["id"], f["code"]) for f in found] == [(name, None) for name in "abcd"]


def test_a_byte_order_mark_alone_is_no_line(http: TestClient) -> None:
    assert post(http, b"\xef\xbb\xbf") == []
    assert post(http, b"\xef\xbb\xbf\r\n") == []


def test_an_idempotency_key_changes_nothing(http: TestClient, told: ToldIngest) -> None:
    """Writes are idempotent by themselves; clients that send a key everywhere may go on."""
    key = {"Idempotency-Key": "one"}
    assert {f["status"] for f in post(http, line("a") + line("b"), **key)} == {"created"}
    assert {f["status"] for f in post(http, line("a") + line("b"), **key)} == {"unchanged"}
    assert [f["status"] for f in post(http, line("a", "x") + line("c"), **key)] == [
        "updated", "created",
    ]  # fmt: skip


def test_answers_are_bounded(
    http: TestClient, told: ToldIngest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "MAX_ANSWERS", 64 * 60)
    *found, last = post(http, b"".join(line(f"a{n}") for n in range(300)))
    assert [f["id"] for f in found] == [f"a{n}" for n in range(64)]
    assert (last["line"], last["code"]) == (None, "body-too-large")
    assert len(told.texts) == 64


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


def test_gzip_of_extreme_ratio_is_cut(
    http: TestClient, told: ToldIngest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "MOST_FREE", 200_000)
    body = b"".join(line(f"a{n}") for n in range(10)) + line("b", "x" * 1_000_000)
    *found, last = post(http, gzip.compress(body), **{"Content-Encoding": "gzip"})
    assert [f["id"] for f in found] == [f"a{n}" for n in range(10)]
    assert (last["line"], last["code"]) == (None, "invalid-input")
    assert "b" not in told.texts


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

    def lines(
        self, lines: Sequence[BodyLine], places: FirstPlaces, collection: str = ""
    ) -> list[WriteOutcome]:
        if self.batches and self.errors:
            raise self.errors.pop(0)
        return super().lines(lines, places)


def test_what_fails_later_fails_its_lines_only(settings: Settings) -> None:
    failing = FailingLater([EngineUnavailable("down"), ZeroDivisionError("a bug")])
    with client(ToldSearcher(), settings, failing) as http:
        found = post(http, b"".join(line(f"a{n}") for n in range(256)))
    codes = [f["code"] for f in found]
    assert codes == [None] * 64 + ["engine-unavailable"] * 64 + ["internal"] * 64 + [None] * 64


def test_a_busy_engine_is_waited_for(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_turns, "_AGAIN", 0.01)
    failing = FailingLater([EngineBusy("another")] * 2)
    with client(ToldSearcher(), settings, failing) as http:
        found = post(http, b"".join(line(f"a{n}") for n in range(100)))
    assert {f["status"] for f in found} == {"created"}


def test_a_busy_engine_is_not_waited_for_for_ever(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 8 < bulk.BUSY_PATIENCE < 12
    monkeypatch.setattr(bulk, "BUSY_PATIENCE", 0.02)
    monkeypatch.setattr(write_turns, "_AGAIN", 0.015)
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
        answer = http.post(wait, content=body, headers=NDJSON)
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/engine-unavailable")
