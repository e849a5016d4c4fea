"""The same articles in both engines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from search.domain import IndexedArticle, IndexedPassage
from search.engines import open_engine
from search.engines.protocol import Engine, Fingerprint
from search.settings import Settings
from tests.conformance.corpus import FINGERPRINT
from tests.conformance.engines import alias_of, elastic_settings, opened, removed


@dataclass(frozen=True)
class Pair:
    """Both engines, and what was written to both. `name` says how to make it again."""

    name: str
    articles: Sequence[IndexedArticle]
    embedded: Engine
    elastic: Engine
    settings: Settings  # of the index in Elasticsearch

    @property
    def passages(self) -> list[IndexedPassage]:
        return [passage for article in self.articles for passage in article.passages]


@contextmanager
def paired(
    folder: Path,
    name: str,
    articles: Sequence[IndexedArticle],
    shards: int = 1,
    fingerprint: Fingerprint = FINGERPRINT,
) -> Iterator[Pair]:
    """Give both engines with the articles written; remove the index in Elasticsearch after.

    Raises Unavailable where there is no Elasticsearch.
    """
    settings = elastic_settings(alias_of(folder), elasticsearch_shards=shards)
    elastic = open_engine(settings, fingerprint)
    try:
        with opened("embedded", folder, fingerprint) as embedded:
            for engine in (embedded, elastic):
                outcomes = engine.write(articles)
                assert all(outcome.is_stored for outcome in outcomes), outcomes
            yield Pair(name, articles, embedded, elastic, settings)
    finally:
        elastic.close()
        removed("elasticsearch", folder)
