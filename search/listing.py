"""Lists of articles, page by page: a page continues behind the last article of the one before.

A cursor is that article's place in the order, so that pages neither repeat nor lose an article
that stays, whatever comes and goes meanwhile.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from search.domain import NO_FILTER, SORTS, Article, ArticleInfo, Filter, Sort
from search.engines.protocol import CountRequest, EngineReader, ListRequest, Place
from search.errors import CursorGone, InputError
from search.limits import MAX_CURSOR, MAX_RESULTS, MAX_SIZE
from search.query.validation import check_one_of, check_within

T = TypeVar("T")
READ_AT_ONCE = 20  # articles with their texts
_FORMAT = 1  # of cursors; one of another is told from what is none


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of articles, how many there are in all, and the next page's cursor ("": none)."""

    articles: tuple[ArticleInfo, ...]
    total: int
    cursor: str = ""


def list_articles(
    engine: EngineReader,
    filter: Filter = NO_FILTER,
    sort: Sort = "id",
    size: int = 20,
    cursor: str = "",
) -> Listing:
    """Return a page of the articles that a filter lets through.

    Args:
        engine: whose articles.
        filter: as of a search.
        sort: by id, or by date, the newest or the oldest first, those without a date last.
        size: articles on the page, 1 to 100.
        cursor: of the page before; "" begins.

    Raises:
        InputError: an argument is out of bounds; names it.
        CursorGone: the cursor is of another order, or of another version of Fihris.
        EngineError: the engine cannot answer.
    """
    check_one_of("sort", sort, SORTS)
    check_within("size", size, 1, MAX_SIZE)
    after = read(cursor, sort, _place) if cursor else None
    listed = engine.list_articles(ListRequest(filter, sort, after, size + 1))
    page = listed.articles[:size]
    more = len(listed.articles) > size
    if not more:
        return Listing(page, listed.total)
    last = page[-1]
    day = last.published.isoformat() if last.published else ""
    return Listing(page, listed.total, written(sort, day, last.id))


def pages(
    engine: EngineReader, filter: Filter = NO_FILTER, sort: Sort = "id", cursor: str = ""
) -> Iterator[Listing]:
    """Yield every page of a list of articles, one at least. Raises as `list_articles`."""
    page = list_articles(engine, filter, sort, MAX_SIZE, cursor)
    yield page
    while page.cursor:
        page = list_articles(engine, filter, sort, MAX_SIZE, page.cursor)
        yield page


def whole_articles(
    engine: EngineReader, filter: Filter = NO_FILTER, sort: Sort = "id"
) -> Iterator[tuple[int, list[Article]]]:
    """Yield the articles that a filter lets through with their texts, some at a time.

    Each time with how many there are in all. What is written or removed meanwhile may be among
    them or not. Raises as `list_articles`.
    """
    for page in pages(engine, filter, sort):
        ids = [info.id for info in page.articles]
        for start in range(0, max(len(ids), 1), READ_AT_ONCE):
            some = engine.articles(ids[start : start + READ_AT_ONCE])
            yield page.total, [each.article for each in some]


@dataclass(frozen=True, slots=True)
class CollectionCount:
    """A collection, how many articles it has and of how many passages."""

    name: str
    articles: int
    passages: int


def collections(engine: EngineReader) -> list[CollectionCount]:
    """Return the collections that have articles, by name, ten thousand at most.

    The first is "", of the articles without one, if there are any.

    Raises:
        EngineError: the engine cannot answer.
    """
    counts = engine.count([CountRequest(facets=("collection",), limit=MAX_RESULTS)])[0]
    listed = engine.list_articles(ListRequest(limit=0, by_collection=True))
    passages, articles = dict(counts.facets["collection"]), dict(listed.by_collection)
    passages[""] = max(0, counts.passages - sum(passages.values()))
    articles[""] = listed.total - sum(articles.values())
    found = (CollectionCount(name, articles[name], passages.get(name, 0)) for name in articles)
    return sorted((each for each in found if each.articles), key=lambda each: each.name)


def written(order: str, *place: str) -> str:
    """Return the cursor of a place in a list of this order."""
    content = json.dumps([_FORMAT, order, *place], ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def read(cursor: str, order: str, place: Callable[..., T]) -> T:
    """Return the place that a cursor names; `place` makes it of what was written.

    Raises:
        InputError: it cannot be read.
        CursorGone: it is of another order, or of another version of Fihris.
    """
    try:
        if len(cursor) > MAX_CURSOR:
            raise ValueError
        content = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        version, its, *parts = json.loads(content)
        if (version, its) == (_FORMAT, order):
            for part in parts:
                part.encode()
            return place(*parts)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            "the cursor cannot be read; give the one that the page before came with, whole",
            field="cursor",
        ) from error
    if version != _FORMAT:
        raise CursorGone(
            "the cursor is of another version of Fihris; begin again without it", field="cursor"
        )
    raise CursorGone(
        f"the cursor is of a list sorted by {str(its)[:20]!r}; ask for that, or begin again"
        " without it",
        field="cursor",
    )


def _place(day: str, key: str) -> Place:
    return Place(date.fromisoformat(day) if day else None, key)
