"""Saved searches on every engine: what is matched, once, and what is told of it."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from indexer.ingestion.batches import Maker
from indexer.ingestion.pipeline import index, unembedded
from indexer.ingestion.preparing import prepare
from indexer.ingestion.reindex import reindex
from indexer.ingestion.service import EngineIngest
from indexer.sources import Found
from search.assembly import fingerprint_of
from search.domain import Article, Filter, IndexedArticle, Mode, Query
from search.engines import open_engine
from search.engines.protocol import Engine, RankRequest
from search.errors import CursorGone, InputError, NotFound
from search.query.expansion import forms_of_roots
from search.query.matching import constraint, text_clause
from search.query.parse import parse
from search.ranking.searcher import Searcher
from search.saved import open_alerts, open_store
from search.saved.manager import SavedSearches
from search.saved.matching import demanding
from search.settings import Settings
from tests.conformance.conftest import index_of
from tests.conformance.corpus import EMBEDDER, FINGERPRINT
from tests.conformance.engines import alias_of, elastic_settings, names
from tests.support import REPOSITORY, HashingEmbedder, article


@pytest.fixture(params=names())
def library(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Engine, Settings]]:
    """Give an engine and settings that lead to its index and its saved searches."""
    settings = Settings(data=tmp_path / "index")
    with index_of(request.param, tmp_path) as open_again, open_again() as engine:
        if request.param == "elasticsearch":
            settings = elastic_settings(alias_of(tmp_path), data=tmp_path / "index")
        yield engine, settings


@pytest.fixture
def saved(library: tuple[Engine, Settings]) -> Iterator[SavedSearches]:
    engine, settings = library
    with SavedSearches(Searcher(engine, EMBEDDER), settings) as searches:
        yield searches


def write(library: tuple[Engine, Settings], *articles: Article, embed: bool = True) -> None:
    engine, settings = library
    found = [Found(each, each.id, 0) for each in articles]
    report = index(found, engine, EMBEDDER, settings, embed=embed)
    assert not report.failed


def told(searches: SavedSearches, saved: str) -> list[tuple[str, str]]:
    """Return the passages of all matches and how each was found, in order of passage."""
    found, cursor = [], ""
    while True:
        page = searches.matches(saved, 2, cursor)
        found += [(each.passage.passage.id, each.match.by) for each in page.matches]
        cursor = page.cursor
        if not cursor:
            return sorted(found)


NEWS = [
    article("1", "قصف قاعدة في العراق\nوصل وزير النفط إلى بغداد", source="CNN",
            published=date(2024, 2, 29), tags=("حرب",)),
    article("2", "العراق يصدر النفط", source="BBC", author="سارة", language="ar"),
    article("3", "سعر الذهب يرتفع", title="العراق والنفط", published=date(2020, 1, 1)),
    article("4", "نص آخر عن مدارس بغداد"),
]  # fmt: skip


def test_what_is_indexed_after_a_search_was_saved(
    library: tuple[Engine, Settings], saved: SavedSearches
) -> None:
    write(library, article("0", "العراق والنفط من قبل"))
    both = saved.add("", Query("العراق النفط", mode="keyword"))
    any_word = saved.add("أي", Query("العراق النفط", mode="keyword"), words="any")
    write(library, *NEWS)
    assert told(saved, both.id) == [("2#0", "words"), ("3#0", "words")]
    assert [key for key, _ in told(saved, any_word.id)] == ["1#0", "1#1", "2#0", "3#0"]
    assert [(s.name, tally.kept) for s, tally in saved.list()] == [("العراق النفط", 2), ("أي", 4)]
    saved.remove(both.id)
    assert [s.id for s, _ in saved.list()] == [any_word.id]
    with pytest.raises(NotFound):
        saved.matches(both.id)
    saved.remove(any_word.id)
    assert open_store(library[1]).version() == ""


QUERIES = [
    "العراق", "مدرسة بغداد", "«وزير النفط»", '="العراق"', "العراق -قصف", "+النفط سعر", "بغد* وزير",
    "قصف source:cnn", "العراق -tag:حرب", "سعر title:العراق title:x", "قاعدة NEAR/3 قصف", '"قصف العراق"~2',
    "+قصف|سعر", "الوزراء", "مسؤول", "ابن سينا", "عبدالله", "Baghdad", "وصل الى بغداد",
    "root:وصل", "العراق -جذر:سعر",
]  # fmt: skip
FILTERS = [
    Filter(),
    Filter(sources=("cnn", "BBC")),
    Filter(tags=("حرب",), published_to=date(2024, 12, 31)),
    Filter(published_from=date(2020, 1, 1), published_to=date(2020, 1, 1)),
    Filter(authors=("ساره",)),
    Filter(articles=("2", "4"), languages=("AR",)),
]


def test_matches_by_words_are_what_a_search_finds(
    library: tuple[Engine, Settings], saved: SavedSearches
) -> None:
    asked = [
        (saved.add("", Query(text, mode="keyword", filter=inside, match=level), words=words))
        for text in QUERIES
        for inside in FILTERS[: 1 if text != "العراق" else None]
        for level in ((None, "exact", "form") if inside == Filter() else (None,))
        for words in (("all", "any") if inside == Filter() else ("all",))
    ]  # fmt: skip
    write(library, *NEWS)
    found = 0
    searcher = Searcher(library[0], EMBEDDER)
    for search in asked:
        parsed = parse(search.query.text)
        latin = searcher._forms(parsed) if search.query.match is None else {}
        forms = {**latin, **forms_of_roots(parsed)}
        asked_of = demanding(parsed) if search.words == "all" else parsed
        request = RankRequest(
            clause=text_clause(asked_of, forms),
            constraint=constraint(asked_of, forms, search.query.match),
            filter=search.query.filter,
        )
        expected = sorted(hit.passage_id for hit in library[0].rank(request).text)
        assert [key for key, _ in told(saved, search.id)] == expected, search
        found += len(expected)
        if search.words == "any" and expected:
            hits = searcher.search(replace(search.query, size=100)).hits
            assert sorted(hit.passage.id for hit in hits) == expected, search
    assert found > 100


def test_a_title_tells_of_an_article_once(
    library: tuple[Engine, Settings], saved: SavedSearches
) -> None:
    search = saved.add("", Query("العراق النفط", mode="keyword"))
    title = "العراق والنفط"
    write(library, article("1", "سعر الذهب\nسعر الفضة", title=title),
          article("2", "سعر الذهب\nنفط العراق\nماء", title=title))  # fmt: skip
    assert told(saved, search.id) == [("1#0", "words"), ("2#1", "words")]


def test_synonyms_are_matched_as_a_search_does(
    library: tuple[Engine, Settings],
    saved: SavedSearches,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("search.query.synonyms._LOOKED_AT", 0.0)
    file = tmp_path / "synonyms.txt"
    file.write_text("داعش, تنظيم الدولة", encoding="utf-8")
    settings = library[1].model_copy(update={"synonyms": file})
    text = "داعش الموصل"
    by_words = [
        saved.add("", Query(text, "keyword")),
        saved.add("", Query(text, "keyword"), words="any"),
        saved.add("", Query("تنظيم الدولة", "keyword")),
        saved.add("", Query("+داعش الموصل", "keyword")),
        saved.add("", Query("داعش الموصل -هجوم", "keyword")),
        saved.add("", Query(text, "keyword", also=("latin",))),
        saved.add("", Query(text, "keyword", match="form")),
    ]
    texts = ("هجوم داعش في الموصل", "تنظيم الدولة في الموصل", "تنظيم الدولة في بغداد",
             "الدولة في الموصل", "ماء")  # fmt: skip
    write((library[0], settings), *(article(f"{n}", text) for n, text in enumerate(texts)))
    found = ["".join(key[0] for key, _ in told(saved, each.id)) for each in by_words]
    assert found == ["01", "0123", "012", "0", "1", "0", "0"]
    with closing(open_alerts(settings, EMBEDDER)) as alerts:
        alerts.record(prepare([article("5", "الموصل")], EMBEDDER, settings), {})
        file.write_text("داعش => خلافة", encoding="utf-8")
        alerts.record(prepare([article("6", "خلافة في الموصل")], EMBEDDER, settings), {})
    assert [tally.kept for _, tally in saved.list()][:2] == [3, 6]


def test_what_is_known_anew_of_a_text_that_was_there_tells_of_nothing(
    library: tuple[Engine, Settings], saved: SavedSearches
) -> None:
    write(library, article("1", "بغداد", source="CNN"), article("2", "بغداد", source="CNN"))
    search = saved.add("", Query("بغداد", filter=Filter(sources=("BBC",))), threshold=0.5)
    ingest = EngineIngest(library[0], EMBEDDER, library[1])
    changed = ingest.change_matching(Filter(articles=("1",)), {"source": "BBC"}, "", dry_run=False)
    ingest.close()
    assert changed.changed == 1
    write(library, article("2", "بغداد", source="BBC"), article("3", "بغداد", source="BBC"))
    assert told(saved, search.id) == [("3#0", "words")]


def test_meaning_and_words_each_find_and_each_passage_is_told_once(
    library: tuple[Engine, Settings], saved: SavedSearches
) -> None:
    by = {mode: saved.add("", Query("سعر الذهب", mode=mode), threshold=0.7) for mode in _MODES}
    demanding = saved.add("", Query("سعر الذهب -يرتفع", mode="semantic"), threshold=0.7)
    write(library, article("1", "سعر الذهب"), article("2", "عن سعر الذهب يرتفع اليوم وكل ما يقال فيه"),
          article("3", "ماء"), embed=False)  # fmt: skip
    assert told(saved, by["semantic"].id) == []
    words = [("1#0", "words"), ("2#0", "words")]
    assert told(saved, by["hybrid"].id) == told(saved, by["keyword"].id) == words
    engine, settings = library
    report = index(unembedded(engine), engine, EMBEDDER, settings)
    assert report.updated == 3
    assert told(saved, by["semantic"].id) == told(saved, demanding.id) == [("1#0", "meaning")]
    assert told(saved, by["hybrid"].id) == told(saved, by["keyword"].id) == words
    (match,) = saved.matches(by["semantic"].id).matches
    asked = by["semantic"].vector
    (ranked,) = [r for r in engine.rank(RankRequest(vector=asked)).vector if r.passage_id == "1#0"]
    assert match.match.score == pytest.approx(ranked.score, abs=0.01)


_MODES: tuple[Mode, ...] = ("keyword", "semantic", "hybrid")


def test_a_passage_that_stays_is_not_told_again(
    library: tuple[Engine, Settings], saved: SavedSearches
) -> None:
    write(library, article("1", "بغداد القديمة"))
    search = saved.add("", Query("بغداد", mode="keyword"))
    write(library, article("1", "بغداد القديمة\nبغداد الجديدة"))
    assert told(saved, search.id) == [("1#1", "words")]
    (first,) = saved.matches(search.id).matches
    write(library, article("1", "مقدمة\nبغداد القديمة\nبغداد الجديدة"))
    (again,) = saved.matches(search.id).matches
    assert (again.match, again.passage.passage.id) == (first.match, "1#2")
    write(library, article("1", "مقدمة"))
    assert told(saved, search.id) == []
    engine, _ = library
    write(library, article("2", "بغداد"))
    engine.delete(["2"])
    assert told(saved, search.id) == []
    engine.delete(["1"])
    assert saved.list()[0][1].kept == 0


class Killed(BaseException):
    """Ends a writer as a signal would, at one place."""


@pytest.mark.parametrize("place", ["recording", "recorded", "written"])
def test_killed_at_any_step_every_match_is_told_once(
    library: tuple[Engine, Settings],
    saved: SavedSearches,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    engine, settings = library
    search = saved.add("", Query("بغداد", mode="keyword"))
    alerts = open_alerts(settings, EMBEDDER)
    maker = Maker(engine, EMBEDDER, settings, alerts=alerts)
    ready = maker.ready([article("1", "بغداد"), article("2", "عن بغداد\nوعن غيرها")])

    def killed(*_: object) -> None:
        raise Killed

    write = engine.write

    def write_and_die(articles: Sequence[IndexedArticle]) -> None:
        write(articles)
        raise Killed

    with monkeypatch.context() as patched:
        if place == "recording":
            patched.setattr(alerts._store, "record", killed)
        patched.setattr(engine, "write", write_and_die if place == "written" else killed)
        with pytest.raises(Killed):
            maker.write(ready)
    first = [each.match for each in saved.matches(search.id).matches]
    # What is recorded and not written is shown to nobody.
    assert len(first) == (2 if place == "written" else 0)
    again = open_alerts(settings, EMBEDDER)
    maker = Maker(engine, EMBEDDER, settings, alerts=again)
    maker.write(maker.ready([article("1", "بغداد"), article("2", "عن بغداد\nوعن غيرها")]))
    assert told(saved, search.id) == [("1#0", "words"), ("2#0", "words")]
    assert saved.list()[0][1].kept == 2
    last = [each.match for each in saved.matches(search.id).matches]
    assert place != "written" or last == first


def test_reindexing_tells_of_nothing_and_keeps_what_was_told(
    library: tuple[Engine, Settings], saved: SavedSearches
) -> None:
    engine, settings = library
    write(library, article("0", "بغداد من قبل"))
    search = saved.add("", Query("بغداد"), threshold=0.5)
    write(library, article("1", "بغداد"))
    engine.rest()
    before = saved.matches(search.id).matches
    settings = settings.model_copy(update={"sentence_vectors": False})
    assert reindex(settings, EMBEDDER).articles == 2
    fingerprint = fingerprint_of(EMBEDDER, settings)
    with (
        closing(open_engine(settings, fingerprint)) as again,
        SavedSearches(Searcher(again, EMBEDDER), settings) as after,
    ):
        assert after.matches(search.id).matches == before
        assert after.list()[0][1].kept == 1


_DYING = """
import os, signal, sys
from contextlib import closing
from indexer.ingestion.pipeline import index
from indexer.ingestion.preparing import prepare
from indexer.ingestion.reindex import reindex
from indexer.ingestion.service import EngineIngest
from indexer.sources import Found
from search.assembly import fingerprint_of
from search.assembly import fingerprint_of
from search.engines import open_engine
from search.engines.embedded.engine import EmbeddedEngine
from search.saved.sqlite import SqliteStore
from search.settings import Settings
from tests.support import HashingEmbedder, article
place, data = sys.argv[1:]
settings, embedder = Settings(data=data), HashingEmbedder()
engine = open_engine(settings, fingerprint_of(embedder, settings))
def dying(owner, name, before):
    plain = getattr(owner, name)
    def called(self, some):
        if before: os.kill(os.getpid(), signal.SIGKILL)
        plain(self, some)
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(owner, name, called)
if place == "recording": dying(SqliteStore, "record", True)
if place == "recorded": dying(SqliteStore, "record", False)
if place == "written":
    plain = EmbeddedEngine.write
    EmbeddedEngine.write = lambda self, some: (plain(self, some), some and os.kill(os.getpid(), 9))[0]
articles = [article(f"{n}", f"بغداد {n}") for n in range(20)]
with closing(engine):
    index([Found(a, a.id, 0) for a in articles], engine, embedder, settings)
"""


def test_a_process_killed_at_any_step_tells_every_match_once(tmp_path: Path) -> None:
    settings, embedder = Settings(data=tmp_path / "index"), HashingEmbedder()
    engine = open_engine(settings, fingerprint_of(embedder, settings))
    with closing(engine), SavedSearches(Searcher(engine, embedder), settings) as saved:
        search = saved.add("", Query("بغداد", mode="keyword"))
        for place, shown in (("recording", 0), ("recorded", 0), ("written", 20), ("", 20)):
            ran = subprocess.run(
                [sys.executable, "-c", _DYING, place, str(settings.data)],
                cwd=REPOSITORY, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert ran.returncode == (-9 if place else 0), ran.stderr
            assert len(saved.matches(search.id, 100).matches) == shown, place
        assert saved.list()[0][1].kept == 20


def test_pages_neither_repeat_nor_lose_what_stays(
    library: tuple[Engine, Settings], saved: SavedSearches
) -> None:
    search = saved.add("", Query("بغداد", mode="keyword"))
    write(library, *(article(f"{n}", "بغداد") for n in range(5)))
    first = saved.matches(search.id, 2)
    write(library, article("new", "بغداد"))
    second = saved.matches(search.id, 4, first.cursor)
    ids = [each.passage.article.id for each in (*first.matches, *second.matches)]
    assert sorted(ids) == [f"{n}" for n in range(5)]
    assert second.cursor == ""
    for cursor in ("x", first.cursor[:-3]):
        with pytest.raises((InputError, CursorGone)):
            saved.matches(search.id, 2, cursor)


@pytest.mark.parametrize("seed", range(2))
def test_pages_of_matches_neither_repeat_nor_lose_while_articles_come_and_go(
    library: tuple[Engine, Settings], saved: SavedSearches, seed: int
) -> None:
    random_ = random.Random(seed)
    search = saved.add("", Query("بغداد", mode="keyword"))
    stays = {f"{n}" for n in range(24)}
    for start in range(0, 24, 8):
        write(library, *(article(f"{n}", "بغداد") for n in range(start, start + 8)))
    seen: list[str] = []
    cursor = ""
    while True:
        page = saved.matches(search.id, random_.randint(1, 5), cursor)
        seen += [each.passage.article.id for each in page.matches]
        if not (cursor := page.cursor):
            break
        gone = random_.sample(sorted(stays), 2)
        library[0].delete(gone)
        stays -= set(gone)
        kept = random_.choice(sorted(stays))
        write(library, article(f"new {len(seen)}", "بغداد"), article(kept, "بغداد", source="BBC"))
    assert len(seen) == len(set(seen)), "a match came twice"
    assert stays <= set(seen), "a match of an article that stayed was lost"


def test_older_matches_make_room_and_are_counted(
    library: tuple[Engine, Settings], saved: SavedSearches, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("search.saved.sqlite", "search.engines.elastic.saved"):
        monkeypatch.setattr(f"{module}.MAX_MATCHES", 3)
    monkeypatch.setattr("search.engines.elastic.saved._TRIM_SECONDS", 0)
    search = saved.add("", Query("بغداد", mode="keyword"))
    for n in range(6):
        write(library, article(f"{n}", "بغداد"))
    assert told(saved, search.id) == [(f"{n}#0", "words") for n in (3, 4, 5)]
    assert tuple(saved.list()[0][1]) == (3, 3)


def test_vectors_are_made_anew_for_another_model(
    library: tuple[Engine, Settings], saved: SavedSearches
) -> None:
    search = saved.add("", Query("سعر الذهب", mode="semantic"), threshold=0.7)
    assert search.model == FINGERPRINT.model_hash
    saved.store.update([replace(search, model="another", vector=-search.vector)])  # type: ignore[operator]
    write(library, article("1", "سعر الذهب"))
    assert told(saved, search.id) == [("1#0", "meaning")]
    assert saved.get(search.id).model == FINGERPRINT.model_hash


@pytest.mark.parametrize(
    ("field", "query", "more"),
    [
        ("q", Query(" - "), {}),
        ("query", Query("ب" * 1_001), {}),
        ("mode", Query("ب", mode="other"), {}),  # type: ignore[arg-type]
        ("words", Query("بغداد"), {"words": "some"}),
        ("threshold", Query("بغداد"), {"threshold": 1.1}),
        ("name", Query("بغداد"), {"name": "x" * 201}),
    ],
)
def test_what_cannot_be_saved_is_named(
    saved: SavedSearches, field: str, query: Query, more: dict[str, Any]
) -> None:
    with pytest.raises(InputError) as refused:
        saved.add(**{"name": "", "query": query, **more})
    assert refused.value.field == field
    assert saved.list() == []
