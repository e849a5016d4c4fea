"""Small indices beside the articles' own: the base of all, and the one of annotations."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import orjson

from search.annotations.domain import as_fields, from_fields
from search.domain import Annotation
from search.engines.elastic.bulk import Operation, send
from search.engines.elastic.connection import (
    READ_PATIENCE,
    WRITE_PATIENCE,
    Connection,
    Refused,
    scan,
    whole,
)
from search.engines.elastic.versions import create_index
from search.errors import EngineUnavailable
from search.settings import Settings

KEYWORD = {"type": "keyword"}

# An action of a bulk request and the line below it, None for a removal.
Lines = tuple[Mapping[str, Any], Mapping[str, Any] | None]


class SideIndex:
    """The index `<alias>-<NAME>`, which any number of processes read and write.

    Each document has its `kind`, and what no search asks for in `content`.
    """

    NAME: ClassVar[str]
    KIND: ClassVar[str]  # of the documents that `version` is of
    PROPERTIES: ClassVar[Mapping[str, Any]] = {}  # fields besides those that every such index has

    def __init__(self, settings: Settings, *, patient: bool = False) -> None:
        """`patient`: whether to wait for a cluster that is away as long as a writer does."""
        self._connection = Connection(settings)
        self._index = f"{settings.elasticsearch_index}-{self.NAME}"
        self._replicas = settings.elasticsearch_replicas
        self._patience = WRITE_PATIENCE if patient else READ_PATIENCE
        self._main = {"term": {"kind": self.KIND}}

    def version(self) -> str:
        """Return what changes with the documents of `KIND`, "" where there are none."""
        found = self._get("version")
        return found["_source"]["content"]["version"] if found else ""

    def close(self) -> None:
        self._connection.close()

    def _call(self, request: Any, patience: float | None = None) -> Any:  # noqa: ANN401
        """Return the answer, None where there is no such index or document."""
        try:
            return self._connection.call(request, patience or self._patience)
        except Refused as error:
            if error.status != 404:
                raise
            return None

    def _get(self, key: str) -> Any:  # noqa: ANN401
        return self._call(lambda client: client.get(index=self._index, id=key))

    def _search(self, **request: Any) -> Mapping[str, Any]:  # noqa: ANN401
        """Return the answer of a search, one without hits where there is no index."""
        found = self._call(lambda client: whole(client.search(index=self._index, **request).body))
        return found or {"hits": {"hits": []}}

    def _all(self, sort: Sequence[str], **more: Any) -> list[Mapping[str, Any]]:  # noqa: ANN401
        """Return the sources of all documents of `KIND`."""
        return [hit["_source"] for hit in scan(self._search, self._main, sort, **more)]

    def _delete(self, query: Mapping[str, Any]) -> int:
        found = self._call(
            lambda client: client.options(request_timeout=WRITE_PATIENCE).delete_by_query(
                index=self._index, query=query, conflicts="proceed", refresh=True
            ),
            WRITE_PATIENCE,
        )
        return found["deleted"] if found else 0

    def _changed(self) -> None:
        """Store another version; "" where no document of `KIND` is left."""
        left = self._call(
            lambda client: client.count(index=self._index, query=self._main), WRITE_PATIENCE
        )
        content = {"version": uuid.uuid4().hex if left and left["count"] else ""}
        self._bulk([({"index": {"_id": "version"}}, {"kind": "version", "content": content})])

    def _make(self) -> None:
        """Make the index; harmless where it is there."""
        properties = {
            "kind": KEYWORD,
            "id": KEYWORD,
            "created": KEYWORD,
            "content": {"type": "object", "enabled": False},
            **self.PROPERTIES,
        }
        create_index(
            self._connection,
            self._index,
            mappings={"dynamic": False, "properties": properties},
            settings={"number_of_shards": 1, "number_of_replicas": self._replicas},
        )

    def _bulk(self, lines: Iterable[Lines]) -> None:
        """Send operations; searches see their results when this returns.

        A `create` of a document that is there, or an `update` of one that is not, does nothing.
        So no reader has to refresh, for which one that may only read has no privilege.

        Raises:
            EngineUnavailable: one of them cannot be done.
        """
        operations = (
            Operation("", tuple(orjson.dumps(line) for line in each if line is not None))
            for each in lines
        )
        items = send(self._connection, self._index, operations, require_alias=False, refresh=True)
        for item in items:
            if item.error:
                raise EngineUnavailable(
                    f"the index {self._index} of {self._connection.name} cannot be changed: "
                    f"{item.error}"
                )


class AnnotationStore(SideIndex):
    """A `search.annotations.store.Store`; its index is made with the first annotation."""

    NAME, KIND = "annotations", "annotation"

    def all(self) -> list[Annotation]:
        return [from_fields(source["content"]) for source in self._all(["id"])]

    def put(self, annotations: Sequence[Annotation]) -> None:
        self._make()
        self._bulk(
            (
                {"index": {"_id": each.id}},
                {"kind": self.KIND, "id": each.id, "content": as_fields(each)},
            )
            for each in annotations
        )
        self._changed()

    def remove(self, ids: Sequence[str]) -> None:
        self._bulk(({"delete": {"_id": key}}, None) for key in ids)
        self._changed()
