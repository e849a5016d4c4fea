"""How an index in Elasticsearch is opened, or made anew beside itself (`search.engines.Adapter`)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from search.engines.elastic import versions
from search.engines.elastic.backup import back_up, restore
from search.engines.elastic.connection import Connection
from search.engines.elastic.engine import ElasticEngine
from search.engines.elastic.former import former_index
from search.engines.elastic.maintenance import check, erase
from search.engines.elastic.versions import stored_fingerprint
from search.engines.protocol import Fingerprint
from search.errors import FingerprintMismatch
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
        versions.drop_all(own)


class Successor:
    """The next version of an index: filled through `engine`, behind an alias of its own."""

    def __init__(self, settings: Settings, fingerprint: Fingerprint) -> None:
        """Go on with an unfinished version of this fingerprint, or begin one."""
        self._alias = settings.elasticsearch_index
        self._next = f"{self._alias}-next"  # the alias of an unfinished version
        self._connection = Connection(settings)
        try:
            versions.check_server(self._connection)
            self._index = self._unfinished(settings, fingerprint)
            own = settings.model_copy(update={"elasticsearch_index": self._next})
            self.engine = ElasticEngine(own, fingerprint)
        except BaseException:
            self._connection.close()
            raise

    def _unfinished(self, settings: Settings, fingerprint: Fingerprint) -> str:
        try:
            found = versions.current(self._connection, self._next)
        except FingerprintMismatch:  # of other fields: nothing to go on with
            found = None
        if found is not None and found.fingerprint == fingerprint:
            return found.index
        other = versions.current_name(self._connection, self._next)
        if other is not None:
            versions.drop(self._connection, other)
        index = versions.next_name(self._connection, self._alias)
        versions.create(self._connection, settings, fingerprint, index, self._next)
        return index

    def take_over(self, *, keep: bool) -> str:
        """Move the alias to this version; return the old version's name if it was kept."""
        self.engine.close()  # whoever follows the alias sees all that was written
        old = versions.current_name(self._connection, self._alias)
        versions.move_alias(self._connection, self._alias, self._next, old, self._index, keep=keep)
        return old if keep and old is not None else ""

    def close(self) -> None:
        self.engine.close()
        self._connection.close()
