"""Parses files in bounded child processes, and reports what became of each.

Small files of kinds that only Python reads (texts, subtitles, JSON, tables) share a child,
which is renewed now and then; every other file has a child of its own. Where the shared one
ended in any way, the file is read again in one of its own, so that only a guilty one fails.
What a child says is an untrusted file's doing: it is checked here as what people give is
(`article_from`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from types import MappingProxyType

from indexer.extraction.registry import (
    MANY,
    MEBIBYTE,
    NO_OCR,
    SUFFIXES,
    Options,
    all_suffixes,
    kind_of,
    suffix_of,
)
from indexer.extraction.sandbox.recogniser import MAX_TABLE, Pages, Recogniser
from indexer.extraction.sandbox.wire import End, Piece, Said, Scan, failed
from indexer.extraction.sandbox.zygote import TIMED_OUT, Child, ChildGone, Zygote
from indexer.ingestion.records import article_from, own_id
from indexer.sources import Failure, Found, SourceFile
from indexer.sources.naming import shown
from indexer.sources.opening import open_regular
from search.article_ids import id_in_file, parsed
from search.errors import SourceError

# What a file gives is held back until so many code points have come or the file has ended,
# and is not given at all if the file changed meanwhile: an article that is half of one
# version and half of another is worse than none. One article is always held.
HELD = 8_000_000

# Broken parts after which a file is given up, if it has fewer articles than those: a list
# of a million numbers has 2 MB, and its dead letters would have 400.
MAX_BROKEN = 100_000

WAITING = 4  # times a page's processor seconds that are waited for it: others work too

SHARING = frozenset({"plain", "subtitles", "objects", "tables"})
SHARED_SIZE = MEBIBYTE // 4  # bytes of a file that shares a child: what it gives is held
SHARED_FILES = 200  # after which the shared child is renewed: whatever they left behind ends

_HOPELESS = failed(
    "damaged", f"more than {MAX_BROKEN:,} parts of it cannot be read: the rest is passed over"
)
_CHANGED = failed("changed", "it changed while it was being read: try again when it is complete")
_NOTHING: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Limits:
    """What parsing a file may take.

    `seconds` are for each item of a file; larger files have more (`time_allowed`).
    `memory` bounds the addresses of the child in bytes, 180 MB of which are Python and
    the libraries before the first byte is read.
    """

    seconds: float = 15.0
    memory: int = 512 * MEBIBYTE


@dataclass(frozen=True, slots=True)
class Usage:
    """What parsing a file took: seconds, and the most bytes that its process had in memory."""

    file: SourceFile
    seconds: float
    peak: int


OnUsage = Callable[[Usage], None]


def time_allowed(name: str, size: int, limits: Limits) -> tuple[float, int]:
    """Return (seconds for each item, processor seconds for the whole file).

    A file of one article has a second more for each MiB past ten: it cannot be told from
    an endless loop before it ends. One of many articles has a second an item for each
    64 MiB, in which it may have to pass over all of itself (gzip unpacks some 100 MiB/s),
    and 10 s of processor time a MiB: lines take 0.2 s, PDFs in an archive up to 8 s.
    """
    mebibytes = size / MEBIBYTE
    if kind_of(name) in MANY:
        return limits.seconds + mebibytes / 64, int(limits.seconds + 10 * mebibytes) + 1
    seconds = limits.seconds + max(0.0, mebibytes - 10)
    return seconds, int(seconds) + 1


class Parser:
    """Parses files in bounded child processes. One at a time: not for several threads.

    Args:
        limits: what parsing a file may take.
        formats: the package whose `reader_of` knows what reads a name.
        on_usage: called after each file with what it took.
        recogniser: reads pages that are pictures; without it they are refused.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        formats: str = "indexer.extraction.registry",
        on_usage: OnUsage | None = None,
        recogniser: Recogniser | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._formats = formats
        self._on_usage = on_usage or (lambda _: None)
        self._recogniser = recogniser
        self._zygote: Zygote | None = None
        self._shared: Child | None = None
        self._sharing = 0  # files that the shared child may still read
        self._reading: Child | None = None
        self._stopped = False

    def __enter__(self) -> Parser:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def stop(self) -> None:
        """Have the file in work fail at once, and every later one. From any thread."""
        self._stopped = True
        if self._reading is not None:
            self._reading.interrupt()

    def close(self) -> None:
        """End the processes; a later `parse` starts them anew."""
        self._end_shared()
        if self._zygote is not None:
            self._zygote.close()
            self._zygote = None

    def parse(
        self,
        file: SourceFile,
        options: Options | None = None,
        descriptor: int | None = None,
        *,
        known: Mapping[str, object] = _NOTHING,
        source: str = "",
    ) -> Generator[Found | Failure, None, None]:
        """Yield a file's articles, and a Failure for the file or each part that has none.

        Args:
            file: its name tells its kind.
            options: what a person says of it.
            descriptor: of the open file, instead of that of its path; it stays open.
            known: fields of a file that is one article, over what the file says.
            source: the source of articles that name none.
        """
        try:
            if not suffix_of(file.name):
                reason = f"not a kind of file that is read ({', '.join(all_suffixes())})"
                raise SourceError(reason, code="unsupported")
            opened = open_regular(file.path) if descriptor is None else os.dup(descriptor)
        except SourceError as error:
            yield Failure(shown(file.path), error.code, str(error), file.size, file)
            return
        try:
            yield from self._read(_Reading(file, opened, known, source), options or Options())
        finally:
            os.close(opened)

    def _read(self, reading: _Reading, options: Options) -> Iterator[Found | Failure]:
        """Yield what a child finds, the first of it once the file is known to stand still."""
        held: list[Found | Failure] = []
        length = 0
        with closing(self._said(reading, options)) as everything:
            for said in everything:
                items = reading.items_of(said)
                held += items
                length += sum(len(item.article.text) for item in items if isinstance(item, Found))
                if reading.broken > max(MAX_BROKEN, reading.found):
                    held += reading.items_of(_HOPELESS)
                    break
                if length > HELD and len(held) > 1:
                    if reading.changed():
                        break
                    yield from held
                    held.clear()
        yield from reading.items_of(_CHANGED) if reading.changed() else held

    def _said(self, reading: _Reading, options: Options) -> Generator[Said, None, None]:
        """Yield what a child says, the shared one of a small text as long as it goes well."""
        name, size = reading.file.name, reading.size
        if not size:
            yield End()
            return
        kind = kind_of(name)
        seconds, cpu_seconds = time_allowed(name, size, self._limits)
        try:
            if size <= SHARED_SIZE and kind in SHARING:
                if self._shared is None or self._shared.ended or not self._sharing:
                    self._end_shared()
                    self._shared, self._sharing = self._fork([name], cpu_seconds), SHARED_FILES
                self._sharing -= 1
                said = list(self._said_by(self._shared, reading, seconds, options))
                if not self._shared.ended or said[-1] is TIMED_OUT:
                    yield from said
                    return
            # An archive may hold any kind, and would load each anew for every PDF in it.
            names = [name, *(f"any{suffix}" for suffix in SUFFIXES if kind == "archives")]
            with closing(self._fork(names, cpu_seconds)) as child:
                yield from self._said_by(child, reading, seconds, options)
        except ChildGone as gone:
            self.close()
            yield failed("crashed", str(gone))

    def _said_by(
        self, child: Child, reading: _Reading, seconds: float, options: Options
    ) -> Generator[Said, None, None]:
        begun = time.monotonic()
        said_of_it = {"fields": dict(options.fields), "encoding": options.encoding}
        by = self._recogniser if kind_of(reading.file.name) not in SHARING else None
        without_ocr = by.missing if by else NO_OCR
        with closing(Pages(reading.opened, by, self._page_of)) as pages:
            self._interruptible(child)
            given = (reading.opened, reading.file.name, seconds, said_of_it, without_ocr)
            for said in child.read(*given):
                if isinstance(said, Piece):
                    pages.take(said)
                elif isinstance(said, Scan):
                    child.answer(pages.of(said))
                    self._interruptible(child)
                else:
                    yield said
        self._on_usage(Usage(reading.file, time.monotonic() - begun, child.peak))

    def _page_of(self, document: int, scan: Scan, by: Recogniser) -> str | Failure:
        """Return what the recogniser's program says of a page of a document.

        Raises:
            ChildGone: parsing was stopped.
        """
        if by.stopping():
            raise ChildGone("parsing was stopped")
        child = self._fork([], by.seconds, by.memory, by.program)
        self._interruptible(child)
        return child.page(document, scan, WAITING * by.seconds, MAX_TABLE, by.stopping)

    def _interruptible(self, child: Child) -> None:
        """Have this child interrupted by a stop."""
        self._reading = child
        if self._stopped:
            child.interrupt()

    def _fork(
        self, names: list[str], cpu_seconds: int, memory: int = 0, program: Sequence[str] = ()
    ) -> Child:
        if self._stopped:
            raise ChildGone("parsing was stopped")
        if self._zygote is not None and not self._zygote.alive():
            self.close()
        self._zygote = self._zygote or Zygote()
        memory = memory or self._limits.memory
        return self._zygote.fork(self._formats, names, memory, cpu_seconds, program)

    def _end_shared(self) -> None:
        if self._shared is not None:
            self._shared.close()
            self._shared = None


class _Reading:
    """One file while it is being read: what it was like at first, how much was accounted for."""

    def __init__(
        self, file: SourceFile, opened: int, known: Mapping[str, object], source: str
    ) -> None:
        self.file, self.opened, self._known, self._source = file, opened, known, source
        self._first = self._state()
        self.size = self._left = self._first[0]
        self.found = self.broken = 0

    def _state(self) -> tuple[int, int]:
        status = os.fstat(self.opened)
        return status.st_size, status.st_mtime_ns

    def changed(self) -> bool:
        return self._state() != self._first

    def items_of(self, said: Said) -> list[Found | Failure]:
        """Return what is said as items: an end is one only where nothing came before."""
        if isinstance(said, End):
            if self.found or self.broken:
                return []
            said = failed("empty", "there is no text: nothing to index")
        place = shown(self.file.path) + (said.place and f":{said.place}")
        size = min(said.size, self._left)  # never more than the file has
        self._left -= size
        if isinstance(said, Failure):
            self.broken += 1
            return [replace(said, place=place, size=size, file=self.file)]
        fields = {**said.fields, **({} if said.place else self._known)}
        fields["source"] = fields.get("source") or self._source
        try:
            article = article_from(fields, self._id_of(said.inside, fields))
        except SourceError as error:
            self.broken += 1
            return [Failure(place, _code(error, fields), str(error), size, self.file)]
        self.found += 1
        return [Found(article, place, size, said.notes, self.file)]

    def _id_of(self, inside: str, fields: Mapping[str, object]) -> str:
        """Return an article's id, "" where it is the one that it says itself."""
        own = own_id(fields)
        collection, _ = parsed(self.file.id)
        return "" if own and not collection else id_in_file(self.file.id, inside, own)


def _code(error: SourceError, fields: Mapping[str, object]) -> str:
    """Return the code of fields that make no article."""
    if error.code != "unreadable":
        return error.code
    text = fields.get("text")
    return "empty" if isinstance(text, str) and not text.strip() else "bad-field"
