"""Versions of the index in one folder, and which of them is searched.

    <folder>/                 the first version, until `current` names another one
    <folder>/current          the number of the version that is searched
    <folder>/versions/<n>/    another version
    <folder>/writer.lock      held by the one process that writes, whichever version it is

A version is never changed into another one: a pointer moves from a finished one to the next,
by one rename. Whoever has the index open asks for the folder before each read and write, and
so goes on with the next version at once; its removal takes nothing from what is being read.
"""

from __future__ import annotations

import functools
import os
import shutil
from pathlib import Path

from search.durable import sync_folder
from search.engines.embedded.chain import HEAD, TEXT
from search.engines.embedded.locking import WriterLock
from search.engines.embedded.record import RECORD, Record
from search.engines.embedded.reserve import RESERVE
from search.engines.embedded.snapshot import SNAPSHOT
from search.engines.embedded.state import State
from search.errors import EngineUnavailable, RecordCorrupt, RecordLost

_POINTER = "current"
_VERSIONS = "versions"


class Versions:
    """The versions in one folder. Any thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._pointer = folder / _POINTER
        self._known: tuple[tuple[int, int] | None, int] = None, 1

    def current(self) -> Path:
        """Return the folder of the version that is searched. Raises as `number`."""
        return self.place(self.number())

    def number(self) -> int:
        """Return the number of the version that is searched; read again when the pointer moves.

        Raises:
            RecordLost: the pointer was read here before and is gone.
            RecordCorrupt: it names no version.
            EngineUnavailable: it cannot be read.
        """
        stamp, number = self._known
        try:
            found = os.stat(self._pointer)  # noqa: PTH116  # for every read
            if stamp == (found.st_ino, found.st_mtime_ns):
                return number
            text = self._pointer.read_text("ascii").strip()
        except FileNotFoundError:
            if stamp is None:
                return number
            raise RecordLost(
                f"the index in {self.folder} was open here and is gone: was its folder moved or "
                "unmounted? It is searched again when it is back."
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise EngineUnavailable(f"cannot read {self._pointer}: {error}") from error
        if not text.isdigit():
            raise RecordCorrupt(
                f"{self._pointer} holds no number. Write the number of the newest folder in "
                f"{self.folder / _VERSIONS} into it, or delete it if there is none."
            )
        self._known = (found.st_ino, found.st_mtime_ns), int(text)
        return int(text)

    def place(self, number: int) -> Path:
        """Return the folder of a version."""
        return _place(self.folder, number)

    def make_current(self, number: int) -> None:
        """Let a version be the one that is searched: durable when this returns."""
        fresh = self.folder / f"{_POINTER}.new"
        with fresh.open("w", encoding="ascii") as file:
            file.write(f"{number}\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._pointer)
        sync_folder(self.folder)

    def remove(self, number: int) -> None:
        """Remove a version's files, and nothing beside them."""
        place = self.place(number)
        if number != 1:
            shutil.rmtree(place, ignore_errors=True)
            return
        shutil.rmtree(place / TEXT, ignore_errors=True)
        for name in (
            HEAD,
            RESERVE,
            SNAPSHOT,
            *(RECORD + ending for ending in ("", "-wal", "-shm")),
        ):
            (place / name).unlink(missing_ok=True)


@functools.lru_cache(maxsize=8)  # for every read: 4 us
def _place(folder: Path, number: int) -> Path:
    return folder if number == 1 else folder / _VERSIONS / str(number)


def state_in(folder: Path) -> State | None:
    """Return where the index in a folder stands, None while there is none."""
    record = Record(Versions(folder).current)
    try:
        return record.state()
    finally:
        record.close()


def accept(folder: Path) -> State | None:
    """Take the record in a folder for the right one as it is, whatever was lost.

    Returns where it stands; None where there is none.
    """
    record, lock = Record(Versions(folder).current), WriterLock(folder)
    if not record.path.is_file():
        return None
    lock.acquire("accepting the index as it is")
    try:
        return record.accept()
    finally:
        record.close()
        lock.release()
