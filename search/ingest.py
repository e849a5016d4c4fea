"""The interface through which a server stores articles.

`api` asks it, `indexer.ingestion.service` answers it, and neither knows the other: `fihris serve`
puts them together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple, Protocol

from search.domain import Filter, WriteOutcome
from search.seen_ids import FirstPlaces

# Of an upload's Content-Type, to the suffix that it stands for.
MEDIA_TYPES: Mapping[str, str] = {
    "text/plain": ".txt",
    "text/markdown": ".md",
    "application/x-subrip": ".srt",
    "text/vtt": ".vtt",
    "text/html": ".html",
    "application/xhtml+xml": ".xhtml",
    "application/json": ".json",
    "application/x-ndjson": ".jsonl",
    "application/jsonl": ".jsonl",
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/xml": ".xml",
    "application/rss+xml": ".rss",
    "application/atom+xml": ".atom",
    "application/pdf": ".pdf",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/tiff": ".tiff",
    "image/webp": ".webp",
    "image/bmp": ".bmp",
    "image/gif": ".gif",
    "image/x-portable-anymap": ".pnm",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.oasis.opendocument.text": ".odt",
    "application/rtf": ".rtf",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/vnd.oasis.opendocument.presentation": ".odp",
    "application/msword": ".doc",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.ms-powerpoint": ".ppt",
    "application/vnd.ms-outlook": ".msg",
    "application/x-7z-compressed": ".7z",
    "application/vnd.rar": ".rar",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.oasis.opendocument.spreadsheet": ".ods",
    "application/epub+zip": ".epub",
    "message/rfc822": ".eml",
    "application/mbox": ".mbox",
    "application/zip": ".zip",
    "application/x-tar": ".tar",
    "application/gzip": ".gz",
}
# Suffixes of kinds that are read besides.
OTHER_SUFFIXES = (
    ".text",
    ".log",
    ".markdown",
    ".completed",
    ".inprogress",
    ".htm",
    ".jpeg",
    ".tif",
    ".hocr",
    ".ndjson",
    ".tgz",
    ".bz2",
    ".xz",
)

FAILURES_TOLD = 20  # of a call over many articles


class BodyLine(NamedTuple):
    """A line of a body, by its number from 1; `content` None if it was too long to keep."""

    number: int
    content: bytes | None


@dataclass(frozen=True, slots=True)
class Worked:
    """What became of the articles that a filter lets through, as far as a call got.

    There were `matched` of them when it began. `failed` names the first `FAILURES_TOLD` of the
    `failures`. `cursor` is where another call goes on, "" where all is done.
    """

    matched: int = 0
    changed: int = 0
    unchanged: int = 0
    failures: int = 0
    failed: tuple[WriteOutcome, ...] = ()
    cursor: str = ""


class Ingest(Protocol):
    """Stores articles. Every method blocks until its answer is true, and may be called from
    many threads at once; what they give is written together, small calls before large ones.

    Each raises EngineBusy when another process is writing, Stopping after `stop`,
    EngineUnavailable and EmbedderError when nothing can be stored now: then nothing of the
    call was acknowledged, and giving it again is safe.
    """

    def lines(
        self, lines: Sequence[BodyLine], places: FirstPlaces, collection: str = ""
    ) -> list[WriteOutcome]:
        """Store the article of each line of JSON, in order; a bad line fails alone.

        Args:
            places: of the body that the lines are of: an id of an earlier line is refused.
            collection: what they are in; "": as their ids say.
        """
        ...

    def article(self, fields: Mapping[str, object], collection: str = "") -> WriteOutcome:
        """Store one article of these fields (`id`, `text`, ...), in a collection as `lines`."""
        ...

    def file(self, file: BinaryIO, name: str, collection: str = "") -> Iterator[WriteOutcome]:
        """Store the articles of a file, as they are found, in a collection as `lines`.

        `name` tells its kind by its suffix.

        An id that the file has twice is refused the second time.

        The file must be a real one (it has a descriptor), as it is parsed in another process.
        """
        ...

    def delete(self, article_id: str) -> bool:
        """Remove an article; return whether there was one."""
        ...

    def delete_matching(self, filter: Filter, cursor: str, *, dry_run: bool) -> Worked:
        """Remove the articles that a filter lets through; `changed` counts them.

        Whatever ends this early, doing it again removes what is left.

        Args:
            cursor: where a call before got to, "" to begin.
            dry_run: count them only.
        """
        ...

    def change_matching(
        self, filter: Filter, fields: Mapping[str, object], cursor: str, *, dry_run: bool
    ) -> Worked:
        """Set these fields of the articles that a filter lets through; texts and vectors stay.

        Whatever ends this early, doing it again changes what is left. Raises InputError besides,
        naming a field that cannot be set. Args as of `delete_matching`.
        """
        ...

    def show(self) -> None:
        """Return when searches in every process see all that was acknowledged before."""
        ...

    def stop(self) -> None:
        """Have every call end within seconds: what is not being written yet raises Stopping."""
        ...

    def close(self) -> None:
        """Stop, and let go of processes and threads."""
        ...
