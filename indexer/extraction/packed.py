"""The members of .7z and .rar archives, by the system's libarchive where there is one.

Members are streamed in the order they are packed in. Packed together they cannot be skipped, so
whoever passes one over has to read it: `entries` says nothing of bytes.
"""

from __future__ import annotations

import ctypes
import locale
import stat
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, BinaryIO, cast

from search.errors import SourceError

try:  # before a child is confined: it loads the library, by a name that `ldconfig` is asked for
    from libarchive import ffi, stream_reader
    from libarchive.exception import ArchiveError

    _is_locked = ffi.libarchive.archive_entry_is_data_encrypted
    _is_locked.argtypes = (ctypes.c_void_p,)
    with suppress(locale.Error):  # in which it gives names; with LC_ALL=C it gives none
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
except (ImportError, OSError, AttributeError, TypeError):  # there is no library, or another one
    IS_THERE = False
else:
    IS_THERE = True

FORMATS = {b"7z\xbc\xaf\x27\x1c": "7zip", b"Rar!\x1a\x07\x00": "rar", b"Rar!\x1a\x07\x01": "rar5"}
NEEDED = "needs libarchive (Debian: libarchive13); or unpack it, or pack it as .zip"


def entries(
    stream: BinaryIO, format: str
) -> Iterator[tuple[str, tuple[str, str] | None, IO[bytes]]]:
    """Yield (name, (code, reason) why it is not read or None, its content) of all but folders.

    A content can be read until the next is asked for.

    Raises:
        SourceError: it is broken from here on, locked, or there is no libarchive.
    """
    if not IS_THERE:
        raise SourceError(f"not read: {NEEDED}", code="unsupported")
    try:
        # No filter: some of them start programs.
        with stream_reader(stream, format, "none") as archive:
            for entry in archive:
                name, kind, problem = entry.pathname or b"\xff", stat.S_IFMT(entry.filetype), None
                if kind == stat.S_IFDIR:
                    continue
                if isinstance(name, bytes):  # in letters that are not known
                    name = name.decode("utf-8", "replace")
                if kind != stat.S_IFREG:
                    problem = ("not-regular", "a link or a device, not a file")
                elif _is_locked(entry._entry_p):
                    problem = ("encrypted", "locked with a password")
                yield name, problem, cast(IO[bytes], _Content(archive._pointer))
    except ArchiveError as error:
        raise _refusal(error) from error


class _Content:
    """What is in the entry that an archive stands at."""

    def __init__(self, archive: int) -> None:
        self._archive = archive

    def read(self, size: int) -> bytes:
        """Return at most so many bytes, b"" at the end. Raises SourceError."""
        buffer = ctypes.create_string_buffer(size)
        try:
            length = ffi.read_data(self._archive, buffer, size)
        except ArchiveError as error:
            raise _refusal(error) from error
        return buffer.raw[:length]


def _refusal(error: ArchiveError) -> SourceError:
    said = str(error.msg or "it cannot be read").lower()
    if "crypt" in said or "passphrase" in said:
        return SourceError("locked with a password", code="encrypted")
    return SourceError(f"broken: {said}", code="damaged")
