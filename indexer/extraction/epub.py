"""Books: one article a book, its chapters in the order in which they are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from lxml import etree

from indexer.extraction.documents import Facts, articles, encoding_notes, mark, placed
from indexer.extraction.encodings import decode
from indexer.extraction.encodings.mojibake import mended
from indexer.extraction.markup import declared_charset, lines_of, parse
from indexer.extraction.registry import Extracted, Options
from indexer.extraction.zipped import Package, inside, local, texts
from indexer.sources import Failure
from search.addresses import is_web_address
from search.errors import SourceError

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_CHAPTERS = frozenset({"application/xhtml+xml", "text/html", "text/x-oeb1-document"})
_MAX_PAGE = 20  # characters of a page's number
_FONTS = frozenset({"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"})
# What spoils one chapter; a bomb or a lock is the book's.
_OF_A_PART = frozenset({"damaged", "encoding", "not-text"})


@dataclass(frozen=True, slots=True)
class _Chapter:
    member: str
    place: str  # as the book's list has it


def read(stream: BinaryIO, name: str, options: Options) -> Iterator[Extracted | Failure]:  # noqa: ARG001
    """Yield the article of a book, after the chapters of it that cannot be read."""
    package = Package(stream)
    if _CONTAINER not in package:
        raise SourceError("a zip file, but not a book: it has no container", code="damaged")
    listed = _listing(package)
    book = package.xml(listed)
    chapters = _spine(book, listed)
    _refuse_encrypted(package, {chapter.member for chapter in chapters})
    lines: list[str] = []
    notes: dict[str, None] = {}
    headings: set[str] = set()
    broken = 0
    for chapter in chapters:
        try:
            its = _read_chapter(package, chapter, options, notes)
            headings.update(placed(line)[0] for line in its[:1])
            lines += its
        except SourceError as error:
            if error.code not in _OF_A_PART:
                raise
            broken += 1
            yield Failure(chapter.place, error.code, str(error))
    if broken and not lines:
        raise SourceError("none of its chapters can be read", code="damaged")
    if broken:
        notes[f"{broken} of {len(chapters)} chapters left out"] = None
    yield from articles(
        lines, _facts(book), size=package.size, notes=tuple(notes), headings=headings
    )


def _listing(package: Package) -> str:
    """Return the member that lists the book's parts."""
    for root in package.xml(_CONTAINER).iterfind(".//{*}rootfile"):
        member = inside("", root.get("full-path", ""))
        if member in package:
            return member
    raise SourceError("a book without a list of its parts", code="damaged")


def _spine(book: etree._Element, listed: str) -> list[_Chapter]:
    """Return the chapters in reading order, each once and without the table of contents."""
    items = {item.get("id"): item for item in book.iterfind("{*}manifest/{*}item")}
    chapters: dict[str, _Chapter] = {}
    for reference in book.iterfind("{*}spine/{*}itemref"):
        item = items.get(reference.get("idref"))
        if item is None or item.get("media-type", "").strip().lower() not in _CHAPTERS:
            continue
        if "nav" in item.get("properties", "").split():
            continue
        place = item.get("href", "")
        member = inside(listed, place)
        chapters.setdefault(member or place, _Chapter(member, place))
    return list(chapters.values())


def _read_chapter(
    package: Package, chapter: _Chapter, options: Options, notes: dict[str, None]
) -> list[str]:
    if not chapter.member:
        raise SourceError("it points outside of the book", code="damaged")
    content = package.read(chapter.member)
    if not content.strip():
        return []
    decoded, encoding = decode(content, declared_charset(content), said=options.encoding)
    text, repairs = mended(decoded)
    try:
        tree, layout = parse(text)
    except SourceError as error:
        if error.code == "empty":  # a picture's page
            return []
        raise
    notes.update(dict.fromkeys((*encoding_notes(encoding), *repairs, *layout)))
    for element in tree.iter(etree.Element):
        if "pagebreak" in (element.get("epub:type") or element.get("role") or ""):
            shown = element.text_content()
            if len(shown) > _MAX_PAGE:  # it was not closed, and holds the text
                continue
            page = element.get("title") or element.get("aria-label") or shown
            element.tail = mark("page", page) + (element.tail or "")
            element.attrib["hidden"] = ""
    return [line.text for line in lines_of(tree)]


def _refuse_encrypted(package: Package, members: set[str]) -> None:
    """Refuse a book whose text is locked; fonts are garbled by rule, and not read."""
    if _ENCRYPTION not in package:
        return
    for data in package.xml(_ENCRYPTION).iterfind(".//{*}EncryptedData"):
        method = data.find("{*}EncryptionMethod")
        if method is not None and method.get("Algorithm") in _FONTS:
            continue
        locked = {inside("", at.get("URI", "")) for at in data.iterfind(".//{*}CipherReference")}
        if locked & members:
            raise SourceError("locked by its seller (DRM)", code="encrypted")


def _facts(book: etree._Element) -> Facts:
    metadata = book.find("{*}metadata")
    if metadata is None:
        return Facts()
    # LibreOffice names one where nobody is known.
    creators = (name for name in texts(metadata, "creator") if name != "Unknown Author")
    return Facts(
        title=next(iter(texts(metadata, "title")), ""),
        author="، ".join(dict.fromkeys(creators)),
        source=next(iter(texts(metadata, "publisher")), ""),
        language=next(iter(texts(metadata, "language")), ""),
        published=_published(metadata),
        tags=tuple(texts(metadata, "subject")),
        url=_identifier(texts(metadata, "identifier") + texts(metadata, "source")),
    )


def _published(metadata: etree._Element) -> str:
    """Return the date of publication, else of unknown meaning; a year alone is no day."""
    dates: Mapping[str, str] = {
        next((value for key, value in element.items() if local(key) == "event"), ""): text
        for element in metadata.iterfind(".//{*}date")
        if len(text := (element.text or "").strip()) > len("2024-01")
    }
    return dates.get("publication") or dates.get("") or ""


def _identifier(values: list[str]) -> str:
    """Return the address of the book's page; an ISBN or a UUID is none."""
    return next(filter(is_web_address, values), "")
