"""Annotations in an index of their own, `<alias>-annotations`, which any number of writers share."""

from __future__ import annotations

from collections.abc import Sequence

from search.annotations.domain import as_fields, from_fields
from search.domain import Annotation
from search.engines.elastic.side_index import SideIndex
from search.settings import Settings

_AT_ONCE = 1_000  # in one request


class ElasticStore(SideIndex):
    """A `search.annotations.store.Store`; its index is made with the first annotation."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, "annotations", "annotations", "annotation", {})

    def all(self) -> list[Annotation]:
        hits = self._scan({"term": {"kind": "annotation"}}, ["id"])
        return [from_fields(hit["_source"]["content"]) for hit in hits]

    def put(self, annotations: Sequence[Annotation]) -> None:
        self._make()
        for start in range(0, len(annotations), _AT_ONCE):
            some = annotations[start : start + _AT_ONCE]
            self._bulk(
                [
                    (
                        {"index": {"_id": each.id}},
                        {"kind": "annotation", "id": each.id, "content": as_fields(each)},
                    )
                    for each in some
                ]
            )
        self._changed()

    def remove(self, ids: Sequence[str]) -> None:
        if ids:
            self._bulk([({"delete": {"_id": key}}, None) for key in ids], ignore=404)
            self._changed()
