"""Elasticsearch as an Engine."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from search.clauses import Clause
from search.domain import Filter, IndexedArticle, Layer, StoredArticle, StoredPassage
from search.engine import (
    EngineStatus,
    FacetField,
    Fingerprint,
    Rankings,
    RankRequest,
    Stored,
    WriteOutcome,
)
from search.engines.elastic.asking import Index
from search.engines.elastic.mapping import FORMAT
from search.engines.elastic.reading import Reading
from search.engines.elastic.searching import Searching
from search.engines.elastic.writing import Writing
from search.errors import EngineError
from search.settings import Settings

log = logging.getLogger(__name__)


class ElasticEngine:
    """An Engine on a cluster. Reads may come from many threads and processes at once."""

    def __init__(
        self, settings: Settings, fingerprint: Fingerprint, *, format: int = FORMAT
    ) -> None:
        """Open the index behind the settings' alias; where there is none, an empty index.

        Args:
            fingerprint: what the index must have been made by.
            format: what its fields must be of; one of `mapping.FORMER` is only read, to copy it.

        Raises:
            SettingsError: the FIHRIS_ELASTICSEARCH_* settings cannot be used.
            FingerprintMismatch, EngineUnavailable: as `open_engine`.
        """
        self._index = Index(settings, fingerprint, format=format)
        self._writing = Writing(self._index.connection, self._index.alias, self._index.dimensions)
        self._index.before_reading = self._writing.show_own
        self._searching = Searching(self._index)
        self._reading = Reading(self._index)

    def write(self, articles: Sequence[IndexedArticle]) -> list[WriteOutcome]:
        if self._index.opened() is None:
            self._index.create()
        try:
            return self._index.asked(lambda: self._writing.write(articles))
        finally:
            self._index.memory.forget()

    def delete(self, article_ids: Sequence[str]) -> int:
        if self._index.opened() is None:
            return 0
        try:
            return self._index.asked(lambda: self._writing.delete(article_ids))
        finally:
            self._index.memory.forget()

    @contextmanager
    def hold(self, purpose: str) -> Iterator[Callable[[], None]]:
        if self._index.opened() is None:
            yield lambda: None
        else:
            with self._writing.hold(purpose) as keep:
                yield keep

    def show(self) -> None:
        if self._index.opened() is not None:
            self._index.asked(self._writing.refresh)

    def rest(self) -> None:
        """Do nothing: writers take turns by the batch."""

    def stored(self, article_ids: Sequence[str]) -> dict[str, Stored]:
        if self._index.opened() is None:
            return {}
        found = self._index.asked(lambda: self._writing.look_up(article_ids))
        return {key: Stored(known.content_hash, known.embedded) for key, known in found.items()}

    def rank(self, request: RankRequest) -> Rankings:
        return self._searching.rank(request)

    def facets(
        self, clause: Clause | None, filter: Filter, fields: Sequence[FacetField], limit: int = 20
    ) -> dict[FacetField, list[tuple[str, int]]]:
        return self._searching.facets(clause, filter, fields, limit)

    def terms_with_prefix(self, layer: Layer, prefix: str, limit: int) -> list[tuple[str, int]]:
        return self._searching.terms_with_prefix(layer, prefix, limit)

    def fetch(self, passage_ids: Sequence[str]) -> list[StoredPassage]:
        return self._reading.fetch(passage_ids)

    def article(self, article_id: str) -> StoredArticle | None:
        return self._reading.article(article_id)

    def article_ids(self, after: str, limit: int) -> list[str]:
        return self._reading.article_ids(after, limit)

    def unembedded(self, after: str, limit: int) -> list[str]:
        return self._reading.unembedded(after, limit)

    def indexed(self, article_ids: Sequence[str]) -> list[IndexedArticle]:
        return self._reading.indexed(article_ids)

    def status(self) -> EngineStatus:
        return self._reading.status()

    def close(self) -> None:
        if self._index.is_closed:
            return
        try:
            self._writing.show_own()  # who searches after this sees what was written
        except EngineError as error:
            log.warning("what was written is safe, and will be seen later: %s", error)
        self._index.close()
