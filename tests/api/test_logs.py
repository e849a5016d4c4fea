"""Request ids, and what the log holds and does not."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from typing import Any

import pytest

from api import logs
from api.logs import JsonFormatter, Sparing, json_logs
from search.settings import Settings
from tests.api.support import ToldSearcher, client

Stderr = pytest.CaptureFixture[str]


def lines(written: str, logger: str = "fihris.access") -> list[dict[str, Any]]:
    found = [json.loads(line) for line in written.splitlines()]
    return [line for line in found if line["logger"] == logger]


def test_a_request_is_a_line(capsys: Stderr) -> None:
    with client(ToldSearcher()) as http:
        answer = http.get("/v1/search?q=سر")
    (line,) = lines(capsys.readouterr().err)
    assert line["request_id"] == answer.headers["x-request-id"]
    assert (line["method"], line["path"], line["status"]) == ("GET", "/v1/search", 200)
    assert line["took_ms"] > 0
    assert line["time"].endswith("+00:00")


def test_no_query_text_is_logged(capsys: Stderr) -> None:
    with client(ToldSearcher()) as http:
        http.get("/v1/search?q=secret")
        http.post("/v1/search", json={"q": "secret"})
        http.get("/v1/search?q=secret&size=0")
        http.get("/v1/analyze?text=secret")
    written = capsys.readouterr().err
    assert len(lines(written)) == 4
    assert "secret" not in written


def test_query_text_is_logged_when_it_is_asked_for(capsys: Stderr) -> None:
    with client(ToldSearcher(), Settings(log_queries=True)) as http:
        http.get("/v1/search?q=سؤال")
        http.post("/v1/search", json={"q": "x" * 1000})
    assert [line["query"] for line in lines(capsys.readouterr().err)] == ["سؤال", "x" * 500]


@pytest.mark.parametrize("given", ["abc-1.2_3:4", "x" * 64])
def test_a_sane_id_is_taken_over(given: str) -> None:
    with client(ToldSearcher()) as http:
        assert http.get("/live", headers={"X-Request-ID": given}).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\tb", '"', "é"])
def test_any_other_id_is_replaced(given: str) -> None:
    with client(ToldSearcher()) as http:
        made = http.get("/live", headers={b"X-Request-ID": given.encode()}).headers["x-request-id"]
    assert made != given
    assert len(made) == 32


def test_a_path_cannot_forge_a_line(capsys: Stderr) -> None:
    with client(ToldSearcher()) as http:
        http.get("/v1/articles/%0A%1B[31m" + "x" * 500)
    written = capsys.readouterr().err
    (line,) = lines(written)
    assert line["path"].startswith("/v1/articles/\n\x1b[31m")
    assert len(line["path"]) == 500
    assert "\x1b" not in written


def test_a_failure_is_logged_with_its_traceback(capsys: Stderr) -> None:
    with client(ToldSearcher(error=ZeroDivisionError("why"))) as http:
        http.get("/v1/search?q=a", headers={"X-Request-ID": "mine"})
    written = capsys.readouterr().err
    (failure,) = lines(written, "fihris.api")
    assert failure["level"] == "error"
    assert failure["request_id"] == "mine"
    assert "ZeroDivisionError: why" in failure["traceback"]
    (access,) = lines(written)
    assert access["status"] == 500


def test_lines_are_ascii_and_one_each() -> None:
    record = logging.LogRecord("n", logging.INFO, "p", 1, "سطر\nثان %s", ("\ud800",), None)
    line = JsonFormatter().format(record)
    assert line.isascii()
    assert "\n" not in line
    assert json.loads(line)["message"] == "سطر\nثان \ud800"


def record_of(message: str, *values: object, **fields: object) -> logging.LogRecord:
    record = logging.LogRecord("n", logging.WARNING, "p", 1, message, values, None)
    record.fields = fields
    return record


def test_a_message_that_is_repeated_is_held_back_and_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sparing = Sparing()
    passed = [sparing.filter(record_of("no room: %d", number)) for number in range(1_000)]
    assert sum(passed) == logs.MAX_ALIKE
    assert sparing.filter(record_of("another"))
    monkeypatch.setattr(logs, "ALIKE_SECONDS", 0.0)
    later = record_of("no room: %d", 0)
    assert sparing.filter(later)
    assert later.__dict__["fields"] == {"held_back": 1_000 - logs.MAX_ALIKE}


def test_every_line_about_a_request_passes() -> None:
    sparing = Sparing()
    assert all(sparing.filter(record_of("request", request_id="a")) for _ in range(1_000))


def test_what_is_counted_of_messages_is_bounded() -> None:
    sparing = Sparing()
    for number in range(3 * logs.MAX_KINDS):
        sparing.filter(record_of(f"message {number}"))
    assert len(sparing._counts) <= logs.MAX_KINDS


@pytest.mark.parametrize("name", ["asyncio", "uvicorn.error", "some.library", "py.warnings"])
def test_whatever_logs_does_it_as_json(
    name: str, capsys: Stderr, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest has its own there
    with json_logs():
        try:
            raise OSError(24, "Too many open files")
        except OSError:
            logging.getLogger(name).exception("socket.accept() out of system resource")
    (line,) = lines(capsys.readouterr().err, name)
    assert "Too many open files" in line["traceback"]


def test_nobody_waits_for_who_reads_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_WAITING", 100)
    read = threading.Event()
    written: list[str] = []

    class Stuck(io.StringIO):
        def write(self, text: str) -> int:
            read.wait(10)
            written.append(text)
            return len(text)

    monkeypatch.setattr(sys, "stderr", Stuck())
    with json_logs():
        for number in range(1_000):
            fields = {"request_id": str(number)}
            logging.getLogger("fihris.access").info("request", extra={"fields": fields})
        assert not written
        read.set()
    assert 100 <= len(written) < 1_000
    assert json.loads(written[0])["request_id"] == "0"


def test_a_message_is_as_it_was_when_it_was_logged(capsys: Stderr) -> None:
    values = ["before"]
    with json_logs():
        logging.getLogger("fihris").warning("now: %s", values)
        values[0] = "after"
    (line,) = lines(capsys.readouterr().err, "fihris")
    assert line["message"] == "now: ['before']"


def test_logging_is_left_as_it_was() -> None:
    log = logging.getLogger("fihris")
    before = (log.level, log.propagate, list(log.handlers))
    with json_logs():
        assert len(log.handlers) == 1
    assert (log.level, log.propagate, log.handlers) == before


def test_an_owners_handlers_stay() -> None:
    log = logging.getLogger("fihris")
    own = logging.NullHandler()
    log.addHandler(own)
    try:
        with json_logs():
            assert log.handlers == [own]
    finally:
        log.removeHandler(own)
