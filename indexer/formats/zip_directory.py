"""A zip's list of members, looked at before zipfile makes objects of 600 bytes of each."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

from search.errors import SourceError

_END = struct.Struct("<4s4H2LH")  # end of the directory, at most 64 KiB before the file's
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")  # just before it: where the one of zip64 is
_ENTRY_SIZE = 46  # bytes of an entry without its name


def check_directory(stream: BinaryIO, most: int) -> None:
    """Refuse a directory of more than so many members; what is no zip, zipfile refuses.

    Raises:
        SourceError: it has more, counted by what it says and by what would fit into its size.
    """
    length = stream.seek(0, os.SEEK_END)
    start = max(0, length - _END.size - 0xFFFF)
    stream.seek(start)
    tail = stream.read()
    place = tail.rfind(b"PK\5\6")
    if place < 0 or len(tail) - place < _END.size:
        return
    _, _, _, _, count, size, _, _ = _END.unpack_from(tail, place)
    if place >= _LOCATOR.size:
        mark, _, offset, _ = _LOCATOR.unpack_from(tail, place - _LOCATOR.size)
        if mark == b"PK\6\7" and offset + _END64.size <= length:
            stream.seek(offset)
            entry = _END64.unpack(stream.read(_END64.size))
            if entry[0] == b"PK\6\6":
                count, size = entry[7], entry[8]
    # Of the members that were measured, each took 46 bytes and a name of 20 to 120.
    if count > most or size > most * (_ENTRY_SIZE + 200):
        raise SourceError(f"more than {most:,} members: split it", code="bomb")
