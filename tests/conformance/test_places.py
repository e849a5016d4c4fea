"""Where a passage stands is kept by every engine, shown with each hit, and searched by nobody."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from indexer.ingestion.changing import change_articles, change_from
from indexer.ingestion.pipeline import index
from indexer.ingestion.records import article_from
from indexer.ingestion.reindex import reindex
from indexer.sources import Found
from search import exports
from search.assembly import fingerprint_of
from search.domain import Article, Locator, Query
from search.engines import open_engine
from search.engines.elastic import mapping
from search.engines.embedded.record import RECORD
from search.engines.protocol import Engine
from search.ranking.kwic import as_csv, kwic
from search.ranking.searcher import Searcher
from search.settings import Settings
from tests.conformance.conftest import index_of
from tests.conformance.engines import alias_of, elastic_settings, names
from tests.support import HashingEmbedder, article

EMBEDDER = HashingEmbedder(32)
BOOK = article_from(
    {
        "id": "book",
        "language": "ar",
        "title": "كتاب",
        "text": "مقدمة\nفصل عن النفط\nفصل عن القمح وعن النفط",
        "fihris_places": [[6, "page", "12"], [19, "page", "13"], [30, "page", "1/14"]],
    }
)
PLACES = [None, Locator("page", "12"), Locator("page", "13")]


def write(engine: Engine, *articles: Article) -> list[str]:
    found = [Found(each, each.id, 0) for each in articles]
    ended: list[str] = []
    report = index(
        found, engine, EMBEDDER, Settings(), on_outcome=lambda _, status: ended.append(status)
    )
    assert not report.failed
    return ended


@pytest.fixture
def library(engine: Engine) -> Engine:
    write(engine, BOOK, article("plain", "نص عن النفط"))
    return engine


def test_it_comes_back_with_passages_and_with_the_article(library: Engine) -> None:
    passages = library.fetch(["book#0", "book#1", "book#2", "plain#0"])
    assert [each.passage.place for each in passages] == [*PLACES, None]
    stored = library.article("book")
    assert stored is not None
    assert stored.article == BOOK
    assert [passage.place for passage in stored.passages] == PLACES
    (read,) = library.indexed(["book"])
    assert read.article.content_hash() == BOOK.content_hash()
    assert [each.passage.place for each in read.passages] == PLACES


def test_hits_lines_in_context_and_citations_have_it(library: Engine) -> None:
    searcher = Searcher(library, EMBEDDER)
    for mode in ("keyword", "hybrid"):
        results = searcher.search(Query("النفط", mode=mode))
        shown = {hit.passage.id: hit.passage.place for hit in results.hits}
        assert shown.items() >= {"book#1": PLACES[1], "book#2": PLACES[2], "plain#0": None}.items()
    results = searcher.search(Query("النفط", mode="keyword"))
    assert "pages = {" in exports.exported(results, "bibtex")
    ris = exports.exported(results, "ris")
    assert {line for line in ris.splitlines() if line.startswith("SP")} <= {
        "SP  - 12, 13", "SP  - 13, 12",
    }  # fmt: skip
    assert ris.count("SP  - ") == 1
    assert ",page 12," in exports.exported(results, "csv")
    found = kwic(searcher, Query("القمح", mode="keyword"))
    assert [line.passage.place for line in found.lines] == [PLACES[2]]
    assert ",page 13," in as_csv(found)


def test_it_is_not_searched(library: Engine) -> None:
    results = Searcher(library, EMBEDDER).search(Query("page 12", mode="keyword", match="exact"))
    assert results.hits == ()


def test_a_text_without_places_is_what_it_was_and_other_places_are_a_change(
    library: Engine,
) -> None:
    assert write(library, BOOK) == ["unchanged"]
    moved = replace(BOOK, places=((6, Locator("page", "13")),))
    assert write(library, moved) == ["updated"]
    assert library.fetch(["book#2"])[0].passage.place == Locator("page", "13")
    assert write(library, replace(BOOK, places=())) == ["updated"]
    assert library.fetch(["book#1"])[0].passage.place is None
    assert library.delete(["book"]) == 1
    assert write(library, BOOK) == ["created"]
    assert library.fetch(["book#1"])[0].passage.place == PLACES[1]


def test_changing_what_is_known_of_an_article_keeps_it(library: Engine) -> None:
    stored = library.article("book")
    assert stored is not None
    change = change_from({"source": "دار"})
    assert [e.status for e in change_articles(library, [stored.article.info], change)] == [
        "updated"
    ]
    assert [e.passage.place for e in library.fetch(["book#1", "book#2"])] == PLACES[1:]


@pytest.mark.parametrize("name", names())
def test_an_index_made_anew_keeps_it(name: str, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "index")
    if name == "elasticsearch":
        settings = elastic_settings(alias_of(tmp_path), data=tmp_path / "index")
    with index_of(name, tmp_path):
        engine = open_engine(settings, fingerprint_of(EMBEDDER, settings))
        write(engine, BOOK)
        engine.close()
        reindex(settings, EMBEDDER)
        engine = open_engine(settings, fingerprint_of(EMBEDDER, settings))
        assert [e.passage.place for e in engine.fetch(["book#1", "book#2"])] == PLACES[1:]
        engine.close()


@pytest.mark.parametrize("name", names())
def test_an_index_from_before_has_none_and_takes_some(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = mapping.properties

    def as_before(dimensions: int, vectors: str) -> dict[str, object]:
        its = today(dimensions, vectors)
        return {key: its[key] for key in its if key not in mapping.LATER}

    monkeypatch.setattr(mapping, "properties", as_before)
    with index_of(name, tmp_path) as open_again:
        with open_again() as engine:
            write(engine, article("old", "نص عن النفط"))
        for record in tmp_path.rglob(RECORD):
            _without_table(record)
        with open_again() as engine:
            assert engine.fetch(["old#0"])[0].passage.place is None
            assert engine.article("old") is not None
            write(engine, article("other", "نص"), BOOK)
            assert [e.passage.place for e in engine.fetch(["book#1", "old#0"])] == [PLACES[1], None]
        with open_again() as engine:
            assert [e.passage.place for e in engine.fetch(["book#1", "old#0"])] == [PLACES[1], None]
            assert engine.delete(["book", "old"]) == 2


def _without_table(record: Path) -> None:
    import sqlite3

    with sqlite3.connect(record) as connection:
        connection.execute("DROP TABLE IF EXISTS places")
    connection.close()
