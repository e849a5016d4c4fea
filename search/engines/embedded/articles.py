"""Articles' metadata in memory, as columns of numbers, for filters and facets.

100,000 articles are 3 MB, and a filter of them takes a millisecond; in the record the same
needs four indexes and a table, whose damage nobody would notice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.analysis.folding import fold_value
from search.article_ids import parsed
from search.domain import NO_FILTER, FacetField, Filter
from search.engines.embedded.rows import ArticleRow

_SINGLE = ("collections", "sources", "authors", "languages")  # an article has one of each
_EPOCH = date(1970, 1, 1).toordinal()  # of numpy's days


class Values:
    """The numbers of the different values of a field, from 1; 0 is the empty one. Only grows."""

    def __init__(self, names: Iterable[str] = ("",)) -> None:
        """`names` are those of an earlier one."""
        self._numbers = {name: number for number, name in enumerate(names)}
        self._spellings: dict[str, list[str]] = {}  # by what they have in common
        for name in self._numbers:
            self._spellings.setdefault(fold_value(name), []).append(name)

    def numbers(self, values: Sequence[str]) -> list[int]:
        """Return the numbers of values; those that are new get the next ones."""
        for value in dict.fromkeys(values):
            if value not in self._numbers:
                self._numbers[value] = len(self._numbers)
                self._spellings.setdefault(fold_value(value), []).append(value)
        return [self._numbers[value] for value in values]

    def names(self) -> list[str]:
        """Return the values by their numbers."""
        return list(self._numbers)

    def known(self, values: Iterable[str]) -> list[int]:
        """Return the numbers of those of these values that are known and not empty."""
        return [self._numbers[value] for value in values if self._numbers.get(value)]

    def spellings(self, values: Iterable[str]) -> tuple[str, ...]:
        """Return the known spellings of values, and those that are not known as they are."""
        found = (self._spellings.get(fold_value(value), [value]) for value in values if value)
        return tuple(dict.fromkeys(chain.from_iterable(found))) or ("",)


@dataclass(frozen=True, slots=True)
class Articles:
    """Articles in order of key, a column for each field. Never changed once made.

    `published` holds days (`date.toordinal`), 0 where unknown. The tags of all articles are
    two columns of their own: the tag's number and the article's key.
    """

    values: Values  # of all fields, shared by what is made of this
    keys: NDArray[np.int64]
    collections: NDArray[np.int32]
    sources: NDArray[np.int32]
    authors: NDArray[np.int32]
    languages: NDArray[np.int32]
    published: NDArray[np.int32]
    tagged: NDArray[np.int64]
    tags: NDArray[np.int32]

    def columns_of(self, known: Sequence[ArticleRow]) -> Articles:
        """Return these articles with the same values. Raises RecordCorrupt."""
        numbers = self.values.numbers
        days = [about.published_on() if about.published else None for about in known]
        pairs = [
            (about.key, tag)
            for about in known
            if about.tags != "[]"
            for tag in set(about.tag_values())
        ]
        return Articles(
            self.values,
            np.array([about.key for about in known], np.int64),
            np.array(numbers([parsed(about.id)[0] for about in known]), np.int32),
            np.array(numbers([about.source for about in known]), np.int32),
            np.array(numbers([about.author for about in known]), np.int32),
            np.array(numbers([about.language for about in known]), np.int32),
            np.array([day.toordinal() if day else 0 for day in days], np.int32),
            np.array([key for key, _ in pairs], np.int64),
            np.array(numbers([tag for _, tag in pairs]), np.int32),
        )

    def joined(self, newer: Sequence[Articles]) -> Articles:
        """Return these and newer ones with the same values."""
        names = [field.name for field in fields(self)][1:]
        return Articles(
            self.values,
            *(np.concatenate([getattr(some, name) for some in (self, *newer)]) for name in names),
        )

    def without(self, removed: Sequence[int]) -> Articles:
        """Return those that have none of these keys."""
        kept, stay = ~np.isin(self.keys, removed), ~np.isin(self.tagged, removed)
        some = {name: getattr(self, name)[kept] for name in ("keys", *_SINGLE, "published")}
        return replace(self, **some, tagged=self.tagged[stay], tags=self.tags[stay])

    def spelt(self, filter: Filter) -> Filter:
        """Return a filter with every known spelling of its values."""
        if filter == NO_FILTER:
            return filter
        asked = {
            name: getattr(filter, name) for name in ("sources", "authors", "languages", "tags")
        }
        spelt: dict[str, Any] = {n: self.values.spellings(v) for n, v in asked.items() if v}
        return replace(filter, **spelt)

    def matching(self, filter: Filter) -> NDArray[np.bool_]:
        """Return which articles a filter lets through, as far as it does not name ids."""
        allowed = np.ones(len(self.keys), np.bool_)
        known = self.values.known
        # An empty value means unknown, which no filter asks for.
        for name in _SINGLE:
            if given := getattr(filter, name):
                allowed &= np.isin(getattr(self, name), known(given))
        if filter.tags:
            allowed &= np.isin(self.keys, self.tagged[np.isin(self.tags, known(filter.tags))])
        if filter.published_from is not None or filter.published_to is not None:
            first = (filter.published_from or date.min).toordinal()
            last = (filter.published_to or date.max).toordinal()
            allowed &= (self.published >= first) & (self.published <= last)
        return allowed


def facet(
    articles: Articles, passages: NDArray[np.int64], field: FacetField, limit: int
) -> list[tuple[str, int]]:
    """Count passages by a field's values, but the empty one; `passages` has each article's.

    The most frequent first, ties by value, `limit` of them.
    """
    if field in ("year", "month"):
        dated = (passages > 0) & (articles.published > 0)
        days = (articles.published[dated] - _EPOCH).astype("datetime64[D]")
        periods, places = np.unique(
            days.astype(f"datetime64[{field[0].upper()}]"), return_inverse=True
        )
        counted, names = (
            np.bincount(places, passages[dated]),
            np.datetime_as_string(periods).tolist(),
        )
    else:
        weights = passages
        if field == "tag":
            numbers, weights = articles.tags, passages[articles.keys.searchsorted(articles.tagged)]
        else:
            numbers = getattr(articles, f"{field}s")
        counted, names = np.bincount(numbers, weights), articles.values.names()
        counted[:1] = 0  # of the empty value
    found = np.flatnonzero(counted)
    if len(found) > limit > 0:  # those that tie with the last are cut by their names
        found = found[counted[found] >= np.partition(counted[found], -limit)[-limit]]
    pairs = [(names[number], int(counted[number])) for number in found]
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:limit]


def no_articles() -> Articles:
    """Return none."""
    keys, numbers = np.zeros(0, np.int64), np.zeros(0, np.int32)
    return Articles(Values(), keys, numbers, numbers, numbers, numbers, numbers, keys, numbers)
