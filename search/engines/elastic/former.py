"""Reads an index of the first release (format 2), for `fihris upgrade` and `reindex`.

In it the document of an article is its text; one more document, `ledger`, lists the editions
that are not shown. Nothing is written to it, so that a kill leaves it as it was; the next version
replaces it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from search.domain import IndexedArticle
from search.engines.elastic import versions
from search.engines.elastic.connection import Connection, scan, whole
from search.engines.elastic.documents import read_indexed
from search.engines.elastic.mapping import FORMER
from search.engines.elastic.queries import Query, kind
from search.engines.protocol import EngineStatus, Fingerprint, Stored
from search.settings import Settings


def former_index(settings: Settings) -> FormerIndex | None:
    """Return the index the settings name if it is of the first release. Raises as `open_engine`."""
    connection = Connection(settings)
    try:
        versions.check_server(connection)
        for index, about in versions.behind(connection, settings.elasticsearch_index).items():
            meta = about["mappings"].get("_meta", {}).get("fihris", {})
            if meta.get("format") == FORMER:
                return FormerIndex(connection, index, Fingerprint(**meta["fingerprint"]))
    except BaseException:
        connection.close()
        raise
    connection.close()
    return None


class FormerIndex:
    """An index of the first release, as a `search.engines.Source`."""

    def __init__(self, connection: Connection, index: str, fingerprint: Fingerprint) -> None:
        self.fingerprint = fingerprint
        self._connection = connection
        self._index = index
        self._refresh()

    def status(self) -> EngineStatus:
        summed = ("passages", "unembedded")
        answer = self._search(
            query=self._shown(),
            size=0,
            track_total_hits=True,
            aggregations={name: {"sum": {"field": name}} for name in summed},
        )
        passages, unembedded = (int(answer["aggregations"][name]["value"]) for name in summed)
        articles = int(answer["hits"]["total"]["value"])
        return EngineStatus("elasticsearch", articles, passages, 0, unembedded, self.fingerprint)

    def article_ids(self, after: str, limit: int) -> list[str]:
        query = self._shown({"range": {"article_id": {"gt": after}}})
        sort = [{"article_id": "asc"}]
        answer = self._search(query=query, size=limit, sort=sort, source=False)
        return [hit["sort"][0] for hit in answer["hits"]["hits"]]

    def stored(self, article_ids: Sequence[str]) -> dict[str, Stored]:
        return {
            source["article_id"]: Stored(source["content_hash"], "unembedded" not in source)
            for source in self._articles(article_ids)
        }

    def indexed(self, article_ids: Sequence[str]) -> list[IndexedArticle]:
        found = {
            source["article_id"]: read_indexed(
                source, self._passages(source["edition"]), self.fingerprint.dimensions
            )
            for source in self._articles(article_ids)
        }
        return [found[key] for key in article_ids if key in found]

    @contextmanager
    def hold(self, purpose: str) -> Iterator[None]:  # noqa: ARG002  # the first release reads none
        """Block writes by processes of the first release."""
        versions.block(self._connection, self._index)
        try:
            self._refresh()
            yield
        finally:
            versions.unblock(self._connection, self._index)

    def close(self) -> None:
        self._connection.close()

    def _refresh(self) -> None:
        self._connection.call(lambda client: client.indices.refresh(index=self._index))

    def _articles(self, article_ids: Sequence[str]) -> list[Mapping[str, Any]]:
        query = self._shown({"terms": {"article_id": list(article_ids)}})
        return [hit["_source"] for hit in scan(self._search, query, ["article_id"])]

    def _passages(self, edition: str) -> dict[int, Mapping[str, Any]]:
        hits = scan(
            self._search,
            {"bool": {"filter": [kind("passage"), {"term": {"edition": edition}}]}},
            ["position"],
            source=["sentence_spans"],
            docvalue_fields=["packed_vectors"],
        )
        return {hit["sort"][0]: hit for hit in hits}

    def _shown(self, *conditions: Query) -> Query:
        hidden = {"terms": {"edition": {"index": self._index, "id": "ledger", "path": "hidden"}}}
        return {"bool": {"filter": [kind("article"), *conditions], "must_not": [hidden]}}

    def _search(self, **request: Any) -> Mapping[str, Any]:  # noqa: ANN401
        request |= {"index": self._index, "allow_partial_search_results": False}
        return self._connection.call(lambda client: whole(client.search(**request).body))
