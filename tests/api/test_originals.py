"""Original files over HTTP: which may be opened, by whom, and what is told of one that changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from indexer.ingestion.pipeline import index
from indexer.ingestion.service import EngineIngest
from indexer.sources.identity import FileIds
from indexer.sources.listing import list_files
from indexer.sources.reading import read_articles
from search.engines.protocol import Engine
from search.keys import KeyFile
from search.ranking.searcher import Searcher
from search.settings import Settings
from tests.api.support import client
from tests.formats.building import zip_of
from tests.support import HashingEmbedder

TEXT = "نص الخبر عن مدينة بغداد"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path.resolve() / "مقالات"
    made.mkdir()
    return made


@pytest.fixture
def settings(tmp_path: Path, folder: Path) -> Settings:
    return Settings(data=tmp_path / "data", originals=folder)


@pytest.fixture
def http(engine: Engine, settings: Settings) -> Iterator[TestClient]:
    ingest = EngineIngest(engine, HashingEmbedder(), settings)
    with client(Searcher(engine, HashingEmbedder()), settings, ingest) as connected:
        yield connected


def put(engine: Engine, settings: Settings, *paths: Path, collection: str = "files") -> None:
    listed = list_files(list(paths), FileIds(collection))
    report = index(read_articles(listed), engine, HashingEmbedder(), settings)
    assert not report.failures


def written(path: Path, content: str | bytes = TEXT) -> str:
    """Write a file; return the id of its article."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return f"/files{path}"


def state(http: TestClient, article: str) -> str | None:
    answer = http.get("/v1/originals", params={"id": article}).json()
    return answer["originals"][0]["state"] if answer["originals"] else None


def opened(http: TestClient, article: str, **headers: str) -> tuple[int, bytes | str]:
    answer = http.get(f"/v1/originals/{quote(article, safe='')}", headers=headers)
    kind = answer.headers["content-type"]
    problem = kind == "application/problem+json"
    return answer.status_code, answer.json()["type"] if problem else answer.content


def test_the_file_is_opened_as_it_is(
    http: TestClient, engine: Engine, settings: Settings, folder: Path
) -> None:
    article = written(folder / "خبر.txt")
    put(engine, settings, folder)
    answer = http.get(f"/v1/originals/{quote(article, safe='')}")
    assert answer.content.decode() == TEXT
    assert answer.headers["content-type"] == "text/plain"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == f"inline; filename*=UTF-8''{quote('خبر.txt')}"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert http.get("/v1/originals", params={"id": article}).json() == {
        "open": True,
        "originals": [{"article": article, "name": "خبر.txt", "state": "same"}],
    }


def test_of_a_part_of_a_file_it_is_the_file(
    http: TestClient, engine: Engine, settings: Settings, folder: Path
) -> None:
    members = {"2001/a.txt": TEXT.encode(), "b.txt": "نص آخر".encode()}
    archive = written(folder / "قديم.zip", zip_of(members))
    table = written(folder / "list.csv", f"id,text\n17,{TEXT}\n")
    put(engine, settings, folder)
    put(engine, settings, folder, collection="laws")
    for article, path in (
        (f"{archive}/2001/a.txt", folder / "قديم.zip"),
        (f"{table}/17", folder / "list.csv"),
        ("/laws/17", folder / "list.csv"),
        (f"/laws{folder}/قديم.zip/b.txt", folder / "قديم.zip"),
    ):
        assert opened(http, article) == (200, path.read_bytes()), article


def test_a_changed_one_is_told_and_opened_when_asked(
    http: TestClient, engine: Engine, settings: Settings, folder: Path
) -> None:
    article = written(folder / "a.txt")
    put(engine, settings, folder)
    written(folder / "a.txt", "نص بُدّل بعد الفهرسة")
    assert state(http, article) == "changed"
    assert opened(http, article) == (409, "/problems/original-changed")
    answer = http.get(f"/v1/originals/{quote(article, safe='')}?changed=true")
    assert answer.content.decode() == "نص بُدّل بعد الفهرسة"
    put(engine, settings, folder)
    assert state(http, article) == "same"


@pytest.mark.parametrize("place", ["gone", "link", "link above", "folder", "pipe", "unreadable"])
def test_what_stands_in_its_place_is_not_opened(
    place: str, http: TestClient, engine: Engine, settings: Settings, folder: Path, tmp_path: Path
) -> None:
    (folder / "in").mkdir()
    article, path = written(folder / "in" / "a.txt"), folder / "in" / "a.txt"
    put(engine, settings, folder)
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "a.txt").write_text(TEXT)
    path.unlink()
    if place == "link":
        path.symlink_to(secret / "a.txt")
    elif place == "link above":
        (folder / "in").rmdir()
        (folder / "in").symlink_to(secret)
    elif place == "folder":
        path.mkdir()
    elif place == "pipe":
        os.mkfifo(path)
    elif place == "unreadable":
        path.symlink_to("a.txt")
    assert state(http, article) == "gone"
    assert opened(http, article) == (410, "/problems/original-gone")


def test_an_id_that_is_only_written_opens_nothing(
    http: TestClient, engine: Engine, settings: Settings, folder: Path, tmp_path: Path
) -> None:
    secret = written(folder / "secret.txt")
    outside = written(tmp_path.resolve() / "outside.txt")
    put(engine, settings, tmp_path / "outside.txt")
    for article in (secret, "/files/etc/passwd", f"/files{folder}/../outside.txt"):
        assert http.put(f"/v1/articles/{quote(article, safe='')}", json={"text": TEXT}).is_success
    for article in (secret, outside, "/files/etc/passwd", f"/files{folder}/../outside.txt"):
        assert opened(http, article) == (404, "/problems/not-found")
        assert state(http, article) is None


def test_of_an_article_that_was_removed_nothing_is_opened(
    http: TestClient, engine: Engine, settings: Settings, folder: Path
) -> None:
    article = written(folder / "a.txt")
    put(engine, settings, folder)
    engine.delete([article])
    assert opened(http, article) == (404, "/problems/not-found")


@pytest.mark.parametrize(
    ("changed", "headers"),
    [
        ({"originals": None}, {}),
        ({"host": "192.0.2.1", "public_search": True}, {}),
        ({}, {"X-Forwarded-For": "192.0.2.1"}),
        ({}, {"Sec-Fetch-Site": "cross-site"}),
    ],
)
def test_who_may_not_open_files(
    changed: dict[str, object], headers: dict[str, str],
    engine: Engine, settings: Settings, folder: Path,
) -> None:  # fmt: skip
    article = written(folder / "a.txt")
    put(engine, settings, folder)
    other = settings.model_copy(update=changed)
    with client(Searcher(engine, HashingEmbedder()), other) as http:
        assert opened(http, article, **headers)[0] == 403
        asked = http.get("/v1/originals", params={"id": article}, headers=headers)
        assert asked.json() == {"open": False, "originals": []}


def test_a_key_that_searches_opens_files_and_public_search_does_not(
    engine: Engine, settings: Settings, folder: Path
) -> None:
    article = written(folder / "a.txt")
    put(engine, settings, folder)
    key = f"Bearer {KeyFile(settings.data / 'keys.json').create('a', ['search'])[1]}"
    other = settings.model_copy(update={"host": "192.0.2.1", "public_search": True})
    with client(Searcher(engine, HashingEmbedder()), other) as http:
        assert opened(http, article)[0] == 401
        proxied = {"Authorization": key, "X-Forwarded-For": "192.0.2.7"}
        assert opened(http, article, **proxied) == (200, TEXT.encode())
