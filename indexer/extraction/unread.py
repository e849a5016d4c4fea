"""Kinds of files that are not read, each with what to save it as: no free and small reader is maintained.

.doc .xls .ppt  no kept library in Python reads them
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from indexer.extraction.registry import Extracted, Options, suffix_of
from indexer.sources import Failure
from search.errors import SourceError

_TO_DO = {
    ".doc": "Word's format of before 2007: save it as .docx",
    ".xls": "Excel's format of before 2007: save it as .xlsx",
    ".ppt": "PowerPoint's format of before 2007: save it as .pptx",
}


def read(stream: BinaryIO, name: str, options: Options) -> Iterator[Extracted | Failure]:  # noqa: ARG001
    """Set a file aside. Raises SourceError."""
    raise SourceError(f"not read: {_TO_DO[suffix_of(name)]}", code="unsupported")
