"""`field:value`, NEAR/n and "..."~n in whole searches, on every engine."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date
from itertools import pairwise

import pytest

from indexer.ingestion.preparing import prepare
from search.analysis.tokens import analyse
from search.domain import Query, Results
from search.engines.protocol import Engine
from search.query.parse import parse
from search.ranking.searcher import Searcher
from search.settings import Settings
from tests.conformance.corpus import EMBEDDER
from tests.support import article

ARTICLES = [
    article("1", "أسعار الذهب ترتفع\nنفط الخليج بعيد", title="العراق يصدر النفط", source="الجزيرة",
            author="أحمد أمين", tags=("رياضة", "نفط وغاز"), published=date(2024, 1, 1)),
    article("2", "العراق في الجزيرة\nنفط ثم ماء ثم ذهب", title="أسعار اليوم", source="CNN Arabic",
            tags=("نفط_وغاز",)),
    article("3", "ذهب ثم نفط\nالعراق والنفط", source="الجزيره", author="سعاد"),
]  # fmt: skip


@pytest.fixture(scope="module")
def library(shared: Engine) -> Searcher:
    shared.write(prepare(ARTICLES, EMBEDDER, Settings()))
    return Searcher(shared, EMBEDDER)


def ids(results: Results) -> set[str]:
    return {hit.passage.id for hit in results.hits}


FOUND = {
    "source:الجزيرة": {"1#0", "1#1", "3#0", "3#1"},
    'مصدر:"الجزيرة" ذهب': {"1#0", "3#0"},
    "ذهب -source:الجزيرة": {"2#1"},
    "+source:الجزيرة +source:CNN": set(),
    'source:"cnn arabic" source:الجزيرة ذهب': {"1#0", "2#1", "3#0"},
    "كاتب:سعاد": {"3#0", "3#1"},
    'author:"احمد امين" ذهب': {"1#0"},
    'وسم:"نفط وغاز"': {"1#0", "1#1", "2#0", "2#1"},
    '+tag:رياضة +tag:"نفط وغاز"': {"1#0", "1#1"},
    "ذهب -tag:رياضة": {"2#1", "3#0"},
    # Of the title only, not of the text, source or author, and in any form.
    "title:عراق": {"1#0", "1#1"},
    "title:الجزيرة": set(),
    "عنوان:أحمد": set(),
    "title:أسعار": {"2#0", "2#1"},
    'title:"يصدر نفط"': {"1#0", "1#1"},
    'title:"نفط يصدر"': set(),
    "title:العراق title:اليوم ذهب": {"1#0", "2#1"},
    "ذهب -title:العراق": {"2#1", "3#0"},
    "نفط NEAR/3 الذهب": {"1#0", "2#1", "3#0"},  # 1#0: its title stands before it
    "نفط NEAR/2 ذهب": {"1#0", "3#0"},
    "نفط NEAR/1 ذهب": {"3#0"},
    "ذهب -نفط NEAR/1 ذهب": {"1#0", "2#1"},
    "نفط NEAR/1 ماء NEAR/1 ذهب": {"2#1"},
    '"نفط ذهب"~3': {"1#0", "2#1"},
    '"نفط ماء ذهب"~1': {"2#1"},
    '="العراق النفط"~1': {"1#0", "1#1"},
    '"عراق نفط"~1': {"1#0", "1#1", "3#1"},
    '-"نفط ذهب"~3 +ذهب': {"3#0"},
}


@pytest.mark.parametrize("text", FOUND)
def test_what_an_operator_finds(library: Searcher, text: str) -> None:
    found = library.search(Query(text, "keyword", size=100, facets=("source",)))
    assert ids(found) == FOUND[text]
    assert found.total is not None
    assert found.total.value == len(FOUND[text])
    by_date = library.search(Query(text, "hybrid", size=100, sort="newest"))
    assert ids(by_date) == FOUND[text]


def test_by_meaning_too_only_what_a_field_lets_through(library: Searcher) -> None:
    assert ids(library.search(Query("ذهب author:سعاد", "semantic"))) == {"3#0", "3#1"}
    assert ids(library.search(Query("ذهب NEAR/1 نفط", "semantic"))) == {"3#0"}


def test_only_words_that_are_near_are_marked(library: Searcher) -> None:
    (hit,) = library.search(Query('"نفط ماء"~1', "keyword")).hits
    assert [s.text for s in hit.segments if s.match] == ["نفط", "ماء"]
    marked = library.marked(Query("ذهب ثم ثم ثم نفط ثم والذهب"), ("ذهب ثم ثم ثم نفط ثم والذهب",))
    assert [s.text for s in marked[0] if s.match]
    (pieces,) = library.marked(
        Query("نفط NEAR/1 ذهب"), ("ذهب واحد اثنان ثلاثة النفط ثم والذهب أيضا",)
    )
    assert [s.text for s in pieces if s.match] == ["النفط", "والذهب"]


def test_what_was_understood_is_said(library: Searcher) -> None:
    found = library.search(Query('source:x -title:y ذهب NEAR/9 نفط "ذهب نفط"~4', "keyword"))
    assert [(u.text, u.kind, u.occur, u.field, u.within) for u in found.understood] == [
        ("x", "field", "required", "source", None),
        ("y", "field", "excluded", "title", None),
        ("ذهب NEAR/9 نفط", "near", "required", None, 9),
        ('"ذهب نفط"~4', "phrase", "required", None, 4),
    ]


PLAIN = ["10:30", "http://a.b/c", "قال: نعم", "title:", 'source:""', 'source:"x', "NEAR/5", "a NEAR/5",
         "NEAR/5 a", "a NEAR/0 b", "a NEAR/51 b", "a NEAR/999 b", "a NEAR/5 -b", 'a NEAR/5 "b c"', "title:!!!",
         "a near/5 b", '"a b"~0', '"a b"~51', '"a b"~x', '"a"~5', "a NEAR/5 NEAR/5 b", "source :x", "tag: x",
         "subtitle:x", "a* NEAR/3 b", "~5"]  # fmt: skip


@pytest.mark.parametrize("text", PLAIN)
def test_anything_else_is_plain_words(library: Searcher, text: str) -> None:
    items = parse(text).items
    assert items
    assert all(item.field is None and not item.within for item in items), items
    library.search(Query(text))


@pytest.mark.parametrize("seed", range(3))
def test_anything_can_be_typed(library: Searcher, seed: int) -> None:
    random_ = random.Random(seed)
    pieces = ["title:", "source:", "مصدر:", "-", "+", '"', "«", "NEAR/5", "NEAR/", "~3", "~", ":", "=", "|", "*",
              " ", " ", " ", "نفط", "ذهب", "x"]  # fmt: skip
    for _ in range(60):
        text = "".join(random_.choices(pieces, k=random_.randint(1, 14)))
        library.search(Query(text, "keyword"))


def are_near(words: Sequence[str], asked: Sequence[str], n: int, *, in_order: bool) -> bool:
    """Tell whether each two neighbours of what is asked are near each other, from the definition."""
    at = list(enumerate(words))
    return all(
        any(
            0 < (j - i if in_order else abs(j - i)) <= n + 1
            for i, first in at if first == a
            for j, second in at if second == b
        )
        for a, b in pairwise(asked)
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_what_is_near_is_what_the_definition_says(engine: Engine, seed: int) -> None:
    random_ = random.Random(seed)
    words = ["نفط", "والنفط", "ذهب", "الذهب", "ماء", "قمح"]
    texts = [" ".join(random_.choices(words, k=random_.randint(1, 14))) for _ in range(80)]
    articles = [article(f"{n:02}", text) for n, text in enumerate(texts)]
    engine.write(prepare(articles, EMBEDDER, Settings()))
    library = Searcher(engine, EMBEDDER)
    stems = {f"{n:02}#0": [t.stem for t in analyse(text)] for n, text in enumerate(texts)}
    for _ in range(30):
        asked, n = random_.choices(words, k=random_.randint(2, 3)), random_.randint(1, 9)
        in_order = random_.random() < 0.5
        text = f'"{" ".join(asked)}"~{n}' if in_order else f" NEAR/{n} ".join(asked)
        wanted = [analyse(word)[0].stem for word in asked]
        found = library.search(Query(text, "keyword", size=100))
        assert ids(found) == {
            key for key, its in stems.items() if are_near(its, wanted, n, in_order=in_order)
        }, text
        assert all(any(s.match for s in hit.segments) for hit in found.hits), text
