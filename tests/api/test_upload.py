"""A file: as a body, or in a form."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

import pytest
from fastapi.testclient import TestClient

from api import uploads
from api.bodies import Body
from search.domain import WriteOutcome
from search.ingest import MEDIA_TYPES, OTHER_SUFFIXES
from search.settings import Settings
from tests.api.support import ToldIngest, ToldSearcher, client

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def http(told: ToldIngest, settings: Settings) -> Iterator[TestClient]:
    with client(ToldSearcher(), settings, told) as connected:
        yield connected


def test_a_file_as_the_body(http: TestClient, told: ToldIngest) -> None:
    answer = http.post(
        "/v1/articles?name=2024/report",
        content="نص".encode(),
        headers={"Content-Type": "text/plain; charset=utf-8"},
    )
    assert answer.status_code == 201
    assert answer.json() == {
        "created": 1,
        "updated": 0,
        "unchanged": 0,
        "failed": 0,
        "articles": [
            {"id": "2024/report.txt", "status": "created", "error": None, "code": None, "notes": []}
        ],
    }
    assert told.texts == {"2024/report.txt": "نص"}


def test_a_file_in_a_form(http: TestClient, told: ToldIngest) -> None:
    big = "ن" * 1_000_000  # more than the parser keeps in memory
    file = {"file": ("C:\\docs\\خبر.html", big.encode(), "text/html")}
    assert http.post("/v1/articles", files=file).status_code == 201
    assert told.texts == {"خبر.html": big}
    assert http.post("/v1/articles", files=file).status_code == 200


def test_a_form_may_name_its_file(http: TestClient, told: ToldIngest) -> None:
    file = {"file": ("b.txt", b"x")}
    assert http.post("/v1/articles", files=file, data={"name": "2024/a.md"}).status_code == 201
    named = http.post("/v1/articles?name=c.md", files=file, data={"name": "2024/a.md"})
    assert named.status_code == 201  # the address decides
    assert set(told.texts) == {"2024/a.md", "c.md"}
    other = http.post("/v1/articles", files=file, data={"nam": "a.md"})
    assert (other.status_code, other.json()["errors"][0]["field"]) == (422, "body")
    for path in ("/v1/articles", "/v1/articles?name=c.md"):
        above = http.post(path, files=file, data={"name": "../a.md"})
        assert (above.status_code, above.json()["errors"][0]["field"]) == (422, "name")


@pytest.mark.parametrize(
    ("name", "kind", "wanted"),
    [
        ("تقرير 3.5", "text/plain", "تقرير 3.5.txt"),
        ("a.v2", "application/pdf", "a.v2.pdf"),
        ("a.HTM", "text/html", "a.HTM"),
        ("a.tgz", "application/gzip", "a.tgz"),
        ("a.b/c", "text/html", "a.b/c.html"),
        (".txt", "text/plain", ".txt"),
    ],
)
def test_a_name_that_tells_no_kind_is_given_the_types_suffix(
    http: TestClient, told: ToldIngest, name: str, kind: str, wanted: str
) -> None:
    http.post("/v1/articles", params={"name": name}, content=b"x", headers={"Content-Type": kind})
    assert set(told.texts) == {wanted}


def test_the_suffixes_are_those_that_are_read() -> None:
    from indexer.extraction.registry import SUFFIXES

    assert {*MEDIA_TYPES.values(), *OTHER_SUFFIXES} == set(SUFFIXES)


def test_a_file_without_a_name_is_called_by_its_content(http: TestClient, told: ToldIngest) -> None:
    for _ in range(2):
        http.post("/v1/articles", content=b"%PDF", headers={"Content-Type": "application/pdf"})
    (name,) = told.texts
    assert name.startswith("upload/")
    assert name.endswith(".pdf")


class Telling(ToldIngest):
    """Finds in each file what it was told."""

    def __init__(self, *found: WriteOutcome) -> None:
        super().__init__()
        self.found = found

    def file(self, file: BinaryIO, name: str, collection: str = "") -> Iterator[WriteOutcome]:
        assert os.fstat(file.fileno()).st_nlink == 0  # no folder shows it
        return iter(self.found)


def test_a_file_without_any_article_is_a_problem(settings: Settings) -> None:
    with client(ToldSearcher(), settings, Telling()) as http:
        answer = http.post("/v1/articles", content=b"[]", headers=JSON)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/unreadable-source")
    assert answer.json()["detail"] == "empty: there is no article in it"


def test_what_failed_stands_beside_what_did_not(settings: Settings) -> None:
    found = WriteOutcome("", "failed", "b.pdf: broken", "damaged"), WriteOutcome("a", "unchanged")
    with client(ToldSearcher(), settings, Telling(*found)) as http:
        answer = http.post("/v1/articles", content=b"[]", headers=JSON)
    assert answer.status_code == 200
    assert answer.json()["articles"] == [
        {"id": None, "status": "failed", "error": "b.pdf: broken", "code": "damaged", "notes": []},
        {"id": "a", "status": "unchanged", "error": None, "code": None, "notes": []},
    ]


def test_of_very_many_articles_the_first_are_listed(settings: Settings) -> None:
    many = [WriteOutcome(f"a{n}", "created") for n in range(uploads.MAX_LISTED + 1)]
    with client(ToldSearcher(), settings, Telling(*many)) as http:
        answer = http.post("/v1/articles", content=b"[]", headers=JSON).json()
    assert answer["created"] == uploads.MAX_LISTED + 1
    assert len(answer["articles"]) == uploads.MAX_LISTED


def test_a_disk_that_is_full_is_told(http: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(self: Body, file: BinaryIO) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Body, "into", full)
    answer = http.post("/v1/articles", content=b"[]", headers=JSON)
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/engine-unavailable")
    assert "No space left" in answer.json()["detail"]


def test_a_file_that_gives_nothing_is_a_problem_with_its_reason(http: TestClient) -> None:
    answer = http.post(
        "/v1/articles?name=a.zip", content=b"x", headers={"Content-Type": "application/zip"}
    )
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/unreadable-source")
    assert answer.json()["detail"] == "damaged: broken"


@pytest.mark.parametrize(
    "name", ["", "../a.txt", "a/../b.txt", "/etc/passwd", "a%00b", "a%5Cb", "a" * 401]
)
def test_names_that_are_none(http: TestClient, name: str) -> None:
    answer = http.post(
        f"/v1/articles?name={name}", content=b"x", headers={"Content-Type": "text/plain"}
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "name"


def test_kinds_of_file_that_are_none(http: TestClient) -> None:
    for kind in ("", "application/octet-stream", "video/mp4"):
        answer = http.post("/v1/articles", content=b"x", headers={"Content-Type": kind})
        assert answer.status_code == 415


@pytest.mark.parametrize("body", [b"", b"nonsense", b"--x\r\n\r\n--x--", b"--x--\r\n"])
def test_forms_that_are_none(http: TestClient, body: bytes) -> None:
    answer = http.post(
        "/v1/articles",
        content=body,
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    assert answer.status_code == 422
    two = {"a": ("a.txt", b"x"), "b": ("b.txt", b"x")}
    assert http.post("/v1/articles", files=two).status_code == 422
    assert http.post("/v1/articles", data={"a": "b"}, files={}).status_code in (415, 422)
