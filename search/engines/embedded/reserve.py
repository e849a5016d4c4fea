"""Reserves room on the disk, so that articles can be removed when it is full.

A removal writes little, but it writes: to the write-ahead log, which cannot be emptied either
where the record has no room to grow. So a file beside the record takes some room from the
beginning (`record.reserve`), and is given up for the first removal that finds none.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

RESERVE = "record.reserve"
_MOST = 8 << 20  # bytes: the log's 4 MB into the record, and the removals of some dozen articles
_SHARE = 4  # of what is free this part is taken at most


class Reserve:
    """The room kept for the record in a folder."""

    def __init__(self) -> None:
        self._made: Path | None = None  # where it is known to be taken

    def make(self, folder: Path) -> None:
        """Take the room, or a part of what is free; nothing where it is taken already."""
        path = folder / RESERVE
        if self._made == path or path.exists():
            self._made = path
            return
        with contextlib.suppress(OSError):
            size = min(_MOST, shutil.disk_usage(folder).free // _SHARE)
            try:
                path.write_bytes(bytes(size))
            except OSError:
                path.unlink()
            self._made = path

    def give_up(self, folder: Path) -> bool:
        """Give the room back to the disk; return whether there was any."""
        self._made = None
        try:
            (folder / RESERVE).unlink()
        except OSError:
            return False
        return True
