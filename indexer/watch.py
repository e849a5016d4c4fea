"""Keeping an index like some folders, for as long as the process runs.

Events of the file system only tell that something changed. What is true is a listing,
compared with what the catalogue says that each file gave: what is new or changed is read
once it stands still, what is gone is removed once it stays gone, and what was moved keeps
its vectors. Articles are written first and removed after, and the catalogue learns of it
last, so that a process that is killed anywhere has only to do the rest again.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import watchfiles
from watchfiles._rust_notify import WatchfilesRustInternalError

from indexer.catalogue import Catalogue, Key, Version, version_of
from indexer.formats import Options
from indexer.pipeline import OnFailure
from indexer.sources import Failure, SourceFile
from indexer.sources.listing import list_files
from indexer.sources.naming import shown
from search.embedding import Embedder
from search.engine import Engine
from search.errors import EmbedderError, EngineBusy, EngineUnavailable
from search.settings import Settings

FEW = 20  # files of a folder that may be found empty without a question
SHARE_FILES = 256  # read before anything else is looked at
SHARE_BYTES = 32 << 20
MOST_KNOWN = 256 << 20  # bytes of vectors that moved files bring along
MOST_FAILURES = 10_000  # kept until it is known whether the model failed or a text
LONGEST_WAIT = 300.0  # seconds until an engine that refused is tried again
LOOKING = 5.0  # so many times longer than a listing takes, the next one waits
TICK = 0.5  # seconds
POLL = 5_000  # milliseconds between looks where the system cannot tell of changes

# Tried again without a change of the file.
AGAIN = frozenset({"changed", "no-permission", "not-found", "timeout", "unreadable"})
AT_LISTINGS = AGAIN | {"duplicate-id"}
# Nothing says that what such a file gave before is gone.
KEPT = AGAIN | {"memory", "crashed"}


def watch(
    folders: Sequence[Path],
    engine: Engine,
    embedder: Embedder,
    settings: Settings,
    *,
    options: Options | None = None,
    source: str = "",
    embed: bool = True,
    allow_empty: bool = False,
    stopping: Callable[[], bool],
    tell: Callable[[str], None],
    on_failure: OnFailure,
    settle: float = 2.0,
    relist: float = 600.0,
    first_wait: float = 5.0,
) -> None:
    """Keep an index like folders until `stopping` says so.

    Args:
        folders: which may be away for a time; what they held stays then.
        options: what a person says of the files.
        source: the source of articles that name none.
        embed: False writes passages without vectors.
        allow_empty: remove everything of a folder that became empty.
        stopping: asked all the time; True ends it within a second, or after the batches in work.
        tell: given what people should know, a line each.
        on_failure: given what could not be read or stored, once for each version of a file.
        settle: seconds that a file must not have changed before it is read.
        relist: seconds between listings that nothing asked for.
        first_wait: seconds until an engine that refused is tried again; doubled each time.

    Raises:
        InputError: a folder is none, or is not there and never was.
        EngineBusy: another process follows one of the folders.
        EngineError: the index is of another kind, or damaged.
    """
    said = options or Options()
    read_as = json.dumps([sorted(said.fields.items()), said.encoding, source])
    given, paths = _folders(folders, settings)
    with Catalogue(paths, hashlib.sha256(read_as.encode()).hexdigest()) as catalogue:
        looks = _Looks(given, catalogue, settings.data, settle, allow_empty, tell, on_failure)
        work = _Work(
            looks, catalogue, engine, embedder, settings, said, source, embed, stopping, tell,
            on_failure,
        )  # fmt: skip
        _follow(looks, work, relist, first_wait)


def _follow(looks: _Looks, work: _Work, relist: float, first_wait: float) -> None:
    wait, not_before, listed = 0.0, 0.0, float("-inf")
    tick = min(TICK, looks.settle / 2)
    with closing(_changes(looks, work.stopping, work.tell, tick, relist)) as changes:
        for changed in changes:
            if work.stopping():
                return
            looks.wanted |= changed
            full = time.monotonic() - listed > relist
            if looks.list_again(full):
                listed = time.monotonic() if full else listed
                work.unchecked |= full
            if time.monotonic() < not_before:
                continue
            try:
                work.some()
            except (EngineBusy, EngineUnavailable, EmbedderError) as error:
                if not wait:
                    work.tell(f"{error} Trying again until it works.")
                wait = min(2 * wait, LONGEST_WAIT) or first_wait
                not_before = time.monotonic() + wait
                work.troubled()
            else:
                if wait:
                    work.tell("it works again")
                wait = 0.0


def _changes(
    looks: _Looks,
    stopping: Callable[[], bool],
    tell: Callable[[str], None],
    tick: float,
    relist: float,
) -> Generator[bool, None, None]:
    """Yield several times a second whether something may have changed, until `stopping`.

    What watches is made anew now and then: the system forgets events when too many come,
    and with them folders that were made meanwhile.
    """
    polling = False
    while not stopping():
        until = time.monotonic() + relist
        there = looks.there()
        try:
            with closing(
                watchfiles.watch(
                    *(folder for folder, known in zip(looks.folders, there, strict=True) if known),
                    watch_filter=_matters,
                    debounce=1_000,
                    rust_timeout=int(tick * 1_000),
                    yield_on_timeout=True,
                    stop_event=_Stop(stopping),
                    raise_interrupt=False,
                    force_polling=polling or None,
                    poll_delay_ms=POLL,
                    ignore_permission_denied=True,
                )
            ) as watched:
                for changed in watched:
                    if looks.there() != there:
                        yield True
                        break
                    yield bool(changed)
                    if time.monotonic() > until:
                        break
                else:
                    return  # interrupted
        except FileNotFoundError:  # a folder went away since
            pass
        except (OSError, WatchfilesRustInternalError) as error:
            if not polling:
                tell(f"the system cannot tell of changes ({error}): looking every few seconds")
            polling = True
            time.sleep(tick)
            yield True


@dataclass(frozen=True, slots=True)
class _Stop:
    """`stopping` as an event, which is asked every few milliseconds."""

    stopping: Callable[[], bool]

    def is_set(self) -> bool:
        return self.stopping()


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A file that has to be read, and since when it has stood still."""

    file: SourceFile
    version: Version
    since: float


class _Looks:
    """What is in the folders, compared with the catalogue."""

    def __init__(
        self,
        folders: Sequence[Path],
        catalogue: Catalogue,
        data: Path,
        settle: float,
        allow_empty: bool,
        tell: Callable[[str], None],
        on_failure: OnFailure,
    ) -> None:
        self.folders = folders
        self.settle = settle
        self.wanted = True  # something may have changed
        self.waiting: dict[Key, _Waiting] = {}
        self.gone: dict[Key, float] = {}  # since when
        self._catalogue = catalogue
        self._numbers = {folder: number for number, folder in enumerate(folders)}
        self._own = _inside(data, folders)
        self._allow_empty = allow_empty
        self._tell = tell
        self._on_failure = on_failure
        self._told: dict[tuple[str, str], Failure] = {}
        self._away: dict[int, str] = {}
        self._not_before = 0.0

    def path(self, key: Key) -> Path:
        return self.folders[key[0]] / key[1]

    def key(self, file: SourceFile) -> Key:
        return self._numbers[file.given], file.name

    def there(self) -> list[tuple[int, int] | None]:
        """Return what tells each folder from another in its place, None while it is away."""
        return [_identity(folder) for folder in self.folders]

    def list_again(self, full: bool) -> bool:
        """List the folders if that is wanted and was not done just now; return whether."""
        began = time.monotonic()
        self.wanted |= full
        if not self.wanted or began < self._not_before:
            return False
        self.wanted = False
        self._list(AT_LISTINGS if full else frozenset({"changed"}))
        now = time.monotonic()
        self._not_before = now + max(self.settle, LOOKING * (now - began))
        return True

    def retry_duplicates(self) -> None:
        """An id was let go: perhaps another file waits for it."""
        self._again_duplicates = True

    def still(self) -> list[tuple[Key, _Waiting]]:
        """Return the first files that stood still long enough, as many as are read at once."""
        now = time.monotonic()
        old = [(key, each) for key, each in self.waiting.items() if now - each.since >= self.settle]
        chosen: list[tuple[Key, _Waiting]] = []
        size = 0
        for key, each in old:
            try:
                version = version_of(each.file.path)
            except OSError:
                del self.waiting[key]
                self.wanted = True
                continue
            if version != each.version:
                self.waiting[key] = _Waiting(each.file, version, now)
                continue
            chosen.append((key, each))
            size += version.size
            if len(chosen) == SHARE_FILES or size > SHARE_BYTES:
                break
        return chosen

    def _list(self, again: frozenset[str]) -> None:
        before = self.there()
        listed = list_files([f for f, there in zip(self.folders, before, strict=True) if there])
        now = time.monotonic()
        seen: set[Key] = set()
        blind: list[str] = []  # what could not be looked into
        told: dict[tuple[str, str], Failure] = {}
        for each in listed:
            match each:
                case SourceFile() if not str(each.path).startswith(self._own):
                    key = self.key(each)
                    try:
                        version = version_of(each.path)
                    except OSError:  # since it was listed
                        blind.append(shown(each.path))
                        self.wanted = True
                        continue
                    seen.add(key)
                    self._compare(key, _Waiting(each, version, now), again)
                case Failure():
                    self._failed(each, blind, told)
        self._told = told
        for key in [key for key in self.waiting if key not in seen]:
            del self.waiting[key]
        self._absent(now, seen, tuple(blind), before)
