"""The next version of an index, filled beside the one that is searched."""

from __future__ import annotations

from pathlib import Path

from search.engines.embedded.engine import EmbeddedEngine
from search.engines.embedded.former import former_index
from search.engines.embedded.versions import Versions, state_in
from search.engines.protocol import Fingerprint
from search.errors import EngineError


class Successor:
    """A version beside the one that is searched, being filled.

    Attributes:
        engine: writes to it; closed by `take_over` and `close`.
    """

    def __init__(self, folder: Path, fingerprint: Fingerprint) -> None:
        """Go on with an unfinished version of this fingerprint, or begin one."""
        self._versions = Versions(folder)
        self._number = self._versions.number() + 1
        before = None if former_index(folder) is not None else state_in(folder)
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
