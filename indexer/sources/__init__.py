"""What people have, to articles: which files, read by whom, and what could not be read.

    identity       which id a file has
    listing        files and folders to a list of `SourceFile`
    sidecar        NAME.meta.json: what a person says of a file
    reading        listed files to articles, each file parsed in a bounded child process
    read_ahead     several files at once, their items in the files' order
    opening        files opened without waiting, and never a device
    naming         paths and errors as people may read them
    dead_letters   what failed, kept so that it can be tried again

`indexer.extraction` knows how each kind of file is read, and nothing of where it came from.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # numpy behind it would cost each child of `sandbox` 0.1 s and 30 MB
    from search.domain import Article


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to read.

    `name` tells its kind by its suffix, `size` is bytes, and its articles' ids begin with
    `id` (`search.article_ids.id_in_file`).
    """

    path: Path
    name: str
    size: int
    id: str


@dataclass(frozen=True, slots=True)
class Found:
    """An article and where it stands, such as `news.jsonl:17`.

    `size` is how many bytes of the source it accounts for; `notes` say what was not plain
    about it, such as a guessed encoding with its confidence or a repair; `file` is what it
    was read from.
    """

    article: Article
    place: str
    size: int
    notes: tuple[str, ...] = ()
    file: SourceFile | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """What could not be read or stored, and why.

    place   such as `news.jsonl:17`; to a reader of `indexer.extraction`, where it stands in its
            file ("17", "inner/name.html"), "" for the whole
    code    one of `indexer.failure_codes.CODES`
    reason  for people
    size    bytes passed over
    file    what has to be given to try again, None where nothing can be
    """

    place: str
    code: str
    reason: str
    size: int = 0
    file: SourceFile | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or folder left out on purpose; `kind` is one of few words to count it by."""

    place: str
    reason: str
    kind: str


Item = Found | Failure | Skipped
Listed = SourceFile | Failure | Skipped
