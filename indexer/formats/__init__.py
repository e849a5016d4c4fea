"""How each kind of file is read. Runs only in a bounded child process (`indexer.sources.child`).

A format is a module with one function, `read`, of type `Reader`. What cannot be read
raises SourceError with a code of `indexer.codes`; where only a part of it cannot (a line,
a member of an archive), a `Broken` is yielded and reading goes on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import BinaryIO

from search.errors import SourceError

MEBIBYTE = 1 << 20
MAX_LINE = 16 * MEBIBYTE  # bytes of one line of JSON

# Of an article, as `indexer.records` takes them.
FIELDS = ("id", "title", "author", "source", "language", "published", "tags", "url", "text")

# The suffix decides, in lower case; the module under this package has the reader.
SUFFIXES: Mapping[str, str] = {
    ".txt": "plain",
    ".md": "plain",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".jsonl": "objects",
    ".ndjson": "objects",
    ".json": "objects",
    ".csv": "tables",
    ".tsv": "tables",
    ".pdf": "pdf",
    ".docx": "docx",
    ".odt": "odt",
    ".epub": "epub",
    ".eml": "mail",
    ".zip": "archives",
    ".tar": "archives",
    ".tgz": "archives",
    ".gz": "archives",
    ".bz2": "archives",
    ".xz": "archives",
}


@dataclass(frozen=True, slots=True)
class Options:
    """What a person says of their files.

    fields    article field -> its name in JSON objects and table heads (`text` -> `body`)
    encoding  of all texts, where it is known; "" detects it
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    encoding: str = ""


@dataclass(frozen=True, slots=True)
class Extracted:
    """One article's fields as `indexer.records.article_from` takes them, `id` among them.

    `part` is where it stands in its file ("17", "inner/name.html"), "" for the whole;
    `size` is bytes read since the last one; `notes` say what was not plain about it.
    """

    fields: Mapping[str, object]
    part: str = ""
    size: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Broken:
    """A part of a file that cannot be read, and why."""

    part: str
    code: str
    reason: str
    size: int = 0


# (the file, its name as ids have it, options) -> what is in it, in order
Reader = Callable[[BinaryIO, str, Options], Iterator[Extracted | Broken]]


def suffix_of(name: str) -> str:
    """Return a name's suffix that tells a kind of file, "" if none does."""
    suffix = "." + name.rpartition(".")[2].lower()
    return suffix if suffix in SUFFIXES and suffix != "." + name.lower() else ""


def reader_of(name: str) -> Reader:
    """Return what reads files of this name.

    Raises:
        SourceError: no kind of file has this suffix.
    """
    suffix = suffix_of(name)
    if not suffix:
        kinds = ", ".join(SUFFIXES)
        raise SourceError(f"not a kind of file that is read ({kinds})", code="unsupported")
    reader: Reader = import_module(f"indexer.formats.{SUFFIXES[suffix]}").read
    return reader


def id_of(name: str) -> str:
    """Return the id of a file's only article: its name, of texts without the suffix."""
    suffix = suffix_of(name)
    return name[: -len(suffix)] if suffix in (".txt", ".md") else name


def id_within(name: str, *known: object) -> str:
    """Return the id of an article among several of a file, from what is known of it.

    Not from its place: a line that is put before it would make it another article.
    """
    digest = hashlib.sha256("\n".join(map(str, known)).encode("utf-8", "surrogatepass"))
    return f"{name}:{digest.hexdigest()[:16]}"
