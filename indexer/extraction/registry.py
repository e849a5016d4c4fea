"""How each kind of file is read. Runs only in a bounded child process (`indexer.extraction.sandbox.child`).

A format is a module with one function, `read`, of type `Reader`. What cannot be read
raises SourceError with a code of `indexer.failure_codes`; where only a part of it cannot (a line,
a member of an archive), a `Failure` is yielded and reading goes on. Other packages add formats
as entry points (docs/EXTENDING.md); no suffix of ours can be taken by one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, BinaryIO
from unicodedata import normalize

from indexer.sources import Failure
from search import registry
from search.errors import SettingsError, SourceError
from search.limits import FIELDS

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

MEBIBYTE = 1 << 20
_MAX_SUFFIX = 12  # characters; what is longer is the end of a name
METADATA_SUFFIX = ".meta.json"  # of what a person says of the file of one article beside it
MAX_METADATA = MEBIBYTE  # bytes of it


@dataclass(frozen=True, slots=True)
class Kind:
    """What is read by one module: what its files are, for people, and their suffixes.

    many      whether a file is many articles, each with its own fields
    streamed  whether a member of an archive is read without being held in memory
    """

    shown: str
    suffixes: str
    many: bool = False
    streamed: bool = False


# By the module under this package that has the reader. The suffix decides, in lower case.
KINDS: Mapping[str, Kind] = {
    "plain": Kind(
        "text, one article; chat of WhatsApp's",
        ".txt .text .log .md .markdown .completed .inprogress",
    ),
    "subtitles": Kind("subtitles, one article", ".srt .vtt"),
    "html": Kind("web page or hOCR, one article", ".html .htm .xhtml .hocr"),
    "objects": Kind(
        "JSON, article a line; chats of Telegram's", ".jsonl .ndjson .json", True, True
    ),
    "tables": Kind("table, an article a row", ".csv .tsv", True, True),
    "xml_kinds": Kind(
        "feed, WordPress's export, TEI, JATS, OCR", ".xml .rss .atom", many=True, streamed=True
    ),
    "xlsx": Kind("Excel table, an article a row or sheet", ".xlsx", many=True),
    "ods": Kind("OpenDocument table, an article a row, sheet", ".ods", many=True),
    "pdf": Kind("PDF, one article", ".pdf"),
    "pictures": Kind(
        "picture of pages, one article", ".png .jpg .jpeg .tif .tiff .webp .bmp .gif .pnm"
    ),
    "docx": Kind("Word document, one article", ".docx"),
    "rtf": Kind("Rich Text Format, one article", ".rtf"),
    "odt": Kind("OpenDocument text or slides, one article", ".odt .odp"),
    "pptx": Kind("PowerPoint presentation, one article", ".pptx"),
    "epub": Kind("book, one article", ".epub"),
    "mail": Kind("e-mail, an article each letter", ".eml"),
    "outlook": Kind("letter of Outlook's", ".msg"),
    "mbox": Kind("mailbox, an article each letter", ".mbox", many=True, streamed=True),
    "archives": Kind(
        "archive or compressed file of all of these",
        ".zip .7z .rar .tar .tgz .gz .bz2 .xz",
        many=True,
    ),
    "unread": Kind("set aside, with what to save it as", ".doc .xls .ppt"),
}
MANY = frozenset(module for module, kind in KINDS.items() if kind.many)
SUFFIXES: Mapping[str, str] = {
    suffix: module for module, kind in KINDS.items() for suffix in kind.suffixes.split()
}

# Of OpenITI's texts, most of which have none: `0255Jahiz.Hayawan.JK000127-ara1`.
OPENITI = (".completed", ".inprogress")
_OPENITI_NAME = re.compile(r"\d{4}[A-Z]\w+\.[A-Z]\w+\.\w+-[a-z]{3}\d{1,2}", re.ASCII)

# Of a mailbox's letters: the line before each. Thunderbird's mailboxes have no suffix.
MAILBOX = re.compile(rb"From \S?.{0,200}\d:\d\d")


# (a document, "pdf" or "picture", numbers of its pages) -> tesseract's table of each, or why not
Recognise = Callable[[BinaryIO, str, Sequence[int]], Iterator[str | Failure]]
NO_OCR = "pictures of pages, and text recognition (OCR) is off"


def nothing_recognised(document: BinaryIO, kind: str, numbers: Sequence[int]) -> Iterator[str]:  # noqa: ARG001
    """Refuse pictures of pages. Raises SourceError."""
    raise SourceError(NO_OCR, code="no-text-layer")


@dataclass(frozen=True, slots=True)
class Options:
    """What a person says of their files.

    fields     article field -> its name in JSON objects and table heads (`text` -> `body`)
    encoding   of all texts, where it is known; "" detects it
    recognise  gives the text of pages that are pictures
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    encoding: str = ""
    recognise: Recognise = nothing_recognised


@dataclass(frozen=True, slots=True)
class Extracted:
    """One article's fields as `indexer.ingestion.records.article_from` takes them.

    `id` is among them only where the article says it. `place` is where it stands in its file
    ("17", "inner/name.html"), "" for the whole; `inside` is what follows the file's id in its
    own where it says none (`/inner/name.html`, `:` and a digest), "" for the whole; `size` is
    bytes read since the last one; `notes` say what was not plain about it.
    """

    fields: Mapping[str, object]
    place: str = ""
    size: int = 0
    notes: tuple[str, ...] = ()
    inside: str = ""


# (the file, its name whose suffix tells its kind, options) -> what is in it, in order
Reader = Callable[[BinaryIO, str, Options], Iterator[Extracted | Failure]]


def suffix_of(name: str) -> str:
    """Return a name's suffix that tells a kind of file, "" if none does."""
    suffix = "." + name.rpartition(".")[2].lower()
    if suffix == "." + name.lower():
        return ""
    if _OPENITI_NAME.fullmatch(name.rpartition("/")[2]):
        return OPENITI[0]
    return suffix if suffix in SUFFIXES or suffix in others() else ""


@cache
def others() -> Mapping[str, EntryPoint]:
    """Return the readers of other packages, not loaded, by their suffixes."""
    found = registry.installed(registry.FORMATS)
    own = {f".{name.lower()}": entry for name, entry in found.items()}
    return {suffix: entry for suffix, entry in own.items() if suffix not in SUFFIXES}


def all_suffixes() -> list[str]:
    """Return the suffixes of every kind of file that is read."""
    return [*SUFFIXES, *others()]


def kind_of(name: str) -> str:
    """Return our reader's module of files of this name, "" where it is another package's or none."""
    return SUFFIXES.get(suffix_of(name), "")


def left_out_as(name: str) -> str:
    """Return what a file that is not read is counted by: its suffix, as it is."""
    suffix = PurePosixPath(name).suffix.lower()
    if not suffix:
        return "without a suffix"
    return suffix if len(suffix) <= _MAX_SUFFIX else "with a long suffix"


def reader_of(name: str) -> Reader:
    """Return what reads files of this name.

    Raises:
        SourceError: no kind of file has this suffix, or the package that reads it is broken.
    """
    suffix = suffix_of(name)
    if not suffix:
        kinds = ", ".join(all_suffixes())
        raise SourceError(f"not a kind of file that is read ({kinds})", code="unsupported")
    reader: Reader
    if suffix in SUFFIXES:
        reader = import_module(f"indexer.extraction.{SUFFIXES[suffix]}").read
        return reader
    try:
        reader = registry.load(others()[suffix])
    except SettingsError as error:
        raise SourceError(str(error), code="unsupported") from error
    return _named(reader, others()[suffix])


def _named(reader: Reader, entry: EntryPoint) -> Reader:
    """Return another package's reader, its failures with its name: one member's, not the archive's."""

    def read(stream: BinaryIO, name: str, options: Options) -> Iterator[Extracted | Failure]:
        try:
            for item in reader(stream, name, options):
                if not isinstance(item, Extracted | Failure):
                    raise TypeError
                yield item
        except (SourceError, MemoryError):
            raise
        except Exception as error:
            what = f": {error}" if isinstance(error, PermissionError) else ""  # what it may not do
            raise SourceError(
                f"its reader, of the package {registry.package_of(entry)}, failed "
                f"({type(error).__name__}{what}): update or remove that package",
                code="crashed",
            ) from error

    return read


def id_of(name: str) -> str:
    """Return the id of what is given under a name without a path: in NFC, texts without suffix."""
    suffix = suffix_of(name)
    return normalize("NFC", name[: -len(suffix)] if suffix in (".txt", ".md") else name)


def unknown_fields(known: Mapping[str, object], name: str) -> tuple[str, ...]:
    """Return a note on what is said in a NAME.meta.json, called `name`, that is no field."""
    unknown = [key[:40] for key in known if key not in {*FIELDS, "_id"}]
    shown = ", ".join(f'"{key}"' for key in unknown[:5]) + (", ..." if len(unknown) > 5 else "")
    return (f"{name}: {shown} is no field and was passed over",) if unknown else ()


def inside_of(known: Mapping[str, object]) -> str:
    """Return what names an article among several of a file: nothing where it has its own id.

    Not its place: a line that is put before it would make it another article.
    """
    if "id" in known:
        return ""
    parts = [known["url"]] if "url" in known else [known.get("title", ""), known.get("text")]
    digest = hashlib.sha256("\n".join(map(str, parts)).encode("utf-8", "surrogatepass"))
    return f"/:{digest.hexdigest()[:16]}"
