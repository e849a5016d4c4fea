"""Which hits of an answer are of editions that were shown at its moment. Pure.

A search finds the own documents of unsettled articles before all passages (`queries.besides`).
So where an answer has a passage, it has all of those; and no other article has passages that
may not be shown. Where they are too many to be listed, passages are asked for first, and then
the own documents of their articles with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search.engines.elastic.mapping import MAX_WINDOW

Hit = Mapping[str, Any]

ROUNDS = 6  # times a search is asked at most


@dataclass(frozen=True, slots=True)
class Look:
    """How a search is asked: for how many passages, with how much room for articles' own
    documents, and of which articles (None: of any; then a passage tells that all are listed).
    """

    passages: int
    room: int = 0
    among: frozenset[str] | None = None

    @property
    def size(self) -> int:
        room = self.room if self.among is None else len(self.among)
        return min(MAX_WINDOW, self.passages + room)


@dataclass(frozen=True, slots=True)
class Seen:
    """The passages of an answer that may be shown, and how to ask again, None where there is
    no need to. `unsettled`: how many articles were that it tells of.
    """

    passages: list[Hit]
    again: Look | None = None
    unsettled: int = 0


def seen(look: Look, hits: Sequence[Hit], wanted: int) -> Seen:
    """Return which passages of an answer may be shown; at most `wanted` of them are needed."""
    shown = {article_of(hit): edition_of(hit) for hit in hits if not is_passage(hit)}
    found = [hit for hit in hits if is_passage(hit)] if shown else list(hits)
    if look.among is None and not shown:
        return Seen(found)
    if look.among is None and not found and len(shown) == look.size:
        return Seen([], Look(look.passages, among=frozenset()), len(shown))
    kept, unknown = [], set[str]()
    for hit in found:
        article = article_of(hit)
        if article in shown:
            if shown[article] == edition_of(hit):
                kept.append(hit)
        elif look.among is None or article in look.among:
            kept.append(hit)
        else:
            unknown.add(article)
    if unknown and look.among is not None:
        return Seen(kept, Look(look.passages, among=look.among | unknown), len(shown))
    if len(kept) < wanted and len(hits) >= look.size and look.size < MAX_WINDOW:
        # What is not shown took their places.
        more = 2 * look.passages + 8
        return Seen(kept, Look(more, 2 * len(shown) + 8, look.among), len(shown))
    return Seen(kept, None, len(shown))


def first_look(passages: int, last: Look | None) -> Look:
    """Return how a search is asked first, from how the last one was asked in the end."""
    if last is None:
        return Look(passages)
    return Look(passages, last.room, None if last.among is None else frozenset())


def is_passage(hit: Hit) -> bool:
    """Tell a passage from an article's own document."""
    return "position" in hit.get("_source", ()) or "passage_id" in hit.get("fields", ())


def article_of(hit: Hit) -> str:
    return str(hit["_source"]["article_id"] if "_source" in hit else hit["fields"]["article_id"][0])


def edition_of(hit: Hit) -> str:
    """Return the edition of a passage, or the one an article shows ("": none)."""
    if "_source" in hit:
        return str(hit["_source"].get("edition", ""))
    return str(hit["fields"].get("edition", [""])[0])


def passage_of(hit: Hit) -> str:
    if "_source" in hit:
        return f"{hit['_source']['article_id']}#{hit['_source']['position']}"
    return str(hit["fields"]["passage_id"][0])
