"""Where an index lives. Each product's adapter is a package of its own, imported when it is opened."""

from __future__ import annotations

from search.engine import Engine, Fingerprint
from search.settings import Settings


def open_engine(settings: Settings, fingerprint: Fingerprint) -> Engine:
    """Return the engine the settings name, opened for `fingerprint`.

    Nothing is created on disk before the first write.

    Raises:
        FingerprintMismatch: the index there was made by another analyser, model or schema.
        RecordCorrupt: the index there is damaged.
        EngineUnavailable: it cannot be opened now.
    """
    from search.engines.embedded.engine import EmbeddedEngine

    return EmbeddedEngine(settings.data, fingerprint)
