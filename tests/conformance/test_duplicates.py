"""Near copies stand under the best of them: nothing is lost, repeated or hidden, on every engine."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from indexer.ingestion.preparing import prepare
from search.domain import Article, Hit, Mode, Query, Results
from search.engines.protocol import Engine
from search.errors import InputError
from search.ranking import searcher as searching
from search.ranking.duplicates import WINDOW
from search.ranking.searcher import Searcher
from search.settings import Settings
from tests.conformance.corpus import EMBEDDER
from tests.support import article

STORY = [
    "أعلنت إدارة المصفاة أن إنتاج البنزين في ميناء البصرة ارتفع هذا العام إلى مستوى قياسي",
    "وقال المدير إن الشركة ستبني خزانات جديدة للنفط قبل نهاية الشتاء في المدينة",
    "وتعمل في المصفاة ألف عائلة من أهل المدينة منذ سنوات طويلة كما ذكر التقرير",
]
NUMBERS = ["مئة", "ألف", "عشرة", "سبعة", "تسعة", "خمسة", "أربعة", "ستة", "ثلاثة", "واحد"]


def wire(story: list[str]) -> str:
    """Return a story as another agency has it: other spelling, a word less, a place before it."""
    first, *rest = [paragraph.replace("أ", "ا").replace("ة", "ه") for paragraph in story]
    return "\n".join([f"بغداد (رويترز) - {first.replace('قياسي', '')}", *rest])


def stories(count: int, copies: int) -> list[Article]:
    """Return unlike stories that share words of a query, of each so many copies."""
    chosen = random.Random(1)
    made = []
    for number in range(count):
        text = [
            " ".join(
                ["النفط", *(f"{chosen.choice(NUMBERS)}{chosen.randrange(90)}" for _ in range(9))]
            )
            for _ in range(2)
        ]
        made.append(article(f"خبر{number:02}", "\n".join(text), source="أصل"))
        made += [
            article(f"نسخة{number:02}-{n}", wire(text), source="نسخة", title=f"عنوان آخر {n}")
            for n in range(copies)
        ]
    return made


@pytest.fixture(scope="module")
def library(shared: Engine) -> Searcher:
    other = [
        article("ب", "ارتفع إنتاج البنزين في ميناء البصرة هذا العام كما قال وزير النفط أمس"),
        article(
            "ج",
            f"{STORY[1]}\n{STORY[1]}\nوسعر البنزين في أسواق البصرة لم يتغير في الشتاء وخزانات"
            " الشركات الصغيرة فارغة كما قال أصحابها للصحيفة صباح اليوم",
        ),
        article("أ", "\n".join(STORY), title="المصفاة"),
        article("و", wire(STORY[:2]), title="بنزين البصرة"),
    ]
    shared.write(prepare(other, EMBEDDER, Settings()))
    return Searcher(shared, EMBEDDER)


@pytest.fixture(scope="module")
def many(shared_again: Engine) -> Searcher:
    shared_again.write(prepare(stories(24, 2), EMBEDDER, Settings()))
    return Searcher(shared_again, EMBEDDER)


def together(hits: tuple[Hit, ...]) -> list[set[str]]:
    return [{hit.passage.id, *(copy.passage.id for copy in hit.copies)} for hit in hits]


@pytest.mark.parametrize("mode", ["keyword", "semantic", "hybrid"])
def test_copies_stand_under_the_best_of_them(library: Searcher, mode: Mode) -> None:
    query = Query("إنتاج البنزين في البصرة خزانات النفط", mode, size=50)
    plain = library.search(query)
    found = library.search(replace(query, collapse="duplicates"))
    sets = together(found.hits)
    assert {"أ#0", "و#0"} in sets
    assert {"ب#0"} in sets  # shares words with them, and says something else
    (second,) = (some for some in sets if "أ#1" in some)
    assert second >= {"أ#1", "و#1"}
    # Of one article no passage is under another.
    assert all(
        len({key.split("#")[0] for key in some}) == len(some) or "ج#0" in some for some in sets
    )
    assert sum(map(len, sets)) == len(plain.hits)
    assert set().union(*sets) == {hit.passage.id for hit in plain.hits}
    assert found.collapsed == len(plain.hits) - len(found.hits) > 0
    assert found.total == plain.total
    order = [hit.passage.id for hit in plain.hits]
    kept = [order.index(hit.passage.id) for hit in found.hits]
    assert kept == sorted(kept)
    for hit, at in zip(found.hits, kept, strict=True):
        assert replace(hit, copies=()) == plain.hits[at]
        assert all(order.index(copy.passage.id) > at for copy in hit.copies)


def test_articles_stand_under_the_best_of_them(library: Searcher) -> None:
    query = Query("البنزين البصرة خزانات الشتاء", "keyword", group_by="article")
    plain = library.search(query)
    found = library.search(replace(query, collapse="duplicates"))
    assert found.groups
    (story,) = (g for g in found.groups if {"أ", "و"} & {g.article.id})
    (copy,) = story.copies
    assert {story.article.id, copy.article.id} == {"أ", "و"}
    assert story.passages == 2
    assert all(hit.copies == () for group in found.groups for hit in group.hits)
    assert found.collapsed == 1
    assert (found.total, found.articles) == (plain.total, plain.articles)
    assert plain.articles is not None
    assert len(found.groups) + found.collapsed == plain.articles.value
    assert {"ب", "ج"} <= {group.article.id for group in found.groups}


def pages(library: Searcher, query: Query) -> list[Results]:
    answers: list[Results] = []
    while True:
        found = library.search(
            replace(query, start=sum(len(a.hits or a.groups or ()) for a in answers))
        )
        if not (found.hits or found.groups):
            return answers
        answers.append(found)


@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
def test_pages_neither_repeat_nor_lose_a_hit(many: Searcher, mode: Mode) -> None:
    query = Query("النفط", mode, size=7, collapse="duplicates")
    # 144 passages, of which 60 are compared; in hybrid mode as many as one depth ranks.
    last = 40 if mode == "hybrid" else 144
    answers = (
        pages(many, query)
        if mode == "keyword"
        else [many.search(replace(query, start=start)) for start in range(0, 35, 7)]
    )
    hits = tuple(hit for found in answers for hit in found.hits)
    shown = Counter(key for some in together(hits) for key in some)
    assert max(shown.values()) == 1
    assert len(shown) >= last
    plain = [
        h.passage.id
        for start in (0, 100)
        for h in many.search(replace(query, collapse="", size=100, start=start)).hits
    ]
    if mode == "keyword":
        assert set(shown) == set(plain)
        assert {found.collapsed for found in answers} == {len(plain) - len(hits)}
        assert sum(len(hit.copies) for hit in hits) == len(plain) - len(hits) > 10
        compared = set(plain[:WINDOW])
        assert all(copy.passage.id in compared for hit in hits for copy in hit.copies)
    first = [hit.passage.id for hit in hits[:20]]
    assert first == [key for key in plain if key in first]


def test_groups_on_all_pages_are_every_article_once(
    many: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = Query("النفط", "keyword", size=5, group_by="article", collapse="duplicates")
    answers = pages(many, query)
    groups = [group for found in answers for group in found.groups or ()]
    ids = [group.article.id for group in groups]
    ids += [copy.article.id for group in groups for copy in group.copies]
    assert len(ids) == len(set(ids)) == 72
    assert len(groups) + answers[0].collapsed == 72
    monkeypatch.setattr(searching, "DEPTHS", (20, 90, 10_000))  # so that pages are of several
    assert len(pages(many, replace(query, group_by="", size=15))) > 1


def test_only_duplicates_can_be_asked(library: Searcher) -> None:
    with pytest.raises(InputError) as caught:
        library.search(Query("نفط", collapse="copies"))  # type: ignore[arg-type]
    assert caught.value.field == "collapse"
    assert library.search(Query("المصفاة")).collapsed == 0
