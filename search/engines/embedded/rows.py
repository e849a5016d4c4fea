"""The record's rows and their checksums: what is read is what was written, or an error.

Each row holds a CRC-32 of all its other columns, its number among them, so that no damaged
row, no row of another place and no value of another type is taken for what was written.
"""

from __future__ import annotations

import functools
import itertools
import json
import struct
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from search.domain import (
    ArticleInfo,
    IndexedPassage,
    Locator,
    Passage,
    PlaceKind,
    Places,
    Span,
    Vector,
)
from search.engines.embedded.packing import pack, unpack
from search.errors import RecordCorrupt

ARTICLE = (
    "a.key, a.first, a.passages, a.sentences, a.embedded, a.checksum, a.id, a.content_hash, "
    "a.title, a.source, a.author, a.language, a.published, a.tags, a.url"
)
PASSAGE = "p.number, p.start, p.end, p.spans, p.text"

_NUMBERS = struct.Struct("<5q")
_PLACE = struct.Struct("<3q")
_SPAN = struct.Struct("<2i")
_WRONG = (TypeError, ValueError, struct.error)
# The CRC-32 of anything followed by its own CRC-32, lowest byte first.
_WHOLE = 0x2144DF1C
_HALVES = 2  # float16 that the checksum takes at a vector's end
_AT_ONCE = 64  # passages whose vectors are made float16 together: half of the time


class ArticleRow(NamedTuple):
    """An article's row but for its text, as ARTICLE reads it. `published` and `tags` are as stored."""

    key: int
    first: int  # its first passage's number
    passages: int
    sentences: int
    embedded: int
    checksum: int
    id: str
    content_hash: str
    title: str
    source: str
    author: str
    language: str
    published: str
    tags: str
    url: str

    def info(self) -> ArticleInfo:
        """Return what is known of the article. Raises RecordCorrupt."""
        return ArticleInfo(
            id=self.id,
            title=self.title,
            source=self.source,
            author=self.author,
            language=self.language,
            published=self.published_on(),
            tags=self.tag_values(),
            url=self.url,
        )

    def published_on(self) -> date | None:
        """Return the article's date, None where it is unknown. Raises RecordCorrupt."""
        try:
            return date.fromisoformat(self.published) if self.published else None
        except _WRONG as error:
            raise damaged_article(self.id, f"its date cannot be read: {error}") from error

    def tag_values(self) -> tuple[str, ...]:
        """Return the article's tags. Raises RecordCorrupt."""
        try:
            return _tags(self.tags)
        except (*_WRONG, RecursionError) as error:
            raise damaged_article(self.id, f"its tags cannot be read: {error}") from error


@functools.lru_cache(maxsize=1_024)  # many articles have the same: 4 us each
def _tags(stored: str) -> tuple[str, ...]:
    return tuple(map(str, json.loads(stored)))


def article_checksum(numbers: Sequence[int], texts: Sequence[str]) -> int:
    """Return the checksum of an article's row, of its columns before and after the checksum."""
    return zlib.crc32("\0".join(texts).encode(), zlib.crc32(_NUMBERS.pack(*numbers)))


def article_row(row: Sequence[Any]) -> ArticleRow:
    """Return a row that ARTICLE reads. Raises RecordCorrupt where it is not as it was written."""
    return article_rows([row])[0]


def article_rows(rows: Iterable[Sequence[Any]]) -> list[ArticleRow]:
    """Return rows that ARTICLE reads. Raises RecordCorrupt where one is not as it was written."""
    # Written out: 100,000 of them are read when an index is opened, 1.4 us each.
    crc, numbers, known = zlib.crc32, _NUMBERS.pack, list(map(ArticleRow._make, rows))
    for row in known:
        try:
            if crc("\0".join(row[6:]).encode(), crc(numbers(*row[:5]))) == row[5]:
                continue
        except _WRONG:
            pass
        raise damaged_article(row.id, "its fields are not what was written")
    return known


def pack_article_text(text: str, key: int, encoded: bytes | None) -> bytes:
    """Return an article's text as its row holds it; `encoded` is `packing.encode` of it."""
    return pack(text, _place(key), encoded)


def article_text(packed: bytes, about: ArticleRow) -> str:
    """Return an article's text. Raises RecordCorrupt."""
    try:
        return unpack(packed, _place(about.key))
    except ValueError as error:
        raise damaged_article(about.id, f"its text cannot be read: {error}") from error


class PlaceColumns(NamedTuple):
    """Where an article's text stands, as it is stored: of 10,000 rows 20 ms less than `Places`."""

    starts: Sequence[int]
    kinds: Sequence[PlaceKind]
    values: Sequence[str]

    def at(self, start: int) -> Locator | None:
        before = bisect_right(self.starts, start)
        return Locator(self.kinds[before - 1], self.values[before - 1]) if before else None

    def all(self) -> Places:
        return tuple(zip(self.starts, map(Locator, self.kinds, self.values), strict=True))


NO_PLACES = PlaceColumns((), (), ())


def pack_places(places: Places, key: int) -> bytes:
    columns = zip(*[(start, place.kind, place.value) for start, place in places], strict=True)
    return pack(json.dumps(list(columns), ensure_ascii=False), _place(key))


def places_of(packed: bytes, about: ArticleRow) -> PlaceColumns:
    """Return where an article's text stands. Raises RecordCorrupt."""
    try:
        return PlaceColumns(*json.loads(unpack(packed, _place(about.key))))
    except (*_WRONG, RecursionError) as error:
        raise damaged_article(about.id, f"its places cannot be read: {error}") from error


def passage_row(
    number: int, passage: Passage, sentences: Sequence[Span], encoded: bytes | None
) -> tuple[int, int, int, bytes, bytes]:
    """Return the row of a passage, in the order of PASSAGE.

    `encoded` is `packing.encode` of the article's text: a byte a character, so that a passage's
    is a part of it.
    """
    start, end = passage.start, passage.end
    places = [place for span in sentences for place in (span.start, span.end)]
    spans = struct.pack(f"<{len(places)}i", *places)
    place = zlib.crc32(spans, _place(number, start, end))
    own = None if encoded is None else encoded[start:end]
    return number, start, end, spans, pack(passage.text, place, own)


def passage_of(
    row: Sequence[Any], about: ArticleRow, places: PlaceColumns = NO_PLACES
) -> tuple[Passage, tuple[Span, ...]]:
    """Return a passage of an article and the spans of its sentences that have vectors.

    Raises RecordCorrupt.
    """
    number, start, end, spans, packed = row
    try:
        text = unpack(packed, zlib.crc32(spans, _place(number, start, end)))
        return (
            Passage(about.id, number - about.first, start, end, text, places.at(start)),
            tuple(itertools.starmap(Span, _SPAN.iter_unpack(spans))),
        )
    except _WRONG as error:
        raise damaged_article(about.id, f"passage {number} cannot be read: {error}") from error


def pack_terms(terms: str, number: int, key: int) -> bytes:
    return pack(terms, _place(number, key))


def terms_of(packed: bytes, number: int, key: int) -> str:
    """Return the terms of passages. Raises RecordCorrupt."""
    try:
        return unpack(packed, _place(number, key))
    except _WRONG as error:
        raise damaged(f"its terms cannot be read: {error}", number) from error


def sealed_vectors(
    passages: Sequence[IndexedPassage], first: int
) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Yield number, sentences, own vector and sentences' vectors of passages numbered from `first`.

    Each is the float16 of unit vectors, with a checksum at their end. All passages have a vector.
    """
    for at in range(0, len(passages), _AT_ONCE):
        some = passages[at : at + _AT_ONCE]
        given: list[Vector] = []
        for passage in some:
            assert passage.vector is not None  # noqa: S101  # the article is embedded
            given.append(passage.vector[np.newaxis])
            if passage.sentences:
                given.append(passage.sentence_vectors)
        exact = np.concatenate(given, dtype=np.float64)
        exact /= np.sqrt(np.einsum("ij,ij->i", exact, exact))[:, np.newaxis]
        halves, width, start = exact.astype("<f2").tobytes(), 2 * exact.shape[1], 0
        for number, passage in enumerate(some, first + at):
            sentences = len(passage.sentences)
            end = start + width
            own = _seal(halves[start:end], number, sentences)
            start = end + sentences * width
            yield number, sentences, own, _seal(halves[end:start], number, sentences)


def _seal(content: bytes, number: int, sentences: int) -> bytes:
    return content + zlib.crc32(content, _seed(number, sentences)).to_bytes(4, "little")


def unseal(rows: Sequence[tuple[int, int, bytes]], dimensions: int, *, own: bool = False) -> Vector:
    """Return the vectors of rows (number, sentences, their sealed vectors), shape (n, dimensions).

    `own`: each has one, the passage's. Raises RecordCorrupt where one is not what was written.
    """
    _check_sealed(rows, (2 * (dimensions * (1 if own else row[1]) + _HALVES) for row in rows))
    halves = np.frombuffer(b"".join([row[2][: -2 * _HALVES] for row in rows]), "<f2")
    return floats(halves.reshape(-1, dimensions))


def floats(halves: NDArray[np.float16]) -> Vector:
    """Return float16 as float32: a hundred passages' sentences in 20 us, by numpy 300 us."""
    import numkong

    return np.asarray(numkong.astype(halves, "float32"))


def _check_sealed(rows: Sequence[tuple[int, int, bytes]], sizes: Iterable[int]) -> None:
    for (number, sentences, sealed), size in zip(rows, sizes, strict=True):
        try:
            whole = zlib.crc32(sealed, _seed(number, sentences)) == _WHOLE and len(sealed) == size
        except _WRONG:
            whole = False
        if not whole:
            raise damaged("its vectors are not what was written", number)


def _seed(number: int, sentences: int) -> int:
    """Return what a checksum of vectors begins with: other numbers, another one. 0.2 us."""
    place = number ^ sentences << 16
    return (place ^ place >> 32) & 0xFFFFFFFF


def removal_checksum(sequence: int, key: int, first: int, passages: int) -> int:
    return zlib.crc32(struct.pack("<4q", sequence, key, first, passages))


def removal_of(row: Sequence[Any]) -> tuple[int, int, int]:
    """Return (key, first passage's number, passages) of a removed article. Raises RecordCorrupt."""
    *values, checksum = row
    try:
        if removal_checksum(*values) == checksum:
            return values[1], values[2], values[3]
    except _WRONG:
        pass
    raise damaged_index("its list of removed articles is not what was written")


REMEDY = "Restore the index from a backup, or delete its folder and index your files again."


def damaged(what: str, number: object) -> RecordCorrupt:
    """Return the error that says so of a passage."""
    return RecordCorrupt(f"passage {number} of the record is damaged: {what}. {REMEDY}")


def damaged_article(id: object, what: str) -> RecordCorrupt:
    """Return the error that says so of an article."""
    return RecordCorrupt(f"article {str(id)[:100]!r} of the record is damaged: {what}. {REMEDY}")


def damaged_index(what: str) -> RecordCorrupt:
    """Return the error that says so of the record as a whole."""
    return RecordCorrupt(f"the record is damaged: {what}. {REMEDY}")


def _place(first: int, second: int = 0, third: int = 0) -> int:
    """Return the CRC-32 of up to three numbers. Raises struct.error on what are none."""
    return zlib.crc32(_PLACE.pack(first, second, third))
