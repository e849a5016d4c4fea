"""Elasticsearch as an Engine."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import islice
from typing import Any

from search.article_ids import article_of_passage
from search.domain import IndexedArticle, Layer, StoredArticle, StoredPassage, WriteOutcome
from search.engines.checks import check_limit, is_unicode, passage_key
from search.engines.elastic import searching
from search.engines.elastic.connection import scan
from search.engines.elastic.documents import document_ids, read_article, read_indexed, read_passage
from search.engines.elastic.hold import held
from search.engines.elastic.index import Index
from search.engines.elastic.queries import kind, unsettled, without
from search.engines.elastic.state import Edition
from search.engines.elastic.visible import WHICH, Hit, View, passage_of, shown
from search.engines.elastic.write import Writer
from search.engines.protocol import (
    CountRequest,
    Counts,
    EngineStatus,
    Fingerprint,
    Listed,
    ListRequest,
    Rankings,
    RankRequest,
    Stored,
)
from search.errors import EngineError, EngineUnavailable, InputError
from search.settings import Settings

_AT_ONCE = 1_000
_TRIES = 20  # to read articles that are replaced meanwhile
_REPLACED = "an article was replaced while it was read. Try again."

log = logging.getLogger(__name__)


class ElasticEngine:
    """An Engine on a cluster. May be used from many threads and processes at once."""

    def __init__(self, settings: Settings, fingerprint: Fingerprint) -> None:
        """Open the index behind the settings' alias; where there is none, an empty index.

        Args:
            fingerprint: what the index must have been made by.

        Raises:
            SettingsError: the FIHRIS_ELASTICSEARCH_* settings cannot be used.
            FingerprintMismatch, EngineUnavailable: as `open_engine`.
        """
        self._index = Index(settings, fingerprint)
        self._writer = Writer(self._index)

    def write(self, articles: Sequence[IndexedArticle]) -> list[WriteOutcome]:
        if self._index.opened() is None:
            self._index.create()
        try:
            return self._writer.write(articles)
        finally:
            self._index.note_written()

    def delete(self, article_ids: Sequence[str]) -> int:
        if self._index.opened() is None:
            return 0
        try:
            return self._writer.delete(article_ids)
        finally:
            self._index.note_written()

    def clean(self) -> int:
        return 0 if self._index.opened() is None else self._writer.clean()

    @contextmanager
    def hold(self, purpose: str) -> Iterator[None]:
        with ExitStack() as holding:
            if self._index.opened() is not None:
                holding.enter_context(held(self._index, purpose))
                self._index.refresh()  # what others wrote before is read by who holds it
            yield

    def show(self) -> None:
        if self._index.opened() is not None:
            self._index.refresh()

    def rest(self) -> None:
        """Do nothing: any number of processes write at once."""

    def rank(self, request: RankRequest) -> Rankings:
        return searching.rank(self._index, request)

    def count(self, requests: Sequence[CountRequest]) -> list[Counts]:
        return searching.count(self._index, requests)

    def list_articles(self, request: ListRequest) -> Listed:
        return searching.list_articles(self._index, request)

    def terms_with_prefixes(
        self, layer: Layer, prefixes: Sequence[str], limit: int
    ) -> dict[str, list[tuple[str, int]]]:
        return searching.terms_with_prefixes(self._index, layer, prefixes, limit)

    def stored(self, article_ids: Sequence[str]) -> dict[str, Stored]:
        if self._index.opened() is None:
            return {}
        editions = self._editions(article_ids)
        return {key: Stored(e.content_hash, e.embedded) for key, e in editions.items()}

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
        articles = set(map(article_of_passage, ids))
        size = 2 * len(ids) + len(articles)  # two editions, and the own documents
        wanted = [kind("passage"), {"terms": {"passage_id": ids}}]

        def ask(view: View) -> tuple[list[Hit], bool]:
            query = view.finding({"bool": {"filter": wanted, **without(view.hidden)}}, articles)
            answer = self._index.search(
                view, query=query, size=size, docvalue_fields=WHICH, track_total_hits=False
            )
            found = shown(answer["hits"]["hits"], size)
            return found.passages, found.has(len(ids))

        hits = self._index.surely(ask)
        return {passage_of(hit): read_passage(hit["_source"]) for hit in hits}

    def article(self, article_id: str) -> StoredArticle | None:
        return next(iter(self.articles([article_id])), None)

    def articles(self, article_ids: Sequence[str]) -> list[StoredArticle]:
        if self._index.opened() is None:
            return []
        found: dict[str, StoredArticle] = {}
        left = list(article_ids)
        for _ in range(_TRIES):
            editions = self._editions(left)
            wanted = {key: document_ids(e.name, e.passages) for key, e in editions.items()}
            pairs = [(name, key) for key, names in wanted.items() for name in names]
            documents = iter(self._index.documents(pairs))
            left = []
            for key, names in wanted.items():
                its = list(islice(documents, len(names)))
                if all("_source" in document for document in its):
                    own, *passages = (document["_source"] for document in its)
                    found[key] = read_article(own, [passage["text"] for passage in passages])
                else:
                    left.append(key)  # replaced meanwhile
            if not left:
                return [found[key] for key in dict.fromkeys(article_ids) if key in found]
        raise EngineUnavailable(_REPLACED)

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
        behind: dict[str, Any] = {"search_after": [after]} if after else {}
        answer = self._index.search(
            query={"bool": {"filter": [kind("article"), *conditions]}},
            size=limit,
            sort=[{"article_id": "asc"}],
            source=False,
            track_total_hits=False,
            **behind,
        )
        return [hit["sort"][0] for hit in answer["hits"]["hits"]]

    def indexed(self, article_ids: Sequence[str]) -> list[IndexedArticle]:
        if not article_ids or self._index.opened() is None:
            return []
        found: dict[str, IndexedArticle] = {}
        left = list(article_ids)
        for _ in range(_TRIES):
            editions = self._editions(left)
            passages = self._passages_of([e.name for e in editions.values() if e.passages])
            texts = self._index.documents([(e.name, key) for key, e in editions.items()])
            left = []
            for (key, edition), text in zip(editions.items(), texts, strict=True):
                own = passages.get(edition.name, {})
                if "_source" in text and len(own) == edition.passages:
                    found[key] = read_indexed(text["_source"], own, self._index.dimensions)
                else:
                    left.append(key)
            if not left:
                return [found[key] for key in dict.fromkeys(article_ids) if key in found]
            self._index.refresh()  # they were replaced, or written by others a moment ago
        raise EngineUnavailable(_REPLACED)

    def _editions(self, article_ids: Sequence[str]) -> dict[str, Edition]:
        """Return which edition is shown of each of these articles that is known."""
        states = self._index.states(article_ids)
        return {key: state.shown for key, state in states.items() if state.shown is not None}

    def _passages_of(self, editions: list[str]) -> dict[str, dict[int, Hit]]:
        """Return editions' passages as a search gives them, with their vectors, by position."""
        found: dict[str, dict[int, Hit]] = {}
        hits = scan(
            partial(self._index.search, refreshed=False),  # what lacks is looked for once more
            {"bool": {"filter": [kind("passage"), {"terms": {"edition": editions}}]}},
            ["edition", "position"],
            source=["text", "sentence_spans"],
            docvalue_fields=["packed_vectors"],
        )
        for hit in hits:
            edition, position = hit["sort"]
            found.setdefault(edition, {})[position] = hit
        return found

    def status(self) -> EngineStatus:
        version = self._index.opened()
        details = {"address": self._index.name, "server": self._index.server}
        if version is None:
            return EngineStatus("elasticsearch", 0, 0, 0, 0, self._index.fingerprint, details)
        summed = ("passages", "sentences", "unembedded")
        answer = self._index.search(
            query={"bool": {"should": [kind("article"), unsettled()]}},
            size=0,
            track_total_hits=False,
            aggregations={
                "articles": {
                    "filter": kind("article"),
                    "aggregations": {name: {"sum": {"field": name}} for name in summed},
                },
                "unsettled": {"filter": unsettled()},
            },
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
        being_written = answer["aggregations"]["unsettled"]["doc_count"]
        if being_written:  # by who is at work, or was killed: `fihris clean` removes what it left
            details["being written"] = f"{being_written} articles"
        return EngineStatus(
            "elasticsearch",
            int(articles["doc_count"]),
            **sums,
            fingerprint=version.fingerprint,
            details=details,
        )

    def close(self) -> None:
        if self._index.is_closed:
            return
        try:
            self._index.show_own()  # who searches after this sees what was written
        except EngineError as error:
            log.warning("what was written is safe, and will be seen later: %s", error)
        self._index.close()
