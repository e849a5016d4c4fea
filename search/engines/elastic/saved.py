"""Saved searches in an index of their own, `<alias>-saved`, which any number of writers share."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar

from search.engines.elastic.connection import Refused
from search.engines.elastic.side_index import KEYWORD, SideIndex
from search.limits import MAX_MATCHES, MAX_SAVED
from search.saved.domain import Place, SavedMatch, SavedSearch, Tally, as_fields, from_fields
from search.settings import Settings

_TRIM_SECONDS = 60.0  # between two looks at whether some have more matches than are kept
_AT_ONCE = 2_000  # articles in one request


class ElasticStore(SideIndex):
    """A `search.saved.store.Store` in Elasticsearch; its index is made with the first search."""

    NAME, KIND = "saved", "search"
    # A saved search's own fields and a lease are kept in `content`.
    PROPERTIES: ClassVar = {
        "saved": KEYWORD,
        "article": KEYWORD,
        "found": {"type": "long"},
        "delivered": {"type": "boolean"},
    }

    def __init__(self, settings: Settings, *, patient: bool = False) -> None:
        super().__init__(settings, patient=patient)
        self._trimmed = 0.0

    def searches(self) -> list[SavedSearch]:
        return [from_fields(each["content"]) for each in self._all(["created", "id"])]

    def search(self, saved: str) -> SavedSearch | None:
        found = self._get(saved)
        is_one = found is not None and found["_source"]["kind"] == self.KIND
        return from_fields(found["_source"]["content"]) if is_one else None

    def tallies(self) -> Mapping[str, Tally]:
        kept = self._counted(1)
        return {
            each["id"]: Tally(kept.get(each["id"], 0), each.get("dropped", 0))
            for each in self._all(["id"], source_includes=["id", "dropped"])
        }

    def add(self, search: SavedSearch) -> None:
        self._make()
        body = {"kind": self.KIND, "id": search.id, "created": search.created}
        self._bulk([({"index": {"_id": search.id}}, {**body, "content": as_fields(search)})])
        self._changed()

    def update(self, searches: Sequence[SavedSearch]) -> None:
        self._bulk(
            ({"update": {"_id": search.id}}, {"doc": {"content": as_fields(search)}})
            for search in searches
        )
        self._changed()

    def remove(self, saved: str) -> bool:
        there = self._get(saved) is not None
        if there:
            self._bulk([({"delete": {"_id": saved}}, None)])
            self._delete({"term": {"saved": saved}})
            self._changed()
        return there

    def record(self, matches: Sequence[SavedMatch]) -> None:
        self._bulk(
            ({"create": {"_id": match.id}}, {"kind": "match", **asdict(match)}) for match in matches
        )
        if time.monotonic() > self._trimmed + _TRIM_SECONDS:
            self._trimmed = time.monotonic()
            self._trim()

    def matches(
        self, saved: str, behind: Place | None, limit: int, *, undelivered: bool = False
    ) -> list[SavedMatch]:
        order = "asc" if undelivered else "desc"
        only: list[Any] = [{"term": {"saved": saved}}]
        if undelivered:
            only.append({"term": {"delivered": False}})
        more = {} if behind is None else {"search_after": list(behind)}
        found = self._search(
            query={"bool": {"filter": only}},
            sort=[{"found": order}, {"id": order}],
            size=limit,
            track_total_hits=False,
            **more,
        )
        return [
            SavedMatch(**{k: v for k, v in hit["_source"].items() if k != "kind"})
            for hit in found["hits"]["hits"]
        ]

    def delivered(self, match: SavedMatch) -> None:
        self._bulk([({"update": {"_id": match.id}}, {"doc": {"delivered": True}})])

    def drop(self, ids: Sequence[str]) -> None:
        self._bulk(({"delete": {"_id": key}}, None) for key in ids)

    def forget(self, articles: Sequence[str]) -> None:
        for start in range(0, len(articles), _AT_ONCE):
            self._delete({"terms": {"article": list(articles[start : start + _AT_ONCE])}})

    def lease(self, owner: str, seconds: float) -> bool:
        found, now = self._get("lease"), time.time()
        held: Any = found["_source"]["content"] if found else {"owner": owner, "until": 0}
        if held["owner"] != owner and held["until"] > now:
            return False
        swap: dict[str, Any] = {"op_type": "create"}
        if found:
            swap = {"if_seq_no": found["_seq_no"], "if_primary_term": found["_primary_term"]}
        body = {"kind": "lease", "content": {"owner": owner, "until": now + seconds}}
        try:
            self._connection.call(
                lambda client: client.index(index=self._index, id="lease", document=body, **swap)
            )
        except Refused as error:
            if error.status != 409:
                raise
            return False  # another one was quicker
        return True

    def _counted(self, least: int) -> dict[str, int]:
        """Return how many matches the saved searches have that have so many."""
        by = {"terms": {"field": "saved", "size": MAX_SAVED, "min_doc_count": least}}
        found = self._search(size=0, aggregations={"by": by})
        buckets = found["aggregations"]["by"]["buckets"] if "aggregations" in found else ()
        return {bucket["key"]: bucket["doc_count"] for bucket in buckets}

    def _trim(self) -> None:
        """Remove what is more than is kept, and count it."""
        for saved in self._counted(MAX_MATCHES + 1):
            oldest_kept = self._search(
                query={"term": {"saved": saved}},
                sort=[{"found": "desc"}, {"id": "desc"}],
                from_=MAX_MATCHES - 1,
                size=1,
            )["hits"]["hits"]
            if oldest_kept:
                older = {"range": {"found": {"lt": oldest_kept[0]["sort"][0]}}}
                removed = self._delete({"bool": {"filter": [{"term": {"saved": saved}}, older]}})
                script = "ctx._source.dropped = (ctx._source.dropped ?: 0) + params.many"
                change = {"script": {"source": script, "params": {"many": removed}}}
                self._bulk([({"update": {"_id": saved}}, change)])
