"""Bytes to text in the encoding they are in, said with how sure that is; else refused.

In this order, and the first that holds decides:

    a byte order mark       UTF-8, UTF-16, UTF-32: certain
    what a person says      `--encoding`: whatever the bytes look like
    valid UTF-8             certain
    UTF-8 but for a few     refused by the offset of the first byte that is wrong
    UTF-16 without a mark   told by the high bytes of Arabic and Latin letters
    what is declared        if the bytes read as text in it
    an 8-bit encoding       Windows-1256, ISO-8859-6 or Windows-1252: `indexer.extraction.encodings.codepages`

Nothing is ever replaced by U+FFFD. Names are the lower-case ones of the WATWG's encoding
standard, which Python's codecs know too.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO

from indexer.extraction.encodings.codepages import CANDIDATES, OTHER, probabilities
from search.errors import SourceError

# Under it two encodings are too near. Of 4,800 texts of 4 to 20 letters (xquad-ar) none was
# read wrongly at .9; with 10 letters 96 of 100 are read, with 20 99 of 100.
MIN_CONFIDENCE = 0.9

_CHUNK = 1 << 20  # bytes
_SAMPLE = 1 << 16  # bytes that tell UTF-16 and whether there is an escape
_REMEDY = "convert the file to UTF-8, or say --encoding"

_MARKS = (  # UTF-32's little-endian mark begins with UTF-16's
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32le"),
    (codecs.BOM_UTF32_BE, "utf-32be"),
    (codecs.BOM_UTF16_LE, "utf-16le"),
    (codecs.BOM_UTF16_BE, "utf-16be"),
)
_WIDE = ("utf-16le", "utf-16be", "utf-32le", "utf-32be")
_SEQUENCE = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_LOW = bytes(range(0x80))
# Of bytes over 0x7F that stand in letters of UTF-8. By chance the paragraphs of xquad-ar in
# Windows-1256 and ISO-8859-6 have .04 at most, Persian and Urdu sentences .02.
_MOSTLY = 0.4
_SURELY = 0.8  # where another encoding is declared: Chinese in GB 18030 has .49 by chance
# Four letters of UTF-8 in a row are no word of an 8-bit encoding: Ø§Ù„Ø¹.
_MOJIBAKE = re.compile(rb"(?:[\xd8\xd9][\x80-\xbf]){4}|(?:\xc3[\x80-\xbf]){2}")

# How browsers read these labels, and names that Python does not know.
_LABELS = {
    "ascii": "windows-1252",
    "iso8859-1": "windows-1252",
    "cp1252": "windows-1252",
    "cp1256": "windows-1256",
    "iso8859-6": "iso-8859-6",
    "iso8859-9": "windows-1254",
    "x-mac-arabic": "mac-arabic",
    "iso-8859-6-e": "iso-8859-6",
    "iso-8859-6-i": "iso-8859-6",
    "dos-720": "cp720",
    "utf-16": "utf-16le",
    "utf-32": "utf-32le",
}
# Python's own inventions, and what can write "<" in other letters.
_NO_ENCODINGS = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "utf-7"})
_SEVEN_BIT = ("iso2022", "hz")


@dataclass(frozen=True, slots=True)
class Encoding:
    """The encoding a text is in, and how sure that is: 1 is certain."""

    name: str
    confidence: float


@dataclass(frozen=True, slots=True)
class FileLine:
    """One line, without its end: its 1-based number, its size in bytes, and why it has no text."""

    number: int
    text: str
    size: int
    problem: str = ""


def known_encoding(name: str) -> str:
    """Return the name under which an encoding is used here, "" if there is none of that name."""
    label = name.strip().lower().replace("_", "-")
    if label in _LABELS:
        return _LABELS[label]
    if label in _WIDE or label in CANDIDATES:
        return label
    try:
        found = codecs.lookup(label).name
        b"a".decode(found, "ignore")  # bytes to bytes (hex, zip) is no encoding of a text
    except (LookupError, ValueError):
        return ""
    return "" if found in _NO_ENCODINGS else _LABELS.get(found, found)


def detected(content: bytes, declared: str = "", *, said: str = "") -> Encoding:
    """Return the encoding of a whole file.

    Args:
        content: its bytes, all of them.
        declared: what its head or its letter says; passed over where the bytes say
            otherwise, and where it is no encoding.
        said: what a person says, which decides.

    Raises:
        SourceError: it is in none for certain; names the candidates or the byte offset.
    """
    for mark, name in _MARKS:
        if content.startswith(mark):
            return Encoding(name, 1.0)
    if said and (name := known_encoding(said)):
        return Encoding(name, 1.0)
    said = known_encoding(declared) if declared else ""
    if said.startswith(_SEVEN_BIT) and _is_seven_bit(content) and _reads_as_text(content, said):
        return Encoding(said, 1.0)
    if (wide := _wide_without_mark(content)) is not None:
        return wide
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return _not_utf8(content, said, error)
    return Encoding("utf-8", 1.0)  # NUL is left to `_checked`


def _not_utf8(content: bytes, said: str, error: UnicodeDecodeError) -> Encoding:
    problem = _unreadable(content, "utf-8", error)
    if b"\0" in content and said not in _WIDE:
        raise SourceError(
            f"not a text: byte {content.index(0):,} is NUL; is it a binary file?", code="not-text"
        )
    around = content[max(0, error.start - _CHUNK) : error.start + _CHUNK]
    share = _utf8_share(around)
    if said and said not in CANDIDATES and share < _SURELY:
        found = _elsewhere(content, said)
        if found is not None:
            return found
    if share >= _MOSTLY or _MOJIBAKE.search(around):
        raise SourceError(f"{problem}; convert the file to UTF-8", code="encoding")
    return _eight_bit(content, said, problem)


def decode(content: bytes, declared: str = "", *, said: str = "") -> tuple[str, Encoding]:
    """Return the text of a whole file without its byte order mark, and its encoding.

    Args:
        content, declared, said: as `detected` takes them.

    Raises:
        SourceError: its encoding cannot be told for certain, or it is broken or binary.
    """
    encoding = detected(content, declared, said=said)
    return _checked(content, encoding.name).removeprefix("\ufeff"), encoding


def lines(stream: BinaryIO, limit: int, encoding: str = "") -> Iterator[FileLine]:
    """Yield a file's lines as `opened_lines` does."""
    yield from opened_lines(stream, limit, encoding)[1]


def opened_lines(
    stream: BinaryIO, limit: int, encoding: str = ""
) -> tuple[Encoding, Iterator[FileLine]]:
    """Return a file's encoding and its lines; one too long or not text has a `problem` instead.

    Reads in pieces and keeps at most `limit` bytes of a line, however long it is. The first
    MiB decides the encoding of all; where it does not, lines are UTF-8 and others fail. Sizes
    of UTF-16 and UTF-32 are those that their lines have in UTF-8.

    Args:
        encoding: what a person says, which decides.
    """
    head = stream.read(_CHUNK)
    found = _encoding_of_lines(head, encoding)
    pieces = _pieces(head, stream)
    if found.name in _WIDE:
        return found, _decoded(_as_utf8(pieces, found.name), "utf-8", limit)
    return found, _decoded(pieces, found.name, limit)


def _decoded(pieces: Iterator[bytes], name: str, limit: int) -> Iterator[FileLine]:
    offset = 0
    for number, (line, size) in enumerate(_bounded_lines(pieces, limit), start=1):
        if len(line) > limit:
            problem = f"the line has {size:,} bytes, and {limit:,} are the most"
            yield FileLine(number, "", size, problem)
        else:
            try:
                text = _checked(line, name, offset)
                yield FileLine(number, text.removeprefix("\ufeff") if number == 1 else text, size)
            except SourceError as error:
                yield FileLine(number, "", size, str(error))
        offset += size


def _encoding_of_lines(head: bytes, said: str) -> Encoding:
    if len(head) == _CHUNK:  # the last letter may be cut
        head = head[: head.rfind(b"\n") + 1] or head
    try:
        return detected(head, said=said)
    except SourceError:
        return Encoding("utf-8", 1.0)  # what else is in it fails by line


def _wide_without_mark(content: bytes) -> Encoding | None:
    """Tell UTF-16 by the high bytes of Latin and Arabic letters, 0x00 and 0x06.

    By chance two letters look so in 1 of 16,000 files, four in 1 of 250 million.
    """
    sample = content[:_SAMPLE]
    sample = sample[: len(sample) // 2 * 2]
    if len(sample) < 4:
        return None
    for name, high in (("utf-16le", sample[1::2]), ("utf-16be", sample[::2])):
        if (high.count(0) + high.count(6)) < 0.8 * len(high):
            continue
        text = sample.decode(name, "ignore")  # broken surrogates: `_checked` names them
        if all(map(_is_printed, set(text))):
            return Encoding(name, 0.99 if len(text) >= 4 else 0.95)
    return None


def _is_printed(char: str) -> bool:
    """Tell whether a text may have it: no control character but white space, and assigned."""
    return char in "\t\n\r\f\v\x1a\x85" or unicodedata.category(char) not in (
        "Cc",
        "Cn",
        "Co",
        "Cs",
    )


def _is_seven_bit(content: bytes) -> bool:
    return content.isascii() and (b"\x1b" in content[:_SAMPLE] or b"~{" in content[:_SAMPLE])


def _utf8_share(content: bytes) -> float:
    """Return how much of the bytes over 0x7F stands in letters of UTF-8."""
    high = len(content.translate(None, _LOW))
    return sum(len(found[0]) for found in _SEQUENCE.finditer(content)) / high


def _reads_as_text(content: bytes, name: str) -> bool:
    try:
        text = content.decode(name)
    except UnicodeError:
        return False
    return all(map(_is_printed, set(text)))


def _elsewhere(content: bytes, said: str) -> Encoding | None:
    """Return a declared encoding that no statistics here know (KOI8-R, GB18030), if it may be."""
    if not _reads_as_text(content, said):
        return None
    ranked = probabilities(content)
    best = next(iter(ranked))
    if best in CANDIDATES[:2] and ranked[best] > 0.99:  # Arabic that calls itself Russian
        return None
    return Encoding(said, MIN_CONFIDENCE)


def _eight_bit(content: bytes, said: str, problem: str) -> Encoding:
    ranked = probabilities(content, said)
    best, *others = ranked
    if best == OTHER and ranked[best] >= MIN_CONFIDENCE:
        raise SourceError(
            f"{problem}, and it reads as no Arabic or French in {', '.join(CANDIDATES)}; {_REMEDY}",
            code="encoding",
        )
    if ranked[best] < MIN_CONFIDENCE:
        rivals = " or ".join(f"{name} ({ranked[name]:.2f})" for name in (best, *others[:2]))
        raise SourceError(
            f"{problem}, and whether it is {rivals.replace('(0.', '(.')} is not certain; {_REMEDY}",
            code="encoding",
        )
    return Encoding(best, min(ranked[best], 0.99))


def _checked(content: bytes, encoding: str, offset: int = 0) -> str:
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        problem = _unreadable(content, encoding, error, offset)
        raise SourceError(f"{problem}; convert the file to UTF-8", code="encoding") from error
    nul = text.find("\0")
    if nul >= 0:
        raise SourceError(
            f"not a text: character {nul:,} is NUL; is it a binary file?", code="not-text"
        )
    return text


def _unreadable(content: bytes, name: str, error: UnicodeDecodeError, offset: int = 0) -> str:
    return (
        f"not {name.upper()}: byte {offset + error.start:,} (0x{content[error.start]:02x}) "
        "cannot be read"
    )


def _pieces(head: bytes, stream: BinaryIO) -> Iterator[bytes]:
    return chain((head,) if head else (), iter(lambda: stream.read(_CHUNK), b""))


def _as_utf8(pieces: Iterator[bytes], name: str) -> Iterator[bytes]:
    """Yield a file's bytes in pieces, UTF-16 or UTF-32 turned into UTF-8.

    What is broken (half of a surrogate pair, a last odd byte) becomes what is not UTF-8, so
    that the line it stands in fails and no other.
    """
    decoder = codecs.getincrementaldecoder(name)(_BROKEN)
    for piece in pieces:
        yield decoder.decode(piece).encode("utf-8", "surrogatepass")
    if decoder.getstate()[0]:
        yield b"\xff"


_BROKEN = "fihris-broken"
codecs.register_error(_BROKEN, lambda error: ("\udcff", getattr(error, "end", 0)))


def _bounded_lines(pieces: Iterator[bytes], limit: int) -> Iterator[tuple[bytes, int]]:
    """Yield (line, its whole size) of `pieces`, keeping one byte more than `limit` at most."""
    kept = bytearray()
    size = 0
    for piece in pieces:
        start = 0
        while start < len(piece):
            end = piece.find(b"\n", start) + 1 or len(piece)
            kept += piece[start : min(end, start + limit + 2 - len(kept))]
            size += end - start
            if piece[end - 1] == 0x0A:
                yield bytes(kept).removesuffix(b"\n"), size
                kept.clear()
                size = 0
            start = end
    if size:
        yield bytes(kept), size
