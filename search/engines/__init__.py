"""Where an index lives. Each product's adapter is a package of its own, imported when it is opened."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from search.engine import Engine, Fingerprint
from search.settings import Settings


def open_engine(settings: Settings, fingerprint: Fingerprint) -> Engine:
    """Return the engine the settings name, opened for `fingerprint`.

    Nothing is created before the first write.

    Raises:
        FingerprintMismatch: the index there was made by another analyser, model or schema.
        RecordCorrupt: the index there is damaged.
        EngineUnavailable: it cannot be opened now.
        SettingsError: the engine's settings cannot be used.
    """
    if settings.engine == "elasticsearch":
        from search.engines.elastic.engine import ElasticEngine

        return ElasticEngine(settings, fingerprint)
    from search.engines.embedded.versions import FollowingEngine

    return FollowingEngine(settings.data, fingerprint)


def stored_fingerprint(settings: Settings) -> Fingerprint | None:
    """Return what made the index the settings name, None where there is none.

    Raises as `open_engine`.
    """
    if settings.engine == "elasticsearch":
        from search.engines.elastic import versions as elastic

        return elastic.stored_fingerprint(settings)
    from search.engines.embedded import versions as embedded

    return embedded.stored_fingerprint(settings.data)


class Successor(Protocol):
    """A version of an index beside the one that is searched, being filled through `engine`."""

    @property
    def engine(self) -> Engine: ...

    def take_over(self, *, keep: bool) -> str:
        """Be what is searched from now on, for everybody at one moment.

        Returns where the old version was kept; "" if it was removed.
        """
        ...

    def close(self) -> None:
        """Release what was opened; what was written stays, to go on with later."""
        ...


@contextmanager
def successor(settings: Settings, fingerprint: Fingerprint) -> Iterator[Successor]:
    """Give the next version of the index: an unfinished one of this fingerprint, or a new one.

    Raises as `open_engine`.
    """
    found: Successor
    if settings.engine == "elasticsearch":
        from search.engines.elastic import successor as elastic

        found = elastic.Successor(settings, fingerprint)
    else:
        from search.engines.embedded import versions as embedded

        found = embedded.Successor(settings.data, fingerprint)
    try:
        yield found
    finally:
        found.close()


@contextmanager
def temporary_index(settings: Settings) -> Iterator[Settings]:
    """Give settings of an empty index of the same engine, which is removed whatever happens."""
    if settings.engine == "elasticsearch":
        from search.engines.elastic.versions import drop_all

        alias = f"{settings.elasticsearch_index}-temporary-{uuid.uuid4().hex[:12]}"
        own = settings.model_copy(update={"elasticsearch_index": alias})
        try:
            yield own
        finally:
            drop_all(own)
        return
    with tempfile.TemporaryDirectory(prefix="fihris-temporary-") as folder:
        yield settings.model_copy(update={"data": Path(folder)})
