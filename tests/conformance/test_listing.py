"""Articles in order, page by page, while others come and go."""

from __future__ import annotations

import base64
import json
import random
from datetime import date

import pytest

from search.domain import NO_FILTER, SORTS, ArticleInfo, Filter, IndexedArticle, Sort
from search.engines.protocol import Engine, Listed, ListRequest, Place
from search.errors import CursorGone, InputError
from search.listing import list_articles
from tests.conformance.corpus import admits, indexed, random_articles, random_filter

DAY, LATER = date(2024, 2, 29), date(2024, 3, 1)
ARTICLES = [
    indexed("b", "x", title="عنوان", source="CNN", author="أحمد", published=DAY, tags=("حرب",)),
    indexed("a", "x", "y", published=LATER, source="cnn", language="ar"),
    indexed("أ", "x"),
    indexed("c", "x", published=DAY),
    indexed("ab", source="BBC"),  # without a passage
    indexed("\U0001f600", "x", published=date.max),
    indexed("\ufffd", "x", published=date.min),
]


@pytest.fixture(scope="module")
def library(shared: Engine) -> Engine:
    shared.write(ARTICLES)
    return shared


def ids(listed: Listed) -> list[str]:
    return [article.id for article in listed.articles]


ORDERS: dict[Sort, list[str]] = {
    "id": ["a", "ab", "b", "c", "أ", "\ufffd", "\U0001f600"],
    "newest": ["\U0001f600", "a", "b", "c", "\ufffd", "ab", "أ"],
    "oldest": ["\ufffd", "b", "c", "a", "\U0001f600", "ab", "أ"],
}


@pytest.mark.parametrize("sort", SORTS)
def test_every_order_by_code_points(library: Engine, sort: Sort) -> None:
    listed = library.list_articles(ListRequest(sort=sort))
    assert ids(listed) == ORDERS[sort]
    assert listed.total == len(ARTICLES)


@pytest.mark.parametrize("sort", SORTS)
def test_a_page_goes_on_behind_any_place(library: Engine, sort: Sort) -> None:
    order = ORDERS[sort]
    about = {article.article.id: article.article.info for article in ARTICLES}
    for at, key in enumerate(order):
        listed = library.list_articles(ListRequest(sort=sort, after=Place.of(about[key]), limit=2))
        assert ids(listed) == order[at + 1 : at + 3]
        assert listed.total == len(ARTICLES)


def test_a_page_goes_on_behind_what_is_not_there(library: Engine) -> None:
    listed = library.list_articles(ListRequest(after=Place(None, "aa")))
    assert ids(listed) == ORDERS["id"][1:]
    listed = library.list_articles(ListRequest(sort="oldest", after=Place(DAY, "bb")))
    assert ids(listed) == ["c", "a", "\U0001f600", "ab", "أ"]
    listed = library.list_articles(ListRequest(sort="newest", after=Place(None, "b")))
    assert ids(listed) == ["أ"]


def test_what_is_known_comes_without_the_text(library: Engine) -> None:
    (found,) = library.list_articles(ListRequest(Filter(authors=("احمد",)))).articles
    assert found == ArticleInfo(
        "b", "عنوان", "CNN", "أحمد", published=DAY, tags=("حرب",)
    )  # fmt: skip


def test_filters(library: Engine) -> None:
    def found(inside: Filter) -> list[str]:
        listed = library.list_articles(ListRequest(inside))
        assert listed.total == len(listed.articles)
        return ids(listed)

    assert found(Filter(sources=("cnn",))) == ["a", "b"]
    assert found(Filter(articles=("ab", "c", "nowhere", "\ud800"))) == ["ab", "c"]
    assert found(Filter(published_from=LATER)) == ["a", "\U0001f600"]
    assert found(Filter(languages=("ar",), tags=("حرب",))) == []


def test_bounds_are_named(library: Engine) -> None:
    for request, field in (
        (ListRequest(limit=10_001), "limit"),
        (ListRequest(sort="title"), "sort"),  # type: ignore[arg-type]
        (ListRequest(after=Place(None, "\ud800")), "after"),
        (ListRequest(Filter(tags=("t",) * 10_001)), "filter.tags"),
    ):
        with pytest.raises(InputError) as caught:
            library.list_articles(request)
        assert caught.value.field == field
    assert ids(library.list_articles(ListRequest(limit=0))) == []


def test_an_index_that_was_never_made_lists_nothing(engine: Engine) -> None:
    assert engine.list_articles(ListRequest()) == Listed()


def test_what_is_replaced_is_listed_once_as_it_is_now(engine: Engine) -> None:
    engine.write([indexed("a", "x", source="s", published=DAY), indexed("b", "x", published=DAY)])
    engine.write([indexed("a", "x", "y", source="t", published=LATER)])
    engine.delete(["b"])
    listed = engine.list_articles(ListRequest(sort="newest"))
    assert [(a.id, a.source, a.published) for a in listed.articles] == [("a", "t", LATER)]
    assert listed.total == 1


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("sort", SORTS)
def test_pages_neither_repeat_nor_lose_while_articles_come_and_go(
    engine: Engine, seed: int, sort: Sort
) -> None:
    random_ = random.Random(seed)
    inside = random_filter(random_) if seed else NO_FILTER
    known = {article.article.id: article for article in random_articles(seed, 60)}
    coming = [a.article.id for a in random_articles(seed, 60)]
    random_.shuffle(coming)
    first, later = coming[:40], coming[40:]
    engine.write([known[key] for key in first])
    stays = set(first)
    seen: list[str] = []
    cursor = ""
    while True:
        page = list_articles(engine, inside, sort, random_.randint(1, 5), cursor)
        seen += [article.id for article in page.articles]
        if not (cursor := page.cursor):
            break
        gone = random_.sample(first, 2)
        engine.delete(gone)
        stays -= set(gone)
        engine.write([known[key] for key in later[:2]])
        # What stays may be written anew, with another text.
        kept = random_.choice(sorted(stays))
        engine.write([indexed_again(known[kept].article.info)])
        later = later[2:]
    assert len(seen) == len(set(seen)), "an article came twice"
    wanted = {key for key in stays if admits(inside, known[key].article)}
    assert wanted <= set(seen), "an article that stayed was lost"
    assert all(admits(inside, known[key].article) for key in seen)


def indexed_again(info: ArticleInfo) -> IndexedArticle:
    return indexed(
        info.id, "نص آخر", source=info.source, language=info.language, published=info.published,
        tags=info.tags,
    )  # fmt: skip


# -- cursors


def cursor_of(*values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    ["x", "%%%", "é", "W10", "bnVsbA", cursor_of(1), cursor_of(1, "id", "", "a", "b"),
     cursor_of(1, "id", "soon", "a"), cursor_of(1, "id", 5, "a"), "a" * 3_001, cursor_of({}),
     cursor_of(1, "id", "", "\ud800"), cursor_of(1, "id", "", 5)],
)  # fmt: skip
def test_a_cursor_that_cannot_be_read_is_an_input_error(library: Engine, cursor: str) -> None:
    with pytest.raises(InputError) as caught:
        list_articles(library, cursor=cursor)
    assert type(caught.value) is InputError
    assert caught.value.field == "cursor"


def test_a_cursor_of_another_order_or_version_is_gone(library: Engine) -> None:
    cursor = list_articles(library, sort="newest", size=1).cursor
    with pytest.raises(CursorGone, match="newest"):
        list_articles(library, sort="oldest", cursor=cursor)
    with pytest.raises(CursorGone, match="version"):
        list_articles(library, cursor=cursor_of(2, "id", "anything"))


def test_a_cursor_may_hold_the_longest_id(engine: Engine) -> None:
    engine.write([indexed("\U0001f600" * 512, "x"), indexed("\U0001f601", "x")])
    page = list_articles(engine, size=1)
    assert [a.id for a in list_articles(engine, cursor=page.cursor).articles] == ["\U0001f601"]
