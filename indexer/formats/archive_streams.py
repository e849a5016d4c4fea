"""What bounds an archive: how much it may unpack, and streams that count while they are read."""

from __future__ import annotations

import io
import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, BinaryIO

from indexer.formats import MEBIBYTE
from search.errors import SourceError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_UNPACKED = 4 << 30  # bytes of an archive and of all archives in it
MAX_RATIO = 200  # unpacked to packed; JSON lines of one site have 5 to 15
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
    EOFError,
    ValueError,
    OverflowError,
    NotImplementedError,
    RecursionError,  # tarfile's, of extended headers that follow each other
    OSError,  # gzip's and bzip2's, of their own headers and checksums
)


class Budget:
    """What an archive of so many bytes may still unpack, with all archives in it."""

    def __init__(self, size: int) -> None:
        self._most = self._left = min(MAX_UNPACKED, max(FREE, MAX_RATIO * size))
        self._members = MAX_MEMBERS
        self.is_spent = False

    def spend(self, size: int) -> None:
        """Count unpacked bytes.

        Raises:
            SourceError: they are too many.
        """
        self._left -= size
        if self._left < 0:
            self.is_spent = True
            raise SourceError(
                f"it unpacks to more than {self._most:,} bytes, {MAX_RATIO} times its size or "
                "what is read at most",
                code="bomb",
            )

    def count(self) -> None:
        """Count a member.

        Raises:
            SourceError: they are too many.
        """
        self._members -= 1
        if self._members < 0:
            self.is_spent = True
            raise SourceError(f"more than {MAX_MEMBERS:,} members: split it", code="bomb")

    def again(self) -> Callable[[], None]:
        """Return what forgets all that is spent from here on: the same is read twice."""
        left, members = self._left, self._members

        def forget() -> None:
            self._left, self._members = left, members

        return forget


class Counted(io.RawIOBase):
    """A file, and how many of its bytes were read; never more in all than it has."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.size = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        self._read = 0
        self._left = self.size
        self.stream: BinaryIO = io.BufferedReader(self, PIECE)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._stream.tell()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def readinto(self, buffer: WriteableBuffer) -> int:
        with memoryview(buffer).cast("B") as view:
            piece = self._stream.read(len(view))
            view[: len(piece)] = piece
        self._read += len(piece)
        return len(piece)

    def forget(self) -> None:
        """Count what was read until now for nothing."""
        self._read = 0

    def taken(self) -> int:
        """Return how many bytes were read since this was asked last."""
        taken, self._read = min(self._read, self._left), 0
        self._left -= taken
        return taken


class Unpacked(io.RawIOBase):
    """What comes out of a member or a decompressor: bounded, its errors in words.

    `allowance` bounds what may be read before it is set anew, None does not.
    """

    def __init__(self, raw: IO[bytes], budget: Budget | None) -> None:
        self._raw = raw
        self._budget = budget
        self.allowance: int | None = None

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
        if self.allowance is not None:
            self.allowance -= len(piece)
            if self.allowance < 0:
                reason = "a header of a member takes more than a mebibyte"
                raise SourceError(reason, code="bomb")
        return len(piece)


def damaged(error: BaseException) -> SourceError:
    """Return the error of an archive that its library could not read."""
    return SourceError(f"broken: {error}", code="damaged")
