"""HTML to a tree, and a tree to lines: of web pages, of a book's chapters, of letters.

libxml2 stops without a word at 256 elements in each other and at 10 MB of one text
(`huge_tree` would let a hostile page have more): here the first is tried once more
with its wrappers taken away, and what is left is refused by name, not cut.
"""

from __future__ import annotations

import html
import re
from typing import NamedTuple

from lxml import etree
from lxml.html import HtmlElement, HTMLParser, document_fromstring

from indexer.extraction.documents import DocumentLine, Lines
from search.errors import SourceError

_DECLARED = re.compile(
    rb"""<\?xml[^>]{1,200}?encoding\s*=\s*["']([\w.:-]+)|"""
    rb"""<meta\s[^>]{0,500}?charset\s*=\s*["']?\s*([\w.:-]+)""",
    re.IGNORECASE,
)
_HEAD = 4_096  # bytes in which a page declares its charset; browsers look at 1,024
_XHTML = re.compile(r"<\?xml\b|<!DOCTYPE[^>]{,100}XHTML|www\.w3\.org/1999/xhtml", re.IGNORECASE)

# <a id="p12"/> ends itself in XHTML, and in HTML takes in all that follows.
_SELF_CLOSED = re.compile(
    r"<(?!(?:br|hr|img|meta|link|input|col|area|base|wbr|source|track|embed|param)\b)"
    r"([A-Za-z][\w:.-]*)(\s[^<>]*)?/>"
)
_WRAPPERS = re.compile(
    r"(?:</?(?:article|blockquote|center|dd|div|dl|dt|fieldset|form|header|li|main|ol|p|section|"
    r"table|tbody|td|th|tr|ul)(?:\s[^<>]*)?>\s*)+",
    re.IGNORECASE,
)
_INLINE = re.compile(
    r"</?(?:a|abbr|b|bdi|bdo|big|cite|code|em|font|i|ins|mark|q|s|small|span|strong|sub|sup|tt|u)"
    r"(?:\s[^<>]*)?>",
    re.IGNORECASE,
)

_UNSEEN_NAMES = (
    "head script style template noscript title svg object iframe embed applet audio video canvas "
    "map select datalist textarea button input rp rt"
)
_BLOCK_NAMES = (
    "address article aside blockquote body br caption center dd details dialog dir div dl dt "
    "fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main "
    "menu nav ol optgroup option p pre section summary table tbody tfoot thead ul"
)
_UNSEEN = frozenset(_UNSEEN_NAMES.split())
_BLOCKS = frozenset(_BLOCK_NAMES.split())
_ASIDE = frozenset({"nav", "footer", "aside", "menu"})
_ASIDE_ROLES = frozenset({"navigation", "contentinfo", "complementary", "banner", "search", "menu"})
# The number of a note would be part of the word before it.
_TO_NOTES = frozenset({"doc-noteref", "doc-backlink", "noteref", "backlink"})
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)


# What is markup wherever it stands in a text; `a <b>c</b>` may be about it.
_TAG = re.compile(
    r"<!--|<(?:br|hr|img|script|style|iframe)\b[^<>]{0,2000}>|</(?:a|article|blockquote|center|div|"
    r"figure|font|h[1-6]|iframe|li|ol|p|script|section|span|strong|style|table|td|tr|ul)\s*>",
    re.IGNORECASE,
)
_BEGINS = re.compile(
    r"\s*<(?:!doctype|html|body|head|p|div|span|h[1-6]|ul|ol|table|br|a|strong|em|b|i|u|img|font|"
    r"figure|section|article|main|blockquote|center|header|time|meta)\b[^<]*>",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[\da-f]{1,6}|[a-z][a-z\d]{1,30});", re.IGNORECASE)
_PARAGRAPHS = re.compile(r"<(?:p|br|div)\b", re.IGNORECASE)
_LINE_END = re.compile(r"\r?\n(?![^<>]{0,300}>)")  # not in a tag


class Origin(NamedTuple):
    """A text in a tree: an element's own or, `tail`, what follows it."""

    element: HtmlElement
    tail: bool
    linked: bool  # part of a link
    aside: bool  # in navigation, a footer, or beside the text


def without_markup(text: str, *, certain: bool = False) -> str:
    """Return a fragment of HTML as it is seen, a block a line; a text without any as it is.

    Where no element makes paragraphs, line ends do, as in WordPress before its blocks.

    Args:
        certain: whether it is known to be HTML; else it has to look like it.

    Raises:
        SourceError: as of `parse`.
    """
    if "<" not in text or not (certain or _BEGINS.match(text) or _TAG.search(text)):
        text = _characters(text)
        if not _BEGINS.match(text):
            return text
    if not _PARAGRAPHS.search(text):
        text = _LINE_END.sub("<br>", text)
    return "\n".join(line.text for line in lines_of(parse(text)[0]))


def one_line_of(text: str) -> str:
    """Return a title or the like without tags, HTML's names of characters read."""
    if "</" in text or "<br" in text:
        text = re.sub(r"<[^<>]*>", "", text)
    return _characters(text)


def _characters(text: str) -> str:
    """Return a text in which names and numbers of characters (`&quot;`, `&#8217;`) are read."""
    if "&" not in text:
        return text
    return _ENTITY.sub(lambda found: html.unescape(found[0]).replace("\ufffd", ""), text)


def declared_charset(content: bytes) -> str:
    """Return the charset that a page declares in its first bytes, "" if none."""
    match = _DECLARED.search(content[:_HEAD])
    return (match[1] or match[2]).decode("ascii") if match else ""


def parse(text: str) -> tuple[HtmlElement, tuple[str, ...]]:
    """Return a page's tree and notes on it.

    Raises:
        SourceError: there is nothing in it, or more than libxml2 takes.
    """
    if _XHTML.search(text, 0, _HEAD):
        text = _SELF_CLOSED.sub(r"<\1\2></\1>", text)
    tree, deep = _parsed(text)
    if not deep:
        return tree, ()
    tree, deep = _parsed(_INLINE.sub("", _WRAPPERS.sub("<br>", text)))
    if deep:
        raise SourceError(
            "elements in elements, more than 256 deep: not a page that is read", code="damaged"
        )
    return tree, ("nested too deeply: read without its layout",)


def _parsed(text: str) -> tuple[HtmlElement, bool]:
    """Return a page's tree, and whether it was cut for elements in each other."""
    parser = HTMLParser(
        encoding="utf-8", huge_tree=False, no_network=True, remove_comments=True, remove_pis=True
    )
    try:
        tree = document_fromstring(text.encode(), parser=parser)
    except etree.ParserError as error:  # what lxml.html says of a document without elements
        raise SourceError("there is no text in it: nothing to index", code="empty") from error
    except etree.LxmlError as error:
        raise SourceError(f"not HTML that can be read: {error}", code="damaged") from error
    for entry in parser.error_log:
        if entry.type == etree.ErrorTypes.ERR_RESOURCE_LIMIT:
            if "depth" in entry.message:
                return tree, True
            raise SourceError(
                "a single text of more than 10 MB in it, and no more are read: split it",
                code="too-large",
            )
    return tree, False


def lines_of(tree: HtmlElement) -> list[DocumentLine[Origin]]:
    """Return what a page shows: a block, a list's item or a table's row is one line.

    Links, emphasis and other markup inside a line leave no trace. Not recursive.
    """
    lines: Lines[Origin] = Lines()
    linked = aside = preformatted = 0
    skipped: HtmlElement | None = None
    walker = etree.iterwalk(tree, events=("start", "end"))
    for event, element in walker:
        tag = element.tag
        if not isinstance(tag, str):  # what a caller put into the tree
            continue
        block = tag in _BLOCKS
        if event == "start":
            if tag in _UNSEEN or _is_hidden(element):
                skipped = element
                walker.skip_subtree()
                continue
            linked += tag == "a"
            aside += _is_aside(element)
            preformatted += tag == "pre"
            if tag == "tr":
                lines.row()
            elif tag in ("td", "th"):
                lines.cell()
            elif block:
                lines.end()
            if element.text:
                origin = Origin(element, False, linked > 0, aside > 0)
                _add(lines, element.text, origin, preformatted > 0)
        else:
            if element is skipped:
                skipped = None
            else:
                linked -= tag == "a"
                aside -= _is_aside(element)
                preformatted -= tag == "pre"
                if tag == "tr":
                    lines.end_row()
                elif block or tag in ("td", "th"):
                    lines.end()
            if element.tail:
                origin = Origin(element, True, linked > 0, aside > 0)
                _add(lines, element.tail, origin, preformatted > 0)
    lines.end()
    return lines.done


def _add(lines: Lines[Origin], text: str, origin: Origin, preformatted: bool) -> None:
    if not preformatted:
        lines.add(text, *(() if text.isspace() else (origin,)))
        return
    first, *rest = text.split("\n")
    lines.add(first, origin)
    for line in rest:
        lines.end()
        lines.add(line, origin)


def _is_hidden(element: HtmlElement) -> bool:
    style = element.get("style")
    leads = {element.get("role"), element.get("epub:type")}
    hidden = "hidden" in element.attrib or not _TO_NOTES.isdisjoint(leads)
    return hidden or bool(style and _HIDDEN.search(style))


def _is_aside(element: HtmlElement) -> bool:
    return element.tag in _ASIDE or element.get("role") in _ASIDE_ROLES
