"""Where an index lives. Each product's adapter is a package of its own, imported when it is opened."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
    from search.engines.embedded.engine import EmbeddedEngine

    return EmbeddedEngine(settings.data, fingerprint)


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
