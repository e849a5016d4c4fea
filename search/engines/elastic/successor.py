"""The next version of an index: filled behind an alias of its own, then put in its place."""

from __future__ import annotations

from search.engines.elastic import versions
from search.engines.elastic.connection import Connection
from search.engines.elastic.engine import ElasticEngine
from search.engines.protocol import Fingerprint
from search.errors import FingerprintMismatch
from search.settings import Settings


class Successor:
    """A version beside the one that is searched, being filled through `engine`."""

    def __init__(self, settings: Settings, fingerprint: Fingerprint) -> None:
        """Go on with an unfinished version of this fingerprint, or begin one."""
        self._alias = settings.elasticsearch_index
        self._next = f"{self._alias}-next"  # what stands behind it is unfinished
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
        """Be what is searched from now on; return the old version's name if it was kept."""
        self.engine.close()  # whoever follows the alias sees all that was written
        old = versions.current_name(self._connection, self._alias)
        versions.move_alias(self._connection, self._alias, self._next, old, self._index, keep=keep)
        return old if keep and old is not None else ""

    def close(self) -> None:
        self.engine.close()
        self._connection.close()
