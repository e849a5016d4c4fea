"""NAME.meta.json: what a person says of the article beside it, over what the file itself says."""

from __future__ import annotations

import os
from pathlib import Path

from indexer.extraction.encodings import decode
from indexer.extraction.encodings.mojibake import check_fields
from indexer.extraction.registry import MANY, MAX_METADATA, METADATA_SUFFIX, kind_of, suffix_of
from indexer.ingestion.records import parse_object
from indexer.sources.naming import problem_of
from indexer.sources.opening import open_regular
from search.errors import SourceError


def is_described(name: str) -> bool:
    """Tell whether a NAME.meta.json is read beside a file of this name."""
    return suffix_of(name) != "" and kind_of(name) not in MANY


def metadata_of(path: Path) -> dict[str, object]:
    """Return what NAME.meta.json beside a file of one article says, {} without one.

    Raises:
        SourceError: it cannot be read, is not a JSON object, or has the text in it.
    """
    if not is_described(path.name):
        return {}
    beside = path.with_name(path.stem + METADATA_SUFFIX)
    try:
        content = _content(beside)
        if content is None:
            return {}
        known = parse_object(decode(content)[0])
        check_fields(known)
    except SourceError as error:
        raise SourceError(f"{beside.name}: {error}", code=error.code) from error
    if "text" in known:
        raise SourceError(f'{beside.name}: "text" belongs in {path.name}', code="bad-field")
    return known


def _content(path: Path) -> bytes | None:
    """Return a small file's bytes, None where there is none."""
    try:
        descriptor = open_regular(path)
    except SourceError as error:
        if error.code == "not-found":
            return None
        raise
    try:
        with os.fdopen(descriptor, "rb") as stream:
            content = stream.read(MAX_METADATA + 1)
    except OSError as error:
        code, reason = problem_of(error)
        raise SourceError(reason, code=code) from error
    if len(content) > MAX_METADATA:
        raise SourceError(f"larger than {MAX_METADATA:,} bytes", code="too-large")
    return content
