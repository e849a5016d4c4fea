"""Shared by the readers of documents: a bounded read, lines of text, and an article of both."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import TYPE_CHECKING, BinaryIO, Generic, TypeVar

from indexer.extraction.book_parts import parts_of
from indexer.extraction.document_metadata import UNPRINTABLE, offered
from indexer.extraction.encodings import Encoding
from indexer.extraction.encodings.mojibake import readable
from indexer.extraction.registry import Extracted
from indexer.sources import Failure
from search.article_lines import PLACES
from search.errors import SourceError
from search.limits import MAX_FILE, MAX_PLACE, MAX_PLACES, MAX_TEXT

if TYPE_CHECKING:
    from search.domain import PlaceKind

_ARABIC = re.compile(r"[\u0620-\u064a\u0671-\u06d3\ufb50-\ufdfb\ufe70-\ufefc]")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")
_IN_ARABIC_SCRIPT = "ar arz apc ary acm ajp fa ur ps ckb ku sd ug pnb bal ks azb ara fas urd pus"
_ARABIC_SCRIPT = frozenset(_IN_ARABIC_SCRIPT.split())
# What `mark` makes, between two characters that are in no text and that XML takes.
_PLACE = r"\ufdd1(?:page|scan|slide|row|time|message) \S[^\ufdd1\ufdd2\n]{0,99}\ufdd2"
# A line end or a space that is there for the mark's sake goes with it.
_MARK = re.compile(rf"^{_PLACE}[ \n]|(?<= ){_PLACE} | {_PLACE}$|{_PLACE}", re.MULTILINE)
_LINE = re.compile("^.+$", re.MULTILINE)
_BETWEEN = re.compile(r"\s*[,;،؛]\s*")  # keywords
_SAMPLE = 4_000  # characters that show a text's script

Origin = TypeVar("Origin")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a document says of itself; "" and () where it says nothing."""

    title: str = ""
    author: str = ""
    source: str = ""
    language: str = ""
    published: str = ""
    tags: tuple[str, ...] = ()
    url: str = ""


def keywords_of(written: Iterable[str]) -> tuple[str, ...]:
    """Return keywords, of which programs write several into one text, with commas between."""
    return tuple(word for text in written for word in _BETWEEN.split(text.strip()) if word)


@dataclass(frozen=True, slots=True)
class DocumentLine(Generic[Origin]):
    """A paragraph, heading, list item or table row, and where in the document it came from."""

    text: str
    origins: list[Origin] = field(default_factory=list)


class Lines(Generic[Origin]):
    """Pieces of text to lines: white space is layout, and a table's row is one line.

    A row whose cells hold more than a line each is layout too (old pages, letterheads):
    its lines stay lines.
    """

    def __init__(self) -> None:
        self.done: list[DocumentLine[Origin]] = []
        self.headings: set[str] = set()
        self._pieces: list[str] = []
        self._origins: list[Origin] = []
        self._held: list[tuple[list[str], list[Origin]]] = []
        self._rows: list[list[int]] = []

    def add(self, piece: str, *origins: Origin) -> None:
        """Take a piece of the line that is being written."""
        self._pieces.append(piece)
        self._origins += origins

    def end(self, *, heading: bool = False) -> None:
        """End the line; one of white space only is none."""
        text = " ".join("".join(self._pieces).split())
        if text:
            if heading:
                self.headings.add(text)
            self.done.append(DocumentLine(text, self._origins))
        self._pieces = []
        self._origins = []

    def open(self) -> None:
        """Begin a paragraph, perhaps inside of another (a text box): that one waits."""
        self._held.append((self._pieces, self._origins))
        self._pieces, self._origins = [], []

    def close(self, *, heading: bool = False) -> None:
        """End the paragraph that was opened last."""
        self.end(heading=heading)
        if self._held:
            self._pieces, self._origins = self._held.pop()

    def row(self) -> None:
        """Begin a table's row."""
        self.end()
        self._rows.append([])

    def cell(self) -> None:
        """Begin a cell of the row."""
        self.end()
        if self._rows:
            self._rows[-1].append(len(self.done))

    def end_row(self) -> None:
        """End the row: cells of a line each become one line."""
        self.end()
        starts = self._rows.pop() if self._rows else []
        bounds = [*starts, len(self.done)]
        if all(end - start <= 1 for start, end in zip(starts, bounds[1:], strict=True)) and starts:
            cells = self.done[starts[0] :]
            if len(cells) > 1:
                origins = [origin for cell in cells for origin in cell.origins]
                self.done[starts[0] :] = [
                    DocumentLine(" | ".join(cell.text for cell in cells), origins)
                ]


def whole(stream: BinaryIO, limit: int = MAX_FILE) -> bytes:
    """Return all bytes of a file.

    Raises:
        SourceError: they are more than `limit`.
    """
    content = stream.read(limit + 1)
    if len(content) > limit:
        raise SourceError(
            f"more than {limit:,} bytes, and no file of its kind may have more here: split it",
            code="too-large",
        )
    return content


def encoding_notes(encoding: Encoding) -> tuple[str, ...]:
    """Return what is to be said of an encoding: nothing where it is UTF-8 for certain."""
    if encoding.confidence >= 1 and encoding.name.lower() in ("utf-8", "ascii"):
        return ()
    return (f"{encoding.name} ({encoding.confidence:.2f})".replace("(0.", "(."),)


def mark(kind: PlaceKind, value: object) -> str:
    """Return what stands in a line of `article` where a page, slide, row... begins; it is no text."""
    shown = " ".join(UNPRINTABLE.sub("", str(value)).split())[:MAX_PLACE]
    return f"\ufdd1{kind} {shown}\ufdd2" if shown else ""


def placed(text: str) -> tuple[str, list[tuple[int, str, str]]]:
    """Return a text without the marks in it, and its places (`fihris_places`), in order."""
    places, removed = dict[int, tuple[str, str]](), 0
    for found in _MARK.finditer(text):
        kind, _, value = found[0].strip(" \n\ufdd1\ufdd2").partition(" ")
        places[found.start() - removed] = (kind, value)  # of several at one character the last
        removed += len(found[0])
    bare = _MARK.sub("", text)
    end = len(bare.rstrip())
    known = [(start, *place) for start, place in places.items() if start < end]
    return bare, known if len(known) <= MAX_PLACES else []  # rather none than the wrong one


def articles(
    lines: Iterable[str],
    facts: Facts,
    *,
    size: int,
    notes: Sequence[str] = (),
    headings: Container[str] = (),
) -> Iterator[Extracted]:
    """Yield a document as an article, as several where it is longer than one may be.

    Args:
        lines, facts, size, notes: as `article` takes them.
        headings: the lines that are headings, at which it is split then.

    Raises:
        SourceError: as of `article`.
    """
    found = article(lines, facts, size=size, notes=notes)
    text = str(found.fields["text"])
    cuts = _LINE.finditer(text) if len(text) > MAX_TEXT else ()
    places = [(line.start(), line[0]) for line in cuts if line[0] in headings]
    return parts_of(found, places, MAX_TEXT)


def left_out(number: int, what: str) -> tuple[str, ...]:
    """Return a note on how many parts of a document were left out, where any were."""
    return (f"{number} {what}{'s' if number > 1 else ''} left out",) if number else ()


def noted_at_the_end(
    items: Iterable[Extracted | Failure], notes: Callable[[], Sequence[str]]
) -> Iterator[Extracted | Failure]:
    """Yield items, the last with notes that are known only behind it."""
    held: Extracted | Failure | None = None
    broken: SourceError | None = None
    try:
        for item in items:
            if held:
                yield held
            held = item
    except SourceError as error:  # what came before stays
        broken = error
    if isinstance(held, Extracted):
        held = replace(held, notes=(*held.notes, *notes()))
    if held:
        yield held
    if broken:
        raise broken


def article(
    lines: Iterable[str], facts: Facts, *, size: int, notes: Sequence[str] = ()
) -> Extracted:
    """Return a document as an article, its facts made to fit.

    Raises:
        SourceError: it has no text, or one that is broken.
    """
    given, places = placed("\n".join(lines))
    found = readable(given)
    text = UNPRINTABLE.sub("", found.text)
    if not text or text.isspace():
        raise SourceError("there is no text in it: nothing to index", code="empty")
    said = dict.fromkeys((*notes, *found.notes))
    known: dict[str, object] = {}
    for name_of in Facts.__dataclass_fields__:
        value = getattr(facts, name_of)
        offer = offered(name_of, _printable(value))
        said.update(dict.fromkeys(offer.notes))
        if offer.value is not None:
            known[name_of] = offer.value
    language = str(known.get("language", ""))
    if language and not _written_as(language, text[:_SAMPLE]):
        said[f"not in the language it names: {language}"] = None
        del known["language"]
    if places := places if text == given else _moved(places, given, text):
        known[PLACES] = places
    return Extracted({**known, "text": text}, size=size, notes=tuple(said))


def _moved(places: list[tuple[int, str, str]], given: str, text: str) -> list[tuple[int, str, str]]:
    """Return places of a text that was mended since: at the same characters of the same lines."""
    before, after = given.split("\n"), text.split("\n")
    if len(before) != len(after):
        return []
    ends = list(accumulate(len(line) + 1 for line in before))
    starts = list(accumulate((len(line) + 1 for line in after), initial=0))
    moved: dict[int, tuple[str, str]] = {}
    for start, *place in places:
        line = bisect_right(ends, start)
        column = start - (ends[line] - len(before[line]) - 1)
        moved[starts[line] + min(column, len(after[line]))] = (place[0], place[1])
    return [(start, *place) for start, place in moved.items() if start < len(text)]


def _printable(value: str | tuple[str, ...]) -> str | list[str]:
    if isinstance(value, str):
        return UNPRINTABLE.sub("", value)
    return [UNPRINTABLE.sub("", each) for each in value]


def _written_as(language: str, sample: str) -> bool:
    """Tell whether a text may be in this language: programs write "en-US" over anything."""
    arabic = len(_ARABIC.findall(sample))
    latin = len(_LATIN.findall(sample))
    if language.partition("-")[0].lower() in _ARABIC_SCRIPT:
        return arabic > 0 or latin == 0
    return arabic <= latin
