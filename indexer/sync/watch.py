"""An index kept like folders, for days: what is new, changed, moved or removed there.

One thread: it waits for events and has what stands still indexed (`Sync`). Because
events are lost, everything is scanned and compared with the index at the start and now and then.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from watchfiles import watch as events_of

from indexer.extraction.sandbox.parser import Parser
from indexer.extraction.sandbox.recogniser import Recogniser
from indexer.sources.naming import shown
from indexer.sync.catalogue import Catalogue, catalogue_path
from indexer.sync.sync import Sync, is_folder
from indexer.sync.watch_options import WatchOptions
from search.embedding import Embedder
from search.engines.protocol import Engine
from search.errors import EmbedderError, EngineBusy, EngineUnavailable, InputError

SLICE = 10.0  # seconds of writing before events are looked at again
# Seconds for which the processes that parse are kept: to start them takes 0.25 s of CPU.
KEPT = 60.0


def watch(folders: Sequence[Path], engine: Engine, embedder: Embedder, how: WatchOptions) -> None:
    """Keep an index like folders until it is stopped; catch up first with what changed before.

    Args:
        folders: one that was watched before may be away.
        engine, embedder: as for indexing.
        how: the rest.

    Raises:
        InputError: a folder is none, or is being watched already.
        EngineError: the index is damaged, or was made by another analyser or model.
    """
    with ExitStack() as stack:
        syncs, recogniser = [], Recogniser(how.settings, how.stopping)
        parser = stack.enter_context(Parser(recogniser=recogniser))
        for path in [_checked(folder, how) for folder in folders]:
            known = catalogue_path(path, how.settings, how.collection)
            catalogue = Catalogue(known, path, how.tell)
            stack.callback(catalogue.close)
            how.tell(f"watching {shown(path)}: {len(catalogue.entries):,} files known")
            syncs.append(Sync(path, catalogue, engine, embedder, parser, how))
        _Watch(syncs, engine, parser, how).run()


class _Watch:
    """`watch`, once all is open."""

    def __init__(
        self, syncs: Sequence[Sync], engine: Engine, parser: Parser, how: WatchOptions
    ) -> None:
        self._syncs = syncs
        self._engine = engine
        self._parser = parser
        self._how = how
        self._has_events = True
        self._is_waiting = False  # for the engine or the model
        self._retry_at = self._rescan_at = self._rest_at = float("-inf")

    def run(self) -> None:
        """Work until it is stopped; each round of events begins with a scan of everything."""
        while not self._how.stopping():
            now = time.monotonic()
            for sync in self._syncs:
                sync.needs_scan = True  # what happened while nobody listened
                sync.needs_comparing |= now >= self._rescan_at
            if now >= self._rescan_at:
                self._rescan_at = now + self._how.intervals.rescan
            before = [_identity(sync.path) for sync in self._syncs]
            with closing(self._events()) as events:
                for paths in events:
                    for sync in self._syncs:
                        sync.on_events(paths)
                    self._work()
                    # What is watched is a folder, not its name: another may stand there now.
                    is_other = before != [_identity(sync.path) for sync in self._syncs]
                    if self._how.stopping() or is_other or time.monotonic() >= self._rescan_at:
                        break

    def _events(self) -> Generator[set[Path], None, None]:
        """Yield where something happened, again and again, also if nothing did.

        It ends after a while where the system tells of no events, or no folder is there.
        """
        intervals = self._how.intervals
        milliseconds = int(intervals.settle * 1000)
        there = [sync.path for sync in self._syncs if is_folder(sync.path)]
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
            if self._has_events:
                self._how.tell(
                    f"no events ({error}); looking every {intervals.retry:g} s instead. If "
                    "there are too many folders, raise fs.inotify.max_user_watches"
                )
            self._has_events = False
        until = time.monotonic() + intervals.retry
        while time.monotonic() < until:
            yield set()
            time.sleep(intervals.settle / 4)

    def _work(self) -> None:
        """Do what is due, for a while, and show it, unless something is waited for."""
        now = time.monotonic()
        if now < self._retry_at:
            return
        has_worked = False
        try:
            while not self._how.stopping() and time.monotonic() < now + SLICE:
                steps = [sync.step() for sync in self._syncs]
                if not any(steps):
                    break
                has_worked = True
            if has_worked:
                self._engine.show()
                self._rest_at = time.monotonic() + KEPT
            elif time.monotonic() >= self._rest_at:
                self._parser.close()  # the next file starts its processes anew
        except (EngineBusy, EngineUnavailable, EmbedderError) as error:
            if not self._is_waiting:
                self._how.tell(f"waiting: {error}")
            self._is_waiting = True
            self._retry_at = time.monotonic() + self._how.intervals.retry
        else:
            if self._is_waiting:
                self._how.tell("going on")
            self._is_waiting = False
        finally:
            self._engine.rest()
            self._tell_counts()

    def _tell_counts(self) -> None:
        counts = sum((sync.counts for sync in self._syncs), Counter[str]())
        for sync in self._syncs:
            sync.counts.clear()
        if counts.total():
            done = ", ".join(f"{counts[each]:,} {each}" for each in ("new", "changed", "removed"))
            self._how.tell(f"{done} articles")


def _checked(folder: Path, how: WatchOptions) -> Path:
    """Return a folder as an absolute path. Raises InputError."""
    path = Path(os.path.abspath(folder))  # noqa: PTH100  # a link stays one
    known = catalogue_path(path, how.settings, how.collection)
    if not is_folder(path) and (path.exists() or not known.exists()):
        raise InputError(f"{shown(folder)} is not a folder", field="FOLDER")
    place, data = Path(os.path.realpath(path)), Path(os.path.realpath(how.settings.data))
    is_inside = data.is_relative_to(place)
    if data == place or (is_inside and "/." not in f"/{data.relative_to(place)}"):
        # Each dead letter would be read, and become another.
        raise InputError(f"{shown(folder)} holds FIHRIS_DATA: move that", field="FOLDER")
    return path


def _identity(place: Path) -> tuple[int, int] | None:
    try:
        status = place.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
