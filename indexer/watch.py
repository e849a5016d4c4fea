"""An index kept like folders, for days: what is new, changed, moved or removed there.

One thread: it waits for events, looks where they happened (`watching.looking`), and writes
what stands still (`watching.writing`). Because events get lost, everything is looked at
again now and then; because an engine may be busy, nothing is taken for done before it is.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from watchfiles import watch as events_of

from indexer.catalogue import Catalogue, place_of
from indexer.formats import Options
from indexer.sources import Failure
from indexer.sources.identity import FileIds
from indexer.sources.naming import shown
from indexer.watching.believing import is_folder
from indexer.watching.looking import Lookout
from indexer.watching.writing import Keeper, Kept
from search.article_ids import FILES
from search.embedding import Embedder
from search.engine import Engine
from search.errors import EmbedderError, EngineBusy, EngineUnavailable, InputError
from search.settings import Settings

AT_ONCE = 256  # files written before it is looked again whether something happened
SLICE = 10.0  # seconds of writing before that
STEP = 50  # milliseconds between questions whether to stop


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds.

    settle   a file is read, or taken for gone, when nothing changed for so long
    burst    events of so long are looked at together
    look     everything is looked at again, and compared with what is stored
    poll     everything is looked at again where the system tells of no events
    busy     waits while the engine or the model cannot be used, the last again and again
    retry    waits before a file that failed in a way that may pass is read again
    """

    settle: float = 2.0
    burst: float = 1.0
    look: float = 600.0
    poll: float = 15.0
    busy: tuple[float, ...] = (5.0, 15.0, 60.0, 300.0)
    retry: tuple[float, ...] = (10.0, 60.0, 600.0, 3600.0)


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
    collection: str = FILES,
    source: str = "",
    embed: bool = True,
    allow_empty: bool = False,
    pace: Pace | None = None,
) -> None:
    """Keep an index like folders until `stopping`; catch up first with what changed before.

    Args:
        folders: none inside another. One that was watched before may be away.
        engine, embedder, settings, options, source, embed: as for indexing.
        collection: what the articles are in.
        stopping: asked all the time.
        tell: called with lines for people: what was done, what keeps it from being done.
        on_failure: called once for each version of a file and each reason why some of it
            cannot be read or stored, which is told, too.
        allow_empty: False keeps the articles of a folder that became empty all at once.
        pace: how long it waits for what.

    Raises:
        InputError: a folder is none, is inside another, or is being watched already.
        EngineError: the index is damaged, or was made by another analyser or model.
    """
    said = options or Options()
    pace = pace or Pace()
    ids = FileIds(collection, str(settings.root))
    reading = _reading(said, source, ids)

    told: Path | None = None

    def failed(failure: Failure) -> None:
        nonlocal told
        on_failure(failure)
        path = failure.file.path if failure.file else None
        if path is None or path != told:  # a file may have a million bad lines
            tell(f"failed: {failure.place}: {failure.reason}")
        told = path

    with ExitStack() as stack:
        catalogues = []
        for folder in _checked(folders, settings):
            catalogue = Catalogue(place_of(folder, settings), folder, reading)
            stack.callback(catalogue.close)
            catalogues.append(catalogue)
            _tell_known(catalogue, tell)
        keeper = Keeper(
            engine,
            embedder,
            settings,
            catalogues,
            options=said,
            source=source,
            embed=embed,
            on_failure=failed,
        )
        lookout = Lookout(
            catalogues,
            ids=ids,
            settle=pace.settle,
            allow_empty=allow_empty,
            tell=tell,
            on_failure=failed,
        )
        _Watch(engine, catalogues, lookout, keeper, pace, stopping, tell).run()


class _Watch:
    def __init__(
        self,
        engine: Engine,
        catalogues: Sequence[Catalogue],
        lookout: Lookout,
        keeper: Keeper,
        pace: Pace,
        stopping: Callable[[], bool],
        tell: Callable[[str], None],
    ) -> None:
        self._engine = engine
        self._catalogues = catalogues
        self._lookout = lookout
        self._keeper = keeper
        self._pace = pace
        self._stopping = stopping
        self._tell = tell
        now = time.monotonic()
        self._later = dict.fromkeys(keeper.failing(), now)  # files to be read again, and when
        self._look_at = now  # when everything is looked at and compared again
        self._poll_at = now
        self._events_from = float("-inf")  # when the system is asked for events again
        self._troubles = 0  # in a row, of the engine or the model
        self._busy_until = float("-inf")

    def run(self) -> None:
        while not self._stopping():
            before = self._identities()
            with closing(self._events()) as events:
                for paths in events:
                    self._step(paths)
                    # What is watched is a folder, not its name: another may stand there now.
                    if self._stopping() or self._identities() != before:
                        break
                    if self._polls and time.monotonic() >= self._events_from:
                        break
            self._lookout.whole = True  # what happened while nobody listened

    # -- waiting

    @property
    def _polls(self) -> bool:
        return self._events_from > float("-inf")

    def _events(self) -> Generator[set[str], None, None]:
        """Yield where something happened, again and again, also if nothing did."""
        there = [each.folder for each in self._catalogues if is_folder(each.folder)]
        if there and time.monotonic() >= self._events_from:
            try:
                changes = events_of(
                    *there,
                    watch_filter=None,
                    debounce=int(self._pace.burst * 1000),
                    step=STEP,
                    rust_timeout=self._tick,
                    yield_on_timeout=True,
                    stop_event=_Stop(self._stopping),
                    raise_interrupt=True,
                    recursive=True,
                    ignore_permission_denied=True,
                )
                with closing(changes):
                    for some in changes:
                        self._events_from = float("-inf")
                        yield {path for _, path in some}
                return
            except (OSError, RuntimeError) as error:
                # The system's watches are used up, or a name is no text (watchfiles ends there).
                if not self._polls:
                    self._tell(
                        f"no events ({error}); looking every {self._pace.poll:g} s instead. If "
                        "there are too many folders, raise fs.inotify.max_user_watches"
                    )
                self._events_from = time.monotonic() + self._pace.look
        while not self._stopping():
            if self._polls and time.monotonic() >= self._poll_at:
                self._lookout.whole = True
                self._poll_at = time.monotonic() + self._pace.poll
            yield set()
            time.sleep(self._tick / 1000)

    @property
    def _tick(self) -> int:
        """Milliseconds until it is asked again what stands still."""
        return max(STEP, min(500, int(self._pace.settle * 250)))

    def _identities(self) -> list[tuple[int, int] | None]:
        return [_identity(each.folder) for each in self._catalogues]

    # -- working

    def _step(self, paths: set[str]) -> None:
        now = time.monotonic()
        if paths:
            self._lookout.near(paths, now)
        if now < self._busy_until:
            return
        try:
            self._look(now)
            self._work()
        except (EngineBusy, EngineUnavailable, EmbedderError) as error:
            self._put_off(error)

    def _look(self, now: float) -> None:
        """Look at everything where that is called for; now and then also at what is stored."""
        if now >= self._look_at:
            self._lookout.whole = True
        if self._lookout.whole and self._lookout.look(now) and now >= self._look_at:
            for catalogue in self._catalogues:
                catalogue.tidy()
            self._lookout.again({*self._keeper.strays(), *self._keeper.wanting()}, now)
            self._look_at = now + self._pace.look
            self._go_on()
        if due := [path for path, when in self._later.items() if now >= when]:
            for path in due:
                del self._later[path]
            self._lookout.again(due, now)

    def _work(self) -> None:
        """Write what stands still and remove what is gone; then let others search and write."""
        began = time.monotonic()
        total = Kept()
        worked = False
        try:
            while not self._stopping() and time.monotonic() - began < SLICE:
                now = time.monotonic()
                dues = self._lookout.settled(AT_ONCE, now)
                worked = worked or bool(dues)
                if dues:
                    self._note(self._keeper.write(dues, self._lookout.going, self._stopping), total)
                removable = self._lookout.removable(now)
                worked = worked or bool(removable)
                if removable:
                    self._note(self._keeper.remove(removable), total)
                    self._lookout.removed(removable)
                if not dues and not removable:
                    break
            if worked:
                self._engine.show()
                self._go_on()
        finally:
            if worked:
                self._engine.rest()
            if total.created or total.updated or total.removed:
                self._tell(
                    f"{total.created:,} new, {total.updated:,} changed, {total.removed:,} removed "
                    "articles"
                )

    def _note(self, kept: Kept, total: Kept) -> None:
        now = time.monotonic()
        total.created += kept.created
        total.updated += kept.updated
        total.removed += kept.removed
        self._lookout.done(kept.done)
        self._lookout.disturbed(kept.disturbed, now)
        self._lookout.again(kept.again, now)
        for path, tries in kept.later.items():
            self._later[path] = now + self._pace.retry[min(tries, len(self._pace.retry)) - 1]

    def _go_on(self) -> None:
        if self._troubles:
            self._tell("going on")
            self._troubles = 0

    def _put_off(self, error: Exception) -> None:
        wait = self._pace.busy[min(self._troubles, len(self._pace.busy) - 1)]
        self._busy_until = time.monotonic() + wait
        if not self._troubles:
            self._tell(f"waiting: {error}")
        self._troubles += 1


@dataclass(frozen=True, slots=True)
class _Stop:
    """What watchfiles asks whether to stop."""

    is_set: Callable[[], bool]


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


def _reading(options: Options, source: str, ids: FileIds) -> str:
    """Return what has all files read again when it is another."""
    said = json.dumps(
        [sorted(options.fields.items()), options.encoding, source, ids.collection, ids.root]
    )
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _tell_known(catalogue: Catalogue, tell: Callable[[str], None]) -> None:
    folder = shown(catalogue.folder)
    tell(f"watching {folder}: {len(catalogue.entries):,} files known")
    if catalogue.lost:
        tell(
            f"what was known of {folder} is damaged ({catalogue.lost}): all is compared again, but "
            "the articles of files that were removed meanwhile may stay; `fihris delete` removes them"
        )


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
