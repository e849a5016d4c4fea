"""Web pages: the main text, and what the page says of itself. Nothing is fetched, ever.

trafilatura decides which lines are the main text, and only that: it drops zero-width
joiners and the signs of Quran numbering, and puts white space where it likes. So every
text in the tree gets a mark, a letter that the page does not use; the lines whose marks
come out are the main text, and their characters are the page's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import BinaryIO

from lxml import etree
from lxml.html import HtmlElement
from trafilatura import bare_extraction

from indexer.extraction.document_metadata import UNPRINTABLE
from indexer.extraction.documents import DocumentLine, article, encoding_notes, whole
from indexer.extraction.encodings import decode
from indexer.extraction.encodings.mojibake import mended
from indexer.extraction.html_metadata import facts_of
from indexer.extraction.markup import Origin, declared_charset, lines_of, parse
from indexer.extraction.registry import MEBIBYTE, Extracted, Options
from indexer.extraction.scans import of_hocr
from indexer.sources import Failure
from search.errors import SourceError
from search.limits import MAX_LENGTH

# Rare Chinese letters (extensions B, C and G): letters to every heuristic.
_MARKS = (range(0x20000, 0x2A6DE), range(0x2A700, 0x2B735), range(0x30000, 0x3134B))

# Characters of main text under which trafilatura itself distrusts what it found, and gives
# the whole page, menus and all.
_SHORT = 250
_MOST = 0.95  # of all lines: that is the whole page too
# It takes 60 us an element and some 30 times the page in memory; of a longer page all is
# taken that is not a menu.
_MAX_ELEMENTS = 50_000
_MAX_PAGE = 8 * MEBIBYTE
_HEAD = 16_384  # bytes or characters that tell what wrote a page
_TELEGRAM = b'<body onload="CheckLocation();">'


def read(stream: BinaryIO, name: str, options: Options) -> Iterator[Extracted | Failure]:  # noqa: ARG001
    """Yield the article of a web page."""
    content = whole(stream)
    if _TELEGRAM in content[:_HEAD]:
        reason = "a chat that Telegram exported as HTML: export it as JSON"
        raise SourceError(reason, code="unsupported")
    decoded, encoding = decode(content, declared_charset(content), said=options.encoding)
    text, repairs = mended(decoded)
    if "ocr_page" in text[:_HEAD]:
        item = of_hocr(text)
        if isinstance(item, Failure):
            raise SourceError(item.reason, code=item.code)
        notes = (*encoding_notes(encoding), *repairs, *item.notes)
        yield replace(item, size=len(content), notes=notes)
        return
    tree, layout = parse(text)
    notes = (*encoding_notes(encoding), *repairs, *layout)
    facts = facts_of(tree)  # before the scripts are taken out: JSON-LD is one
    if len(content) > _MAX_PAGE or _has_many(tree):
        notes = (*notes, "a very long page: all of it was taken but its menus")
        lines = [line.text for line in _own(lines_of(tree))]
    else:
        lines = [line.text for line in _main(tree)]
    title = " ".join(facts.title.split())
    if len(lines) > 1 and lines[0] == title and len(title) <= MAX_LENGTH["title"]:
        del lines[0]
    yield article(lines, facts, size=len(content), notes=notes)


def _has_many(tree: HtmlElement) -> bool:
    return next(islice(tree.iter(), _MAX_ELEMENTS, None), None) is not None


def _own(lines: Sequence[DocumentLine[Origin]]) -> list[DocumentLine[Origin]]:
    """Return the lines that are neither links nor beside the text."""
    return [line for line in lines if not all(o.linked or o.aside for o in line.origins)]


def _main(tree: HtmlElement) -> list[DocumentLine[Origin]]:
    """Return the lines of the main text, else all that may be."""
    lines = lines_of(tree)
    own = _own(lines)
    if not own:
        return []
    found = _found(tree, lines)
    if sum(len(line.text) for line in found) < _SHORT or len(found) >= _MOST * len(lines):
        return own
    return found


def _found(tree: HtmlElement, lines: Sequence[DocumentLine[Origin]]) -> list[DocumentLine[Origin]]:
    """Return the lines that trafilatura takes for the main text; marks and prunes the tree."""
    used = set().union(*(line.text for line in lines))
    unused = (mark for mark in map(chr, chain(*_MARKS)) if mark not in used)
    marks = list(islice(unused, len(lines)))
    share = -(-len(lines) // len(marks))  # lines to a mark: 1 but for the longest pages
    for number, line in enumerate(lines):
        for origin in line.origins:
            mark = marks[number // share]
            if origin.tail:
                origin.element.tail = mark + UNPRINTABLE.sub("", origin.element.tail or "")
            else:
                origin.element.text = mark + UNPRINTABLE.sub("", origin.element.text or "")
    etree.strip_elements(tree, "script", "style", "template", "noscript", with_tail=False)
    try:
        document = bare_extraction(tree, include_comments=False, include_tables=True)
    # Its own bugs, on pages that its authors have not seen: the lines are there already.
    except (ValueError, TypeError, AttributeError, LookupError, AssertionError, etree.LxmlError):
        return []
    if document is None or isinstance(document, dict):
        return []
    kept = set().union(*document.body.itertext())
    return [line for number, line in enumerate(lines) if marks[number // share] in kept]


# The first page that trafilatura is unsure of loads stop words of 90 languages (0.2 s):
# done once here, for all the children that are forked from this process.
bare_extraction("<html><body><p>نص</p><div><a href='/'>رابط</a></div></body></html>")
