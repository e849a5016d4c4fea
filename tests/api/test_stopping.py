"""While a server is being stopped whoever asks is told so, until the process is gone."""

from __future__ import annotations

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPConnection

import pytest

from search.settings import Settings
from tests.api.streams import stoppable
from tests.api.support import HeldIngest, ToldIngest
from tests.support import until

pytestmark = pytest.mark.slow


def asked(
    port: int, method: str, path: str, body: str | None = None, timeout: float = 10.0
) -> tuple[int, str, str]:
    """Return status, type of problem and Connection header of an answer to a new connection."""
    connection = HTTPConnection("127.0.0.1", port, timeout=timeout)
    kind = "application/x-ndjson" if path.endswith("bulk") else "application/json"
    connection.request(
        method, path, (body or "").encode(), {"Content-Type": kind, "Host": "localhost"}
    )
    answer = connection.getresponse()
    content = json.loads(answer.read() or b"{}")
    connection.close()
    return answer.status, content.get("type", ""), answer.headers.get("Connection", "")


def test_every_path_but_live_is_503_until_the_end(settings: Settings) -> None:
    told = HeldIngest()
    with stoppable(told, settings) as (port, stop):
        slow: list[int] = []
        writing = threading.Thread(
            target=lambda: slow.append(asked(port, "PUT", "/v1/articles/a", '{"text": "نص"}')[0])
        )
        writing.start()
        assert told.entered.wait(20)
        stop()
        until(lambda: asked(port, "GET", "/ready")[0] == 503)
        stopped = (503, "/problems/stopping", "close")
        for method, path, body in (
            ("GET", "/ready", None),
            ("GET", "/v1/search?q=a", None),
            ("POST", "/v1/search", '{"q": "a"}'),
            ("GET", "/v1/articles/a", None),
            ("GET", "/v1/status", None),
            ("PUT", "/v1/articles/b", '{"text": "نص"}'),
            ("POST", "/v1/articles:bulk", '{"id": "b", "text": "نص"}'),
            ("DELETE", "/v1/articles/a", None),
            ("GET", "/", None),
        ):
            assert asked(port, method, path, body) == stopped, path
        assert asked(port, "GET", "/live")[0] == 200
        told.release.set()
        writing.join()
        assert slow in ([201], [503])


def test_silent_clients_do_not_keep_it_from_ending(settings: Settings) -> None:
    with stoppable(ToldIngest(), settings) as (port, stop):
        crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
        begun = time.monotonic()
        stop()
        time.sleep(0.2)
        late = []
        with suppress(ConnectionRefusedError):  # it has ended already
            late += [socket.create_connection(("127.0.0.1", port)) for _ in range(5)]
    assert time.monotonic() - begun < 10
    for each in crowd + late:
        each.close()


def test_what_is_not_answered_in_the_time_of_a_stop_is_told_so(settings: Settings) -> None:
    told = HeldIngest()
    with stoppable(told, settings) as (port, stop), ThreadPoolExecutor(1) as thread:
        body = '{"text": "نص"}'
        writing = thread.submit(asked, port, "PUT", "/v1/articles/a", body, timeout=60)
        assert told.entered.wait(20)
        stop()
        try:
            assert writing.result() == (503, "/problems/stopping", "close")
        finally:
            told.release.set()
