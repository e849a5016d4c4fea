"""An index kept like folders, for days: what is new, changed, moved or removed there.

One thread: it waits for events, looks where they happened (`watching.scanner`), and writes
what stands still (`watching.sync`). Because events are lost, everything is looked at at the
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

from indexer.formats import Options
from indexer.pipeline import index
from indexer.sources import Failure
from indexer.sources.identity import FileIds
from indexer.sources.naming import shown
from indexer.sources.reading import read_articles
from indexer.watching.catalogue import Catalogue, place_of
from indexer.watching.places import is_folder
from indexer.watching.scanner import Scanner
from indexer.watching.sync import Sync
from search.embedding import Embedder
from search.engine import Engine
from search.errors import EmbedderError, EngineBusy, EngineUnavailable, InputError
from search.settings import Settings

SLICE = 10.0  # seconds of writing before it is looked again whether something happened


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds.

    settle  a file is read, or taken for gone, when nothing changed for so long
    look    everything is looked at again, and compared with what is stored
    wait    before what cannot be done now is tried again: to be told of events, to write
    """

    settle: float = 2.0
    look: float = 600.0
    wait: float = 15.0


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
    pace: Pace | None = None,
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
        pace: how long it waits for what.

    Raises:
        InputError: a folder is none, is inside another, or is being watched already.
        EngineError: the index is damaged, or was made by another analyser or model.
    """
    options, pace = options or Options(), pace or Pace()
    told: Path | None = None

    def failed(failure: Failure) -> None:
        nonlocal told
        on_failure(failure)
        path = failure.file.path if failure.file else None
        if path is None or path != told:  # a file may have a million bad lines
            tell(f"failed: {failure.place}: {failure.reason}")
        told = path

    read = partial(read_articles, options=options, source=source)
    write = partial(
        index, engine=engine, embedder=embedder, settings=settings, embed=embed, stopping=stopping
    )
    sync = Sync(engine, embedder, read, write, stopping, embed, failed)
    reading = json.dumps([sorted(options.fields.items()), options.encoding, source])
    with ExitStack() as stack:
        scanners = []
        for path in _checked(folders, settings):
            catalogue = stack.enter_context(closing(Catalogue(place_of(path, settings), path)))
            tell(f"watching {shown(path)}: {len(catalogue.entries):,} files known")
            if catalogue.lost:
                tell(f"what was known of {shown(path)} {catalogue.lost}: all is read again")
            scanner = Scanner(
                path,
                catalogue,
                FileIds(root=str(settings.root)),
                reading=zlib.crc32(reading.encode()),
                settle=pace.settle,
                allow_empty=allow_empty,
                tell=tell,
                on_failure=failed,
            )
            scanners.append(scanner)
        _Watch(scanners, sync, pace, stopping, tell).run()


@dataclass
class _Watch:
    """`watch`, once all is open."""

    scanners: Sequence[Scanner]
    sync: Sync
    pace: Pace
    stopping: Callable[[], bool]
    tell: Callable[[str], None]
    has_events: bool = True
    look_at: float = float("-inf")
    waits: bool = False  # for the engine or the model
    work_at: float = float("-inf")

    def run(self) -> None:
        """Work until it is stopped; each round of events begins with a whole scan."""
        while not self.stopping():
            for scanner in self.scanners:
                scanner.whole = True  # what happened while nobody listened
            before = self._identities()
            with closing(self._events()) as events:
                for paths in events:
                    self._step(paths)
                    # What is watched is a folder, not its name: another may stand there now.
                    if self.stopping() or self._identities() != before:
                        break

    def _events(self) -> Generator[set[str], None, None]:
        """Yield where something happened, again and again, also if nothing did.

        It ends after a while where the system tells of no events, or no folder is there.
        """
        milliseconds = int(self.pace.settle * 1000)
        there = [each.path for each in self.scanners if is_folder(each.path)]
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
                    yield {path for _, path in changes}
        except (OSError, RuntimeError) as error:
            # The system's watches are used up, or a name is no text.
            if self.has_events:
                self.tell(
                    f"no events ({error}); looking every {self.pace.wait:g} s instead. If "
                    "there are too many folders, raise fs.inotify.max_user_watches"
                )
            self.has_events = False
        until = time.monotonic() + self.pace.wait
        while time.monotonic() < until:
            yield set()
            time.sleep(self.pace.settle / 4)

    def _identities(self) -> list[tuple[int, int] | None]:
        return [_identity(place) for each in self.scanners for place in (each.path, *each.away)]

    def _step(self, paths: set[str]) -> None:
        """Look where something happened, write what stands still, and remove what is gone."""
        now = time.monotonic()
        for scanner in self.scanners:
            inside = [path for path in map(Path, paths) if path.is_relative_to(scanner.path)]
            scanner.touched(inside, now)
        if now < self.work_at:
            return
        try:
            self._look(now)
            self._work()
        except (EngineBusy, EngineUnavailable, EmbedderError) as error:
            if not self.waits:
                self.tell(f"waiting: {error}")
            self.waits, self.work_at = True, time.monotonic() + self.pace.wait
        else:
            if self.waits:
                self.tell("going on")
            self.waits = False
        finally:
            self.sync.engine.rest()
            counts, self.sync.counts = self.sync.counts, Counter()
            if counts.total():
                done = ", ".join(
                    f"{counts[each]:,} {each}" for each in ("new", "changed", "removed")
                )
                self.tell(f"{done} articles")

    def _look(self, now: float) -> None:
        """Look at everything where that is needed, and now and then at the index, too."""
        compares = now >= self.look_at
        for scanner in self.scanners:
            if scanner.whole or compares:
                scanner.scan(now)
            if compares:
                self.sync.compare(scanner)
        if compares:
            self.look_at = now + self.pace.look

    def _work(self) -> None:
        """Write and remove for a while; then let others search and write.

        What is gone is removed when nothing is left to be read: that may need its vectors.
        """
        until = time.monotonic() + SLICE
        worked, more = False, True
        while more and not self.stopping() and time.monotonic() < until:
            more = False
            for scanner in self.scanners:
                files, gone = scanner.settled(time.monotonic())
                if files:
                    self.sync.write(scanner, files)
                elif gone:
                    self.sync.remove(scanner, gone)
                more = more or bool(files or gone)
            worked = worked or more
        if worked:
            self.sync.engine.show()


def _checked(folders: Sequence[Path], settings: Settings) -> list[Path]:
    """Return the folders as absolute paths, each once. Raises InputError."""
    by_place: dict[Path, Path] = {}
    for folder in folders:
        path = Path(os.path.abspath(folder))  # noqa: PTH100  # a link stays one
        if not is_folder(path) and (path.exists() or not place_of(path, settings).exists()):
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
