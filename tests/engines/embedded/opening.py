"""What these tests share: an engine in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from search.engines.embedded.engine import EmbeddedEngine
from search.engines.protocol import Fingerprint
from tests.conformance.corpus import FINGERPRINT


@contextmanager
def opened(folder: Path, fingerprint: Fingerprint = FINGERPRINT) -> Iterator[EmbeddedEngine]:
    engine = EmbeddedEngine(folder, fingerprint)
    try:
        yield engine
    finally:
        engine.close()
