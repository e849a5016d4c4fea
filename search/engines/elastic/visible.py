"""Drops the hits of editions that are not shown, while articles are being written. Pure.

While there may be passages of an edition that is not shown, the article's own document has the
field `unsettled`. A search finds such documents before all passages (`queries.besides`), in the
same state of the same shard, so that its answer tells which of its passages are shown. Where too
few are left, or totals are counted, the search is repeated at a point in time: its editions that
are not shown are looked up first, and excluded by name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from search.engines.elastic.queries import Query, besides, unsettled

Hit = Mapping[str, Any]

WHICH = ["passage_id", "edition", "article_id"]  # the fields, as doc values, that tell hits apart


@dataclass(frozen=True, slots=True)
class View:
    """What searches read: the current index, or a point in time.

    Attributes:
        header: of each search of an `msearch`.
        pit: the point in time, as a search's body has it; empty: the current index.
        hidden: the editions that are not shown at that point in time.
    """

    header: Mapping[str, Any]
    pit: Mapping[str, Any] = field(default_factory=dict)
    hidden: Sequence[str] = ()

    def finding(self, query: Query, among: Collection[str] | None = None) -> Query:
        """Return a query that, in the current index, also finds the unsettled own documents.

        Args:
            among: the articles that the hits can be of, where they are known.
        """
        return query if self.pit else besides(query, unsettled(among))


@dataclass(frozen=True, slots=True)
class Shown:
    """The passages of an answer whose editions are shown.

    Attributes:
        unsettled: how many unsettled own documents the answer has.
        full: whether the answer has as many hits as were asked for.
    """

    passages: list[Hit] = field(default_factory=list)
    unsettled: int = 0
    full: bool = False

    def has(self, wanted: int) -> bool:
        """Tell whether these are the best `wanted`: no dropped hit took the place of another."""
        return not self.unsettled or not self.full or len(self.passages) >= wanted


def shown(hits: Sequence[Hit], size: int) -> Shown:
    """Return the passages that are shown, of an answer to a search for `size` hits."""
    own = list(takewhile(lambda hit: not is_passage(hit), hits))  # they come first
    editions = {article_of(hit): edition_of(hit) for hit in own}
    passages = [
        hit
        for hit in hits[len(own) :]
        if not own or editions.get(article_of(hit), edition_of(hit)) == edition_of(hit)
    ]
    return Shown(passages, len(own), len(hits) >= size)


def is_passage(hit: Hit) -> bool:
    """Tell a passage from an article's own document."""
    return "passage_id" in hit["fields"]


def passage_of(hit: Hit) -> str:
    return str(hit["fields"]["passage_id"][0])


def article_of(hit: Hit) -> str:
    return str(hit["fields"]["article_id"][0])


def edition_of(hit: Hit) -> str:
    """Return the edition of a passage, or the one an article shows ("": none)."""
    return str(hit["fields"].get("edition", [""])[0])
