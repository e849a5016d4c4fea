"""An index of the first release (format 2), to be read once: by `fihris upgrade`.

It has no own documents of articles but their texts, and one document, the ledger, that lists
the editions that no search may show. Nothing is written to it; the next version takes its
place, so a kill at any step leaves it as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from search.domain import IndexedArticle
from search.engine import EngineStatus, Fingerprint, Stored
from search.engines.elastic import documents, versions
from search.engines.elastic.connection import WRITE_PATIENCE, Connection, whole
from search.engines.elastic.mapping import FORMER
from search.engines.elastic.queries import kind
from search.settings import Settings

_AT_ONCE = 1_000


def former_index(settings: Settings) -> FormerIndex | None:
    """Return the index the settings name if it is of the first release. Raises as `open_engine`."""
    connection = Connection(settings)
    try:
        versions.check_server(connection)
        index = versions.current_name(connection, settings.elasticsearch_index)
        if index is not None:
            found = connection.call(lambda client: client.indices.get_mapping(index=index)).body
            meta = found[index]["mappings"].get("_meta", {}).get("fihris", {})
            if meta.get("format") == FORMER:
                return FormerIndex(connection, index, Fingerprint(**meta["fingerprint"]))
    except BaseException:
        connection.close()
        raise
    connection.close()
    return None


class FormerIndex:
    """What an index of the first release holds, as far as a copy needs it."""

    def __init__(self, connection: Connection, index: str, fingerprint: Fingerprint) -> None:
        self.fingerprint = fingerprint
        self._connection = connection
        self._index = index
        self._refresh()

    def status(self) -> EngineStatus:
        summed = ("passages", "unembedded")
        answer = self._search(
            self._shown("article"),
            size=0,
            track_total_hits=True,
            aggregations={name: {"sum": {"field": name}} for name in summed},
        )
        passages, unembedded = (int(answer["aggregations"][name]["value"]) for name in summed)
        articles = int(answer["hits"]["total"]["value"])
        return EngineStatus("elasticsearch", articles, passages, 0, unembedded, self.fingerprint)

    def article_ids(self, after: str, limit: int) -> list[str]:
        answer = self._search(
            self._shown("article"),
            size=limit,
            sort=[{"article_id": "asc"}],
            source=False,
            **({"search_after": [after]} if after else {}),
        )
        return [hit["sort"][0] for hit in answer["hits"]["hits"]]

    def stored(self, article_ids: Sequence[str]) -> dict[str, Stored]:
        return {
            source["article_id"]: Stored(source["content_hash"], "unembedded" not in source)
            for source in self._articles(article_ids)
        }

    def indexed(self, article_ids: Sequence[str]) -> list[IndexedArticle]:
        found: dict[str, IndexedArticle] = {}
        for source in self._articles(article_ids):
            stored = documents.read_article(source, [])
            passages = self._passages(source["edition"])
            found[stored.article.id] = documents.read_indexed(
                stored, passages, self.fingerprint.dimensions
            )
        return [found[key] for key in article_ids if key in found]

    @contextmanager
    def hold(self, purpose: str) -> Iterator[Callable[[], None]]:  # noqa: ARG002  # told to nobody
        """Keep writers of the first release out, by a write block."""
        self._connection.call(
            lambda client: client.indices.add_block(index=self._index, block="write"),
            WRITE_PATIENCE,
        )
        try:
            self._refresh()
            yield lambda: None
        finally:
            lifted = {"index.blocks.write": None}
            self._connection.call(
                lambda client: client.options(ignore_status=404).indices.put_settings(
                    index=self._index, settings=lifted
                ),
                WRITE_PATIENCE,
            )

    def close(self) -> None:
        self._connection.close()

    def _refresh(self) -> None:
        self._connection.call(lambda client: client.indices.refresh(index=self._index))

    def _articles(self, article_ids: Sequence[str]) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        for start in range(0, len(article_ids), _AT_ONCE):
            some = list(article_ids[start : start + _AT_ONCE])
            query = self._shown("article", {"terms": {"article_id": some}})
            answer = self._search(query, size=len(some))
            found += [hit["_source"] for hit in answer["hits"]["hits"]]
        return found

    def _passages(self, edition: str) -> dict[int, Mapping[str, Any]]:
        found: dict[int, Mapping[str, Any]] = {}
        while True:
            answer = self._search(
                {"bool": {"filter": [kind("passage"), {"term": {"edition": edition}}]}},
                size=_AT_ONCE,
                sort=[{"position": "asc"}],
                source=["sentence_spans"],
                docvalue_fields=["packed_vectors"],
                **({"search_after": [max(found)]} if found else {}),
            )
            if not answer["hits"]["hits"]:
                return found
            found |= {hit["sort"][0]: hit for hit in answer["hits"]["hits"]}

    def _shown(self, name: str, *conditions: dict[str, Any]) -> dict[str, Any]:
        hidden = {"terms": {"edition": {"index": self._index, "id": "ledger", "path": "hidden"}}}
        return {"bool": {"filter": [kind(name), *conditions], "must_not": [hidden]}}

    def _search(self, query: dict[str, Any], **more: Any) -> Mapping[str, Any]:  # noqa: ANN401
        return self._connection.call(
            lambda client: whole(
                client.search(
                    index=self._index, query=query, allow_partial_search_results=False, **more
                ).body
            )
        )
