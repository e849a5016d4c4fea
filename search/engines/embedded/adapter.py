"""How the embedded engine is opened (`search.engines.Adapter`)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from search.engines.embedded import former
from search.engines.embedded.engine import EmbeddedEngine
from search.engines.embedded.successor import Successor
from search.engines.embedded.versions import state_in
from search.engines.protocol import Fingerprint
from search.settings import Settings


def open_engine(settings: Settings, fingerprint: Fingerprint) -> EmbeddedEngine:
    return EmbeddedEngine(settings.data, fingerprint)


def stored_fingerprint(settings: Settings) -> Fingerprint | None:
    state = state_in(settings.data)
    return None if state is None else state.fingerprint


def former_index(settings: Settings) -> former.FormerIndex | None:
    return former.former_index(settings.data)


def successor(settings: Settings, fingerprint: Fingerprint) -> Successor:
    return Successor(settings.data, fingerprint)


@contextmanager
def temporary_index(settings: Settings) -> Iterator[Settings]:
    with tempfile.TemporaryDirectory(prefix="fihris-temporary-") as folder:
        yield settings.model_copy(update={"data": Path(folder)})
