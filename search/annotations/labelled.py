"""Wraps an engine so that it can filter and count by labels, and forgets what belonged to removed articles.

Labels are a reader's own and stand beside the index, so an engine is asked for the articles that
have them: with at most 10,000 annotations these are no more than a filter takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from search import saved
from search.analysis.folding import fold_value
from search.annotations import open_store
from search.annotations.store import Known
from search.domain import Filter
from search.engines.protocol import (
    CountRequest,
    Counts,
    Engine,
    Listed,
    ListRequest,
    Rankings,
    RankRequest,
)
from search.originals import OriginalFiles
from search.settings import Settings

if TYPE_CHECKING:
    from search.saved.store import Store

_NOWHERE = ("",)  # ids of articles that no index has


def labelled(engine: Engine, settings: Settings) -> Engine:
    """Return an engine that can all that the given one can, and labels."""
    return cast("Engine", _Labelled(engine, settings))


class _Labelled:
    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._known = Known(lambda: open_store(settings))
        self._known_to_writer = Known(lambda: open_store(settings, patient=True))
        self._settings = settings
        self._originals = OriginalFiles(settings)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._engine, name)

    def rank(self, request: RankRequest) -> Rankings:
        if request.filter.labels:
            request = replace(request, filter=self._resolved(request.filter))
        return self._engine.rank(request)

    def list_articles(self, request: ListRequest) -> Listed:
        return self._engine.list_articles(replace(request, filter=self._resolved(request.filter)))

    def count(self, requests: Sequence[CountRequest]) -> list[Counts]:
        """Count labels by one more request: the passages of each article that has any."""
        asked = [
            replace(
                each,
                filter=self._resolved(each.filter),
                facets=tuple(field for field in each.facets if field != "label"),
            )
            for each in requests
        ]
        numbers = [n for n, each in enumerate(requests) if "label" in each.facets]
        if not numbers:
            return self._engine.count(asked)
        of = self._articles()
        every = tuple(sorted(set().union(*of.values()))) or _NOWHERE
        inside = Filter(articles=every)
        more = [
            CountRequest(asked[n].clause, _both(asked[n].filter, inside), articles=every)
            for n in numbers
        ]
        found = self._engine.count([*asked, *more])
        for n, counts in zip(numbers, found[len(asked) :], strict=True):
            passages = counts.of_articles
            sums = {label: sum(passages.get(key, 0) for key in of[label]) for label in of}
            values = sorted(((-count, label) for label, count in sums.items() if count))
            told = [(label, -count) for count, label in values[: requests[n].limit]]
            found[n] = replace(found[n], facets={**found[n].facets, "label": told})
        return found[: len(asked)]

    def delete(self, article_ids: Sequence[str]) -> int:
        """Remove articles and what is kept of them beside the index.

        That are matches of saved searches, which original files they were read from, and what
        annotations quote; these stay. Of articles that were removed before as well.
        """
        removed = self._engine.delete(article_ids)
        if article_ids and self._saved.version():
            self._saved.forget(article_ids)
        self._originals.forget(article_ids, self._engine)
        gone = set(article_ids)
        bare = gone and [
            replace(each, quote="")
            for each in self._known_to_writer.all().values()
            if each.quote and each.article in gone
        ]
        if bare:
            self._known_to_writer.store.put(bare)
        return removed

    @cached_property
    def _saved(self) -> Store:
        return saved.open_store(self._settings, patient=True)

    def close(self) -> None:
        self._engine.close()
        self._known.close()
        self._known_to_writer.close()
        if "_saved" in self.__dict__:
            self._saved.close()

    def _resolved(self, filter: Filter) -> Filter:
        """Return a filter with the articles that have its labels instead of these."""
        if not filter.labels:
            return filter
        wanted = set(map(fold_value, filter.labels))
        found = [ids for label, ids in self._articles().items() if fold_value(label) in wanted]
        articles = tuple(sorted(set().union(*found))) or _NOWHERE
        return _both(replace(filter, labels=()), Filter(articles=articles))

    def _articles(self) -> dict[str, set[str]]:
        """Return the articles that have each label, on themselves or on a passage."""
        found: dict[str, set[str]] = {}
        for each in self._known.all().values():
            for label in each.labels:
                found.setdefault(label, set()).add(each.article)
        return found


def _both(filter: Filter, inside: Filter) -> Filter:
    """Return what lets through what both do; the second is of articles only."""
    articles = inside.articles
    if filter.articles:
        known = set(filter.articles)
        articles = tuple(each for each in articles if each in known) or _NOWHERE
    return replace(filter, articles=articles)
