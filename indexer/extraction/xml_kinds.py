"""XML, told by its root: feeds, WordPress's export, TEI, JATS, ALTO and PAGE, whatever their size.

    rss, feed, RDF   `indexer.extraction.feeds`: an article an item
    TEI, article     `indexer.extraction.scholarly`: one article; of a teiCorpus each of its TEI
    alto, PcGts      `indexer.extraction.scans`: one article, of what OCR wrote

Fed to a target that keeps an article at a time and never makes a tree. No DTD is read, no
entity may be defined, nothing is fetched. Feeds are written by programs that know nothing of
XML: names of HTML's characters (`&nbsp;`) become those characters, and control characters and
white space before the declaration are taken away; whatever else is no XML ends the file there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html.entities import html5
from typing import BinaryIO, Protocol

from lxml import etree

from indexer.extraction import feeds, scans, scholarly
from indexer.extraction.encodings import known_encoding
from indexer.extraction.registry import Extracted, Options
from indexer.extraction.unpacking import PIECE
from indexer.extraction.zipped import Target, local, xml_parser
from indexer.sources import Failure
from search.errors import SourceError

_NAMED = re.compile(rb"&([A-Za-z]\w{1,30});", re.ASCII)
_XML_OWN = frozenset({b"amp", b"lt", b"gt", b"quot", b"apos"})
_CONTROLS = bytes({*range(1, 32)} - {9, 10, 13})
_SUBSET = re.compile(rb"<!DOCTYPE[^>\[]{0,1000}\[")
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"\0", b"<\0")  # UTF-16 and UTF-32


class Kind(Target, Protocol):
    """Makes articles of elements; who feeds it takes them out of `done`."""

    done: list[Extracted | Failure]

    def note(self) -> str:
        """Return what was left out, once all was fed; "" where nothing was."""
        ...


def read(stream: BinaryIO, name: str, options: Options) -> Iterator[Extracted | Failure]:  # noqa: ARG001
    """Yield the articles of a file of XML."""
    root = _Root()
    parser = xml_parser(target=root, encoding=known_encoding(options.encoding) or None)
    held: Extracted | Failure | None = None  # until it is known whether it is the last
    size = 0  # bytes that no article accounts for yet
    broken = ""
    pieces = _pieces(stream)
    while not broken:
        piece = next(pieces, None)
        try:
            parser.close() if piece is None else parser.feed(piece)
        except (etree.LxmlError, LookupError) as error:
            broken = f"not XML that can be read: {error}"
        size += len(piece or b"")
        for item in root.taken():
            if held:
                yield held
            held, size = replace(item, size=size), 0
        if piece is None:
            break
    note = root.kind.note() if root.kind else ""
    if isinstance(held, Extracted) and note:
        held = replace(held, notes=(*held.notes, note))
    if held:
        yield held
    if broken:
        raise SourceError(broken, code="damaged")
    if not held:
        why = f"there is no article in it: {note or 'nothing to index'}"
        raise SourceError(why, code="empty")


class _Root:
    """Hands all on to the kind that the root is of."""

    def __init__(self) -> None:
        self.kind: Kind | None = None

    def start(self, tag: str, attrib: dict[str, str]) -> None:
        if self.kind is None:
            self.kind = _kind_of(tag)
        self.kind.start(tag, attrib)

    def end(self, tag: str) -> None:
        if self.kind:
            self.kind.end(tag)

    def data(self, data: str) -> None:
        if self.kind:
            self.kind.data(data)

    def close(self) -> None:
        return None

    def taken(self) -> list[Extracted | Failure]:
        if self.kind is None:
            return []
        taken, self.kind.done = self.kind.done, []
        return taken


def _kind_of(tag: str) -> Kind:
    name = local(tag)
    if name in ("rss", "feed", "RDF"):
        return feeds.Feed()
    if name in ("TEI", "TEI.2", "teiCorpus"):
        return scholarly.Scholarly(scholarly.TEI, many=name == "teiCorpus")
    if name == "article":
        return scholarly.Scholarly(scholarly.JATS)
    if name in ("alto", "PcGts"):
        return scans.Scan()
    raise SourceError(
        f"XML of a kind that is not read: its root is {name[:60]!r}; read are RSS, Atom, "
        "WordPress's export (WXR), TEI, JATS, ALTO and PAGE",
        code="unsupported",
    )


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    """Yield a file's bytes, made XML where that is plain."""
    piece = stream.read(PIECE)
    wide = piece.startswith(_WIDE)
    if _SUBSET.search(piece.replace(b"\0", b"")):
        raise SourceError(
            "a DOCTYPE with definitions, which can make texts that grow without end", code="bomb"
        )
    piece = piece if wide else piece.lstrip()
    rest = b""
    while piece:
        if not wide:
            piece = rest + piece
            cut = piece.rfind(b"&", max(0, len(piece) - 32))  # a name may go on in the next
            piece, rest = (piece[:cut], piece[cut:]) if cut >= 0 else (piece, b"")
            piece = _NAMED.sub(_numbered, piece.translate(None, _CONTROLS))
        yield piece
        piece = stream.read(PIECE)
    yield _NAMED.sub(_numbered, rest)


def _numbered(found: re.Match[bytes]) -> bytes:
    name = found[1]
    characters = "" if name in _XML_OWN else html5.get(f"{name.decode()};", "")
    return "".join(f"&#{ord(each)};" for each in characters).encode() or found[0]
