"""Labels and notes of a reader's own on every engine: where they stand, what they find, what is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.ingestion.pipeline import Report, index
from indexer.ingestion.records import article_from, parse_object
from indexer.sources import Found
from search.annotations import open_store, restoring
from search.annotations.manager import Annotations
from search.article_lines import line_of
from search.domain import Annotation, Article, Filter, Query
from search.engines.protocol import CountRequest, Engine
from search.errors import InputError, NotFound
from search.limits import MAX_LABEL, MAX_LABELS, MAX_NOTE, MAX_OF_PLACE
from search.listing import list_articles
from search.query.clauses import Term
from search.ranking.searcher import Searcher
from search.settings import Settings
from tests.conformance.conftest import index_of
from tests.conformance.corpus import EMBEDDER
from tests.conformance.engines import alias_of, elastic_settings, names
from tests.support import article

Library = tuple[Engine, Settings]


@pytest.fixture(params=names())
def library(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Library]:
    """Give an engine and settings that lead to its index and its annotations."""
    settings = Settings(data=tmp_path / "index")
    with index_of(request.param, tmp_path) as open_again, open_again() as engine:
        if request.param == "elasticsearch":
            settings = elastic_settings(alias_of(tmp_path), data=tmp_path / "index")
        write((engine, settings), *NEWS)
        yield engine, settings


@pytest.fixture
def notes(library: Library) -> Iterator[Annotations]:
    with Annotations(*library) as annotations:
        yield annotations


def write(library: Library, *articles: Article) -> Report:
    engine, settings = library
    found = [Found(each, each.id, 0) for each in articles]
    report = index(found, engine, EMBEDDER, settings, embed=False)
    assert not report.failed
    return report


FIRST = "وصل وزير النفط إلى بغداد صباح أمس"
SECOND = "قصفت طائرات مجهولة قاعدة عسكرية قرب الحدود الغربية مساء الخميس"
NEWS = [
    article("1", f"{FIRST}\n{SECOND}", title="أخبار العراق", source="CNN", language="ar"),
    article("2", "العراق يصدر النفط\nبغداد تنفي", source="BBC", language="ar"),
    article("3", "سعر الذهب يرتفع في بغداد", source="BBC", language="ar"),
]


def standing(notes: Annotations) -> dict[str, tuple[str, str | None]]:
    """Return by note what each annotation is on."""
    return {
        one.annotation.note: (one.anchor, one.passage.id if one.passage else None)
        for one in notes.list().annotations
    }


def test_an_annotation_is_added_changed_listed_and_removed(notes: Annotations) -> None:
    on_passage = notes.add("1#1", [" شاهد ", "الفصل  ٣", "شاهد"], "  للمراجعة\nغدا ")
    assert on_passage.annotation.labels == ("شاهد", "الفصل ٣")
    assert on_passage.annotation.note == "للمراجعة\nغدا"
    assert on_passage.annotation.quote == SECOND
    on_article = notes.add("3", note="عن المقال")
    assert (on_article.anchor, on_article.passage) == ("article", None)
    assert on_article.article is not None
    assert on_article.article.source == "BBC"
    page = notes.list(size=1)
    assert (page.total, page.labels) == (2, (("الفصل ٣", 1), ("شاهد", 1)))
    assert [one.annotation.id for one in page.annotations] == [on_article.annotation.id]
    rest = notes.list(size=1, cursor=page.cursor)
    assert [one.annotation.id for one in rest.annotations] == [on_passage.annotation.id]
    assert not rest.cursor
    changed = notes.change(on_passage.annotation.id, labels=[])
    assert (changed.annotation.labels, changed.annotation.note) == ((), "للمراجعة\nغدا")
    with pytest.raises(InputError):
        notes.change(on_passage.annotation.id, note="")
    for one in (on_passage, on_article):
        notes.remove(one.annotation.id)
    assert not notes.list().total
    with pytest.raises(NotFound):
        notes.get(on_article.annotation.id)


def test_annotations_are_found_by_their_words_labels_and_articles(notes: Annotations) -> None:
    notes.add("1#0", ["مهم"], "زيارة الوزراء إلى العواصم")
    notes.add("2#0", ["اقتصاد"], "أرقام الوزارة")
    notes.add("3", ["مُهمّ"], "بلا رقم")

    def found(text: str = "", **asked: list[str]) -> list[str]:
        page = notes.list(text, labels=asked.get("label", ()), articles=asked.get("article", ()))
        return sorted(one.annotation.article for one in page.annotations)

    assert found("الوزير زيارات") == ["1"]
    assert found('"ارقام الوزارة"') == ["2"]
    assert found("رقم -وزارة") == ["3"]
    assert found("مهم") == ["1", "3"]
    assert found("الذهب") == []  # of the passage, not of the note
    assert found(label=["مهم"]) == ["1", "3"]
    assert found(label=["اقتصاد"], article=["1", "2"]) == ["2"]
    with pytest.raises(InputError):
        found("+ -")


def test_annotations_are_kept_when_their_article_is_replaced(
    library: Library, notes: Annotations
) -> None:
    notes.add("1#0", note="أول")
    notes.add("1#1", note="ثان")
    notes.add("1", note="كله")
    assert standing(notes) == {
        "كله": ("article", None), "ثان": ("passage", "1#1"), "أول": ("passage", "1#0"),
    }  # fmt: skip
    changed = SECOND.replace("الغربية", "الشرقية")
    write(library, replace(NEWS[0], text=f"فقرة جديدة في أول المقال\n{changed}\n{FIRST}"))
    assert standing(notes) == {
        "كله": ("article", None), "ثان": ("changed", "1#1"), "أول": ("passage", "1#2"),
    }  # fmt: skip
    write(library, replace(NEWS[0], text="نص آخر لا صلة له بما كان"))
    assert standing(notes)["أول"] == ("lost", None)
    assert notes.list("أول").annotations[0].annotation.quote == FIRST
    write(library, NEWS[0])
    assert standing(notes)["ثان"] == ("passage", "1#1")


def test_what_an_annotation_quotes_is_erased_with_its_article(
    library: Library, notes: Annotations
) -> None:
    kept = notes.add("1#1", ["شاهد"], "كلامي أنا")
    notes.add("2", note="غيره")
    library[0].delete(["1"])
    (one,) = notes.list(orphaned=True).annotations
    assert (one.anchor, one.annotation.note, one.annotation.quote) == ("orphaned", "كلامي أنا", "")
    assert SECOND not in json.dumps([str(each) for each in open_store(library[1]).all()])
    assert list_articles(library[0], Filter(labels=("شاهد",))).total == 0
    write(library, NEWS[0])  # the same text has its note again
    assert notes.get(kept.annotation.id).anchor == "passage"


def test_a_filter_and_a_facet_of_labels(library: Library, notes: Annotations) -> None:
    engine, _ = library
    notes.add("1#1", ["شاهد"])
    notes.add("2", ["شاهد", "للنشر"])
    notes.add("2#0", ["للنشر"])
    searcher = Searcher(engine, EMBEDDER)

    def found(**asked: object) -> tuple[list[str], int]:
        query = Query("بغداد النفط", mode="keyword", filter=Filter(**asked))  # type: ignore[arg-type]
        answer = searcher.search(query)
        assert answer.total is not None
        return sorted(hit.passage.id for hit in answer.hits), answer.total.value

    assert found(labels=("شاهد",)) == (["1#0", "2#0", "2#1"], 3)
    assert found(labels=("للنشر", "لا أحد")) == (["2#0", "2#1"], 2)
    assert found(labels=("شاهد",), articles=("1", "3")) == (["1#0"], 1)
    assert found(labels=("شاهد",), sources=("BBC",)) == (["2#0", "2#1"], 2)
    assert found(labels=("لا أحد",)) == ([], 0)
    assert list_articles(engine, Filter(labels=("شاهد",))).total == 2
    query = Query(
        "بغداد", mode="keyword", facets=("label", "source"), filter=Filter(labels=("للنشر",))
    )
    facets = searcher.search(query).facets
    assert facets is not None
    # A field is counted without its own filter.
    assert [(v.value, v.count) for v in facets["label"]] == [("شاهد", 2), ("للنشر", 1)]
    assert [(v.value, v.count) for v in facets["source"]] == [("BBC", 1)]
    counts = engine.count([CountRequest(Term("folded", "بغداد"), facets=("label",), limit=1)])
    assert counts[0].facets == {"label": [("شاهد", 2)]}
    assert counts[0].passages == 3


def test_annotations_come_back_with_an_export(library: Library, notes: Annotations) -> None:
    engine, _ = library
    notes.add("1#1", ["شاهد"], "ثان")
    notes.add("1", note="كله")
    own = notes.by_article()
    lines = [
        line_of(each.article, own.get(each.article.id, ())) for each in engine.articles(["1", "2"])
    ]
    kept = {one.annotation.id: one.annotation for one in notes.list().annotations}
    for key in kept:
        notes.remove(key)
    again = [article_from(parse_object(line)) for line in lines]
    assert write(library, *again).unchanged == 2
    assert {one.annotation.id: one.annotation for one in notes.list().annotations} == kept
    # A newer change of the reader's stays; a copy of an article has notes of its own.
    notes.change(next(iter(kept)), note="أحدث")
    write(library, *again, article_from(parse_object(lines[0]), "copy"))
    found = [(one.annotation.article, one.annotation.note) for one in notes.list().annotations]
    assert sorted(found) == [("1", "أحدث"), ("1", "ثان"), ("copy", "ثان"), ("copy", "كله")]


def test_annotations_are_bounded(
    library: Library, notes: Annotations, monkeypatch: pytest.MonkeyPatch
) -> None:
    for labels, note in (
        ([], " "),
        (["x" * (MAX_LABEL + 1)], ""),
        ([f"{n}" for n in range(MAX_LABELS + 1)], ""),
        (["\ud800"], ""),
        (["a\u202eb"], ""),
        ([], "x" * (MAX_NOTE + 1)),
        ([], "\0"),
    ):
        with pytest.raises(InputError):
            notes.add("1", labels, note)
    with pytest.raises(NotFound):
        notes.add("1#99", ["x"])
    for n in range(MAX_OF_PLACE):
        notes.add("1#0", note=f"{n}")
    with pytest.raises(InputError):
        notes.add("1#0", note="one more")
    notes.add("1#1", note="elsewhere")
    monkeypatch.setattr(restoring, "MAX_ANNOTATIONS", notes.list().total)
    line = line_of(NEWS[1], [Annotation("new", "2", note="x", created=WHEN, changed=WHEN)])
    report = write(library, article_from(parse_object(line)))
    assert report.unchanged == 1
    assert "annotations left out" in report.notes[0][1]


WHEN = "2026-01-01T00:00:00+00:00"
