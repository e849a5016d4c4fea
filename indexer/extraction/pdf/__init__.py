"""PDFs by pypdf: the text of all pages and what the file says of itself, one article a file.

Which order letters are read in is decided here (`pdf_glyphs`, `pdf_lines`), by where they are
drawn, and not by pypdf's `extract_text`. That follows the order they are drawn in, and turns
a run of Arabic letters around: right for what is drawn from left to right, up to the next
number or Latin word (`الإصدار 2.5 من` came out as `من 2.5 الإصدار`, and ٢٠٢٣ as ٣٢٠٢), and wrong
for what cairo draws from right to left. Of the letters of tests/fixtures/pdf, in their place:

                extract_text   its layout mode   here
    Chromium    .63 to .94     .06 to .34        1
    LibreOffice .89 and .96    .37 and .08       1
    WeasyPrint  .70            .35               1
    fpdf2       .72            .37               1
    reportlab   .77            .37               1
    Typst       .41            .27               1
    cairo       .40            .38               1
    MuPDF       .11            .13               refused: no letters for its ligatures

A page's text goes on through `indexer.extraction.arabic_repair`: lines that most pages have are taken
out, what is not certain to be right is refused, and lines are joined to paragraphs.

Bounds: pypdf's own (loops in the page tree, chained filters, operators of a page) with the
lower ones below; pages and text of the whole file; a page's letters (`pdf_glyphs`).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from statistics import median_low
from typing import BinaryIO, TypeVar

from pypdf import DocumentInformation, PdfReader, apply_configuration
from pypdf.errors import FileNotDecryptedError, LimitReachedError

from indexer.extraction.arabic_repair import mended
from indexer.extraction.documents import Facts, articles, mark
from indexer.extraction.page_lines import lines_of_pages, without_running_lines
from indexer.extraction.pdf.fonts import UNKNOWN, plain
from indexer.extraction.pdf.glyphs import Fonts, has_picture, pieces_of
from indexer.extraction.pdf.lines import PageLine, is_right_to_left, lines_of, texts_of
from indexer.extraction.recognition import RecognisedPage, place_of, recognised
from indexer.extraction.registry import MEBIBYTE, Extracted, Options
from indexer.sources import Failure
from search.errors import SourceError
from search.limits import MAX_TEXT

MAX_FILE = 512 * MEBIBYTE  # bytes
MAX_PAGES = 5_000
MAX_STREAM = 64 * MEBIBYTE  # bytes that one stream unpacks to
MAX_OPERATORS = 1_000_000  # with their operands, of a page; 1,000,000 take 130 MB and 4 s
MAX_FAULTS = 1  # that are said in words
# Of words with letters, how many may have one of which the file does not say what it is.
MAX_UNKNOWN = 1 / 1_000
# Of the usual distance between two lines: what more than that begins a paragraph.
PARAGRAPH = 1.4

_TITLE_PROGRAM = re.compile(
    r"^Microsoft (?:Office )?(?:Word|Excel|PowerPoint|Publisher) - ", re.IGNORECASE
)
_NO_TITLE = re.compile(
    r"untitled.*|document\s*\d*|slide \d+|powerpoint presentation|about:blank|\W*|\d+|"
    r"(?:https?://|file://).*|بلا عنوان|بدون عنوان|"
    r".*\.(?:docx?|odt|rtf|txt|indd|qxd|qxp|pdf|pptx?|xlsx?|html?|tmp|ai|pub|cdr|tex|dvi|ps)",
    re.IGNORECASE,
)
_NO_AUTHOR = frozenset({
    "anonymous", "unknown", "user", "owner", "admin", "administrator", "guest", "hp", "dell",
    "acer", "asus", "lenovo", "toshiba", "pc", "windows", "author", "microsoft", "root", "مستخدم",
})  # fmt: skip
_COMMAS = re.compile(r"\s*[,،;؛]\s*")
_WORD = re.compile(r"\S+")

Result = TypeVar("Result")


def read(stream: BinaryIO, name: str, options: Options) -> Iterator[Extracted | Failure]:
    """Yield the article of a PDF; its encodings are its own, so `options` say nothing of them."""
    del name
    size = stream.seek(0, 2)
    if size > MAX_FILE:
        raise SourceError(f"{size:,} bytes, and {MAX_FILE:,} are the most", code="too-large")
    stream.seek(0)
    with (
        _heard() as faults,
        apply_configuration(
            zlib_maximum_output_length=MAX_STREAM,
            lzw_maximum_output_length=MAX_STREAM,
            run_length_maximum_output_length=MAX_STREAM,
            array_based_stream_maximum_output_length=MAX_STREAM,
            stream_parsing_work_maximum_count=MAX_OPERATORS,
            page_tree_maximum_page_entries=20 * MAX_PAGES,
            jbig2dec_binary=None,
        ),
    ):
        reader = _guarded(lambda: PdfReader(stream, strict=False), "it")
        pages, marks, notes = _pages(reader, stream, options)
        facts = _facts(reader)
    if faults:
        notes = (*notes, f"{len(faults):,} faults were passed over, first: {faults[0]}")
    pages = without_running_lines(pages)
    text = "\n".join(pages)
    _refuse_unknown(text)
    whole = mended(text.replace(UNKNOWN, ""))  # before lines are joined: it reads line by line
    lines = lines_of_pages(whole.text, pages, marks)
    yield from articles(lines, facts, size=size, notes=(*notes, *whole.repairs))


@contextmanager
def _heard() -> Iterator[list[str]]:
    """Collect what pypdf says of a file that it reads all the same."""
    faults: list[str] = []

    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            faults.append(record.getMessage()[:200] if len(faults) < MAX_FAULTS else "")

    handler = Listening()
    logger = logging.getLogger("pypdf")
    propagates, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield faults
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagates


def _guarded(work: Callable[[], Result], what: str) -> Result:
    """Do what pypdf may fail at; its documentation says that any exception may come."""
    try:
        return work()
    except (SourceError, MemoryError):
        raise
    except FileNotDecryptedError as error:
        raise SourceError("locked with a password: unlock it first", code="encrypted") from error
    except LimitReachedError as error:
        raise SourceError(f"{what} takes more than a PDF may: {error}", code="bomb") from error
    except Exception as error:
        reason = str(error)[:200] or type(error).__name__
        raise SourceError(f"{what} cannot be read: {reason}", code="damaged") from error


def _pages(
    reader: PdfReader, stream: BinaryIO, options: Options
) -> tuple[list[str], list[str], tuple[str, ...]]:
    """Return the text of each page, the mark of each, and notes where some are pictures."""
    count = _guarded(lambda: len(reader.pages), "its list of pages")
    if count > MAX_PAGES:
        raise SourceError(f"{count:,} pages, and {MAX_PAGES:,} are the most", code="too-large")
    fonts: Fonts = {}
    pages: list[list[PageLine]] = []
    letters, pictures = 0, list[int]()
    for number in range(count):
        what = f"page {number + 1:,}"
        page = _guarded(partial(reader.pages.__getitem__, number), what)
        pieces = _guarded(partial(pieces_of, page, reader, fonts), what)
        letters += len(pieces)
        if letters > MAX_TEXT:
            raise SourceError(f"more than {MAX_TEXT:,} letters: split it", code="too-large")
        if not pieces and _guarded(partial(has_picture, page), what):
            pictures.append(number + 1)
        pages.append(lines_of(pieces))
    scans: dict[int, RecognisedPage] = {}
    notes: tuple[str, ...] = ()
    if pictures:
        try:
            scans, notes, failure = recognised(stream, "pdf", pictures, options)
        except SourceError as error:
            reason = f"{len(pictures):,} of its {count:,} pages are pictures without text: {error}"
            notes, failure = (reason,), Failure("", error.code, reason)
        if failure and not (letters or scans):
            raise SourceError(failure.reason, code=failure.code)
    right_to_left = is_right_to_left([line for page in pages for line in page])
    texts = texts_of([line for page in pages for line in page], right_to_left=right_to_left)
    said = iter(texts)
    done = [_page(page, [next(said) for _ in page]) for page in pages]
    marks = [mark("page", number + 1) for number in range(count)]
    for number, scan in scans.items():
        done[number - 1], marks[number - 1] = scan.text, place_of(number, scan)
    return done, marks, notes


def _page(lines: Sequence[PageLine], texts: Sequence[str]) -> str:
    """Return a page's lines, with an empty one where there is more space between two."""
    steps = [above.level - below.level for above, below in pairwise(lines)]
    usual = median_low([step for step in steps if step > 0] or [0])
    done: list[str] = []
    for text, step in zip(texts, [0.0, *steps], strict=False):  # no text, no step
        if step > PARAGRAPH * usual > 0:
            done.append("")
        if text:
            done.append(text)
    return "\n".join(done)


def _refuse_unknown(text: str) -> None:
    """Refuse a text with words of which some letter is not known.

    Raises:
        SourceError: there are more than a few.
    """
    words = _WORD.findall(text)
    unknown = sum(UNKNOWN in word and len(word) > 1 for word in words)
    alone = sum(word == UNKNOWN for word in words)
    if unknown > MAX_UNKNOWN * len(words) or alone > len(words) / 4 > 0:
        raise SourceError(
            f"of {unknown + alone:,} of its {len(words):,} words it does not say which letters "
            "they are: make the PDF again, or recognise its text (OCR)",
            code="garbled",
        )


def _facts(reader: PdfReader) -> Facts:
    """Return what a PDF says of itself, as far as it is not what programs write."""
    found = _said(lambda: reader.metadata)
    if not isinstance(found, DocumentInformation):
        found = DocumentInformation()
    title = _TITLE_PROGRAM.sub("", _text(lambda: found.title))
    author = _text(lambda: found.author)
    created = _text(lambda: found.creation_date_raw).removeprefix("D:")
    keywords = _text(lambda: found.get("/Keywords"))
    return Facts(
        title="" if _NO_TITLE.fullmatch(title) else title,
        author="" if author.casefold() in _NO_AUTHOR else author,
        language=_text(lambda: reader.root_object.get("/Lang")),
        published=created[:8] if created[:8].isdecimal() else created,
        tags=tuple(filter(None, _COMMAS.split(keywords))),
    )


def _text(work: Callable[[], object]) -> str:
    """Return a text of the metadata, "" if it is none."""
    value = _said(work)
    if not isinstance(value, str):
        return ""
    text = plain(value).strip()
    return "" if UNKNOWN in text else text


def _said(work: Callable[[], object]) -> object:
    """Return what a PDF says of itself, None where that is broken: its text is what counts."""
    try:
        return _guarded(work, "")
    except SourceError:
        return None
