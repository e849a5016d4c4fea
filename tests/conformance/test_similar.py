"""What is similar to a passage or an article, on every engine."""

from __future__ import annotations

from datetime import date

import pytest

from indexer.ingestion.preparing import prepare
from search.domain import Filter, Mode
from search.engines.protocol import Engine
from search.errors import InputError, NotFound
from search.ranking.searcher import Searcher
from search.settings import Settings
from tests.conformance.corpus import EMBEDDER
from tests.support import article

OIL = "مصفاة البصرة تكرر النفط الخام وتصدر البنزين عبر الميناء"
ARTICLES = [
    article("نفط", f"{OIL}\nالأنابيب تنقل الخام من الحقول\nفي الصباح الباكر", source="CNN"),
    article("مصفاة", "مصفاة البصرة تكرر النفط الخام قرب الميناء", source="BBC", title="البنزين"),
    article("حقول", "كانت الأنابيب تنقل الخام من الحقول\nوالمصفاة بعيدة عن الميناء", source="DW"),
    article("شعر", "فيه قصيدة عن الورد وعن الربيع", source="BBC", published=date(2024, 1, 1)),
    article("ديوان", "ديوان فيه قصيدة عن الورد", source="CNN"),
]
MODES: list[Mode] = ["keyword", "semantic", "hybrid"]


@pytest.fixture(scope="module")
def library(shared: Engine) -> Searcher:
    shared.write(prepare(ARTICLES, EMBEDDER, Settings()))
    return Searcher(shared, EMBEDDER)


@pytest.mark.parametrize("mode", MODES)
def test_passages_of_other_articles_most_like_one(library: Searcher, mode: Mode) -> None:
    found = library.similar("نفط#0", mode=mode)
    ids = [hit.passage.id for hit in found.hits]
    assert ids[0] == "مصفاة#0"
    assert "حقول#1" in ids
    assert "نفط" not in {hit.article.id for hit in found.hits}
    assert found.degraded == ()
    if mode != "semantic":
        assert "مصفاة" in found.query.text
        assert "الصباح" not in found.query.text
        assert any(segment.match for segment in found.hits[0].segments)
        assert found.hits[0].keyword is not None
        assert found.hits[0].keyword.rank == 1  # its own article's are not counted


@pytest.mark.parametrize("mode", MODES)
def test_articles_most_like_one(library: Searcher, mode: Mode) -> None:
    groups = library.similar("ديوان", mode=mode, group_by="article").groups
    assert groups
    assert groups[0].article.id == "شعر"
    groups = library.similar("نفط", mode=mode, group_by="article").groups
    assert groups
    assert {group.article.id for group in groups[:2]} == {"مصفاة", "حقول"}
    assert "نفط" not in {group.article.id for group in groups}
    assert all(1 <= len(group.hits) <= 3 for group in groups)
    ids = [group.article.id for group in groups]
    assert len(ids) == len(set(ids))


def test_filters_and_sizes(library: Searcher) -> None:
    inside = Filter(sources=("BBC",))
    found = library.similar("نفط#0", filter=inside, size=100)
    assert {hit.article.source for hit in found.hits} == {"BBC"}
    assert len(library.similar("نفط", size=1, group_by="article").groups or ()) == 1
    with pytest.raises(InputError):
        library.similar("نفط", size=101)


@pytest.mark.parametrize("id", ["غائب", "غائب#0", "نفط#9", "نفط", "\ud800#0"])
def test_what_is_not_there_is_named(library: Searcher, id: str) -> None:
    with pytest.raises(NotFound, match="there is no passage"):
        library.similar(id)
    with pytest.raises(NotFound, match="there is no article"):
        library.similar("نفط#0", group_by="article")


def test_without_vectors_it_is_by_words_and_says_so(engine: Engine) -> None:
    engine.write(prepare(ARTICLES, EMBEDDER, Settings(), embed=False))
    found = Searcher(engine, EMBEDDER).similar("نفط#0")
    assert found.degraded == ("semantic",)
    assert found.hits[0].passage.id == "مصفاة#0"
    found = Searcher(engine, EMBEDDER).similar("نفط#0", mode="semantic")
    assert (found.hits, found.degraded) == ((), ("semantic",))
