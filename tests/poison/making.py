"""The collection: more than 400 hostile files, made anew wherever they are wanted.

`python -m tests.poison.making FOLDER` leaves them for a look at how a command takes them.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.poison import (
    archives,
    chats,
    feeds,
    office,
    packages,
    packed,
    pages,
    papers,
    places,
    scans,
    texts,
)
from tests.poison.kinds import Poison

POISON: tuple[Poison, ...] = (
    *texts.POISON,
    *feeds.POISON,
    *pages.POISON,
    *chats.POISON,
    *packages.POISON,
    *office.POISON,
    *papers.POISON,
    *archives.POISON,
    *packed.POISON,
    *scans.POISON,
    *places.POISON,
)


def make(folder: Path) -> None:
    """Put the collection into a folder that is there."""
    for poison in POISON:
        path = folder / poison.name
        content = poison.make(path)
        if content is not None:
            path.write_bytes(content)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
