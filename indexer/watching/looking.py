"""What in a watched folder is new, changed or gone, by looking and comparing with the catalogue.

Events only say where to look: they are lost, doubled and late, and name folders as they
please. What is true is what a listing says. A file is given when it has stood still for a
while, and one that vanished is gone when it stays away.
"""

from __future__ import annotations

import os
import stat
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from indexer.formats import SUFFIXES, suffix_of
from indexer.sources import Failure, SourceFile
from indexer.sources.identity import FileIds
from indexer.sources.listing import file_at, list_files
from indexer.sources.metadata import MANY, METADATA_SUFFIX
from indexer.sources.naming import shown
from indexer.watching.absence import absence, is_folder
from indexer.watching.catalogue import Catalogue, Entry, Version

MANY_FILES = 20  # a folder of more is not believed to be empty all at once
SHARE = 5  # looking at everything takes one of so many seconds at most, plus one
LOCK_PREFIX = "~$"  # of what Word keeps beside an open document, under the same suffix


@dataclass(frozen=True, slots=True)
class Due:
    """A file to be read, what it is like, and since when it is so."""

    file: SourceFile
    version: Version
    since: float


class Folder:
    """Looks at one watched folder. All times are those of `time.monotonic`.

    Attributes:
        path: of the folder, absolute.
        catalogue: of its files.
        prefix: of the keys of files that are not reached through a link out of it.
        whole: whether everything is to be looked at again.
        waiting: files to be read, by key.
        missing: files that are gone, or may be, by key, and since when.
        away: places whose files are kept though they are missing, and what is wrong there.
    """

    def __init__(
        self,
        path: Path,
        catalogue: Catalogue,
        ids: FileIds,
        *,
        reading: int,
        settle: float,
        allow_empty: bool,
        tell: Callable[[str], None],
        on_failure: Callable[[Failure], None],
    ) -> None:
        """Take what a listing needs; nothing is looked at yet.

        Args:
            path, catalogue: of the folder.
            ids: of its files.
            reading: how files are read; another number has all of them read again.
            settle: seconds without a change after which a file is read, or is gone.
            allow_empty: whether a folder may lose all its files at once.
            tell: called with lines for people.
            on_failure: called with what cannot be listed, once while that lasts.
        """
        self.path = path
        self.catalogue = catalogue
        self.prefix = ids.of(path / "x").removesuffix("x")
        self.whole = True
        self.waiting: dict[str, Due] = {}
        self.missing: dict[str, tuple[Entry, float]] = {}
        self.away: dict[Path, str] = {}
        self._ids = ids
        self._reading = reading
        self._settle = settle
        self._allow_empty = allow_empty
        self._tell = tell
        self._on_failure = on_failure
        self._holding: set[Path] = set()  # folders in which, however deep, files were listed
        self._told: set[str] = set()  # places of failures
        self._not_before = float("-inf")

    def look(self, now: float) -> bool:
        """Look at everything, unless that was done a moment ago; return whether it was."""
        if now < self._not_before:
            return False
        started = time.monotonic()
        files = self._listed() if is_folder(self.path) else {}
        entries = self.catalogue.entries()
        holding = {file.path.parent for file in files.values()}
        self._holding = holding.union(*(folder.parents for folder in holding))
        for key, file in files.items():
            self._compare(file, entries.get(key), now)
        kept: Counter[tuple[Path, str]] = Counter()
        empty = not files and len(entries) > MANY_FILES and not self._allow_empty
        for key, entry in entries.items():
            if key in files:
                continue
            found = self._absence(entry) or ((self.path, "is empty") if empty else None)
            if found is None:
                self.missing.setdefault(key, (entry, now))
            else:
                kept[found] += 1
        self._tell_away(kept)
        self.whole = False
        self._not_before = now + (SHARE + 1) * (time.monotonic() - started)
        return True

    def near(self, path: Path, now: float) -> None:
        """Look where something happened; at everything if it is not only about known places."""
        inside = path.relative_to(self.path)
        if any(part.startswith((".", LOCK_PREFIX)) for part in inside.parts):
            return
        try:
            mode = path.stat().st_mode
        except OSError:
            mode = 0
        if self.away or stat.S_ISDIR(mode) or path.name.endswith(METADATA_SUFFIX):
            self.whole = True
        elif not suffix_of(path.name) or path.parent not in self._holding:
            # Perhaps a folder that is gone, or a file that is reached through a link.
            self.whole = self.whole or path in self._holding or bool(suffix_of(path.name))
        else:
            file, entry = file_at(path, self._ids), self.catalogue.get(self._ids.of(path))
            if isinstance(file, SourceFile) and (entry is None or entry.path == path):
                self._compare(file, entry, now)
            else:
                self.whole = self.whole or entry is not None

    def again(self, keys: Iterable[str]) -> None:
        """Have files read again, though they did not change."""
        if keys := list(keys):
            self.catalogue.again(keys)
            self.whole = True

    def settled(self, most: int, now: float) -> dict[str, Due]:
        """Return files to be read, by key: those that stand still, as they were noticed."""
        due: dict[str, Due] = {}
        for key, last in list(self.waiting.items()):
            if len(due) == most:
                break
            if now - last.since >= self._settle:
                self._compare(last.file, self.catalogue.get(key), now)
                if self.waiting.get(key) is last:
                    due[key] = last
        return due

    def removable(self, now: float) -> list[str]:
        """Return the keys of files that stay away, and whose vectors no waiting file may need."""
        wanted = {like(due.version) for due in self.waiting.values()} if self.missing else set()
        removable: list[str] = []
        for key, (entry, since) in list(self.missing.items()):
            if now - since < self._settle or like(entry.version) in wanted:
                continue
            if self._absence(entry) is None:
                removable.append(key)
            else:
                del self.missing[key]
                self.whole = True
        return removable

    def done(self, keys: Iterable[str]) -> None:
        """Note that files were read or are known no longer."""
        for key in keys:
            self.waiting.pop(key, None)
            self.missing.pop(key, None)

    def has_lost(self, article_id: str) -> bool:
        """Tell whether an article under the folder, of no known file, is of one that is gone."""
        path = Path(f"{self.path}/{article_id.removeprefix(self.prefix)}")
        is_there = any(each.is_file() for each in (path, *path.parents))
        return self.path not in self.away and not is_there and self._absence(Entry(path)) is None

    def _listed(self) -> dict[str, SourceFile]:
        files: dict[str, SourceFile] = {}
        failed: set[str] = set()
        for listed in list_files([self.path], self._ids):
            if isinstance(listed, SourceFile):
                if not listed.path.name.startswith(LOCK_PREFIX):
                    files.setdefault(listed.id, listed)
            elif isinstance(listed, Failure) and not _has_gone(listed):
                failed.add(listed.place)
                if listed.place not in self._told:
                    self._on_failure(listed)
        self._told = failed
        return files

    def _compare(self, file: SourceFile, entry: Entry | None, now: float) -> None:
        """Wait for a file if it is not the one that the catalogue has."""
        self.missing.pop(file.id, None)
        version, waiting = self._version(file), self.waiting.get(file.id)
        if not version:  # it went meanwhile
            self.waiting.pop(file.id, None)
            self.whole = True
        elif entry is not None and entry.version == version and entry.digest:
            self.waiting.pop(file.id, None)
        elif waiting is None or waiting.version != version:
            self.waiting[file.id] = Due(file, version, now)

    def _absence(self, entry: Entry) -> tuple[Path, str] | None:
        found = absence(entry.path, self.path, entry.mount)
        return None if self._allow_empty and found and found[1] in _ALLOWED else found

    def _tell_away(self, kept: Mapping[tuple[Path, str], int]) -> None:
        """Tell of each place once that it is away, and that it is back."""
        away = dict(kept.keys())
        for (place, why), number in kept.items():
            if self.away.get(place) != why:
                hint = "; --allow-empty removes them" if why in _ALLOWED else ""
                self._tell(
                    f"{shown(place)} {why}: the articles of its {number:,} files are kept until "
                    f"it is back{hint}"
                )
        for place in self.away.keys() - away.keys():
            self._tell(f"{shown(place)} is back")
        self.away = away

    def _version(self, file: SourceFile) -> Version:
        """Return what changes whenever a file does, or what is said beside it; () without a file.

        The time of the inode's change is in it: a file that was put in another's place may
        have both its size and its time, and one that may be read now has both as before.
        """
        path = str(file.path)  # a hundred thousand of them take seconds as Path
        own = _stamp(path)
        if not own or SUFFIXES.get(suffix_of(path), "") in MANY:
            return own and (self._reading, *own)
        return (self._reading, *own, *_stamp(os.path.splitext(path)[0] + METADATA_SUFFIX))  # noqa: PTH122


_ALLOWED = ("is empty", "is not mounted", "leads nowhere")


def like(version: Version) -> Version:
    """Return of what a file is like what stays when it is moved: size and time."""
    return version[1:3]


def _stamp(path: str) -> Version:
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return ()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _has_gone(failure: Failure) -> bool:
    """Tell whether what could not be listed was only removed meanwhile."""
    if failure.code != "not-found":
        return False
    return failure.file is None or not os.path.lexists(failure.file.path)
