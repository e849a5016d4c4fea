"""Which passages a search may show, while articles are being written. Pure.

While there may be passages of an edition that is not shown, the article's own document says
`unsettled`. A search of the index as it stands finds such documents before all passages
(`queries.besides`), at the same moment of the same shard: so its answer tells which of its
passages may be shown. Where those are too few, or there are totals to be counted, the same is
asked again at a point in time, whose editions that are not shown are looked up first and left
out by name.
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
    """What searches look at: the index as it stands, or a point in time.

    Attributes:
        header: what each search of an `msearch` begins with.
        pit: names the point in time, in a search's body; empty: the index as it stands.
        hidden: the editions that are not shown at it.
    """

    header: Mapping[str, Any]
    pit: Mapping[str, Any] = field(default_factory=dict)
    hidden: Sequence[str] = ()

    def finding(self, query: Query, among: Collection[str] | None = None) -> Query:
        """Return what finds a query's hits and, as the index stands, the own documents besides.

        Args:
            among: the articles the hits can be of, where it is known.
        """
        return query if self.pit else besides(query, unsettled(among))


@dataclass(frozen=True, slots=True)
class Shown:
    """The passages of an answer that may be shown.

    Attributes:
        unsettled: how many unsettled articles the answer tells of.
        full: whether the search gave as many hits as it was asked for.
    """

    passages: list[Hit] = field(default_factory=list)
    unsettled: int = 0
    full: bool = False

    def has(self, wanted: int) -> bool:
        """Tell whether these are the best `wanted`: what is not shown took no other's place."""
        return not self.unsettled or not self.full or len(self.passages) >= wanted


def shown(hits: Sequence[Hit], size: int) -> Shown:
    """Return which passages of an answer to a search for `size` hits may be shown."""
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
