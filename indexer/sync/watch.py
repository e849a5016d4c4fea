"""An index kept like folders, for days: what is new, changed, moved or removed there.

One thread: it waits for events, looks where they happened (`watching.scanner`), and writes
what stands still (`watching.sync`). Because events are lost, everything is scanned at the
start, now and then, and after many of them at once, and compared with what the index holds.
Without its table in the data folder all is read again, and nothing but failures is told again.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from watchfiles import watch as events_of

from indexer.extraction.registry import Options
from indexer.ingestion.pipeline import index
from indexer.sources import Failure
from indexer.sources.identity import FileIds
from indexer.sources.naming import shown
from indexer.sources.reading import read_articles
from indexer.sync.catalogue import Catalogue, catalogue_path
from indexer.sync.places import is_folder
from indexer.sync.scanner import Scanner
from indexer.sync.sync import Sync
from search.embedding import Embedder
from search.engines.protocol import Engine
from search.errors import EmbedderError, EngineBusy, EngineUnavailable, InputError
from search.settings import Settings

SLICE = 10.0  # seconds of writing before events are looked at again


@dataclass(frozen=True, slots=True)
class Intervals:
    """Seconds.

    settle  a file is read, or taken for gone, when nothing changed for so long
    rescan  everything is looked at again, and compared with what is stored
    retry   before what cannot be done now is tried again: to be told of events, to write
    """

    settle: float = 2.0
    rescan: float = 600.0
    retry: float = 15.0


def watch(
    folders: Sequence[Path],
    engine: Engine,
    embedder: Embedder,
    settings: Settings,
    *,
    stopping: Callable[[], bool],
    tell: Callable[[str], None],
    on_failure: Callable[[Failure], None],
    options: Options | None = None,
    source: str = "",
    embed: bool = True,
    allow_empty: bool = False,
    intervals: Intervals | None = None,
) -> None:
    """Keep an index like folders until `stopping`; catch up first with what changed before.

    Args:
        folders: none inside another. One that was watched before may be away.
        engine, embedder, settings, options, source, embed: as for indexing.
        stopping: asked all the time.
        tell: called with lines for people: what was done, what keeps it from being done.
        on_failure: called once for each version of a file and each reason why some of it
            cannot be read or stored, which is told, too.
        allow_empty: False keeps the articles of a folder that became empty all at once, or
            whose disk is not mounted.
        intervals: how long it waits for what.

    Raises:
        InputError: a folder is none, is inside another, or is being watched already.
        EngineError: the index is damaged, or was made by another analyser or model.
    """
    options, intervals = options or Options(), intervals or Intervals()

    def failed(failure: Failure, is_first: bool = True) -> None:
        on_failure(failure)
        if is_first:  # a file may have a million bad lines
            tell(f"failed: {failure.place}: {failure.reason}")

    read = partial(read_articles, options=options, source=source)
    write = partial(
        index, engine=engine, embedder=embedder, settings=settings, embed=embed, stopping=stopping
    )
    reading = json.dumps([sorted(options.fields.items()), options.encoding, source])
    with ExitStack() as stack:
        syncs = []
        for path in _checked(folders, settings):
            catalogue = Catalogue(catalogue_path(path, settings), path, tell)
            stack.callback(catalogue.close)
            tell(f"watching {shown(path)}: {len(catalogue.entries):,} files known")
            scanner = Scanner(
                path,
                catalogue,
                FileIds(root=str(settings.root)),
                reading=zlib.crc32(reading.encode()),
                settle=intervals.settle,
                allow_empty=allow_empty,
                tell=tell,
                on_failure=failed,
            )
            syncs.append(Sync(scanner, engine, embedder, read, write, stopping, embed, failed))
        _Watch(syncs, engine, intervals, stopping, tell).run()


@dataclass
class _Watch:
    """`watch`, once all is open."""

    syncs: Sequence[Sync]
    engine: Engine
    intervals: Intervals
    stopping: Callable[[], bool]
    tell: Callable[[str], None]
    has_events: bool = True
    rescan_at: float = float("-inf")
    retry_at: float | None = None  # None: neither the engine nor the model is waited for

    def run(self) -> None:
        """Work until it is stopped; each round of events begins with a whole scan."""
        while not self.stopping():
            for sync in self.syncs:
                sync.scanner.needs_scan = True  # what happened while nobody listened
            before = self._identities()
            with closing(self._events()) as events:
                for paths in events:
                    self._step(paths)
                    # What is watched is a folder, not its name: another may stand there now.
                    if self.stopping() or self._identities() != before:
                        break

    def _events(self) -> Generator[set[Path], None, None]:
        """Yield where something happened, again and again, also if nothing did.

        It ends after a while where the system tells of no events, or no folder is there.
        """
        milliseconds = int(self.intervals.settle * 1000)
        there = [sync.scanner.path for sync in self.syncs if is_folder(sync.scanner.path)]
        try:
            if there:
                for changes in events_of(
                    *there,
                    watch_filter=None,
                    debounce=milliseconds // 2,
                    rust_timeout=milliseconds // 4,
                    yield_on_timeout=True,
                    recursive=True,
                    ignore_permission_denied=True,
                ):
                    yield {Path(path) for _, path in changes}
        except (OSError, RuntimeError) as error:
            # The system's watches are used up, or a name is no text.
            if self.has_events:
                self.tell(
                    f"no events ({error}); looking every {self.intervals.retry:g} s instead. If "
                    "there are too many folders, raise fs.inotify.max_user_watches"
                )
            self.has_events = False
        until = time.monotonic() + self.intervals.retry
        while time.monotonic() < until:
            yield set()
            time.sleep(self.intervals.settle / 4)

    def _identities(self) -> list[tuple[int, int] | None]:
        scanners = [sync.scanner for sync in self.syncs]
        return [_identity(place) for each in scanners for place in (each.path, *each.away)]

    def _step(self, paths: set[Path]) -> None:
        """Note where something happened, and do what is due unless something is waited for."""
        now = time.monotonic()
        for sync in self.syncs:
            sync.scanner.on_events(paths, now)
        if self.retry_at is not None and now < self.retry_at:
            return
        try:
            self._work(now)
        except (EngineBusy, EngineUnavailable, EmbedderError) as error:
            if self.retry_at is None:
                self.tell(f"waiting: {error}")
            self.retry_at = time.monotonic() + self.intervals.retry
        else:
            if self.retry_at is not None:
                self.tell("going on")
            self.retry_at = None
        finally:
            self.engine.rest()
            self._tell_counts()

    def _work(self, now: float) -> None:
        """Scan and compare where that is due; write and remove for a while, and show it."""
        rescan = now >= self.rescan_at
        for sync in self.syncs:
            if rescan or sync.scanner.needs_scan:
                sync.scanner.scan(now)
            if rescan:
                sync.compare()
        if rescan:
            self.rescan_at = now + self.intervals.rescan
        worked, until = False, time.monotonic() + SLICE
        while not self.stopping() and time.monotonic() < until:
            steps = [sync.step() for sync in self.syncs]
            if not any(steps):
                break
            worked = True
        if worked:
            self.engine.show()

    def _tell_counts(self) -> None:
        counts = sum((sync.counts for sync in self.syncs), Counter[str]())
        for sync in self.syncs:
            sync.counts.clear()
        if counts.total():
            done = ", ".join(f"{counts[each]:,} {each}" for each in ("new", "changed", "removed"))
            self.tell(f"{done} articles")


def _checked(folders: Sequence[Path], settings: Settings) -> list[Path]:
    """Return the folders as absolute paths, each once. Raises InputError."""
    by_place: dict[Path, Path] = {}
    for folder in folders:
        path = Path(os.path.abspath(folder))  # noqa: PTH100  # a link stays one
        if not is_folder(path) and (path.exists() or not catalogue_path(path, settings).exists()):
            raise InputError(f"{shown(folder)} is not a folder", field="FOLDER")
        by_place.setdefault(Path(os.path.realpath(path)), path)
    data = Path(os.path.realpath(settings.data))
    for place, folder in by_place.items():
        hidden = not data.is_relative_to(place) or "/." in f"/{data.relative_to(place)}"
        if not hidden or data == place:  # each dead letter would be read, and become another
            raise InputError(f"{shown(folder)} holds FIHRIS_DATA: move that", field="FOLDER")
        outer = next((by_place[each] for each in place.parents if each in by_place), None)
        if outer is not None:
            raise InputError(
                f"{shown(folder)} is inside of {shown(outer)}: give one of them", field="FOLDER"
            )
    return list(by_place.values())


def _identity(place: Path) -> tuple[int, int] | None:
    try:
        status = place.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
