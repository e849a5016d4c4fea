"""A small index beside the articles', made with the first write: of saved searches, of annotations."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from search.engines.elastic.connection import WRITE_PATIENCE, Connection, Refused, reason_of, scan
from search.errors import EngineUnavailable
from search.settings import Settings

KEYWORD = {"type": "keyword"}


class SideIndex:
    """Any number of processes may read and write it. Each document has its `kind`.

    Args:
        settings: of the articles' index, `<alias>`; this one is `<alias>-<name>`.
        name: of this one.
        what: is in it, for errors.
        main: the kind of documents that `version` is of.
        properties: fields besides `kind`, `id`, `created` and `content`, which nothing is searched by.
    """

    def __init__(
        self, settings: Settings, name: str, what: str, main: str, properties: Mapping[str, Any]
    ) -> None:
        self._connection = Connection(settings)
        self._index = f"{settings.elasticsearch_index}-{name}"
        self._replicas = settings.elasticsearch_replicas
        self._what, self._main = what, main
        self._mappings = {
            "dynamic": False,
            "properties": {
                "kind": KEYWORD,
                "id": KEYWORD,
                "created": KEYWORD,
                "content": {"type": "object", "enabled": False},
                **properties,
            },
        }

    def version(self) -> str:
        """Return what changes with the main kind, "" where there is none."""
        found = self._get("version")
        return found["_source"]["content"]["version"] if found else ""

    def close(self) -> None:
        self._connection.close()

    def _call(self, request: Any) -> Any:  # noqa: ANN401
        """Return the answer, None where there is no index or document."""
        try:
            return self._connection.call(request, WRITE_PATIENCE)
        except Refused as error:
            if error.status != 404:
                raise
            return None

    def _get(self, key: str) -> Any:  # noqa: ANN401
        return self._call(lambda client: client.get(index=self._index, id=key))

    def _scan(
        self,
        query: Mapping[str, Any],
        sort: Sequence[str],
        **more: Any,  # noqa: ANN401
    ) -> list[Mapping[str, Any]]:
        self._refresh()

        def search(**request: Any) -> Any:  # noqa: ANN401
            none: Any = {"hits": {"hits": []}}
            return self._call(lambda c: c.search(index=self._index, **request)) or none

        return list(scan(search, query, sort, **more))

    def _delete(self, query: Mapping[str, Any]) -> int:
        self._refresh()
        found = self._call(
            lambda client: client.options(request_timeout=WRITE_PATIENCE).delete_by_query(
                index=self._index, query=query, conflicts="proceed", refresh=True
            )
        )
        return found["deleted"] if found else 0

    def _refresh(self) -> None:
        self._call(lambda client: client.indices.refresh(index=self._index))

    def _changed(self) -> None:
        """Note another version; "" where nothing of the main kind is left."""
        found = self._call(
            lambda client: client.count(index=self._index, query={"term": {"kind": self._main}})
        )
        content = {"version": uuid.uuid4().hex if found and found["count"] else ""}
        self._bulk([({"index": {"_id": "version"}}, {"kind": "version", "content": content})])

    def _make(self) -> None:
        settings = {"number_of_shards": 1, "number_of_replicas": self._replicas}
        try:
            self._connection.call(
                lambda client: client.indices.create(
                    index=self._index, mappings=self._mappings, settings=settings
                ),
                WRITE_PATIENCE,
            )
        except Refused as error:
            if error.kind != "resource_already_exists_exception":
                raise

    def _bulk(
        self,
        lines: Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]],
        *,
        ignore: int = 0,
        refresh: bool = True,
    ) -> None:
        """Send operations; raises EngineUnavailable unless all were done or answered `ignore`."""
        operations = [part for line in lines for part in line if part is not None]
        found = self._connection.call(
            lambda client: client.bulk(
                index=self._index, operations=operations, refresh=refresh, require_alias=False
            ),
            WRITE_PATIENCE,
        )
        for item in found["items"]:
            answer = next(iter(item.values()))
            if answer["status"] >= 300 and answer["status"] != ignore:
                kind, reason = reason_of(answer)
                raise EngineUnavailable(
                    f"the {self._what} in {self._connection.name} cannot be changed"
                    f" ({answer['status']} {kind}: {reason})"
                )
