"""What the tests of files with many articles share: bytes read as a file of a name."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO

from indexer.formats import Broken, Extracted, Options, reader_of


def items_of(name: str, content: bytes, options: Options | None = None) -> list[Extracted | Broken]:
    return list(reader_of(name)(BytesIO(content), name, options or Options()))


def articles_of(items: Iterable[Extracted | Broken]) -> list[Extracted]:
    return [item for item in items if isinstance(item, Extracted)]


def broken_of(items: Iterable[Extracted | Broken]) -> list[Broken]:
    return [item for item in items if isinstance(item, Broken)]
