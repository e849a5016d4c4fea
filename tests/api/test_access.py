"""Who may ask for what: every route with every scope, and what a key is good for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.testclient import TestClient

from api.access import PUBLIC, SEARCH, check_start
from api.app import create_app
from api.routes.judging import Judge
from search.errors import InputError, NotFound, SettingsError
from search.keys import SCOPES, KeyFile, key_file
from search.ranking.searcher import Searcher
from search.settings import Settings
from tests.api.support import ToldIngest, ToldSearcher, client

REFUSALS = ("unauthorized", "scope-needed", "keys-needed", "cross-origin")


def routes() -> Iterator[tuple[str, str, list[str]]]:
    """Yield each method and path of the server, with the scopes it asks for."""
    app = create_app(
        cast("Searcher", ToldSearcher()), Settings(), None, cast("Judge", object()), mcp=True
    )
    for route in (each.original_route for each in iter_route_contexts(app.routes)):
        path = getattr(route, "path", "")
        scopes = []
        if isinstance(route, APIRoute):
            for each in route.dependant.dependencies:
                if each.call is SEARCH.dependency:
                    scopes += each.own_oauth_scopes or []
                elif each.call is PUBLIC.dependency:
                    scopes.append("public")
        elif path == "/openapi.json":  # FastAPI's own; it holds what the source does
            scopes.append("public")
        for method in sorted(getattr(route, "methods", None) or ["GET"]):
            yield method, path, scopes


ROUTES = list(routes())
KEYED = [(method, path, scope) for method, path, [scope] in ROUTES if scope != "public"]


def test_every_route_has_one_scope_or_is_public() -> None:
    assert len(ROUTES) > 40
    assert [route for route in ROUTES if len(route[2]) != 1] == []
    assert {scope for *_, scope in KEYED} == set(SCOPES)
    public = {path for _, path, [scope] in ROUTES if scope == "public"}
    assert {path for path in public if not path.startswith("/static/")} == {
        "/", "/live", "/ready", "/openapi.json", "/problems/{name}",
    }  # fmt: skip


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyFile:
    return KeyFile(tmp_path_factory.mktemp("keys") / "keys.json")


@pytest.fixture(scope="module")
def secrets(keys: KeyFile) -> dict[str, str]:
    """A key of each scope, one that has expired, and one that was revoked."""
    made: dict[str, str] = {scope: keys.create(scope, [scope])[1] for scope in SCOPES}
    made["gone"] = keys.create("gone", SCOPES)[1]
    keys.revoke("gone")
    made["old"] = keys.create("old", SCOPES, days=1)[1]
    day = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    text = keys.path.read_text()
    keys.path.write_text(re.sub(f"{day:%Y-%m-%d}T[0-9:]+Z", "2020-01-01T00:00:00Z", text))
    return made


@pytest.fixture(scope="module")
def keyed(keys: KeyFile, secrets: dict[str, str]) -> Iterator[TestClient]:
    settings = Settings(data=keys.path.parent, host="0.0.0.0")
    judge = cast("Judge", object())
    app = create_app(
        cast("Searcher", ToldSearcher()), settings, lambda _: ToldIngest(), judge, mcp=True
    )
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as connected:
        yield connected


def refusal(http: TestClient, method: str, path: str, key: str | None) -> str:
    """Return by which of these kinds a request is refused, "" by none."""
    headers = {"Authorization": f"Bearer {key}"} if key is not None else {}
    answer = http.request(method, re.sub(r"\{.*\}", "a", path), headers=headers)
    if not answer.content or "problem+json" not in answer.headers["content-type"]:
        return ""
    kind = str(answer.json()["type"]).rpartition("/")[2]
    assert kind != "unauthorized" or answer.headers["WWW-Authenticate"] == "Bearer"
    return kind if kind in REFUSALS else ""


@pytest.mark.parametrize(("method", "path", "scope"), KEYED)
def test_every_route_takes_a_key_of_its_scope_and_no_other(
    keyed: TestClient, secrets: dict[str, str], method: str, path: str, scope: str
) -> None:
    right = secrets[scope]
    for key in (None, "", "x", right[:-1], f"{right}x", secrets["gone"]):
        assert refusal(keyed, method, path, key) == "unauthorized"
    assert refusal(keyed, method, path, secrets["old"]) == "unauthorized"
    for other in SCOPES:
        expected = "" if other == scope else "scope-needed"
        assert refusal(keyed, method, path, secrets[other]) == expected, other


def test_a_key_may_be_a_password(keyed: TestClient, secrets: dict[str, str]) -> None:
    for password, status in ((secrets["search"], 200), (secrets["old"], 401), ("سر", 401)):
        answer = keyed.get("/v1/search?q=a", auth=("reader", password.encode()))
        assert answer.status_code == status
    for wrong in ("Basic", "Basic x", "Basic ===", f"Basic {secrets['search']}", secrets["search"]):
        answer = keyed.get("/v1/search?q=a", headers={"Authorization": wrong})
        assert answer.status_code == 401


def test_what_is_public_asks_for_no_key(keyed: TestClient) -> None:
    for method, path, [scope] in ROUTES:
        if scope == "public":
            assert refusal(keyed, method, path, None) == ""


def test_public_search_leaves_the_rest_to_keys(keys: KeyFile, secrets: dict[str, str]) -> None:
    settings = Settings(data=keys.path.parent, public_search=True)
    with client(ToldSearcher(), settings, ToldIngest()) as http:
        for key in (None, "x", secrets["index"]):
            assert refusal(http, "GET", "/v1/search?q=a", key) == ""
        assert refusal(http, "GET", "/v1/saved", None) == "unauthorized"
        assert refusal(http, "DELETE", "/v1/articles/a", secrets["search"]) == "scope-needed"
        assert refusal(http, "DELETE", "/v1/articles/a", secrets["index"]) == ""


def test_keys_count_at_once_when_made_and_no_more_when_revoked(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, host="0.0.0.0")
    other = key_file(settings)  # as of another process
    with client(ToldSearcher(), settings) as http:
        assert refusal(http, "GET", "/v1/search?q=a", None) == "keys-needed"
        _, secret = other.create("a", ["search"])
        assert refusal(http, "GET", "/v1/search?q=a", None) == "unauthorized"
        assert refusal(http, "GET", "/v1/search?q=a", secret) == ""
        other.revoke("a")
        assert refusal(http, "GET", "/v1/search?q=a", secret) == "unauthorized"
        other.path.write_text("[{")
        answer = http.get("/v1/search?q=a", headers={"Authorization": f"Bearer {secret}"})
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/misconfigured")


def test_the_file_holds_no_key_and_is_its_owners(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path / "new" / "keys.json")
    kept, secret = keys.create("سمير", ["index", "search"], 30)
    assert kept.scopes == ("search", "index")
    assert re.fullmatch("fihris_[0-9a-f]{8}_[A-Za-z0-9_-]{43}", secret)  # 43 letters: 256 bits
    assert secret[16:] not in keys.path.read_text()
    assert [each.stat().st_mode & 0o777 for each in (keys.path, keys.path.parent)] == [0o600, 0o700]
    assert keys.find(secret) == kept
    assert kept.expires is not None
    assert kept.expires - kept.created == timedelta(days=30)


def test_what_cannot_be_a_key_is_refused(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path / "keys.json")
    keys.create("a", ["search"])
    wrong: list[tuple[str, list[str], int | None]] = [
        ("a", ["search"], None), ("", ["search"], None), (" b", ["search"], None),
        ("b\n", ["search"], None), ("b" * 101, ["search"], None), ("b", [], None),
        ("b", ["write"], None), ("b", ["search"], 0), ("b", ["search"], 4000),
    ]  # fmt: skip
    for name, scopes, days in wrong:
        with pytest.raises(InputError):
            keys.create(name, scopes, days)
    with pytest.raises(NotFound):
        keys.revoke("b")
    assert len(keys.keys() or {}) == 1


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])
def test_a_server_that_others_reach_does_not_start_without_keys(host: str, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, host=host)
    with pytest.raises(SettingsError, match="fihris keys create"):
        check_start(settings)
    check_start(Settings(data=tmp_path, host=host, public_search=True))
    check_start(Settings(data=tmp_path, host="127.0.0.1"))
    key_file(settings).create("a", ["search"])
    check_start(settings)


def test_the_token_that_was_is_refused_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FIHRIS_WRITE_TOKEN", "sixteen letters and more")
    with pytest.raises(SettingsError, match="--scope index") as refused:
        check_start(Settings(data=tmp_path))
    assert "sixteen" not in str(refused.value)
