"""Documents that are zip files of XML, opened as if by an enemy: .docx, .odt, .epub.

bytes    counted as they are unpacked, never taken from a header, and bounded both
         for the whole document and against the size of its file: entries that share
         the same bytes are counted each time
members  asked for by name; nothing is ever written to a disk
XML      no DTD, no entities but XML's own five, no network; the text itself is fed to
         a target piece by piece and never becomes a tree
"""

from __future__ import annotations

import errno
import posixpath
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

from lxml import etree

from indexer.formats import MEBIBYTE
from search.errors import SourceError

MAX_FILE = 512 * MEBIBYTE  # bytes of the file: pictures are not unpacked
MAX_UNPACKED = 256 * MEBIBYTE  # bytes of all that is read of it
MAX_TREE = 16 * MEBIBYTE  # bytes of an XML that is made a tree
_MAX_RATIO = 100  # unpacked to packed; Word's XML has 5 to 30
_FREE = 16 * MEBIBYTE  # bytes that may be unpacked whatever the ratio
_MAX_DIRECTORY = 4 * MEBIBYTE  # bytes of the list of members: some 40,000 of them
_PIECE = 1 << 16

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_END_OF_DIRECTORY = b"PK\x05\x06"
_ENCRYPTED = 0x1  # of a member's flags

# What zipfile raises on bytes that are no good zip (its documentation names BadZipFile
# and NotImplementedError; zlib, struct and a seek before the start come from inside).
_BROKEN = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    NotImplementedError,
    EOFError,
    zlib.error,
    struct.error,
    ValueError,
    OverflowError,
)


class Target(Protocol):
    """What is fed an XML's elements and texts; it needs no `doctype`, which is refused."""

    def start(self, tag: str, attrib: dict[str, str]) -> None: ...
    def end(self, tag: str) -> None: ...
    def data(self, data: str) -> None: ...


class Package:
    """A zip file's members by name, in any case and with either slash."""

    def __init__(self, stream: BinaryIO) -> None:
        """Read the list of members.

        Raises:
            SourceError: it is no zip file, or too large, or a list of too many.
        """
        self.size = stream.seek(0, 2)
        if self.size > MAX_FILE:
            raise SourceError(
                f"{self.size:,} bytes, and {MAX_FILE:,} are the most", code="too-large"
            )
        self._refuse_others(stream)
        self._left = min(MAX_UNPACKED, max(_FREE, _MAX_RATIO * self.size))
        try:
            stream.seek(0)
            self._zip = zipfile.ZipFile(stream)
        except _BROKEN as error:
            raise SourceError(
                f"not a zip file, or a broken one: {error}", code="damaged"
            ) from error
        except OSError as error:
            raise _unseekable(error) from error
        self._members = {_key(info.filename): info for info in self._zip.infolist()}

    def __contains__(self, name: str) -> bool:
        return _key(name) in self._members

    def pieces(self, name: str) -> Iterator[bytes]:
        """Yield a member's bytes.

        Raises:
            SourceError: it is not there, locked, broken, or a bomb.
        """
        info = self._members.get(_key(name))
        if info is None:
            raise SourceError(f"{name} is missing from it", code="damaged")
        if info.flag_bits & _ENCRYPTED:
            raise SourceError("locked with a password: unlock it first", code="encrypted")
        # The formats allow no other methods, and bzip2 and LZMA unpack without a bound.
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise SourceError(f"{name} is packed in a way that is not read", code="damaged")
        try:
            with self._zip.open(info) as member:
                while piece := member.read(_PIECE):
                    self._left -= len(piece)
                    if self._left < 0:
                        raise SourceError(
                            f"it unpacks to more than {_MAX_RATIO} times its size, or to more "
                            f"than {MAX_UNPACKED:,} bytes",
                            code="bomb",
                        )
                    yield piece
        except _BROKEN as error:
            raise SourceError(f"{name} in it is broken: {error}", code="damaged") from error
        except OSError as error:
            raise _unseekable(error) from error

    def read(self, name: str, limit: int = MAX_TREE) -> bytes:
        """Return a member's bytes.

        Raises:
            SourceError: as of `pieces`, or it has more than `limit`.
        """
        content = bytearray()
        for piece in self.pieces(name):
            content += piece
            if len(content) > limit:
                raise SourceError(f"{name} in it has more than {limit:,} bytes", code="too-large")
        return bytes(content)

    def xml(self, name: str) -> etree._Element:
        """Return a small member's tree.

        Raises:
            SourceError: as of `read`; it is not XML; or it defines entities.
        """
        parser = etree.XMLParser(
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
        try:
            root = etree.fromstring(self.read(name), parser)
        except etree.LxmlError as error:
            raise _not_xml(name, error) from error
        dtd = root.getroottree().docinfo.internalDTD
        if dtd is not None and next(dtd.iterentities(), None) is not None:
            raise _entities(name)
        return root

    def feed(self, name: str, target: Target) -> None:
        """Feed a member's XML to a target, however large it is.

        Raises:
            SourceError: as of `pieces`; it is not XML; or it has a DOCTYPE, which neither
                Word nor LibreOffice writes.
        """
        parser = etree.XMLParser(
            target=_Guarded(name, target),
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
        )
        try:
            for piece in self.pieces(name):
                parser.feed(piece)
            parser.close()
        except etree.LxmlError as error:
            raise _not_xml(name, error) from error

    def _refuse_others(self, stream: BinaryIO) -> None:
        """Refuse old Office files, and a list of members that would fill the memory."""
        stream.seek(0)
        if stream.read(len(_OLE)) == _OLE:
            stream.seek(0)
            if _contains(stream, _OLE_ENCRYPTED):
                raise SourceError("locked with a password: unlock it first", code="encrypted")
            raise SourceError(
                "an Office file of before 2007 under another name: save it anew", code="damaged"
            )
        stream.seek(max(0, self.size - (1 << 16) - 22))
        tail = stream.read()
        end = tail.rfind(_END_OF_DIRECTORY)
        directory = tail[end + 12 : end + 16]
        if end >= 0 and int.from_bytes(directory, "little") > _MAX_DIRECTORY:
            raise SourceError("a list of more members than any document has", code="bomb")


class _Guarded:
    """A target that takes no DOCTYPE."""

    def __init__(self, name: str, target: Target) -> None:
        self._name = name
        self.start = target.start
        self.end = target.end
        self.data = target.data

    def doctype(self, *_: object) -> None:
        raise _entities(self._name)

    def close(self) -> None:
        return None


def inside(base: str, reference: str) -> str:
    """Return the member that a reference in the member `base` means, "" if none can be.

    Percent-encoding is undone; what points outside of the archive means nothing.
    """
    try:
        parts = urlsplit(reference)
    except ValueError:
        return ""
    if parts.scheme or parts.netloc or not parts.path:
        return ""
    path = unquote(parts.path)
    joined = path[1:] if path.startswith("/") else posixpath.join(posixpath.dirname(base), path)
    normal = posixpath.normpath(joined)
    return "" if normal.startswith(("../", "/")) or normal in ("..", ".") else normal


def local(tag: str) -> str:
    """Return an element's name without its namespace."""
    return tag.rpartition("}")[2]


def texts(root: etree._Element, name: str) -> list[str]:
    """Return the texts of all elements of this name, in whatever namespace."""
    found = ("".join(element.itertext()).strip() for element in root.iterfind(f".//{{*}}{name}"))
    return [text for text in found if text]


def _key(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").casefold()


def _contains(stream: BinaryIO, wanted: bytes) -> bool:
    before = b""
    while piece := stream.read(MEBIBYTE):
        if wanted in before + piece:
            return True
        before = piece[-len(wanted) :]
    return False


def _not_xml(name: str, error: Exception) -> SourceError:
    return SourceError(f"{name} in it is not XML: {error}", code="damaged")


def _entities(name: str) -> SourceError:
    return SourceError(
        f"{name} in it has a DOCTYPE, which can define texts that grow without end", code="bomb"
    )


def _unseekable(error: OSError) -> Exception:
    """Return what a failed read means: a place before the file's start, or the disk."""
    if error.errno == errno.EINVAL:
        return SourceError("a broken zip file: it points outside of itself", code="damaged")
    return error
