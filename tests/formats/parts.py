"""What the tests of files with many articles share: bytes read as a file of a name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from io import BytesIO

from indexer.extraction.registry import Extracted, Options, id_of, reader_of
from indexer.sources import Failure
from search.article_ids import id_in_file


def items_of(
    name: str, content: bytes, options: Options | None = None
) -> list[Extracted | Failure]:
    found = reader_of(name)(BytesIO(content), name, options or Options())
    return [with_id(item, name) for item in found]


def with_id(item: Extracted | Failure, name: str) -> Extracted | Failure:
    """Return an item with the id that its article has where the file is sent under its name."""
    if isinstance(item, Failure):
        return item
    article_id = id_in_file(id_of(name), item.inside, "")
    return replace(item, fields={"id": article_id, **item.fields})


def made_id(name: str, *known: str) -> str:
    return f"{name}/:{hashlib.sha256(chr(10).join(known).encode()).hexdigest()[:16]}"


def articles_of(items: Iterable[Extracted | Failure]) -> list[Extracted]:
    return [item for item in items if isinstance(item, Extracted)]


def broken_of(items: Iterable[Extracted | Failure]) -> list[Failure]:
    return [item for item in items if isinstance(item, Failure)]
