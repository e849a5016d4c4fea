"""Files of OCR and transcription programs: hOCR, ALTO and PAGE, one article a file.

The lines of a block are joined to paragraphs, words that were cut at a line's end put together, and
headings and numbers that most pages have left out, as of a PDF (`page_lines`). Blocks come as
they stand in the file, of PAGE in its reading order where it has one.
"""

from __future__ import annotations

from lxml import etree

from indexer.extraction.documents import Facts, article, mark
from indexer.extraction.page_lines import joined_lines, without_running_lines
from indexer.extraction.registry import Extracted
from indexer.extraction.zipped import local
from indexer.sources import Failure
from search.errors import SourceError

# What an element is, by its name, or of hOCR by its class.
_PAGES = frozenset({"Page", "ocr_page"})
_BLOCKS = frozenset({"TextBlock", "TextRegion", "ocr_par", "ocr_carea"})
_LINES = frozenset(
    {"TextLine", "ocr_line", "ocrx_line", "ocr_header", "ocr_caption", "ocr_textfloat"}
)


def of_hocr(page: str) -> Extracted | Failure:
    """Return the article of an hOCR page."""
    scan = Scan()
    parser = etree.HTMLParser(target=scan, no_network=True, huge_tree=False)
    try:
        parser.feed(page)
        parser.close()
    except etree.LxmlError as error:
        return Failure("", "damaged", f"not HTML that can be read: {error}")
    return scan.done[0] if scan.done else Failure("", "damaged", "hOCR that does not end")


class Scan:
    """Takes the elements of a scan's text, and has its article (`xml_kinds.Kind`)."""

    def __init__(self) -> None:
        self.done: list[Extracted | Failure] = []
        self._open: list[str] = []  # what each open element is
        self._pages: list[str] = []
        self._blocks: list[
            tuple[str, list[str]]
        ] = []  # of the page: lines, and what an order calls them
        self._order: dict[str, int] = {}
        self._line: list[str] = []
        self._cut = False
        self._words: list[str] = []  # of PAGE, where a line has no text of its own

    def start(self, tag: str, attrib: dict[str, str]) -> None:
        name = next((c for c in attrib.get("class", "").split() if c[:3] == "ocr"), local(tag))
        self._open.append(name)
        if name in _BLOCKS:
            self._blocks.append((attrib.get("id", ""), []))
        elif name in _LINES:
            self._line, self._words = [], []
        elif name == "String":
            whole = attrib.get("SUBS_CONTENT", "")  # of a word that is cut: its parts have both
            self._cut = whole != ""
            if not whole or attrib.get("SUBS_TYPE") == "HypPart1":
                self._line += (" ", whole or attrib.get("CONTENT", ""))
        elif name == "HYP" and not self._cut:
            self._line.append("-")
        elif name == "TextEquiv" and self._line:  # another reading of the same line
            self._open[-1] = ""
        elif name == "RegionRefIndexed":
            self._order.setdefault(attrib.get("regionRef", ""), len(self._order))

    def end(self, tag: str) -> None:  # noqa: ARG002
        name = self._open.pop()
        if name in _LINES:
            words = " ".join("".join(self._line or self._words).split())
            if not self._blocks:
                self._blocks.append(("", []))
            self._blocks[-1][1].append(words)
        elif name == "Word":
            self._words.append(" ")
        elif name in _PAGES:
            last = len(self._order)
            self._blocks.sort(key=lambda block: self._order.get(block[0], last))
            self._pages.append("\n\n".join("\n".join(lines) for _, lines in self._blocks))
            self._blocks, self._order = [], {}
        if not self._open:
            self._end_article()

    def data(self, data: str) -> None:
        if self._open[-2:] == ["TextEquiv", "Unicode"]:
            if self._open[-3:-2] == ["TextLine"]:
                self._line.append(data)
            elif self._open[-3:-2] == ["Word"]:
                self._words.append(data)
        elif not _LINES.isdisjoint(self._open) and "TextLine" not in self._open:
            self._line.append(data)

    def note(self) -> str:
        return ""

    def close(self) -> None:
        return None

    def _end_article(self) -> None:
        pages = without_running_lines(self._pages)
        # A block at a time: columns and pages have lines of different lengths.
        lines = (
            (mark("page", number) if not n and len(pages) > 1 else "") + joined_lines(block)[0]
            for number, page in enumerate(pages, start=1)
            for n, block in enumerate(page.split("\n\n"))
        )
        try:
            self.done.append(article(filter(None, lines), Facts(), size=0))
        except SourceError as error:
            self.done.append(Failure("", error.code, str(error)))
