"""Pictures of pages: what text recognition (OCR) reads in them, one article a file."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from indexer.extraction.documents import Facts, articles
from indexer.extraction.page_lines import lines_of_pages, without_running_lines
from indexer.extraction.recognition import place_of, recognised
from indexer.extraction.registry import MEBIBYTE, Extracted, Options
from indexer.sources import Failure
from search.errors import SourceError

MAX_FILE = 64 * MEBIBYTE  # bytes
MAX_PAGES = 5_000  # of a TIFF

_TIFF = {b"II*\0": "<", b"MM\0*": ">"}  # the order of its bytes


def read(stream: BinaryIO, name: str, options: Options) -> Iterator[Extracted | Failure]:  # noqa: ARG001
    """Yield the article of a picture, or of a TIFF of several. Raises SourceError."""
    size = stream.seek(0, 2)
    if size > MAX_FILE:
        raise SourceError(f"{size:,} bytes, and {MAX_FILE:,} are the most", code="too-large")
    numbers = range(1, _count(stream, size) + 1)
    pages, notes, failure = recognised(stream, "picture", numbers, options)
    if failure and not pages:
        raise SourceError(failure.reason, code=failure.code)
    texts = without_running_lines([page.text for page in pages.values()])
    marks = [place_of(*page) for page in pages.items()]
    yield from articles(
        lines_of_pages("\n".join(texts), texts, marks), Facts(), size=size, notes=notes
    )


def _count(stream: BinaryIO, size: int) -> int:
    """Return how many pictures there are: of a TIFF each page has a directory, which names the next."""
    stream.seek(0)
    if (order := _TIFF.get(stream.read(4))) is None:
        return 1
    count, seen = 0, set[int]()
    try:
        (place,) = struct.unpack(f"{order}I", stream.read(4))
        while place and place not in seen and count < MAX_PAGES:
            seen.add(place)
            stream.seek(place)
            (entries,) = struct.unpack(f"{order}H", stream.read(2))
            stream.seek(min(size, place + 2 + 12 * entries))
            count += 1
            (place,) = struct.unpack(f"{order}I", stream.read(4))
    except struct.error:  # cut off: what is there may be read
        pass
    return max(1, count)
