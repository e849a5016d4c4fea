"""What an index gives back: passages, articles and what it holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from search.domain import IndexedArticle, StoredArticle, StoredPassage
from search.engine import EngineStatus, Stored
from search.engines.checks import check_limit, is_unicode, passage_key
from search.engines.elastic import documents, queries
from search.engines.elastic.asking import Index
from search.engines.elastic.state import Edition
from search.engines.elastic.visible import Look, passage_of, seen
from search.errors import EngineUnavailable, InputError

_AT_ONCE = 1_000
_TRIES = 20  # to read articles that are replaced meanwhile


class Reading:
    """Reads the index behind an alias. May be used from many threads."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def stored(self, article_ids: Sequence[str]) -> dict[str, Stored]:
        if self._index.opened() is None:
            return {}
        states = self._index.states(article_ids)
        return {key: state.stored for key, state in states.items() if state.stored is not None}

    def fetch(self, passage_ids: Sequence[str]) -> list[StoredPassage]:
        keys = [key for key in passage_ids if passage_key(key) is not None]
        unique = list(dict.fromkeys(keys))
        if not unique or self._index.opened() is None:
            return []
        found: dict[str, StoredPassage] = {}
        for start in range(0, len(unique), _AT_ONCE):
            found |= self._passages(unique[start : start + _AT_ONCE])
        return [found[key] for key in keys if key in found]

    def _passages(self, ids: list[str]) -> dict[str, StoredPassage]:
        articles = frozenset(key.rpartition("#")[0] for key in ids)
        look = Look(2 * len(ids), among=articles)  # room for two editions
        while True:
            query = {"bool": {"filter": [queries.kind("passage"), {"terms": {"passage_id": ids}}]}}
            answer = self._index.search(
                {
                    "query": queries.besides(query, queries.unsettled(look.among)),
                    "size": look.size,
                    "track_total_hits": False,
                }
            )
            hits = seen(look, answer["hits"]["hits"], len(ids))
            # Passages that are not there at all are not worth asking for once more.
            if hits.again is None:
                break
            look = hits.again
        return {passage_of(hit): documents.read_passage(hit["_source"]) for hit in hits.passages}

    def article(self, article_id: str) -> StoredArticle | None:
        if self._index.opened() is None:
            return None
        for _ in range(_TRIES):
            known = next(self._sources([article_id]), None)
            if known is None:
                return None
            edition, source = known
            ids = [(f"{edition.name}.{n}", article_id) for n in range(edition.passages)]
            found = self._index.documents(ids, ["text"])
            if all("_source" in passage for passage in found):
                texts = [passage["_source"]["text"] for passage in found]
                return documents.read_article(source, texts)
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
                "query": {"bool": {"filter": [queries.kind("article"), *conditions]}},
                "size": limit,
                "sort": [{"article_id": "asc"}],
                "source": False,
                "track_total_hits": False,
                **({"search_after": [after]} if after else {}),
            }
        )
        return [hit["sort"][0] for hit in answer["hits"]["hits"]]

    def indexed(self, article_ids: Sequence[str]) -> list[IndexedArticle]:
        if self._index.opened() is None:
            return []
        left = [key for key in dict.fromkeys(article_ids) if key and is_unicode(key)]
        found: dict[str, IndexedArticle] = {}
        for _ in range(_TRIES):
            shown = list(self._sources(left))
            passages = self._passages_of([edition for edition, _ in shown])
            left = []
            for edition, source in shown:
                own = passages.get(edition.name, {})
                key = source["article_id"]
                if len(own) < edition.passages:
                    left.append(key)
                    continue
                texts = [own[position]["_source"]["text"] for position in range(len(own))]
                stored = documents.read_article(source, texts)
                found[key] = documents.read_indexed(stored, own, self._index.dimensions)
            if not left:
                return [found[key] for key in dict.fromkeys(article_ids) if key in found]
            self._index.refresh()  # they were replaced, or written by others a moment ago
        raise _replaced()

    def _sources(self, article_ids: Sequence[str]) -> Iterator[tuple[Edition, Mapping[str, Any]]]:
        """Yield of the known articles of these which edition is shown, and its `text` document."""
        left = list(article_ids)
        for _ in range(_TRIES):
            states = self._index.states(left)
            shown = {key: s.shown for key, s in states.items() if s.shown is not None}
            wanted = [(edition.name, key) for key, edition in shown.items()]
            found = self._index.documents(wanted)
            left = []
            for (key, edition), document in zip(shown.items(), found, strict=True):
                if "_source" in document:
                    yield edition, document["_source"]
                else:  # it was replaced since
                    left.append(key)
            if not left:
                return
        raise _replaced()

    def _passages_of(self, editions: Sequence[Edition]) -> dict[str, dict[int, Mapping[str, Any]]]:
        """Return editions' passages as a search gives them, with their vectors, by position."""
        found: dict[str, dict[int, Mapping[str, Any]]] = {}
        names = [edition.name for edition in editions if edition.passages]
        after: list[Any] = []
        while names:
            answer = self._index.search(
                {
                    "query": {
                        "bool": {"filter": [queries.kind("passage"), {"terms": {"edition": names}}]}
                    },
                    "size": _AT_ONCE,
                    "sort": [{"edition": "asc"}, {"position": "asc"}],
                    "source": ["text", "sentence_spans"],
                    "docvalue_fields": ["packed_vectors"],
                    "track_total_hits": False,
                    **({"search_after": after} if after else {}),
                }
            )
            hits = answer["hits"]["hits"]
            if not hits:
                break
            for hit in hits:
                edition, position = hit["sort"]
                found.setdefault(edition, {})[position] = hit
            after = hits[-1]["sort"]
        return found

    def status(self) -> EngineStatus:
        version = self._index.opened()
        details = {"address": self._index.name, "server": self._index.server}
        if version is None:
            return EngineStatus("elasticsearch", 0, 0, 0, 0, self._index.fingerprint, details)
        summed = ("passages", "sentences", "unembedded")
        answer = self._index.search(
            {
                "query": {"bool": {"should": [queries.kind("article"), queries.unsettled()]}},
                "size": 0,
                "track_total_hits": False,
                "aggregations": {
                    "articles": {
                        "filter": queries.kind("article"),
                        "aggregations": {name: {"sum": {"field": name}} for name in summed},
                    },
                    "unsettled": {"filter": queries.unsettled()},
                },
            }
        )
        articles = answer["aggregations"]["articles"]
        sums = {name: int(articles[name]["value"]) for name in summed}
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
        unsettled = answer["aggregations"]["unsettled"]["doc_count"]
        if unsettled:  # at work, or killed: then `fihris clean` removes what they left
            details["being written"] = f"{unsettled} articles"
        return EngineStatus(
            "elasticsearch",
            int(articles["doc_count"]),
            **sums,
            fingerprint=version.fingerprint,
            details=details,
        )


def _replaced() -> EngineUnavailable:
    return EngineUnavailable("an article was replaced while it was read. Try again.")
