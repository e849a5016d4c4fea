"""Bounds whatever is unpacked, an archive or a document of zipped XML, by one counter."""

from __future__ import annotations

import io
import lzma
import os
import struct
import tarfile
import zipfile
import zlib
from typing import IO, TYPE_CHECKING, BinaryIO

from indexer.extraction.registry import MEBIBYTE
from search.errors import SourceError
from search.limits import MAX_ARCHIVE_RATIO, MAX_ARCHIVE_UNPACKED

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

FREE = 64 * MEBIBYTE  # bytes that may be unpacked whatever the ratio
MAX_MEMBERS = 100_000
PIECE = 1 << 16  # bytes read at once

# What the libraries raise on bytes that are no good archive.
BROKEN = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    tarfile.TarError,
    lzma.LZMAError,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    OverflowError,
    NotImplementedError,
    RecursionError,  # tarfile's, of extended headers that follow each other
    OSError,  # gzip's and bzip2's, of their own headers and checksums
)

_END = struct.Struct("<4s4H2LH")  # a zip's end, at most 64 KiB before the file's
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")  # just before it: where the one of zip64 is
# Of the members that were measured, each took 46 bytes and a name of 20 to 120.
_MAX_ENTRY = 246


class Budget:
    """What a file of so many bytes may still unpack, with all that is in it."""

    def __init__(
        self,
        size: int,
        most: int = MAX_ARCHIVE_UNPACKED,
        ratio: int = MAX_ARCHIVE_RATIO,
        free: int = FREE,
    ) -> None:
        self._bytes = self._most = min(most, max(free, ratio * size))
        self._members = MAX_MEMBERS

    @property
    def is_spent(self) -> bool:
        """Tell whether more of the file would be more of the same."""
        return self._bytes < 0 or self._members < 0

    def spend(self, size: int, members: int = 0) -> None:
        """Count unpacked bytes and members.

        Raises:
            SourceError: they are too many.
        """
        self._bytes -= size
        self._members -= members
        if self.is_spent:
            what = f"{MAX_MEMBERS:,} members" if self._members < 0 else f"{self._most:,} bytes"
            reason = f"it unpacks to more than {what}, the most of a file of its size: split it"
            raise SourceError(reason, code="bomb")


class _Unpacked(io.RawIOBase):
    def __init__(self, raw: IO[bytes], budget: Budget | None) -> None:
        self._raw = raw
        self._budget = budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        with memoryview(buffer).cast("B") as view:
            try:
                piece = self._raw.read(min(len(view), PIECE))
            except BROKEN as error:
                raise damaged(error) from error
            view[: len(piece)] = piece
        if self._budget is not None:
            self._budget.spend(len(piece))
        return len(piece)


def unpacked(raw: IO[bytes], budget: Budget | None) -> BinaryIO:
    """Return what comes out of a member or a decompressor: counted, its errors in words."""
    return io.BufferedReader(_Unpacked(raw, budget), PIECE)


def damaged(error: BaseException) -> SourceError:
    """Return the error of what a library could not unpack."""
    return SourceError(f"broken: {error}", code="damaged")


def open_zip(stream: BinaryIO, most: int) -> zipfile.ZipFile:
    """Return a zip, whose list of members was looked at before 600 bytes are taken for each.

    Raises:
        SourceError: it is none, or one of more members, by what it says or by the list's size.
    """
    try:
        count, size = _directory(stream)
        if count > most or size > most * _MAX_ENTRY:
            raise SourceError(f"more than {most:,} members: split it", code="bomb")
        stream.seek(0)
        return zipfile.ZipFile(stream)
    except BROKEN as error:
        raise damaged(error) from error


def _directory(stream: BinaryIO) -> tuple[int, int]:
    """Return how many members a zip says that it has, and the bytes of the list of them."""
    length = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, length - _END.size - 0xFFFF))
    tail = stream.read()
    place = tail.rfind(b"PK\5\6")
    if place < 0 or len(tail) - place < _END.size:
        return 0, 0  # zipfile refuses it
    if place >= _LOCATOR.size:
        mark, _, offset, _ = _LOCATOR.unpack_from(tail, place - _LOCATOR.size)
        if mark == b"PK\6\7" and offset + _END64.size <= length:
            stream.seek(offset)
            entry = _END64.unpack(stream.read(_END64.size))
            if entry[0] == b"PK\6\6":
                return entry[7], entry[8]
    return _END.unpack_from(tail, place)[4:6]
