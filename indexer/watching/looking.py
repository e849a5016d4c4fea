"""What in watched folders is new, changed or gone, by looking and comparing with the catalogues.

Events only say where to look: they are lost, doubled and late, and name folders as they
please. What is true is what a listing says. A file is given when it has stood still for a
while, and one that vanished is gone when it stays away.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from indexer.catalogue import Catalogue, Version, holder
from indexer.formats import SUFFIXES, suffix_of
from indexer.sources import Failure, SourceFile
from indexer.sources.identity import FileIds
from indexer.sources.listing import file_at, list_files
from indexer.sources.metadata import MANY, METADATA_SUFFIX
from indexer.sources.naming import shown
from indexer.watching.believing import Belief, is_bare

OLD = 60.0  # seconds: a file older than that, whatever a server's clock says, stands still
SHARE = 5  # looking at everything takes one of so many seconds at most, plus one
LOCK_PREFIX = "~$"  # of what Word keeps beside an open document, under the same suffix

_OF_ONE = [suffix for suffix, module in SUFFIXES.items() if module not in MANY]


@dataclass(frozen=True, slots=True)
class Due:
    """A file that stands still, and what it is like."""

    file: SourceFile
    version: Version


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A file to be read: since when it is as it is, and since when it is waited for.

    `forced` has it read though the catalogue has this version of it.
    """

    due: Due
    since: float
    first: float
    forced: bool = False


@dataclass(frozen=True, slots=True)
class _Gone:
    """A file that is not listed any more; `there` is one that is left out though it exists."""

    since: float
    there: bool


def version_of(path: str) -> Version | None:
    """Return what changes whenever a file does, or what is said beside it; None without a file.

    The time of the inode's change is in it: a file that was put in another's place may
    have both its size and its time, and one that may be read now has both as before.

    Raises:
        OSError: it cannot be told.
    """
    own = _version(path)
    if own is None or SUFFIXES.get(suffix_of(path), "") in MANY:
        return own
    stem, _ = os.path.splitext(path)  # noqa: PTH122
    return own + (_version(stem + METADATA_SUFFIX) or ())


def _version(path: str) -> Version | None:
    try:
        status = os.stat(path)  # noqa: PTH116  # 100,000 files at once
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _exists(path: str) -> bool:
    """Tell whether a path exists, or may: a disk that does not answer has lost nothing."""
    try:
        return _version(path) is not None
    except OSError:
        return True


class Lookout:
    """Looks at folders. All times are those of `time.monotonic`.

    Attributes:
        whole: whether everything is to be looked at again.
    """

    def __init__(
        self,
        catalogues: Sequence[Catalogue],
        *,
        ids: FileIds,
        settle: float,
        allow_empty: bool,
        tell: Callable[[str], None],
        on_failure: Callable[[Failure], None],
    ) -> None:
        self.whole = True
        self._catalogues = catalogues
        self._ids = ids
        self._settle = settle
        self._belief = Belief(allow_empty=allow_empty, tell=tell)
        self._on_failure = on_failure
        self._waiting: dict[str, _Waiting] = {}
        self._gone: dict[str, _Gone] = {}
        self._holding: set[str] = set()  # folders right in which files were listed
        self._told: set[str] = set()  # places of failures
        self._not_before = float("-inf")

    # -- looking

    def look(self, now: float) -> bool:
        """Look at everything, unless that was done a moment ago; return whether it was."""
        if now < self._not_before:
            return False
        started = time.monotonic()
        present = [each for each in self._catalogues if self._belief.in_presence(each)]
        files: dict[str, SourceFile] = {}
        failed: dict[str, Failure] = {}
        for listed in list_files([catalogue.folder for catalogue in present], self._ids):
            if isinstance(listed, SourceFile):
                if not listed.path.name.startswith(LOCK_PREFIX):
                    files[str(listed.path)] = listed
            elif isinstance(listed, Failure) and not _has_gone(listed):
                failed[listed.place] = listed
        self._holding = {os.path.dirname(path) for path in files}  # noqa: PTH120
        self._tell_failures(failed)
        for path, file in files.items():
            self._compare(path, file, now)
        for catalogue in present:
            held = sum(map(catalogue.has, files))
            if self._belief.in_what_is_left(catalogue, held, failed):
                for path in catalogue.entries:
                    if path not in files and not _is_behind(path, failed):
                        self._miss(path, now)
        self.whole = False
        ended = time.monotonic()
        self._not_before = now + (SHARE + 1) * (ended - started)
        return True

    def near(self, paths: Iterable[str], now: float) -> None:
        """Look where something happened; at everything if it is not only about known places."""
        for path in paths:
            catalogue = holder(self._catalogues, path)
            if catalogue is None:
                self.whole = True  # the folder itself
                continue
            if self._belief.doubts(catalogue):
                self.whole = True  # it may be back
            name = catalogue.name_of(path)
            if any(part.startswith((".", LOCK_PREFIX)) for part in name.split("/")):
                continue
            if name.endswith(METADATA_SUFFIX):
                stem = path.removesuffix(METADATA_SUFFIX)
                known = [stem + suffix for suffix in _OF_ONE if self._is_known(stem + suffix)]
                self.whole = self.whole or not known
                for each in known:
                    self._look_at(each, now)
            else:
                self._look_at(path, now)

    def again(self, paths: Collection[str], now: float) -> None:
        """Have files read again, though they did not change."""
        for path in paths:
            if holder(self._catalogues, path) is not None:
                self._look_at(path, now, forced=True)

    def _look_at(self, path: str, now: float, *, forced: bool = False) -> None:
        known = self._is_known(path)
        try:
            there = Path(path).stat()
        except (FileNotFoundError, NotADirectoryError):
            if known:
                self._miss(path, now)
            elif path in self._holding:
                self.whole = True
            return
        except OSError:
            self.whole = True
            return
        if stat.S_ISDIR(there.st_mode):
            self.whole = True
        elif suffix_of(path):
            # A folder in which nothing was listed may be a link, or be left out.
            folder = os.path.dirname(path)  # noqa: PTH120
            file = file_at(Path(path), self._ids)
            if isinstance(file, SourceFile) and (folder in self._holding or known):
                self._compare(path, file, now, forced=forced)
            else:
                self.whole = True

    def _compare(self, path: str, file: SourceFile, now: float, *, forced: bool = False) -> None:
        """Wait for a file if it is not the one that the catalogue has."""
        self._gone.pop(path, None)
        try:
            version = version_of(path)
        except OSError:
            return
        if version is None:
            self._miss(path, now)
            return
        waiting = self._waiting.get(path)
        forced = forced or (waiting is not None and waiting.forced)
        if self._is_read(path, version) and not forced:
            self._waiting.pop(path, None)
        elif waiting is None:
            self._waiting[path] = _Waiting(Due(file, version), now, now, forced)
        elif waiting.due.version != version:
            self._waiting[path] = replace(waiting, due=Due(file, version), since=now)
        elif forced:
            self._waiting[path] = replace(waiting, forced=True)

    def _is_known(self, path: str) -> bool:
        catalogue = holder(self._catalogues, path)
        return path in self._waiting or (catalogue is not None and path in catalogue.entries)

    def _is_read(self, path: str, version: Version) -> bool:
        catalogue = holder(self._catalogues, path)
        entry = catalogue.entries.get(path) if catalogue else None
        return entry is not None and entry.version == version

    def _miss(self, path: str, now: float) -> None:
        self._waiting.pop(path, None)
        catalogue = holder(self._catalogues, path)
        if catalogue is not None and path in catalogue.entries and path not in self._gone:
            self._gone[path] = _Gone(now, _exists(path))

    # -- what came of it

    def settled(self, most: int, now: float) -> list[Due]:
        """Return files to be read: those that stand still, in the order they were noticed."""
        quiet: dict[str, Version] = {}
        for path, waiting in self._waiting.items():
            if len(quiet) == most:
                break
            if now - waiting.since >= self._settle or _is_old(waiting.due.version):
                quiet[path] = waiting.due.version
        due: list[Due] = []
        for path, version in quiet.items():
            self._compare(path, self._waiting[path].due.file, now)
            found = self._waiting.get(path)
            if found is not None and found.due.version == version:
                due.append(found.due)
        return due

    def removable(self, now: float) -> list[str]:
        """Return files that stay away, and whose articles' vectors no waiting file may need."""
        if not self._gone:
            return []
        # A file that does not settle keeps nobody from going for long.
        sizes = {
            waiting.due.version[0]
            for waiting in self._waiting.values()
            if now - waiting.first < 5 * self._settle or now - waiting.since >= self._settle
        }
        removable = []
        for catalogue in self._catalogues:
            going = [path for path in self._gone if catalogue.has(path)]
            strange = len(going) == len(catalogue.entries) or is_bare(catalogue.folder)
            if going and strange and not self._belief.now(catalogue):
                self.removed(going)  # it is looked at again when the folder is back
                continue
            for path in going:
                version = catalogue.entries[path].version
                gone = self._gone[path]
                if now - gone.since < self._settle or (version and version[0] in sizes):
                    continue
                if _exists(path) and not gone.there:
                    del self._gone[path]
                    self.whole = True
                else:
                    removable.append(path)
        return removable

    @property
    def going(self) -> Collection[str]:
        """Files that are gone, or may be."""
        return self._gone.keys()

    @property
    def waits(self) -> bool:
        """Whether something is to be asked again soon."""
        return bool(self._waiting or self._gone or self.whole)

    def done(self, dues: Iterable[Due]) -> None:
        """Note that files were read as they were."""
        for due in dues:
            waiting = self._waiting.get(str(due.file.path))
            if waiting is not None and waiting.due.version == due.version:
                del self._waiting[str(due.file.path)]

    def disturbed(self, dues: Iterable[Due], now: float) -> None:
        """Note that files changed while they were read."""
        for due in dues:
            path = str(due.file.path)
            if (waiting := self._waiting.get(path)) is not None:
                self._waiting[path] = replace(waiting, since=now)

    def removed(self, paths: Iterable[str]) -> None:
        """Note that files are not waited for to come back any more."""
        for path in paths:
            self._gone.pop(path, None)

    def _tell_failures(self, failed: dict[str, Failure]) -> None:
        for place, failure in failed.items():
            if place not in self._told:
                self._on_failure(failure)
        self._told = set(failed)


def _has_gone(failure: Failure) -> bool:
    """Tell whether what could not be listed was only removed meanwhile."""
    if failure.code != "not-found":
        return False
    return failure.file is None or not os.path.lexists(failure.file.path)


def _is_behind(path: str, failed: dict[str, Failure]) -> bool:
    """Tell whether a path is, or is in, what could not be listed."""
    if not failed:
        return False
    places = [path, *map(str, Path(path).parents)]
    return any(f.code != "not-found" for p in places if (f := failed.get(shown(p))) is not None)


def _is_old(version: Version) -> bool:
    now = time.time_ns()
    return all(now - changed > OLD * 1e9 for changed in version[1:3])
