"""Opens documents that are zip files of XML, hostile ones too: Office files, OpenDocument, .epub.

bytes    counted as they are unpacked, never taken from a header, and bounded both
         for the whole document and against the size of its file: entries that share
         the same bytes are counted each time
members  asked for by name; nothing is ever written to a disk
XML      no DTD, no entities but XML's own five, no network; the text itself is fed to
         a target piece by piece and never becomes a tree
"""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from copy import copy
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

from lxml import etree

from indexer.extraction.registry import MEBIBYTE
from indexer.extraction.unpacking import BROKEN, PIECE, Budget, damaged, open_zip, unpacked
from search.errors import SourceError
from search.limits import MAX_ZIPPED_FILE, MAX_ZIPPED_UNPACKED

MAX_TREE = 16 * MEBIBYTE  # bytes of an XML that is made a tree
_MAX_RATIO = 100  # unpacked to packed; Word's XML has 5 to 30
_FREE = 16 * MEBIBYTE  # bytes that may be unpacked whatever the ratio
_MAX_MEMBERS = 16_000

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_ENCRYPTED = 0x1  # of a member's flags


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
        if self.size > MAX_ZIPPED_FILE:
            raise SourceError(
                f"{self.size:,} bytes, and {MAX_ZIPPED_FILE:,} are the most", code="too-large"
            )
        _refuse_old(stream)
        self._budget = Budget(self.size, MAX_ZIPPED_UNPACKED, _MAX_RATIO, _FREE)
        self._zip = open_zip(stream, _MAX_MEMBERS)
        self._members = {_key(info.filename): info for info in self._zip.infolist()}

    def __contains__(self, name: str) -> bool:
        return _key(name) in self._members

    def pieces(self, name: str, *, again: bool = False) -> Iterator[bytes]:
        """Yield a member's bytes; those that are read `again` are not counted twice.

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
            with self._zip.open(info) as raw:
                member = unpacked(raw, copy(self._budget) if again else self._budget)
                while piece := member.read(PIECE):
                    yield piece
        except BROKEN as error:
            raise damaged(error) from error

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
        parser = xml_parser(remove_comments=True, remove_pis=True)
        try:
            root = etree.fromstring(self.read(name), parser)
        except etree.LxmlError as error:
            raise _not_xml(name, error) from error
        dtd = root.getroottree().docinfo.internalDTD
        if dtd is not None and next(dtd.iterentities(), None) is not None:
            raise _entities(name)
        return root

    def feed(self, name: str, target: Target) -> None:
        """Feed a member's XML to a target, whole. Raises as `fed`."""
        for _ in self.fed(name, target):
            pass

    def fed(self, name: str, target: Target) -> Iterator[None]:
        """Feed a member's XML to a target, however large it is: piece by piece.

        Raises:
            SourceError: as of `pieces`; it is not XML; or it has a DOCTYPE, which neither
                Word nor LibreOffice writes.
        """
        parser = xml_parser(target=_Guarded(name, target))
        try:
            for piece in self.pieces(name):
                parser.feed(piece)
                yield
            parser.close()
            yield
        except etree.LxmlError as error:
            raise _not_xml(name, error) from error


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


def xml_parser(**how: object) -> etree.XMLParser:
    """Return a parser that reads no DTD, defines no entity and fetches nothing."""
    return etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, **how
    )


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


def _refuse_old(stream: BinaryIO) -> None:
    """Refuse an Office file of before 2007, which is also what locks newer ones."""
    stream.seek(0)
    if stream.read(len(_OLE)) != _OLE:
        return
    before = b""
    while piece := stream.read(MEBIBYTE):
        if _OLE_ENCRYPTED in before + piece:
            raise SourceError("locked with a password: unlock it first", code="encrypted")
        before = piece[-len(_OLE_ENCRYPTED) :]
    raise SourceError(
        "an Office file of before 2007 under another name: save it anew", code="damaged"
    )


def _not_xml(name: str, error: Exception) -> SourceError:
    return SourceError(f"{name} in it is not XML: {error}", code="damaged")


def _entities(name: str) -> SourceError:
    return SourceError(
        f"{name} in it has a DOCTYPE, which can define texts that grow without end", code="bomb"
    )
