"""`root:` finds the words of a root on every engine."""

from __future__ import annotations

import pytest

from indexer.ingestion.preparing import prepare
from search.domain import Query
from search.engines.protocol import Engine
from search.ranking.searcher import Searcher
from search.settings import Settings
from tests.conformance.corpus import EMBEDDER
from tests.support import article

ARTICLES = [
    article("book", "قرأ الكتاب في البيت"),
    article("office", "في المكاتب الجديدة"),
    article("writer", "والكاتبون معروفون"),
    article("writes", "يكتبون كل يوم"),
    article("letter", "خطاب مكتوب"),
    article("say", "قال الوزير"),
    article("article", "مقالات الصحف"),
    article("contractor", "المقاول والعمال"),
    article("safe", "مؤمن بالله"),
    article("other", "كبت المشاعر"),
]


@pytest.fixture(scope="module")
def library(shared: Engine) -> Searcher:
    shared.write(prepare(ARTICLES, EMBEDDER, Settings()))
    return Searcher(shared, EMBEDDER)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("root:كتب", {"book", "office", "writer", "writes", "letter"}),
        ("جذر:كتب", {"book", "office", "writer", "writes", "letter"}),
        ("ROOT:قول", {"say", "article", "contractor"}),
        ("جذر:أمن", {"safe"}),
        ("جذر:ءمن", {"safe"}),
        ("+root:كتب +الجديدة", {"office"}),
        ("الكتاب -جذر:قول", {"book"}),
        ("-root:كتب", {"say", "article", "contractor", "safe", "other"}),
    ],
)
@pytest.mark.parametrize("variants", [True, False])
def test_words_of_a_root(library: Searcher, text: str, expected: set[str], variants: bool) -> None:
    results = library.search(Query(text, "keyword", size=100, variants=variants))
    assert {hit.article.id for hit in results.hits} == expected


def test_a_roots_words_are_told_and_marked(library: Searcher) -> None:
    results = library.search(Query("root:كتب", "keyword"))
    assert [(one.kind, one.text) for one in results.understood] == [("root", "كتب")]
    (told,) = results.searched_also
    assert (told.word, told.kind) == ("كتب", "root")
    assert {"كاتب", "مكتب", "مكتوب"} <= set(told.forms)
    marked = {s.text for hit in results.hits for s in hit.segments if s.match}
    assert marked == {"الكتاب", "المكاتب", "والكاتبون", "يكتبون", "مكتوب"}


@pytest.mark.parametrize(
    "text", ["root:", "root:abc", "root: كتب", "جذر:", "root:زقلط", "root:كتب|قرأ"]
)
def test_what_names_no_root_is_plain_words(library: Searcher, text: str) -> None:
    assert all(
        one.kind != "root" or one.text == "زقلط" for one in library.search(Query(text)).understood
    )
