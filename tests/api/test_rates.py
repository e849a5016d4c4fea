"""How many requests each key and each address may make, and whose address it is."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from fastapi.testclient import TestClient

from api.access import MAX_CLIENTS, Rate, client_of
from api.app import create_app
from api.problems import Refused
from search.keys import key_file
from search.ranking.searcher import Searcher
from search.settings import Settings
from tests.api.support import ToldSearcher


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def waits(rate: Rate, client: str) -> int:
    """Return the seconds that a request is told to wait, 0 where it is taken."""
    try:
        rate.take(client)
    except Refused as error:
        return int(error.headers["Retry-After"])
    return 0


def test_a_minutes_requests_may_come_at_once_and_then_as_they_are_due() -> None:
    clock = Clock()
    rate = Rate(60, clock)
    assert [waits(rate, "a") for _ in range(60)] == [0] * 60
    assert [waits(rate, "a") for _ in range(3)] == [1, 1, 1]  # refused ones are not counted
    assert waits(rate, "b") == 0
    clock.now += 2
    assert [waits(rate, "a") for _ in range(3)] == [0, 0, 1]
    clock.now += 3600
    assert [waits(rate, "a") for _ in range(61)] == [0] * 60 + [1]
    assert waits(Rate(1, clock), "a") == 0
    slow = Rate(1, clock)
    assert [waits(slow, "a"), waits(slow, "a")] == [0, 60]
    assert [waits(Rate(0), "a") for _ in range(1000)] == [0] * 1000


def test_clients_are_remembered_in_bounds_and_the_busy_ones_stay() -> None:
    rate = Rate(2, Clock())
    for number in range(3 * MAX_CLIENTS):
        waits(rate, str(number))
        waits(rate, "busy")
    assert waits(rate, "busy") > 0
    assert len(rate._due) == MAX_CLIENTS


@pytest.mark.parametrize(
    ("host", "client"),
    [("192.0.2.7", "192.0.2.7"), ("127.0.0.1", ""), ("::1", ""), ("::ffff:127.0.0.1", ""),
     ("::ffff:192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
     ("2001:db8:1:2::9", "2001:db8:1:2::/64"), ("x" * 1000, "x" * 64), ("", "")],
)  # fmt: skip
def test_what_is_one_client(host: str, client: str) -> None:
    assert client_of(host) == client


def statuses(
    settings: Settings, peer: str, authorization: str = "", forwarded: str = ""
) -> list[int]:
    """Return what three requests are answered; `forwarded` may have a number of each of them."""
    app = create_app(cast("Searcher", ToldSearcher()), settings)
    found = []
    with TestClient(app, base_url="http://localhost", client=(peer, 5000)) as http:
        for number in range(3):
            headers = {"Authorization": authorization}
            headers |= {"X-Forwarded-For": forwarded.format(number)} if forwarded else {}
            found.append(http.get("/v1/search?q=a", headers=headers).status_code)
    return found


def test_a_key_and_an_address_have_their_own_number(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, key_rate=2, address_rate=1)
    _, secret = key_file(settings).create("a", ["search"])
    assert statuses(settings, "192.0.2.7", f"Bearer {secret}") == [200, 200, 429]
    assert statuses(settings, "127.0.0.1", f"Bearer {secret}") == [200, 200, 429]
    assert statuses(settings, "192.0.2.7", f"Bearer {secret}x") == [401, 429, 429]
    assert statuses(settings, "127.0.0.1") == [401, 401, 401]
    public = settings.model_copy(update={"public_search": True})
    assert statuses(public, "192.0.2.7") == [200, 429, 429]
    assert statuses(public, "192.0.2.7", f"Bearer {secret}") == [200, 200, 429]


def test_an_address_that_is_forwarded_is_believed_of_a_trusted_proxy_only(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, public_search=True, address_rate=1)
    trusting = settings.model_copy(update={"trusted_proxies": "127.0.0.1, 10.0.0.0/8"})
    forged = "198.51.100.{}"  # another one in each request
    assert statuses(settings, "10.1.1.1", forwarded=forged) == [200, 429, 429]
    assert statuses(trusting, "10.1.1.1", forwarded=forged) == [200, 200, 200]
    assert statuses(trusting, "192.0.2.7", forwarded=forged) == [200, 429, 429]
    # A proxy adds whom it saw behind what its client says, true or not.
    behind = "198.51.100.{}, 192.0.2.7"
    assert statuses(trusting, "10.1.1.1", forwarded=behind) == [200, 429, 429]
    two = "198.51.100.{}, 192.0.2.7, 10.2.2.2"
    assert statuses(trusting, "127.0.0.1", forwarded=two) == [200, 429, 429]


def test_what_a_trusted_proxy_passes_on_is_not_this_machine(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, trusted_proxies="127.0.0.1")
    app = create_app(cast("Searcher", ToldSearcher()), settings)
    with TestClient(app, base_url="http://localhost", client=("127.0.0.1", 5000)) as http:
        for forwarded in ("127.0.0.1", "::1", "192.0.2.7, 127.0.0.1", "localhost", ""):
            answer = http.delete("/v1/articles/a", headers={"X-Forwarded-For": forwarded})
            assert answer.json()["type"] == "/problems/keys-needed"
