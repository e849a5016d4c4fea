"""The members of an archive as streams: zip, tar, and files that are only compressed.

Headers are not believed: bytes are counted as they are unpacked, entries of a zip that lie
over each other are a bomb (Fifield's 46 MB to 4.5 PB), a tar's header has a bound of its own
(tarfile reads a name of 4 GiB into memory), and one that is broken is not taken for the end.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, BinaryIO, Protocol, cast

from indexer.formats import MEBIBYTE
from indexer.formats.archive_names import decoded, in_archive, problem_of, shown, unicode_path
from indexer.formats.archive_streams import (
    BROKEN,
    MAX_MEMBERS,
    PIECE,
    Budget,
    Unpacked,
    damaged,
)
from indexer.formats.zip_directory import check_directory
from search.errors import SourceError

MAX_TAR_HEADER = MEBIBYTE  # bytes, with its long name and extended headers
_BLOCK = 512  # bytes of a tar

_COMPRESSED = re.compile(r"\.(gz|bz2|xz)$", re.IGNORECASE)
_TAR = re.compile(r"\.(tgz|tar\.\w+|tar)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive. `problem` is (code, reason) where it is not to be opened."""

    name: str
    shown: str
    open: Callable[[], BinaryIO]
    problem: tuple[str, str] | None = None

    @property
    def is_hidden(self) -> bool:
        """Tell whether it is a system's own: macOS puts `__MACOSX/` into its zips."""
        return any(
            part == "__MACOSX" or (part.startswith(".") and part != "..")
            for part in self.name.split("/")
        )


class Members(Protocol):
    """An archive's members, in the order they are read; folders are none of them."""

    only: bool  # it is a compressed file

    def __iter__(self) -> Iterator[Member]: ...

    def matching(self, suffix: str, /) -> Iterator[Member]:
        """Yield those whose name ends so, before all others are read."""
        ...


def members_of(stream: BinaryIO, name: str, budget: Budget) -> Members:
    """Return the members of an archive; its first bytes tell its kind.

    Raises:
        SourceError: it is none, or one of more members than are read.
    """
    head = stream.read(6)
    stream.seek(0)
    if head.startswith((b"PK\3\4", b"PK\5\6")) or name.lower().endswith(".zip"):
        return _Zip(stream, budget)
    for magic, opened in _DECOMPRESSORS.items():
        if head.startswith(magic):
            return _compressed(stream, name, budget, opened)
    if _TAR.search(name):
        return _Tar(lambda: Unpacked(stream, None), stream, budget)
    raise SourceError("not an archive that can be read", code="damaged")


def _gzip(stream: BinaryIO) -> IO[bytes]:
    return cast(IO[bytes], gzip.GzipFile(fileobj=stream))


def _bzip2(stream: BinaryIO) -> IO[bytes]:
    return bz2.BZ2File(stream)


def _xz(stream: BinaryIO) -> IO[bytes]:
    return lzma.LZMAFile(stream)


_DECOMPRESSORS = {b"\x1f\x8b": _gzip, b"BZh": _bzip2, b"\xfd7zXZ\x00": _xz}


def _compressed(
    stream: BinaryIO, name: str, budget: Budget, opened: Callable[[BinaryIO], IO[bytes]]
) -> Members:
    is_tar = bool(_TAR.search(name))
    if not is_tar:
        first = Unpacked(opened(stream), None).read(_BLOCK) or b""
        stream.seek(0)
        is_tar = first[257:262] == b"ustar"
    if is_tar:
        return _Tar(lambda: Unpacked(opened(stream), budget), stream, budget)
    return _Only(stream, name, budget, opened)


class _Only:
    """A file that is compressed, as the only member of an archive."""

    only = True

    def __init__(
        self,
        stream: BinaryIO,
        name: str,
        budget: Budget,
        opened: Callable[[BinaryIO], IO[bytes]],
    ) -> None:
        self._stream = stream
        self._name = _COMPRESSED.sub("", name)
        self._budget = budget
        self._opened = opened

    def __iter__(self) -> Iterator[Member]:
        self._budget.count()
        yield Member(self._name, "", self._open)

    def _open(self) -> BinaryIO:
        return io.BufferedReader(Unpacked(self._opened(self._stream), self._budget), PIECE)

    def matching(self, _suffix: str, /) -> Iterator[Member]:
        yield from ()


class _Zip:
    """A zip's members, in the order of their names."""

    only = False

    def __init__(self, stream: BinaryIO, budget: Budget) -> None:
        self._budget = budget
        try:
            check_directory(stream, MAX_MEMBERS)
            stream.seek(0)
            self._zip = zipfile.ZipFile(stream)
        except BROKEN as error:
            raise damaged(error) from error
        infos = [info for info in self._zip.infolist() if not _is_folder(info)]
        _refuse_overlaps(infos)
        self._members = sorted(map(self._member, infos), key=lambda member: member.name)

    def __iter__(self) -> Iterator[Member]:
        for member in self._members:
            self._budget.count()
            yield member

    def matching(self, suffix: str, /) -> Iterator[Member]:
        return (member for member in self._members if member.name.endswith(suffix))

    def _member(self, info: zipfile.ZipInfo) -> Member:
        if info.flag_bits & 0x800:
            name = info.orig_filename
        else:
            raw = info.orig_filename.encode("cp437")
            name = unicode_path(info.extra, raw) or decoded(raw)

        def opened() -> BinaryIO:
            try:
                raw = self._zip.open(info)
            except BROKEN as error:
                raise damaged(error) from error
            return io.BufferedReader(Unpacked(raw, self._budget), PIECE)

        problem = problem_of(name)
        mode = info.external_attr >> 16
        if problem is None and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            problem = ("not-regular", "a link or a device, not a file")
        elif problem is None and info.flag_bits & 0x1:
            problem = ("encrypted", "locked with a password")
        elif problem is None and info.compress_type not in (
            zipfile.ZIP_STORED,
            zipfile.ZIP_DEFLATED,
        ):  # bzip2 and LZMA unpack without a bound in zipfile
            problem = ("unsupported", f"packed by method {info.compress_type}, which is not read")
        return Member(in_archive(name), shown(name), opened, problem)


def _is_folder(info: zipfile.ZipInfo) -> bool:
    return info.orig_filename.endswith("/") and not info.file_size


def _refuse_overlaps(infos: list[zipfile.ZipInfo]) -> None:
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise SourceError("its members lie over each other", code="bomb")
        end = info.header_offset + 30 + len(info.orig_filename) + info.compress_size


class _Info(tarfile.TarInfo):
    """A tar's header; tarfile takes a broken one behind the first for the archive's end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Info:
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if not buf or buf.count(0) == _BLOCK:
                raise
            raise tarfile.ReadError(f"a broken header: {error}") from error


class _Tar:
    """A tar's members in its own order, which is read twice: for metadata, then for all."""

    only = False

    def __init__(self, opened: Callable[[], Unpacked], stream: BinaryIO, budget: Budget) -> None:
        self._opened = opened
        self._stream = stream
        self._budget = budget

    def matching(self, suffix: str, /) -> Iterator[Member]:
        forget = self._budget.again()
        for member in self:
            if member.name.endswith(suffix):
                yield member
        forget()

    def __iter__(self) -> Iterator[Member]:
        self._stream.seek(0)
        source = self._opened()
        source.allowance = MAX_TAR_HEADER
        try:
            archive = tarfile.open(  # noqa: SIM115 - there is nothing of it to close
                fileobj=source, mode="r|", tarinfo=_Info, encoding="utf-8", errors="surrogateescape"
            )
            while (info := archive.next()) is not None:
                archive.members.clear()  # type: ignore[attr-defined]  # 100,000 take 100 MB
                if not info.isdir():
                    self._budget.count()
                    # What a sparse file leaves out may be terabytes.
                    readable = info.isreg() and not info.issparse()
                    raw = archive.extractfile(info) if readable else None
                    source.allowance = None
                    yield self._member(info, raw)
                    while raw is not None and raw.read(PIECE):
                        pass
                assert archive.fileobj is not None  # noqa: S101 - it was opened above
                left = archive.offset - archive.fileobj.tell()
                source.allowance = MAX_TAR_HEADER + max(left, 0)
        except BROKEN as error:
            raise damaged(error) from error

    def _member(self, info: tarfile.TarInfo, raw: IO[bytes] | None) -> Member:
        name = decoded(info.name.encode("utf-8", "surrogateescape"))

        def opened() -> BinaryIO:
            assert raw is not None  # noqa: S101 - a problem otherwise
            return io.BufferedReader(Unpacked(raw, None), PIECE)

        problem = problem_of(name)
        if problem is None and raw is None:
            problem = ("not-regular", "a link or a device, not a file")
        return Member(in_archive(name), shown(name), opened, problem)
