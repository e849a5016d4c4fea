"""How an index in Elasticsearch is opened (`search.engines.Adapter`)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from search.engines.elastic.backup import back_up, restore
from search.engines.elastic.checking import check
from search.engines.elastic.engine import ElasticEngine
from search.engines.elastic.erasing import erase
from search.engines.elastic.former import former_index
from search.engines.elastic.successor import Successor
from search.engines.elastic.versions import drop_all, stored_fingerprint
from search.engines.protocol import Fingerprint
from search.settings import Settings

__all__ = [
    "back_up",
    "check",
    "erase",
    "former_index",
    "open_engine",
    "restore",
    "stored_fingerprint",
    "successor",
    "temporary_index",
]


def open_engine(settings: Settings, fingerprint: Fingerprint) -> ElasticEngine:
    return ElasticEngine(settings, fingerprint)


def successor(settings: Settings, fingerprint: Fingerprint) -> Successor:
    return Successor(settings, fingerprint)


@contextmanager
def temporary_index(settings: Settings) -> Iterator[Settings]:
    alias = f"{settings.elasticsearch_index}-temporary-{uuid.uuid4().hex[:12]}"
    own = settings.model_copy(update={"elasticsearch_index": alias})
    try:
        yield own
    finally:
        drop_all(own)
