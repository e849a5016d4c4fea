"""Suggestions while a query is typed, on every engine: words, names, titles, clitics, spelling."""

from __future__ import annotations

import pytest

from indexer.ingestion.preparing import prepare
from search.domain import IndexedArticle
from search.engines.protocol import Engine
from search.errors import InputError
from search.ranking.searcher import Searcher
from search.settings import Settings
from search.suggesting import Suggestion
from tests.conformance.corpus import EMBEDDER
from tests.support import article, until

ARTICLES = [
    article(
        "1", "ضربات في العراق وللعراق", title="ضربات أمريكية على العراق", source="قناة الجزيرة"
    ),
    article("2", "والعراق بعد عراقيل كثيرة", title="Baghdad in the news", author="سعدي يوسف"),
    article("3", "إعادة الإعمار في المدرسة وبالمدرسة", title="إعادة إعمار ولبنان"),
    article("4", "لبنان ومدارس لبنان في والدة", title="إعادة إعمار ولبنان"),
]


def written() -> list[IndexedArticle]:
    return prepare(ARTICLES, EMBEDDER, Settings())


@pytest.fixture(scope="module")
def library(shared: Engine) -> Searcher:
    shared.write(written())
    return Searcher(shared, EMBEDDER)


def texts(library: Searcher, typed: str, kind: str, size: int = 20) -> list[str]:
    found = library.suggest(typed, size)
    assert found.degraded == ()
    return [one.text for one in found.suggestions if one.kind == kind]


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("العرا", "العراق"),
        ("عرا", "العراق"),
        ("والعرا", "والعراق"),
        ("للعرا", "للعراق"),
        ("بالعر", "بالعراق"),
        ("لبن", "لبنان"),
        ("ولبن", "ولبنان"),
        ("اعاد", "إعادة"),
        ("المدرس", "المدرسة"),
        ("والد", "والدة"),
        ("ضربات في العرا", "ضربات في العراق"),
        ('+"ضربات" -العرا', '+"ضربات" -العراق'),
    ],
)
def test_the_last_word_is_completed_with_its_clitics(
    library: Searcher, typed: str, first: str
) -> None:
    assert texts(library, typed, "word")[0] == first


def test_words_of_one_stem_are_suggested_once_and_what_is_typed_is_not(library: Searcher) -> None:
    assert texts(library, "العرا", "word") == ["العراق", "العراقيل"]
    assert "لبنان" not in texts(library, "لبنان", "word")


@pytest.mark.parametrize(
    ("typed", "kind", "found"),
    [
        ("الجز", "source", ["قناة الجزيرة"]),
        ("جزير", "source", ["قناة الجزيرة"]),
        ("يوسف سع", "author", ["سعدي يوسف"]),
        ("العراق ضرب", "title", ["ضربات أمريكية على العراق"]),
        ("وامري", "title", ["ضربات أمريكية على العراق"]),
        ("لبنا", "title", ["إعادة إعمار ولبنان"]),
        ("BAGH", "title", ["Baghdad in the news"]),
        ("bagh x", "title", []),
    ],
)
def test_names_and_titles_that_have_the_words(
    library: Searcher, typed: str, kind: str, found: list[str]
) -> None:
    assert texts(library, typed, kind) == found


def test_there_are_as_many_as_asked_of_every_kind(library: Searcher) -> None:
    kinds = [one.kind for one in library.suggest("ا", 20).suggestions]
    assert kinds == sorted(kinds, key=["word", "source", "author", "title"].index)
    assert {"word", "source", "title"} <= set(kinds)
    assert [one.kind for one in library.suggest("ا", 3).suggestions] == ["word", "source", "title"]
    assert library.suggest("ا", 1).suggestions == (library.suggest("ا", 20).suggestions[0],)


@pytest.mark.parametrize("typed", ["", " ", "؟", "\ud800", "زقلطخ", "-", '"'])
def test_nothing_is_suggested(library: Searcher, typed: str) -> None:
    assert library.suggest(typed).suggestions == ()


@pytest.mark.parametrize(
    ("typed", "size", "field"), [("ا", 0, "size"), ("ا", 21, "size"), ("ا" * 1_001, 8, "query")]
)
def test_bounds_are_told(library: Searcher, typed: str, size: int, field: str) -> None:
    with pytest.raises(InputError) as told:
        library.suggest(typed, size)
    assert told.value.field == field


def test_what_is_written_later_is_suggested_when_it_is_gathered_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    searcher = Searcher(engine, None)
    assert searcher.suggest("بغدا").suggestions == ()
    engine.write(prepare([article("1", "دمشق")], EMBEDDER, Settings()))
    assert searcher.suggest("دمش").suggestions == (Suggestion("دمشق", "word"),)
    monkeypatch.setattr("search.suggesting._EVERY", 0.0)
    monkeypatch.setattr("search.suggesting._SHARE", 0)
    searcher._suggester._not_before = 0.0
    engine.write(prepare([article("2", "بغداد")], EMBEDDER, Settings()))
    until(lambda: searcher.suggest("بغدا").suggestions == (Suggestion("بغداد", "word"),))

    def stays() -> bool:
        gathered = searcher._suggester._gathered
        searcher.suggest("بغدا")
        until(lambda: (coming := searcher._suggester._next) is None or coming.done())
        searcher.suggest("بغدا")
        return searcher._suggester._gathered is gathered

    until(stays)  # where nothing came, nothing is made anew
    engine.write(prepare([article("2", "بيروت")], EMBEDDER, Settings()))  # as much as there was
    until(lambda: searcher.suggest("بيرو").suggestions == (Suggestion("بيروت", "word"),))
    assert searcher.suggest("بغدا").suggestions == ()
