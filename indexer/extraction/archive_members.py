"""The members of an archive as streams: zip, tar, 7z, rar, and files that are only compressed.

Headers are not believed: bytes are counted as they are unpacked, entries of a zip that lie
over each other are a bomb (Fifield's 46 MB to 4.5 PB), and a tar's header that is broken, or
a tar that just stops, is not taken for its end.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import IO, BinaryIO, cast

from indexer.extraction.archive_names import decoded, in_archive, problem_of, shown, unicode_path
from indexer.extraction.packed import FORMATS, entries
from indexer.extraction.registry import MEBIBYTE, METADATA_SUFFIX
from indexer.extraction.unpacking import (
    BROKEN,
    MAX_MEMBERS,
    PIECE,
    Budget,
    damaged,
    open_zip,
    unpacked,
)
from search.errors import SourceError

MAX_TAR_HEADER = MEBIBYTE  # bytes of a long name or an extended header
_BESIDE = b"gxXLK"  # the types of these
_BLOCK = 512  # bytes of a tar

_COMPRESSED = re.compile(r"\.(gz|bz2|xz)$", re.IGNORECASE)
_TAR = re.compile(r"\.(tgz|tar\.\w+|tar)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive; `shown` is "" of a file that is only compressed.

    `problem` is (code, reason) where it is not to be opened.
    """

    name: str
    shown: str
    open: Callable[[], BinaryIO]
    problem: tuple[str, str] | None = None

    @property
    def is_metadata(self) -> bool:
        """Tell whether it is said in it what is known of the file beside it."""
        return self.shown != "" and self.name.endswith(METADATA_SUFFIX)

    @property
    def is_hidden(self) -> bool:
        """Tell whether it is a system's own: macOS puts `__MACOSX/` into its zips."""
        return self.shown != "" and any(
            part == "__MACOSX" or (part.startswith(".") and part != "..")
            for part in self.name.split("/")
        )


def members_of(stream: BinaryIO, name: str, budget: Budget) -> Iterator[Member]:
    """Yield the members of an archive without its folders; its first bytes tell its kind.

    Each can be opened before the next is asked for. Zips come in the order of their names,
    others in their own.

    Raises:
        SourceError: it is none, or broken from here on, or unpacks to more than it may.
    """
    stream.seek(0)
    head = stream.read(7)
    stream.seek(0)
    if packed := next((each for magic, each in FORMATS.items() if head.startswith(magic)), ""):
        return _of_packed(stream, packed, budget)
    if head.startswith((b"PK\3\4", b"PK\5\6")) or name.lower().endswith(".zip"):
        return _of_zip(stream, budget)
    opened = next((each for magic, each in _OPENERS.items() if head.startswith(magic)), None)
    is_tar = bool(_TAR.search(name))
    if opened and not is_tar:
        is_tar = unpacked(opened(stream), None).read(_BLOCK)[257:262] == b"ustar"
        stream.seek(0)
    if is_tar:
        return _of_tar(unpacked(opened(stream), budget) if opened else stream, budget)
    if not opened:
        raise SourceError("not an archive that can be read", code="damaged")
    budget.spend(0, members=1)
    inner = partial(unpacked, opened(stream), budget)
    return iter([Member(_COMPRESSED.sub("", name), "", inner)])


_OPENERS: dict[bytes, Callable[[BinaryIO], IO[bytes]]] = {
    b"\x1f\x8b": lambda stream: cast(IO[bytes], gzip.GzipFile(fileobj=stream)),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}


def _of_zip(stream: BinaryIO, budget: Budget) -> Iterator[Member]:
    archive = open_zip(stream, MAX_MEMBERS)
    end = 0
    members = []
    for info in sorted(archive.infolist(), key=lambda info: info.header_offset):
        if info.orig_filename.endswith("/") and not info.file_size:
            continue
        if info.header_offset < end:
            raise SourceError("its members lie over each other", code="bomb")
        end = info.header_offset + 30 + len(info.orig_filename) + info.compress_size
        members.append(_zipped(archive, info, budget))
    for member in sorted(members, key=lambda member: member.name):
        budget.spend(0, members=1)
        yield member


def _zipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: Budget) -> Member:
    name = info.orig_filename
    if not info.flag_bits & 0x800:  # it is not said that it is UTF-8
        raw = name.encode("cp437")
        name = unicode_path(info.extra, raw) or decoded(raw)

    def opened() -> BinaryIO:
        try:
            return unpacked(archive.open(info), budget)
        except BROKEN as error:
            raise damaged(error) from error

    problem = problem_of(name)
    if problem is None and stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
        problem = ("not-regular", "a link or a device, not a file")
    elif problem is None and info.flag_bits & 0x1:
        problem = ("encrypted", "locked with a password")
    elif problem is None and info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # bzip2 and LZMA unpack without a bound in zipfile
        problem = ("unsupported", f"packed by method {info.compress_type}, which is not read")
    return Member(in_archive(name), shown(name), opened, problem)


def _of_packed(stream: BinaryIO, format: str, budget: Budget) -> Iterator[Member]:
    for name, unread, content in entries(stream, format):
        budget.spend(0, members=1)
        opened = partial(unpacked, content, budget)
        yield Member(in_archive(name), shown(name), opened, problem_of(name) or unread)
        _count_rest(content, budget)


def _count_rest(content: IO[bytes], budget: Budget) -> None:
    """Read what is left of a member: to pass over it, libarchive would unpack it uncounted."""
    while True:
        try:
            piece = content.read(PIECE)
        except SourceError:  # met before, where it mattered; the next header tells if it matters
            return
        if not piece:
            return
        budget.spend(len(piece))


class _Info(tarfile.TarInfo):
    """A tar's header: tarfile takes a broken one for the end, and reads a name of 4 GiB."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Info:
        try:
            info = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if buf and buf.count(0) == _BLOCK:  # as two such blocks mark the end
                raise
            raise tarfile.ReadError(f"a broken header, or none: {error}") from error
        if info.size < 0:
            raise tarfile.ReadError("a header with a size below nothing")
        if info.type in _BESIDE and info.size > MAX_TAR_HEADER:
            raise SourceError("a header of a member takes more than a mebibyte", code="bomb")
        return info


def _of_tar(source: BinaryIO, budget: Budget) -> Iterator[Member]:
    try:
        archive = tarfile.open(  # noqa: SIM115 - there is nothing of it to close
            fileobj=source, mode="r|", tarinfo=_Info, encoding="utf-8", errors="surrogateescape"
        )
        tar = cast(IO[bytes], archive.fileobj)
        while (info := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # 100,000 take 100 MB
            if not info.isdir():
                budget.spend(0, members=1)
                # What a sparse file leaves out may be terabytes.
                readable = info.isreg() and not info.issparse()
                yield _tarred(info, archive.extractfile(info) if readable else None)
            while (left := archive.offset - tar.tell()) > 0:
                if not tar.read(min(left, PIECE)):
                    raise tarfile.ReadError("unexpected end of data")
    except BROKEN as error:
        raise damaged(error) from error


def _tarred(info: tarfile.TarInfo, raw: IO[bytes] | None) -> Member:
    name = decoded(info.name.encode("utf-8", "surrogateescape"))

    def opened() -> BinaryIO:
        assert raw is not None  # noqa: S101 - a problem otherwise
        return unpacked(raw, None)

    problem = problem_of(name)
    if problem is None and raw is None:
        problem = ("not-regular", "a link or a device, not a file")
    return Member(in_archive(name), shown(name), opened, problem)
