"""The Python client: every route a method, answers as the schemas have them, errors, retries."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import date
from typing import cast

import httpx2
import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.testclient import TestClient

from api.app import create_app
from api.client import AsyncClient, Client, RequestFailed, Route
from api.requests import SearchBody
from api.schemas import HitOut
from search.domain import Segment
from search.errors import EngineUnavailable, InputError
from search.settings import Settings
from tests.api.conftest import SEED

# Routes that are no method, and why.
EXCEPTIONS = {
    ("GET", "/v1/search"): "POST has it; files are for people",
    ("GET", "/v1/saved/{id}/feed.atom"): "for feed readers",
    ("GET", "/v1/originals/{id}"): "files for people",
    ("POST", "/v1/retrieval"): "for Dify",
}


@pytest.fixture
def fihris(writable: TestClient) -> Iterator[Client]:
    """A client of an index of the test's own, which takes articles."""
    with Client("http://localhost", transport=writable._transport) as connected:
        yield connected


@pytest.fixture
def seed(http: TestClient) -> Iterator[Client]:
    """A client of the seed."""
    with Client("http://localhost", transport=http._transport) as connected:
        yield connected


def test_every_route_is_a_method_of_both_clients() -> None:
    found = (
        each.original_route for each in iter_route_contexts(create_app(settings=Settings()).routes)
    )
    routes = {
        (method, route.path_format.replace(":path}", "}"))
        for route in found
        if isinstance(route, APIRoute) and route.include_in_schema
        for method in route.methods or ()
    }
    named = [getattr(Client, name) for name in dir(Client)]
    methods = {(each.method, each.path) for each in named if isinstance(each, Route)}
    assert methods | set(EXCEPTIONS) == routes
    assert methods & set(EXCEPTIONS) == set()
    assert all(hasattr(AsyncClient, name) for name in dir(Client) if not name.startswith("__"))


def test_a_search_is_answered_in_the_types_of_the_schemas(seed: Client) -> None:
    answer = seed.search(q="ضربات العراق", mode="keyword", size=2, facets=["source"])
    hit, *_ = cast("list[HitOut]", answer["hits"])
    assert hit["article"]["source"] == "CNN Arabic"
    assert isinstance(hit["segments"][0], Segment)
    assert "".join(each.text for each in hit["segments"]) == hit["passage"]["text"]
    assert answer["facets"] is not None
    assert answer["facets"]["source"][0].value == "CNN Arabic"
    assert seed.article(id=SEED, q="العراق")["article"]["id"] == SEED
    assert seed.passage(id=f"{SEED}#1")["passage"]["position"] == 1
    dated = seed.articles(from_=date(2024, 1, 1), to="2024-12-31")
    assert dated["total"] == 1
    several = seed.multi_search(
        searches=[SearchBody(q="بغداد"), SearchBody(q="x", start=9_999, size=9)]
    )
    assert [next(iter(each)) for each in several["answers"]] == ["query", "problem"]


def test_articles_are_written_changed_and_removed(fihris: Client) -> None:
    odd = "كتب/خبر?#%2F ١"
    assert (
        fihris.put_article(id=odd, body={"text": "نص الخبر", "source": "أ"})["status"] == "created"
    )
    assert fihris.article(id=odd)["text"] == "نص الخبر"
    lines = fihris.bulk(body=[{"id": "b", "text": "نص"}, {"id": "c"}], collection="k")
    assert [(each["line"], each["status"]) for each in lines] == [(1, "created"), (2, "failed")]
    made = fihris.upload(name="ملف.txt", body="سطر أول\n\nسطر ثان".encode())
    assert made["created"] == 1
    assert fihris.change_articles(source=["أ"], body={"source": "ب"})["changed"] == 1
    assert fihris.delete_articles(source=["ب"], dry_run=True)["matched"] == 1
    assert fihris.delete_article(id=odd) is None
    assert fihris.status()["articles"] == 2
    note = fihris.annotate(target="/k/b#0", labels=["شاهد"])
    said = fihris.change_annotation(id=note["id"], body={"note": "هنا"})
    assert (said["anchor"], said["labels"]) == ("passage", [])
    assert fihris.annotations(q="هنا")["total"] == 1
    assert fihris.delete_annotation(id=note["id"]) is None
    saved = fihris.save(q="نص", from_=date(2024, 1, 1))
    assert fihris.saved()["saved"][0]["from"] == "2024-01-01"
    assert fihris.saved_matches(id=saved["id"])["matches"] == []
    assert fihris.delete_saved(id=saved["id"]) is None


def test_the_async_client_answers_the_same(writable: TestClient) -> None:
    async def ask() -> int:
        transport = httpx2.ASGITransport(app=writable.app)
        async with AsyncClient("http://localhost", transport=transport) as fihris:
            await fihris.put_article(id="a", body={"text": "نص"})
            with pytest.raises(RequestFailed):
                await fihris.article(id="b")
            return (await fihris.articles())["total"]

    assert asyncio.run(ask()) == 1


def test_a_problem_is_an_exception(seed: Client) -> None:
    with pytest.raises(RequestFailed, match="there is no article") as failed:
        seed.article(id="nothing")
    assert (failed.value.status, failed.value.kind) == (404, "not-found")
    assert failed.value.problem["request_id"]
    with pytest.raises(InputError, match="size: ") as wrong:
        seed.search(q="x", size=1_000)
    assert wrong.value.field == "size"


def test_an_answer_that_is_none_of_the_servers_is_told() -> None:
    def proxy(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/live":
            return httpx2.Response(200, json={"status": "well"})
        return httpx2.Response(502, text="<html>Bad gateway")

    with Client(transport=httpx2.MockTransport(proxy)) as fihris:
        with pytest.raises(RequestFailed, match="Bad gateway") as failed:
            fihris.status()
        assert failed.value.kind == "about:blank"
        with pytest.raises(RequestFailed, match="live"):
            fihris.live()


def test_only_what_is_safe_to_repeat_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    sent: list[str] = []

    def busy(request: httpx2.Request) -> httpx2.Response:
        sent.append(request.url.path)
        if len(sent) == 1:
            raise httpx2.ReadError("lost")
        if len(sent) == 2:
            return httpx2.Response(503, headers={"Retry-After": "7"})
        return httpx2.Response(200, json={"status": "live"})

    with Client(transport=httpx2.MockTransport(busy)) as fihris:
        assert fihris.live() == {"status": "live"}
        assert waited == [0.2, 7.0]
        sent.clear()
        with pytest.raises(EngineUnavailable, match="lost"):
            fihris.save(q="x")
        assert sent == ["/v1/saved"]
        sent.clear()
    once = Client(transport=httpx2.MockTransport(busy), retries=0)
    with once, pytest.raises(EngineUnavailable):
        once.search(q="x")
    assert sent == ["/v1/search"]


def test_a_key_is_sent_as_a_bearer_token() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        assert request.headers["authorization"] == "Bearer secret"
        return httpx2.Response(200, json={"status": "live"})

    with Client(key="secret", transport=httpx2.MockTransport(answer)) as fihris:
        fihris.live()
