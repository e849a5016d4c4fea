"""Articles changed and removed by a filter, on every engine: vectors stay, terms follow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np
import pytest

from indexer.ingestion import service
from indexer.ingestion.changing import change_articles, change_from, counted
from indexer.ingestion.preparing import prepare
from indexer.ingestion.service import EngineIngest
from search import Query
from search.assembly import fingerprint_of
from search.domain import NO_FILTER, Filter, IndexedArticle, Vector, WriteOutcome
from search.engines.protocol import Engine
from search.errors import EngineUnavailable, InputError, SourceError
from search.ingest import Worked
from search.listing import list_articles, pages
from search.ranking.searcher import Searcher
from search.settings import Settings
from tests.conformance.conftest import Open
from tests.support import HashingEmbedder, article

TEXT = "نفط العراق يرتفع. والغاز كذلك\nفقرة ثانية عن الذهب"
MANY = 130  # two pages


class Counting(HashingEmbedder):
    texts = 0

    def embed_passages(self, texts, on_progress=None):  # type: ignore[no-untyped-def]
        self.texts += len(texts)
        return super().embed_passages(texts, on_progress)


EMBEDDER = Counting()


@pytest.fixture
def engine(open_index: Open) -> Iterator[Engine]:
    with open_index(fingerprint_of(EMBEDDER, Settings())) as engine:
        yield engine


@pytest.fixture
def ingest(engine: Engine) -> Iterator[EngineIngest]:
    opened = EngineIngest(engine, EMBEDDER, Settings())
    yield opened
    opened.close()


def fill(engine: Engine, count: int = 3) -> None:
    made = [
        article(f"a{n:03}", TEXT, title="عنوان", source="قديم", author="أحمد", tags=("نفط", "حرب"))
        for n in range(count)
    ]
    engine.write(prepare(made, EMBEDDER, Settings()))
    other = [article("other", TEXT, source="آخر")]
    engine.write(prepare(other, EMBEDDER, Settings(), embed=False))
    engine.show()


OLD = Filter(sources=("قديم",))


def vectors(engine: Engine) -> list[Vector | None]:
    found = engine.indexed(["a000", "a001"])
    return [v for a in found for p in a.passages for v in (p.vector, p.sentence_vectors)]


def words(engine: Engine, text: str) -> set[str]:
    engine.show()
    return {h.passage.id for h in Searcher(engine, None).search(Query(text, "keyword")).hits}


def test_what_is_known_changes_and_texts_and_vectors_stay(
    engine: Engine, ingest: EngineIngest
) -> None:
    fill(engine)
    before, embedded = vectors(engine), EMBEDDER.texts
    fields = {
        "source": "رويترز", "author": None, "language": "ar", "published": "2024-02-29",
        "add_tags": ["سلام", "نفط"], "remove_tags": ["حَرب"],
    }  # fmt: skip
    would = ingest.change_matching(OLD, fields, "", dry_run=True)
    assert (would.matched, would.changed) == (3, 3)
    assert engine.article("a000").article.info.source == "قديم"  # type: ignore[union-attr]
    assert ingest.change_matching(OLD, fields, "", dry_run=False) == Worked(3, 3)
    assert EMBEDDER.texts == embedded
    after = vectors(engine)
    assert len(after) == len(before) == 8
    assert all(
        a is not None and b is not None and np.array_equal(a, b)
        for a, b in zip(after, before, strict=True)
    )
    wanted = article("a001", TEXT, title="عنوان", source="رويترز", language="ar",
                     published=date(2024, 2, 29), tags=("نفط", "سلام"))  # fmt: skip
    stored = engine.article("a001")
    assert stored is not None
    assert stored.article == wanted
    assert [p.text for p in stored.passages] == TEXT.split("\n")
    # As if it were given anew: so a file that says the same is unchanged.
    assert engine.write(prepare([wanted], EMBEDDER, Settings()))[0].status == "unchanged"
    assert words(engine, "رويترز") == {"a000#0", "a001#0", "a002#0"}
    assert words(engine, "أحمد") == words(engine, "قديم") == set()
    assert list_articles(engine, Filter(tags=("سلام",), sources=("رويترز",))).total == 3
    assert list_articles(engine, OLD).total == 0


def test_what_has_no_vectors_gets_none(engine: Engine, ingest: EngineIngest) -> None:
    fill(engine)
    done = ingest.change_matching(
        Filter(articles=("other",)), {"author": "سعاد"}, "", dry_run=False
    )
    assert done == Worked(1, 1)
    assert engine.stored(["other"])["other"].embedded is False
    assert words(engine, "سعاد") == {"other#0"}


def test_many_go_on_from_a_cursor_and_again_from_the_start(
    engine: Engine, ingest: EngineIngest, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(engine, MANY)
    monkeypatch.setattr(service, "WORK_SECONDS", -1)
    inside, fields = Filter(tags=("نفط",)), {"author": "سعاد"}
    first = ingest.change_matching(inside, fields, "", dry_run=False)
    assert (first.matched, first.changed) == (MANY, 100)
    rest = ingest.change_matching(inside, fields, first.cursor, dry_run=False)
    assert (rest.changed, rest.cursor) == (MANY - 100, "")
    engine.show()
    again = ingest.change_matching(inside, fields, "", dry_run=False)
    assert (again.changed, again.unchanged) == (0, 100)
    removed = ingest.delete_matching(inside, "", dry_run=True)
    assert (removed.matched, removed.changed) == (MANY, 100)
    one = ingest.delete_matching(inside, "", dry_run=False)
    two = ingest.delete_matching(inside, one.cursor, dry_run=False)
    assert (one.changed, two.changed, two.cursor) == (100, MANY - 100, "")
    engine.show()
    assert [a.id for page in pages(engine, NO_FILTER) for a in page.articles] == ["other"]


class Ending:
    """An engine whose process is killed at its second write, or that another one writes to."""

    def __init__(self, engine: Engine, other: Sequence[IndexedArticle] = ()) -> None:
        self._engine, self._other, self._writes = engine, other, 0

    def write(self, articles: Sequence[IndexedArticle]) -> list[WriteOutcome]:
        self._writes += 1
        if self._writes == 2:
            raise EngineUnavailable("killed")
        return self._engine.write(articles)

    def indexed(self, ids: Sequence[str]) -> list[IndexedArticle]:
        found = self._engine.indexed(ids)
        self._engine.write(self._other)
        return found

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)


def test_after_a_kill_the_rest_is_changed(engine: Engine) -> None:
    fill(engine, MANY)
    change, ending = change_from({"add_tags": ["سلام"]}), Ending(engine)
    listed = [page.articles for page in pages(engine, OLD)]
    change_articles(ending, listed[0], change)  # type: ignore[arg-type]
    with pytest.raises(EngineUnavailable):
        change_articles(ending, listed[1], change)  # type: ignore[arg-type]
    engine.show()
    assert list_articles(engine, Filter(tags=("سلام",))).total == 100
    ended = [one for p in pages(engine, OLD) for one in change_articles(engine, p.articles, change)]
    assert (counted(ended).changed, counted(ended).unchanged) == (MANY - 100, 100)


def test_what_another_process_writes_in_the_same_moment_is_not_lost(engine: Engine) -> None:
    fill(engine)
    newer = prepare([article("a001", "نص جديد", source="قديم")], EMBEDDER, Settings())
    infos = list_articles(engine, OLD).articles
    change = change_from({"author": "سعاد"})
    ended = change_articles(Ending(engine, newer), infos, change)  # type: ignore[arg-type]
    assert {one.id: one.code for one in ended} == {"a000": "", "a001": "changed", "a002": ""}
    stored = engine.article("a001")
    assert stored is not None
    assert stored.article.text == "نص جديد"


def test_an_article_with_too_many_tags_fails_alone(engine: Engine, ingest: EngineIngest) -> None:
    fill(engine)
    full = article("full", TEXT, source="قديم", tags=tuple(f"وسم{n}" for n in range(64)))
    engine.write(prepare([full], EMBEDDER, Settings()))
    engine.show()
    done = ingest.change_matching(OLD, {"add_tags": ["سلام"]}, "", dry_run=False)
    assert (done.matched, done.changed, done.failures) == (4, 3, 1)
    assert (done.failed[0].id, done.failed[0].code) == ("full", "bad-field")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, "body"),
        ({"title": "جديد"}, "title"),
        ({"source": 7}, "source"),
        ({"published": "غدا"}, "published"),
        ({"language": ""}, "language"),
        ({"add_tags": "نفط"}, "add_tags"),
        ({"author": "Ø£Ø\xadÙ…Ø¯"}, "author"),
    ],
)
def test_what_cannot_be_set_is_named(fields: dict[str, object], named: str) -> None:
    with pytest.raises((InputError, SourceError)) as refused:
        change_from(fields)
    assert isinstance(refused.value, InputError)
    assert refused.value.field == named
    assert "tags" not in named or f'"{named}"' in str(refused.value)
