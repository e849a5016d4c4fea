"""Opens the embedded engine, and makes its index anew (`search.engines.Adapter`)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from search.engines.embedded import former
from search.engines.embedded.backup import back_up, restore
from search.engines.embedded.checking import check
from search.engines.embedded.engine import EmbeddedEngine
from search.engines.embedded.record import RECORD
from search.engines.embedded.versions import Versions, state_in
from search.engines.protocol import Fingerprint
from search.errors import EngineError
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


class Successor:
    """A version beside the one that is searched, being filled.

    Attributes:
        engine: writes to it; closed by `take_over` and `close`.
    """

    def __init__(self, folder: Path, fingerprint: Fingerprint) -> None:
        """Go on with an unfinished version of this fingerprint, or begin one."""
        self._versions = Versions(folder)
        self._number = self._versions.number() + 1
        before = None if former.former_index(folder) is not None else state_in(folder)
        made = self._versions.place(self._number), fingerprint, before.index if before else ""
        try:
            self.engine = EmbeddedEngine(*made)
        except EngineError:  # what is there was made otherwise, or of another index
            self._versions.remove(self._number)
            self.engine = EmbeddedEngine(*made)

    def take_over(self, *, keep: bool) -> str:
        """Be what is searched from now on; return where the old version was kept, if it was."""
        old = self._versions.number()
        self.engine.close()
        self._versions.make_current(self._number)
        if keep:
            return str(self._versions.place(old))
        self._versions.remove(old)
        return ""

    def close(self) -> None:
        self.engine.close()


def open_engine(settings: Settings, fingerprint: Fingerprint) -> EmbeddedEngine:
    return EmbeddedEngine(settings.data, fingerprint)


def stored_fingerprint(settings: Settings) -> Fingerprint | None:
    state = state_in(settings.data)
    return None if state is None else state.fingerprint


def erase(settings: Settings) -> Iterator[str]:
    folder = settings.data
    state = state_in(folder)
    if state is not None:
        with closing(EmbeddedEngine(folder, state.fingerprint)) as engine:
            if not engine.erase():
                yield f"{folder / RECORD} was being read or written all the time; try again"
    kept = {each.parent for each in folder.rglob(RECORD)} - {Versions(folder).current()}
    for each in sorted(kept):
        yield f"{each} is another version of the index, kept by `fihris reindex --keep`; remove it"


def former_index(settings: Settings) -> former.FormerIndex | None:
    return former.former_index(settings.data)


def successor(settings: Settings, fingerprint: Fingerprint) -> Successor:
    return Successor(settings.data, fingerprint)


@contextmanager
def temporary_index(settings: Settings) -> Iterator[Settings]:
    with tempfile.TemporaryDirectory(prefix="fihris-temporary-") as folder:
        yield settings.model_copy(update={"data": Path(folder)})
