"""What an index gives back: passages, articles and what it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from search.domain import IndexedArticle, StoredArticle, StoredPassage
from search.engine import EngineStatus
from search.engines.checks import check_limit, is_unicode, passage_key
from search.engines.elastic import documents, queries
from search.engines.elastic.asking import Index
from search.errors import EngineUnavailable, InputError

_FETCHED_AT_ONCE = 1_000
_TRIES = 5  # times an article is read that is replaced meanwhile


class Reading:
    """Reads the index behind an alias. May be used from many threads."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def fetch(self, passage_ids: Sequence[str]) -> list[StoredPassage]:
        keys = [key for key in passage_ids if passage_key(key) is not None]
        unique = list(dict.fromkeys(keys))
        if not unique or self._index.opened() is None:
            return []
        found = self._index.memory.recall(unique)
        asked = [key for key in unique if key not in found]
        for start in range(0, len(asked), _FETCHED_AT_ONCE):
            some = asked[start : start + _FETCHED_AT_ONCE]
            sources = self._index.sources("passage", {"terms": {"passage_id": some}}, len(some))
            for source in sources:
                stored = documents.read_passage(source)
                found[stored.passage.id] = stored
                self._index.memory.keep({(stored.passage.id, source["edition"]): stored})
        return [found[key] for key in keys if key in found]

    def article(self, article_id: str) -> StoredArticle | None:
        if not article_id or not is_unicode(article_id) or self._index.opened() is None:
            return None
        for _ in range(_TRIES):
            found = self._index.sources("article", {"term": {"article_id": article_id}}, 1)
            if not found:
                return None
            passages = self._passages(found[0], vectors=False)
            if passages is not None:
                return documents.read_article(found[0], _texts(passages))
        raise _replaced()

    def article_ids(self, after: str, limit: int) -> list[str]:
        return self._ids(after, limit)

    def unembedded(self, after: str, limit: int) -> list[str]:
        return self._ids(after, limit, {"exists": {"field": "unembedded"}})

    def _ids(self, after: str, limit: int, *conditions: dict[str, Any]) -> list[str]:
        check_limit(limit)
        if not is_unicode(after):
            raise InputError("`after` holds half of a surrogate pair", field="after")
        if not limit or self._index.opened() is None:
            return []
        answer = self._index.search(
            {
                "query": self._index.shown("article", *conditions),
                "size": limit,
                "sort": [{"article_id": "asc"}],
                "source": False,
                "track_total_hits": False,
                **({"search_after": [after]} if after else {}),
            }
        )
        return [hit["sort"][0] for hit in answer["hits"]["hits"]]

    def indexed(self, article_ids: Sequence[str]) -> list[IndexedArticle]:
        known = [key for key in dict.fromkeys(article_ids) if key and is_unicode(key)]
        if not known or self._index.opened() is None:
            return []
        found: list[IndexedArticle] = []
        for start in range(0, len(known), _FETCHED_AT_ONCE):
            some = known[start : start + _FETCHED_AT_ONCE]
            asked = {"terms": {"article_id": some}}
            for source in self._index.sources("article", asked, len(some)):
                passages = self._passages(source, vectors=True)
                if passages is None:
                    raise _replaced()
                stored = documents.read_article(source, _texts(passages))
                found.append(documents.read_indexed(stored, passages, self._index.dimensions))
        by_id = {indexed.article.id: indexed for indexed in found}
        return [by_id[key] for key in known if key in by_id]

    def _passages(
        self, article: Mapping[str, Any], *, vectors: bool
    ) -> dict[int, Mapping[str, Any]] | None:
        """Return an article's passages as a search gives them, by position; None if some are gone."""
        found: dict[int, Mapping[str, Any]] = {}
        while len(found) < documents.passages_in(article):
            answer = self._index.search(
                {
                    "query": {
                        "bool": {
                            "filter": [
                                queries.kind("passage"),
                                {"term": {"edition": article["edition"]}},
                            ],
                        }
                    },
                    "size": _FETCHED_AT_ONCE,
                    "sort": [{"position": "asc"}],
                    "source": ["text", "sentence_spans"],
                    "docvalue_fields": ["packed_vectors"] if vectors else [],
                    "track_total_hits": False,
                    **({"search_after": [max(found)]} if found else {}),
                }
            )
            hits = answer["hits"]["hits"]
            if not hits:
                return None
            found.update((hit["sort"][0], hit) for hit in hits)
        return found

    def status(self) -> EngineStatus:
        version = self._index.opened()
        details = {"address": self._index.name, "server": self._index.server}
        if version is None:
            return EngineStatus("elasticsearch", 0, 0, 0, 0, self._index.fingerprint, details)
        answer = self._index.search(
            {
                "query": {"bool": {"must_not": [queries.hidden(self._index.alias)]}},
                "size": 0,
                "track_total_hits": False,
                "aggregations": {
                    "kinds": {"terms": {"field": "kind"}},
                    "sentences": {"sum": {"field": "sentences"}},
                    "unembedded": {"sum": {"field": "unembedded"}},
                },
            }
        )
        counts = {b["key"]: b["doc_count"] for b in answer["aggregations"]["kinds"]["buckets"]}
        stats = self._index.call(
            lambda client: client.indices.stats(index=self._index.alias, metric="store")
        )
        health = self._index.call(lambda client: client.cluster.health(index=self._index.alias))
        details |= {
            "index": f"{version.index} behind {self._index.alias}",
            "vectors": version.vectors,
            "shards": f"{version.shards} primary, {health['active_shards']} active in all",
            "health": str(health["status"]),
            "bytes": str(stats["_all"]["total"]["store"]["size_in_bytes"]),
        }
        return EngineStatus(
            "elasticsearch",
            int(counts.get("article", 0)),
            int(counts.get("passage", 0)),
            int(answer["aggregations"]["sentences"]["value"]),
            int(answer["aggregations"]["unembedded"]["value"]),
            version.fingerprint,
            details,
        )


def _texts(passages: Mapping[int, Mapping[str, Any]]) -> list[str]:
    return [passages[position]["_source"]["text"] for position in range(len(passages))]


def _replaced() -> EngineUnavailable:
    return EngineUnavailable("an article was replaced while it was read. Try again.")
