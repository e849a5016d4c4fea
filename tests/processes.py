"""Other processes: they share nothing with this one, and start in milliseconds."""

from __future__ import annotations

import multiprocessing
from multiprocessing.context import ForkServerContext

# What their targets import, imported once: a process that imports it itself takes two seconds.
PRELOADED = [
    "pytest",
    "indexer.ingestion.reindex",
    "search.engines.elastic.engine",
    "search.engines.embedded.engine",
    "tests.conformance.corpus",
]


def processes() -> ForkServerContext:
    """Return what starts them. They have the environment that this process had at the first."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context
