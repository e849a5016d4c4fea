"""Room kept on the disk, so that articles can be removed where it is full.

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
    """The room kept for one record."""

    def __init__(self, record: Path) -> None:
        self._path = record.with_name(RESERVE)
        self._made = False

    def make(self) -> None:
        """Take the room, or a part of what is free; nothing where it is taken already."""
        if self._made or self._path.exists():
            self._made = True
            return
        with contextlib.suppress(OSError):
            size = min(_MOST, shutil.disk_usage(self._path.parent).free // _SHARE)
            try:
                self._path.write_bytes(bytes(size))
            except OSError:
                self._path.unlink()
            self._made = True

    def give_up(self) -> bool:
        """Give the room back to the disk; return whether there was any."""
        self._made = False
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
