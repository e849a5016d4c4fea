"""Bytes to text without a guess: UTF-8, or UTF-16 where a byte order mark says so.

Bytes that are neither fail by name and offset; nothing is ever replaced by U+FFFD.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from search.errors import SourceError

_CHUNK = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Line:
    """One line, without its end: its 1-based number, its size in bytes, and why it has no text."""

    number: int
    text: str
    size: int
    problem: str = ""


def decode(content: bytes) -> str:
    """Return the text of a whole file, without its byte order mark.

    Raises:
        SourceError: it is not UTF-8 (or UTF-16 after its mark); names the byte offset.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _checked(content, "utf-16")
    return _checked(content, "utf-8").removeprefix("\ufeff")


def lines(stream: BinaryIO, limit: int) -> Iterator[Line]:
    """Yield a file's lines; one that is too long or not text has a `problem` instead.

    Reads in pieces and keeps at most `limit` bytes of a line, however long it is.
    """
    offset = 0
    for number, (line, size) in enumerate(_bounded_lines(_as_utf8(stream), limit), start=1):
        if len(line) > limit:
            problem = f"the line has {size:,} bytes, and {limit:,} are the most"
            yield Line(number, "", size, problem)
        else:
            try:
                text = _checked(line, "utf-8", offset)
                yield Line(number, text.removeprefix("\ufeff") if number == 1 else text, size)
            except SourceError as error:
                yield Line(number, "", size, str(error))
        offset += size


def _checked(content: bytes, encoding: str, offset: int = 0) -> str:
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise SourceError(
            f"not {encoding.upper()}: byte {offset + error.start:,} "
            f"(0x{content[error.start]:02x}) cannot be read; convert the file to UTF-8"
        ) from error
    nul = text.find("\0")
    if nul >= 0:
        raise SourceError(
            f"not a text: character {nul:,} is NUL; is it a binary file, or UTF-16 without a mark?"
        )
    return text


def _as_utf8(stream: BinaryIO) -> Iterator[bytes]:
    """Yield a file's bytes in pieces, UTF-16 turned into UTF-8.

    Broken surrogates are carried over, and a last odd byte becomes one that is not UTF-8,
    so that the line they stand in fails and no other.
    """
    piece = stream.read(_CHUNK)
    if not piece.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        while piece:
            yield piece
            piece = stream.read(_CHUNK)
        return
    decoder = codecs.getincrementaldecoder("utf-16")("surrogatepass")
    while piece:
        yield decoder.decode(piece).encode("utf-8", "surrogatepass")
        piece = stream.read(_CHUNK)
    if decoder.getstate()[0]:
        yield b"\xff"


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
