"""The page's files: complete, of one origin, nothing inline, texts never markup."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.routes.page import PAGES
from tests.api.support import ToldSearcher, client
from tests.support import REPOSITORY

STATIC = REPOSITORY / "api" / "static"
FILES = sorted(STATIC.iterdir())
SCRIPTS = [f for f in FILES if f.suffix == ".js"]


@pytest.fixture(scope="module")
def http() -> Iterator[TestClient]:
    with client(ToldSearcher()) as connected:
        yield connected


def test_the_page_is_arabic_first(http: TestClient) -> None:
    answer = http.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert '<html lang="ar" dir="rtl">' in answer.text


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.name)
def test_every_file_is_served_as_what_it_is(http: TestClient, file: Path) -> None:
    answer = http.get(PAGES.get(file.name, f"/static/{file.name}"))
    assert answer.content == file.read_bytes()
    kinds = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
    assert answer.headers["content-type"].startswith(kinds.get(file.suffix, "image/svg+xml"))


def test_what_is_unchanged_is_not_sent_again(http: TestClient) -> None:
    first = http.get("/static/app.js")
    again = http.get("/static/app.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert http.get("/static/app.js", headers={"If-None-Match": '"old"'}).status_code == 200


def test_head_is_get_without_the_body(http: TestClient) -> None:
    answer = http.head("/", headers={"Accept-Encoding": "identity"})
    assert answer.status_code == 200
    assert answer.content == b""
    assert int(answer.headers["content-length"]) == (STATIC / "index.html").stat().st_size


def test_the_page_is_under_80_kb_compressed(http: TestClient) -> None:
    paths = [PAGES.get(file.name, f"/static/{file.name}") for file in FILES]
    sent = [http.get(path, headers={"Accept-Encoding": "gzip"}) for path in paths]
    assert {answer.headers["content-encoding"] for answer in sent} == {"gzip"}
    assert sum(int(answer.headers["content-length"]) for answer in sent) < 80_000


@pytest.mark.parametrize("path", ["..%2fapp.py", "%00", "app.js/", "APP.JS", "a" * 5000])
def test_only_the_files_are_there(http: TestClient, path: str) -> None:
    assert http.get(f"/static/{path}").status_code == 404


@pytest.mark.parametrize("name", PAGES)
def test_nothing_comes_from_elsewhere_or_stands_inline(name: str) -> None:
    page = (STATIC / name).read_text("utf-8")
    assert not re.search(r"""(src|href)=["'](https?:)?//""", page)
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", page)
    assert re.findall(r"<script[^>]*>([^<]*)", page) == [""]
    sheet = (STATIC / "app.css").read_text("utf-8")
    assert "@import" not in sheet
    assert "url(" not in sheet


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda f: f.name)
def test_no_text_can_become_markup(file: Path) -> None:
    script = file.read_text("utf-8")
    for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
                      "new Function", "DOMParser", ".style", "cssText"):  # fmt: skip
        assert forbidden not in script


def test_every_label_of_the_page_has_a_text_in_both_languages() -> None:
    page = (STATIC / "index.html").read_text("utf-8")
    texts = [(STATIC / f"{name}.js").read_text("utf-8") for name in ("arabic", "english")]
    keys = [re.findall(r"^  (\w+):", text, re.MULTILINE) for text in texts]
    assert keys[0] == keys[1]
    assert len(set(keys[0])) == len(keys[0])
    assert set(re.findall(r'data-(?:text|label)="(\w+)"', page)) <= set(keys[0])
