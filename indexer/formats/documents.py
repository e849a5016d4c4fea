"""What the readers of documents share: a bounded read, lines of text, and facts made to fit.

A document's own facts (a title of two pages, a hundred keywords, "en-US" over Arabic) come
from programs more often than from people: what does not fit is cut or left out, and never
fails the text that it stands beside.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import BinaryIO, Generic, TypeVar

from indexer.dates import find_date
from indexer.encodings import Encoding
from indexer.formats import MEBIBYTE, Extracted
from search.errors import SourceError

MAX_WHOLE = 64 * MEBIBYTE  # bytes of a file that is read whole

# What `indexer.records` takes; not imported from there, which loads a language model.
_MAX_TEXT = 10_000_000
_MAX_TITLE = 1_000
_MAX_NAME = 200
_MAX_URL = 2_048
_MAX_TAGS = 64
_MAX_TAG = 100

# What no XML may hold, and no article has to.
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_ISO_DATE = re.compile(r"\s*(\d{4})([-/.]?)(\d{1,2})\2(\d{1,2})(?!\d)")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8}){0,4}")
_ARABIC = re.compile(r"[\u0620-\u064a\u0671-\u06d3\ufb50-\ufdfb\ufe70-\ufefc]")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")
_IN_ARABIC_SCRIPT = "ar arz apc ary acm ajp fa ur ps ckb ku sd ug pnb bal ks azb ara fas urd pus"
_ARABIC_SCRIPT = frozenset(_IN_ARABIC_SCRIPT.split())
_NO_LANGUAGE = frozenset({"und", "mul", "zxx", "mis"})
_SAMPLE = 4_000  # characters that show a text's script
_OLDEST = 1_000  # a year before it stands for "unknown", as calibre's 0101-01-01 does

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


@dataclass(frozen=True, slots=True)
class Line(Generic[Origin]):
    """A paragraph, heading, list item or table row, and where in the document it came from."""

    text: str
    origins: list[Origin] = field(default_factory=list)


class Lines(Generic[Origin]):
    """Pieces of text to lines: white space is layout, and a table's row is one line.

    A row whose cells hold more than a line each is layout too (old pages, letterheads):
    its lines stay lines.
    """

    def __init__(self) -> None:
        self.done: list[Line[Origin]] = []
        self._pieces: list[str] = []
        self._origins: list[Origin] = []
        self._held: list[tuple[list[str], list[Origin]]] = []
        self._rows: list[list[int]] = []

    def add(self, piece: str, *origins: Origin) -> None:
        """Take a piece of the line that is being written."""
        self._pieces.append(piece)
        self._origins += origins

    def end(self) -> None:
        """End the line; one of white space only is none."""
        text = " ".join("".join(self._pieces).split())
        if text:
            self.done.append(Line(text, self._origins))
        self._pieces = []
        self._origins = []

    def open(self) -> None:
        """Begin a paragraph, perhaps inside of another (a text box): that one waits."""
        self._held.append((self._pieces, self._origins))
        self._pieces, self._origins = [], []

    def close(self) -> None:
        """End the paragraph that was opened last."""
        self.end()
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
                self.done[starts[0] :] = [Line(" | ".join(cell.text for cell in cells), origins)]


def whole(stream: BinaryIO, limit: int = MAX_WHOLE) -> bytes:
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


def article(
    lines: Iterable[str], facts: Facts, *, size: int, notes: Sequence[str] = ()
) -> Extracted:
    """Return a document as an article, its facts made to fit.

    Raises:
        SourceError: it has no text, or more than an article may have.
    """
    text = UNPRINTABLE.sub("", "\n".join(lines))
    if not text or text.isspace():
        raise SourceError("there is no text in it: nothing to index", code="empty")
    if len(text) > _MAX_TEXT:
        raise SourceError(
            f"the text has {len(text):,} characters, and {_MAX_TEXT:,} are the most: split it",
            code="too-large",
        )
    said = list(notes)
    published = iso_date(facts.published)
    if facts.published.strip() and not published:
        said.append(f"date not understood: {_cut(facts.published, 40)}")
    language = _language(facts.language)
    if language and not _written_as(language, text[:_SAMPLE]):
        said.append(f"not in the language it names: {language}")
        language = ""
    tags = [tag for tag in map(_one_line, facts.tags) if tag and len(tag) <= _MAX_TAG]
    url = facts.url.strip()
    fields: dict[str, object] = {
        "title": _cut(facts.title, _MAX_TITLE),
        "author": _cut(facts.author, _MAX_NAME),
        "source": _cut(facts.source, _MAX_NAME),
        "language": language,
        "published": published,
        "tags": list(dict.fromkeys(tags))[:_MAX_TAGS],
        "url": url if len(url) <= _MAX_URL and not UNPRINTABLE.search(url) else "",
    }
    known = {key: value for key, value in fields.items() if value}
    return Extracted({**known, "text": text}, size=size, notes=tuple(said))


def iso_date(value: str) -> str:
    """Return the day that a document's date field means as 2024-01-31, "" if none."""
    if match := _ISO_DATE.match(value):
        year, _, month, day = match.groups()
        try:
            found = date(int(year), int(month), int(day)) if int(year) >= _OLDEST else None
        except ValueError:
            found = None
    else:
        found = find_date(value)
    return found.isoformat() if found else ""


def _language(value: str) -> str:
    """Return a language tag, "" if it is none."""
    value = value.strip()
    if not _LANGUAGE.fullmatch(value) or value[:3].lower() in _NO_LANGUAGE:
        return ""
    return value.replace("_", "-")


def _written_as(language: str, sample: str) -> bool:
    """Tell whether a text may be in this language: programs write "en-US" over anything."""
    arabic = len(_ARABIC.findall(sample))
    latin = len(_LATIN.findall(sample))
    if language.partition("-")[0].lower() in _ARABIC_SCRIPT:
        return arabic > 0 or latin == 0
    return arabic <= latin


def _one_line(value: str) -> str:
    return " ".join(UNPRINTABLE.sub("", value).split())


def _cut(value: str, limit: int) -> str:
    """Return a text as one line of at most `limit` characters, cut between words."""
    line = _one_line(value)
    if len(line) <= limit:
        return line
    return (line[: limit - 1].rpartition(" ")[0] or line[: limit - 1]) + "…"
