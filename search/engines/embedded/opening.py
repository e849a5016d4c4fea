"""Generations of the text index, opened to be searched."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from search.engines.embedded.generations import Generations, Manifest
from search.engines.embedded.text import TextIndex, TextIndexError
from search.errors import EngineUnavailable


@dataclass(frozen=True, slots=True)
class OpenText:
    """An opened generation."""

    manifest: Manifest
    index: TextIndex


@contextmanager
def answering(text: OpenText) -> Iterator[None]:
    """Tell a failure inside Tantivy during a search in our words."""
    try:
        yield
    except TextIndexError as error:
        raise EngineUnavailable(
            f"the text index failed on a search: {error}. If it happens again, delete the folder "
            f"{text.manifest.folder} under `text`: it is built anew from the record."
        ) from error


class Opener:
    """Opens generations, in a folder that is read-only too."""

    def __init__(self, generations: Generations) -> None:
        self._generations = generations
        self._views: list[tempfile.TemporaryDirectory[str]] = []

    def close(self) -> None:
        for view in self._views:
            view.cleanup()
        self._views.clear()

    def open(self, manifest: Manifest) -> OpenText:
        """Open a generation, verified before. Raises TextIndexError."""
        return OpenText(manifest, self._index(manifest))

    def _index(self, manifest: Manifest) -> TextIndex:
        folder = self._generations.path(manifest)
        try:
            return TextIndex(folder)
        except TextIndexError:
            if _writable(folder):
                raise
        # Tantivy makes a lock file where it reads. A folder nobody can write to is
        # read through links from one of our own.
        view = tempfile.TemporaryDirectory(prefix="fihris-")
        self._views.append(view)
        for name in manifest.files:
            (Path(view.name) / name).symlink_to((folder / name).absolute())
        return TextIndex(Path(view.name))


def _writable(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
