"""Which passages a filter and a clause let through, as rows of the table of all passages.

They are counted by the columns in memory, and articles listed by them.
"""

from __future__ import annotations

import functools
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from search.domain import NO_FILTER, Filter
from search.engines.embedded.articles import facet
from search.engines.embedded.record import Record
from search.engines.embedded.text import TextIndex
from search.engines.embedded.vectors import PassageTable
from search.engines.protocol import CountRequest, Counts, Listed, ListRequest, RankRequest
from search.limits import MAX_RESULTS
from search.query.clauses import AllOf, Among, AnyOf, Boost, Clause, Everything, Not, Prefer

_BEHIND = 10_000_000  # later than any day, and before any day negated
_SIGNS = {"id": 0, "newest": -1, "oldest": 1}
_KEPT = 64  # masks of all passages that what is remembered takes: 6.4 MB at 100,000 passages
# A word that so many passages have is remembered, in bits: other questions ask for it as well.
_COMMON = 500

Mask = NDArray[np.bool_]
Column = TypeVar("Column", NDArray[np.bool_], NDArray[np.int64], NDArray[np.uint8])


class Masks:
    """Makes masks of a table's rows and remembers the last. May be called from many threads."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._guard = threading.Lock()
        self._masks: OrderedDict[Hashable, NDArray[Any]] = OrderedDict()
        self._size = 0  # bytes of them

    def allowed(
        self, table: PassageTable, text: TextIndex, filter: Filter, clause: Clause | None
    ) -> Mask | None:
        """Return which rows a filter and a clause let through, None where all.

        Raises LookupError when another record lies there.
        """
        masks = []
        if filter != NO_FILTER:
            masks.append(self._of_filter(table, filter))
        if clause is not None:
            masks.append(self._of_clause(table, text, clause))
        return functools.reduce(np.logical_and, masks) if masks else None

    def count(self, table: PassageTable, text: TextIndex, request: CountRequest) -> Counts:
        """Count what a request asks by the columns in memory.

        Where every passage of a filter is asked the text index, which may be behind, is not.
        Raises LookupError when another record lies there.
        """
        keys = table.articles.keys
        places = self._kept(table, "places", lambda: keys.searchsorted(table.rows.articles))
        allowed = self.allowed(table, text, request.filter, request.clause)
        if allowed is not None:
            places = places[allowed]
        passages = np.bincount(places, minlength=len(keys))
        of_articles = {}
        if request.articles:
            wanted = np.array(self._record.keys_of(request.articles, table.record), np.int64)
            for place in np.flatnonzero(np.isin(keys, wanted) & (passages > 0)).tolist():
                of_articles[table.ids[int(keys[place])]] = int(passages[place])
        return Counts(
            passages=len(places),
            facets={f: facet(table.articles, passages, f, request.limit) for f in request.facets},
            of_articles=of_articles,
            articles=int(np.count_nonzero(passages)),
        )

    def by_date(
        self, table: PassageTable, text: TextIndex, request: RankRequest
    ) -> tuple[NDArray[np.int64], int]:
        """Return the rows of the first passages that match, by date, and how many match in all.

        Raises LookupError when another record lies there.
        """
        rows = table.rows.articles
        wanted = [part for part in (request.clause, request.constraint) if part is not None]
        allowed = self.allowed(table, text, request.filter, AllOf(tuple(wanted)))
        matching = np.arange(len(rows)) if allowed is None else np.flatnonzero(allowed)

        def places() -> NDArray[np.int64]:
            order = self._by_id(table)
            order = order[np.argsort(_days(table, request.sort)[order], kind="stable")]
            places = np.empty(len(order), np.int64)
            places[order] = np.arange(len(order))
            return places

        place = self._kept(table, request.sort, places)
        # An article's passages are rows in order of position, so this tells all of them apart.
        keys = place[table.articles.keys.searchsorted(rows[matching])] * len(rows) + matching
        total, limit = len(matching), request.limit
        if total > limit > 0:
            first = np.argpartition(keys, limit - 1)[:limit]
            keys, matching = keys[first], matching[first]
        return matching[np.argsort(keys)][:limit], total

    def _by_id(self, table: PassageTable) -> NDArray[np.int64]:
        """Return the numbers of all articles in order of id."""

        def by_id() -> NDArray[np.int64]:
            names = [table.ids[key] for key in table.articles.keys.tolist()]
            return np.array(sorted(range(len(names)), key=names.__getitem__), np.int64)

        return self._kept(table, "by id", by_id)

    def list_articles(self, table: PassageTable, request: ListRequest) -> Listed:
        """Return a page of articles. Raises LookupError when one is gone from the record."""
        keys, ids = table.articles.keys, table.ids
        order = self._by_id(table)
        allowed = self._articles(table, request.filter)
        chosen = order[allowed[order]]
        sign, days = _SIGNS[request.sort], _days(table, request.sort)
        chosen = chosen[np.argsort(days[chosen], kind="stable")]
        start = 0
        if (after := request.after) is not None:
            day = sign * after.published.toordinal() if after.published else _BEHIND
            place = (day * abs(sign), after.id)
            start = bisect_right(chosen, place, key=lambda at: (days[at], ids[int(keys[at])]))
        page = keys[chosen[start : start + request.limit]].tolist()
        found = Listed(tuple(self._record.infos_of(page, table.record)), len(chosen))
        if not request.by_collection:
            return found
        counted = facet(table.articles, allowed.astype(np.int64), "collection", MAX_RESULTS)
        return replace(found, by_collection=dict(counted))

    def _articles(self, table: PassageTable, filter: Filter) -> Mask:
        allowed = table.articles.matching(filter)
        if filter.articles:
            wanted = [known for known in filter.articles if known]
            keys = self._record.keys_of(wanted, table.record)
            allowed &= np.isin(table.articles.keys, keys)
        return allowed

    def _of_filter(self, table: PassageTable, filter: Filter) -> Mask:
        def mask() -> Mask:
            allowed = self._articles(table, filter)
            return np.isin(table.rows.articles, table.articles.keys[allowed])

        return self._kept(table, filter, mask)

    def _of_clause(self, table: PassageTable, text: TextIndex, clause: Clause) -> Mask:
        """Return which rows a clause matches: whole sets at once, Tantivy asked for leaves only.

        What a query excludes is rare, so its complement costs nothing this way.
        """

        def of(part: Clause) -> Mask:
            return self._of_clause(table, text, part)

        match clause:
            case Everything():
                return np.ones(len(table), np.bool_)
            case Among(filter=filter):
                return self._of_filter(table, table.articles.spelt(filter))
            case Boost(clause=part) | Prefer(clause=part):
                return of(part)
            case Not(clause=part, excluded=excluded):
                return of(part) & ~of(excluded)
            case AllOf(clauses=parts) if parts:
                return functools.reduce(np.logical_and, map(of, parts))
            case AnyOf(clauses=parts, minimum=1) if parts:
                common = text.common(parts, _COMMON)
                rare = [part for part in parts if part not in common]
                asked: list[Clause] = [*common, AnyOf(tuple(rare))] if rare else [*common]
                bits = [self._bits(table, text, part) for part in asked]
                return _unpacked(np.bitwise_or.reduce(bits), len(table))
            case _:
                return _unpacked(self._bits(table, text, clause), len(table))

    def _bits(self, table: PassageTable, text: TextIndex, clause: Clause) -> NDArray[np.uint8]:
        """Return which rows Tantivy says a clause matches, eight in a byte."""

        def bits() -> NDArray[np.uint8]:
            rows = table.rows_of(text.matching(clause, table.articles.spelt))
            found = np.zeros(len(table), np.bool_)
            found[rows[rows >= 0]] = True
            return np.packbits(found)

        return self._kept(table, (text.sequence, clause), bits)

    def _kept(self, table: PassageTable, of: Hashable, make: Callable[[], Column]) -> Column:
        """Return what was made before of a table, or make it."""
        key = (table.record, table.sequence, of)
        with self._guard:
            if key in self._masks:
                self._masks.move_to_end(key)
                return self._masks[key]
        made = make()
        with self._guard:
            replaced = self._masks.pop(key, made[:0])  # by another thread meanwhile
            self._masks[key] = made
            self._size += made.nbytes - replaced.nbytes
            while self._size > _KEPT * len(table) and len(self._masks) > 1:
                self._size -= self._masks.popitem(last=False)[1].nbytes
        return made


def _unpacked(bits: NDArray[np.uint8], count: int) -> Mask:
    return np.unpackbits(bits, count=count).view(np.bool_)


def _days(table: PassageTable, sort: str) -> NDArray[np.int64]:
    """Return what each article's date is sorted by: the unknown one, 0, is behind all."""
    published, sign = table.articles.published, _SIGNS[sort]
    return np.where(published == 0, _BEHIND, sign * published.astype(np.int64)) * abs(sign)
