"""What these tests share: an engine in a folder, and other processes that use it."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import BaseContext
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


def processes() -> BaseContext:
    """Return what starts processes that share nothing with this one, in milliseconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["search.engines.embedded.engine", "tests.conformance.corpus"])
    return context
