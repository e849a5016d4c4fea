"""Whether a folder that lost all of its files is believed, or its disk may only be away."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from pathlib import Path

from indexer.catalogue import Catalogue
from indexer.sources import Failure, SourceFile
from indexer.sources.listing import list_files
from indexer.sources.naming import shown

MANY_FILES = 20  # a folder of more is not believed to be empty all at once


class Belief:
    """Of folders; each change of it is told once."""

    def __init__(self, *, allow_empty: bool, tell: Callable[[str], None]) -> None:
        self._allow_empty = allow_empty
        self._tell = tell
        self._away: dict[Path, str] = {}  # folders that are not believed, and why

    def in_presence(self, catalogue: Catalogue) -> bool:
        """Tell whether a folder is there at all."""
        if is_folder(catalogue.folder):
            return True
        return self._doubt(catalogue, "is not there")

    def in_what_is_left(self, catalogue: Catalogue, held: int, failed: Collection[str]) -> bool:
        """Tell whether the files that are missing from a listing of a folder are gone.

        Args:
            catalogue: of the folder, which is there.
            held: how many files it has.
            failed: places in it that could not be listed.
        """
        if held == 0 and shown(catalogue.folder) in failed:
            return self._doubt(catalogue, "cannot be read")
        if held == 0 and len(catalogue.entries) > MANY_FILES and not self._allow_empty:
            return self._doubt(catalogue, "is empty")
        if self._away.pop(catalogue.folder, ""):
            self._tell(f"{shown(catalogue.folder)} is back")
        return True

    def doubts(self, catalogue: Catalogue) -> bool:
        """Tell whether a folder was not believed when it was looked at last."""
        return catalogue.folder in self._away

    def now(self, catalogue: Catalogue) -> bool:
        """Tell whether all files of a folder may be gone, listing it now."""
        if not self.in_presence(catalogue):
            return False
        listed = list_files([catalogue.folder])
        failed = {each.place for each in listed if isinstance(each, Failure)}
        held = sum(isinstance(each, SourceFile) for each in listed)
        return self.in_what_is_left(catalogue, held, failed)

    def _doubt(self, catalogue: Catalogue, why: str) -> bool:
        if self._away.get(catalogue.folder) != why:
            self._away[catalogue.folder] = why
            known = len(catalogue.entries)
            hint = "; --allow-empty removes them" if why == "is empty" else ""
            self._tell(
                f"{shown(catalogue.folder)} {why}: the articles of its {known:,} files are kept "
                f"until it is back{hint}"
            )
        return False


def is_folder(path: Path) -> bool:
    """Tell whether a folder is there and answers; unlike Path.is_dir, whatever is wrong with it."""
    return os.path.isdir(path)  # noqa: PTH112


def is_bare(folder: Path) -> bool:
    """Tell whether a folder is as where a disk is not mounted: without anything."""
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except OSError:
        return True
