"""Files parsed in bounded child processes, and what became of each.

What a child says is an untrusted file's doing: it is checked here as what people give is
(`article_from`), and a child that ends in any way ends its file only.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from types import MappingProxyType

from indexer.formats import MEBIBYTE, SUFFIXES, Broken, Extracted, Options, suffix_of
from indexer.records import article_from
from indexer.sources import Failure, Found, SourceFile
from indexer.sources.child import OUT_OF_MEMORY, Request
from indexer.sources.metadata import MANY
from indexer.sources.naming import shown
from indexer.sources.opening import open_regular
from indexer.sources.wire import End, Failed, Said, said_in
from indexer.sources.zygote import Ended, Gone, Silent, Zygote, lines_of
from search.errors import SourceError

# What a file gives is held back until so many bytes of it have come or the file has ended,
# and is not given at all if the file changed meanwhile: an article that is half of one
# version and half of another is worse than none. One article is always held.
HELD = 8 * MEBIBYTE

# Broken parts after which a file is given up, if it has fewer articles than those: a list
# of a million numbers has 2 MB, and its dead letters would have 400.
MAX_BROKEN = 100_000

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
    """What parsing a file took: seconds and processor seconds, the most bytes in memory."""

    file: SourceFile
    seconds: float
    cpu: float
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
    if SUFFIXES[suffix_of(name)] in MANY:
        return limits.seconds + mebibytes / 64, int(limits.seconds + 10 * mebibytes) + 1
    seconds = limits.seconds + max(0.0, mebibytes - 10)
    return seconds, int(seconds) + 1


class Parser:
    """Parses files, each in a bounded child process. One at a time: not for several threads.

    Args:
        limits: what parsing a file may take.
        formats: the package whose `reader_of` knows what reads a name.
        on_usage: called after each file with what it took.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        formats: str = "indexer.formats",
        on_usage: OnUsage | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._formats = formats
        self._on_usage = on_usage
        self._zygote: Zygote | None = None

    def __enter__(self) -> Parser:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes; a later `parse` starts them anew."""
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
        place = shown(file.path)
        if not suffix_of(file.name):
            reason = f"not a kind of file that is read ({', '.join(SUFFIXES)})"
            yield Failure(place, reason, file.size, "unsupported", file)
            return
        try:
            opened = open_regular(file.path) if descriptor is None else os.dup(descriptor)
        except SourceError as error:
            yield Failure(place, str(error), file.size, error.code, file)
            return
        try:
            reading = _Reading(file, opened, known, source)
            if reading.size:
                yield from self._read(reading, options or Options())
            else:
                yield from reading.items_of(End())
        finally:
            os.close(opened)

    def _read(self, reading: _Reading, options: Options) -> Iterator[Found | Failure]:
        """Yield what a child finds, the first of it once the file is known to stand still."""
        held: list[Found | Failure] = []
        size = 0
        with closing(self._said(reading, options)) as everything:
            for said, length in everything:
                held += reading.items_of(said)
                if reading.broken > max(MAX_BROKEN, reading.found):
                    held.append(reading.failure("damaged", _HOPELESS))
                    break
                size += length
                if size > HELD and len(held) > 1:
                    yield from held
                    held.clear()
        if reading.changed():
            reason = "it changed while it was being read: try again when it is complete"
            held = [reading.failure("changed", reason)]
        yield from held

    def _said(self, reading: _Reading, options: Options) -> Generator[tuple[Said, int], None, None]:
        """Yield what a child says, and the bytes of that; at last always a Failed or an End."""
        name, size = reading.file.name, reading.size
        seconds, cpu_seconds = time_allowed(name, size, self._limits)
        request = Request(
            name=name,
            size=size,
            fields=dict(options.fields),
            encoding=options.encoding,
            formats=self._formats,
            seconds=seconds,
            cpu_seconds=cpu_seconds,
            memory=self._limits.memory,
        )
        last: Said | None = None
        try:
            zygote = self._running()
            results = zygote.start(request, reading.opened)
        except Gone as gone:
            self.close()
            yield Failed("crashed", str(gone)), 0
            return
        ended: Ended | None = None
        try:
            for line in lines_of(results, seconds):
                said = said_in(line)
                if isinstance(said, Failed | End):
                    last = said
                    break
                yield said, len(line)
        except Silent:
            last = Failed("timeout", _TIMEOUT)
        except ValueError:
            last = Failed("crashed", "its reader said what is not understood")
        finally:  # also where nobody wants to read on
            os.close(results)
            try:
                ended = zygote.ended(stop=True)
            except Gone:
                self.close()
        if ended is not None and self._on_usage is not None:
            self._on_usage(Usage(reading.file, ended.seconds, ended.cpu, ended.peak))
        if last is None:
            last = _failed(ended, request) if ended else Failed("crashed", str(Gone()))
        yield last, 0

    def _running(self) -> Zygote:
        if self._zygote is not None and not self._zygote.alive():
            self.close()
        if self._zygote is None:
            self._zygote = Zygote()
        return self._zygote


class _Reading:
    """One file while it is being read: what it was like at first, how much was accounted for."""

    def __init__(
        self, file: SourceFile, opened: int, known: Mapping[str, object], source: str
    ) -> None:
        status = os.fstat(opened)
        self.file = file
        self.opened = opened
        self.size = status.st_size
        self._modified = status.st_mtime_ns
        self._known = known
        self._source = source
        self._place = shown(file.path)
        self._left = self.size
        self.found = 0
        self.broken = 0

    def changed(self) -> bool:
        status = os.fstat(self.opened)
        return (status.st_size, status.st_mtime_ns) != (self.size, self._modified)

    def items_of(self, said: Said) -> list[Found | Failure]:
        """Return what is said as an item; the end as one only where nothing came before."""
        match said:
            case Extracted():
                item = self._article(said)
                self.found += isinstance(item, Found)
                self.broken += isinstance(item, Failure)
                return [item]
            case Broken():
                self.broken += 1
                size = self._accounted(said.size)
                place = self._inside(said.part)
                return [Failure(place, said.reason, size, said.code, self.file)]
            case Failed():
                return [self.failure(said.code, said.reason)]
            case End():
                reason = "there is no text: nothing to index"
                return [] if self.found or self.broken else [self.failure("empty", reason)]

    def failure(self, code: str, reason: str) -> Failure:
        """Return the failure of all that was not accounted for yet."""
        return Failure(self._place, reason, self._accounted(self._left), code, self.file)

    def _article(self, said: Extracted) -> Found | Failure:
        place, size = self._inside(said.part), self._accounted(said.size)
        fields = dict(said.fields)
        if not said.part:
            fields |= self._known
        if self._source and not fields.get("source"):
            fields["source"] = self._source
        try:
            article = article_from(fields)
        except SourceError as error:
            return Failure(place, str(error), size, _code(error, fields), self.file)
        return Found(article, place, size, said.notes, self.file)

    def _inside(self, part: str) -> str:
        return f"{self._place}:{part}" if part else self._place

    def _accounted(self, size: int) -> int:
        """Return the size of a part, never more than the file has left."""
        size = min(size, self._left)
        self._left -= size
        return size


_TIMEOUT = "parsing it took longer than a file of its size may"
_HOPELESS = f"more than {MAX_BROKEN:,} parts of it cannot be read: the rest is passed over"
_MEMORY = "parsing it took more memory than a file may"


def _failed(ended: Ended, request: Request) -> Failed:
    """Return what to say of a child that ended without a last word."""
    if os.WIFEXITED(ended.status):
        if os.WEXITSTATUS(ended.status) == OUT_OF_MEMORY:
            return Failed("memory", _MEMORY)
        return Failed("crashed", "its reader ended early")
    number = os.WTERMSIG(ended.status)
    if number in (signal.SIGALRM, signal.SIGXCPU) or ended.cpu >= request.cpu_seconds:
        return Failed("timeout", _TIMEOUT)
    # Native code that is refused memory aborts, or writes to where it is not; the kernel
    # kills the largest when there is none left.
    if ended.peak > request.memory // 2:
        return Failed("memory", _MEMORY)
    return Failed("crashed", f"parsing it ended its process ({signal.strsignal(number)})")


def _code(error: SourceError, fields: Mapping[str, object]) -> str:
    """Return the code of fields that make no article."""
    if error.code != "unreadable":
        return error.code
    text = fields.get("text")
    return "empty" if isinstance(text, str) and not text.strip() else "bad-field"
