"""Which id a file has: its real path in NFC, told from FIHRIS_ROOT, in its collection.

A link, a relative path and another root lead to the same file and so to the same id. Where
two files of one folder have names that differ in their normalisation only, the one in NFC
has the plain id and each other a digest of its bytes after the name, behind `//`, which
stands in no path. So has a folder whose name is no text, or has control characters.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from indexer.sources.naming import without_controls
from search.article_ids import FILES, MAX_FILE_ID, bounded, joined


@dataclass(frozen=True, slots=True)
class FileIds:
    """The ids of one run's files.

    `collection` is what they are in; `root` is the folder that paths are told from, which
    those outside of it are not: they keep their first slash.
    """

    collection: str = FILES
    root: str = "/"

    def of(self, path: Path) -> str:
        """Return a file's id. Reads folders where names have letters in several normal forms."""
        folder, _, name = os.path.realpath(path).rpartition("/")
        folder = folder or "/"
        return self.in_folder(self.of_folder(folder), folder, name)

    def of_folder(self, real: str) -> str:
        """Return what the ids of files in a folder begin with after their collection.

        Args:
            real: its path, without links.
        """
        folder = os.path.join(real, "")  # noqa: PTH118  # "/" stays one
        root = os.path.join(os.path.realpath(self.root), "")  # noqa: PTH118
        inside = folder.startswith(root)
        above = root if inside else "/"
        start = "" if inside else "/"
        for name in folder.removeprefix(above).split("/")[:-1]:
            start += f"{_part(above, name)}/"
            above = f"{above}{name}/"
        return start

    def in_folder(self, start: str, real: str, name: str) -> str:
        """Return the id of a file that is no link; `start` is `of_folder` of its folder, `real`."""
        own = start + _part(os.path.join(real, ""), name)  # noqa: PTH118
        return bounded(joined(self.collection, own), MAX_FILE_ID)


def digest_of(name: str) -> str:
    """Return what tells a name from others that are written alike."""
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:16]


def _part(folder: str, name: str) -> str:
    """Return a name in a folder as ids have it."""
    if name.isascii() and name.isprintable():
        return name
    escaped = os.fsencode(name).decode("utf-8", "backslashreplace")
    escaped = without_controls(escaped)
    if escaped != name:
        return f"{unicodedata.normalize('NFC', escaped)}//{digest_of(name)}"
    composed = unicodedata.normalize("NFC", name)
    if composed == name:
        return name
    try:
        changed = os.stat(folder).st_mtime_ns  # noqa: PTH116
        first = _alike(folder, changed).get(composed, [name])[0]
    except OSError:  # it is gone, or may be passed through and not be listed
        first = composed if os.path.lexists(folder + composed) else name
    return composed if name == first else f"{composed}//{digest_of(name)}"


@lru_cache(maxsize=64)
def _alike(folder: str, _changed: int) -> dict[str, list[str]]:
    """Return the names in a folder that are one in NFC, that one first, by what they are then."""
    names = [name for name in os.listdir(folder) if not name.isascii()]  # noqa: PTH208
    count = Counter(unicodedata.normalize("NFC", name) for name in names)
    alike: dict[str, list[str]] = {}
    for name in sorted(names):
        composed = unicodedata.normalize("NFC", name)
        if count[composed] > 1:
            alike.setdefault(composed, []).append(name)
    return {
        composed: sorted(some, key=lambda name: (name != composed, name))
        for composed, some in alike.items()
    }
