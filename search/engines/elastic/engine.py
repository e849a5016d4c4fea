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
from search.engines.elastic.hold import held
from search.engines.elastic.reading import Reading
from search.engines.elastic.searching import Searching
from search.engines.elastic.write import Writer
from search.errors import EngineError
from search.settings import Settings

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
        self._searching = Searching(self._index)
        self._reading = Reading(self._index)

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
    def hold(self, purpose: str) -> Iterator[Callable[[], None]]:
        version = self._index.opened()
        if version is None:
            yield _nothing
        else:
            with held(self._index.connection, version, self._index.alias, purpose):
                self._index.refresh()  # what others wrote before is read by who holds it
                yield _nothing

    def show(self) -> None:
        if self._index.opened() is not None:
            self._index.refresh()

    def rest(self) -> None:
        """Do nothing: any number of processes write at once."""

    def stored(self, article_ids: Sequence[str]) -> dict[str, Stored]:
        return self._reading.stored(article_ids)

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
            self._index.show_own()  # who searches after this sees what was written
        except EngineError as error:
            log.warning("what was written is safe, and will be seen later: %s", error)
        self._index.close()


def _nothing() -> None:
    """Do nothing: a hold lasts until it is given back."""
