"""What in a watched folder is new, changed or gone: what is there, compared with the catalogue.

Events only say where to look: they are lost, doubled and late, and name folders as they
please. A file is given when it has stood still for a while, and one that vanished is gone
when it stays away.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from indexer.formats import METADATA_SUFFIX, suffix_of
from indexer.sources import Failure, SourceFile
from indexer.sources.identity import FileIds
from indexer.sources.listing import file_at, is_hidden, list_files
from indexer.sources.naming import shown
from indexer.watching.catalogue import Catalogue, Entry, Version
from indexer.watching.places import is_folder, unreachable

AT_ONCE = 256  # files given at once
MANY_EVENTS = 1_000  # at once: some may be lost, and looking at everything is quicker
MANY_FILES = 20  # a folder of more is not taken for empty all at once
SHARE = 5  # scans take one of so many seconds at most, plus one
_ALLOWED = ("is empty", "is not mounted", "leads nowhere")  # with --allow-empty


@dataclass(frozen=True, slots=True)
class Change:
    """A file to be read, None for one that is gone; what it is like, and since when it is so."""

    file: SourceFile | None
    version: Version
    since: float


@dataclass(eq=False)
class Scanner:
    """Finds what changed in one watched folder. All times are those of `time.monotonic`."""

    path: Path  # absolute
    catalogue: Catalogue
    ids: FileIds
    reading: int  # how files are read; another number has all of them read again
    settle: float  # seconds without a change after which a file is read, or is gone
    allow_empty: bool  # whether it may lose all its files at once
    tell: Callable[[str], None]  # called with lines for people
    on_failure: Callable[[Failure], None]  # for what cannot be listed, once while that lasts
    whole: bool = True  # whether everything is to be scanned again
    changes: dict[str, Change] = field(default_factory=dict)  # to be done, by the keys of files
    away: dict[Path, str] = field(default_factory=dict)  # places out of reach, and why
    _folders: set[Path] = field(default_factory=set)  # with files in them, however deep
    _told: set[str] = field(default_factory=set)  # places of failures
    _not_before: float = float("-inf")

    @property
    def prefix(self) -> str:
        """Of the keys of files that are not reached through a link out of the folder."""
        return self.ids.of(self.path / "x").removesuffix("x")

    def touched(self, paths: Collection[Path], now: float) -> None:
        """Look at the files where something happened; if it was elsewhere, or much, at everything."""
        entries, self.whole = self.catalogue.entries, self.whole or len(paths) > MANY_EVENTS
        for path in paths:
            if self.whole or any(map(is_hidden, path.relative_to(self.path).parts)):
                continue
            is_read = bool(suffix_of(path.name))
            is_beside = path.parent in self._folders and not path.name.endswith(METADATA_SUFFIX)
            file = file_at(path, self.ids) if is_read and is_beside else None
            entry = entries.get(self.ids.of(path)) if file else None
            if isinstance(file, SourceFile) and (entry is None or entry.path == str(path)):
                self._notice(file.id, file, now)
            else:
                self.whole = is_read or path in self._folders or is_folder(path)

    def scan(self, now: float) -> None:
        """Compare everything with the catalogue, unless that was done a moment ago."""
        if now < self._not_before:
            return
        started = time.monotonic()
        files, entries = self._listed(), self.catalogue.entries
        holding = {file.path.parent for file in files.values()}
        self._folders = holding.union(*(folder.parents for folder in holding))
        for key, file in files.items():
            self._notice(key, file, now)
        kept: Counter[tuple[Path, str]] = Counter()
        empty = not files and len(entries) > MANY_FILES and not self.allow_empty
        for key in entries.keys() - files.keys():
            place = self._unreachable(entries[key]) or ((self.path, "is empty") if empty else None)
            if place is None:
                self._notice(key, None, now)
            else:
                kept[place] += 1
        self._tell_away(kept)
        self.whole = False
        self._not_before = now + (SHARE + 1) * (time.monotonic() - started)

    def settled(self, now: float) -> tuple[list[tuple[SourceFile, Version]], list[str]]:
        """Return what stood still: some files to be read, and the keys of those that are gone."""
        read: list[tuple[SourceFile, Version]] = []
        gone: list[str] = []
        for key, change in list(self.changes.items()):
            if now - change.since < self.settle or len(read) == AT_ONCE:
                continue
            if change.file is not None:
                self._notice(key, change.file, now)
                if self.changes.get(key) is change:
                    read.append((change.file, change.version))
            elif self._unreachable(self.catalogue.entries[key]):
                del self.changes[key]
                self.whole = True
            else:
                gone.append(key)
        return read, gone

    def done(self, keys: Iterable[str]) -> None:
        """Note that files were read or are known no longer."""
        for key in keys:
            self.changes.pop(key, None)

    def owner(self, article_id: str) -> str | None:
        """Return the longest key of a file, known or to be read, that an article may be of."""
        key = article_id
        while key and key not in self.catalogue.entries and key not in self.changes:
            key = key.rpartition("/")[0]
        return key or None

    def is_gone(self, article_id: str) -> bool:
        """Tell whether an article under the folder, of no known file, is of one that is gone."""
        path = Path(f"{self.path}/{article_id.removeprefix(self.prefix)}")
        is_there = any(each.is_file() for each in (path, *path.parents))
        return self.path not in self.away and not (is_there or self._unreachable(Entry(str(path))))

    def _listed(self) -> dict[str, SourceFile]:
        if not is_folder(self.path):
            return {}
        files: dict[str, SourceFile] = {}
        failed: set[str] = set()
        for listed in list_files([self.path], self.ids):
            if isinstance(listed, SourceFile):
                files[listed.id] = listed
            elif isinstance(listed, Failure):
                if listed.code == "not-found" and not (
                    listed.file and listed.file.path.is_symlink()
                ):
                    continue  # removed meanwhile
                failed.add(listed.place)
                if listed.place not in self._told:
                    self.on_failure(listed)
        self._told = failed
        return files

    def _notice(self, key: str, file: SourceFile | None, now: float) -> None:
        """Take what a file is like now for a change if it is not what the catalogue has."""
        version = self._version(file) if file is not None else ()
        entry, before = self.catalogue.entries.get(key), self.changes.get(key)
        is_known = not version if entry is None else entry.digest and entry.version == version
        if is_known:
            self.changes.pop(key, None)
        elif before is None or before.version != version:
            self.changes[key] = Change(file if version else None, version, now)

    def _unreachable(self, entry: Entry) -> tuple[Path, str] | None:
        """Return why a file that is missing is not taken for gone; None if it is."""
        found = unreachable(Path(entry.path), self.path, entry.mount)
        return None if self.allow_empty and found and found[1] in _ALLOWED else found

    def _tell_away(self, kept: Mapping[tuple[Path, str], int]) -> None:
        """Tell of each place once that it is away, and that it is back."""
        away = dict(kept.keys())
        for (place, why), number in kept.items():
            if self.away.get(place) != why:
                hint = "; --allow-empty removes them" if why in _ALLOWED else ""
                self.tell(
                    f"{shown(place)} {why}: the articles of its {number:,} files are kept until "
                    f"it is back{hint}"
                )
        for place in self.away.keys() - away.keys():
            self.tell(f"{shown(place)} is back")
        self.away = away

    def _version(self, file: SourceFile) -> Version:
        """Return what changes whenever a file does, or what is said beside it; () without a file.

        The time of the inode's change is in it: a file that was put in another's place may
        have both its size and its time, and one that may be read now has both as before.
        """
        path = str(file.path)  # a hundred thousand of them take seconds as Path
        own = _stamp(path)
        beside = os.path.splitext(path)[0] + METADATA_SUFFIX  # noqa: PTH122
        return own and (self.reading, *own, *_stamp(beside))


def like(version: Version) -> Version:
    """Return of what a file is like what stays when it is moved: size and time."""
    return version[1:3]


def _stamp(path: str) -> Version:
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return ()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns
