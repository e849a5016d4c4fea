"""What in a watched folder is new, changed or gone: what is there, compared with the catalogue.

Events only say where to look: they are lost, doubled and late, and name folders as they
please. A file is given when it has stood still for a while, and one that vanished is gone
when it stays away.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from indexer.extraction.registry import METADATA_SUFFIX, suffix_of
from indexer.sources import Failure, SourceFile
from indexer.sources.identity import FileIds
from indexer.sources.listing import file_at, is_hidden, list_files
from indexer.sources.naming import shown
from indexer.sync.catalogue import Catalogue, Entry, Version
from indexer.sync.places import is_folder, unreachable

BATCH_FILES = 256  # given at once
MANY_EVENTS = 1_000  # at once: some may be lost, and a scan is quicker
MANY_FILES = 20  # a folder of more is not taken for empty all at once
SHARE = 5  # scans take one of so many seconds at most, plus one
_ALLOWED = ("is empty", "is not mounted", "leads nowhere")  # with --allow-empty
_UNKNOWN = Entry("", digest=0)  # of a file that was never read; version () is that of no file


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
    needs_scan: bool = True
    changes: dict[str, Change] = field(default_factory=dict)  # to be done, by the ids of files
    away: dict[Path, str] = field(default_factory=dict)  # places out of reach, and why
    _folders: set[Path] = field(default_factory=set)  # with files in them, however deep
    _unlisted: set[str] = field(default_factory=set)  # places of failures
    _not_before: float = float("-inf")

    @property
    def prefix(self) -> str:
        """Of the ids of files that are not reached through a link out of the folder."""
        return self.ids.of(self.path / "x").removesuffix("x")

    def on_events(self, paths: Collection[Path], now: float) -> None:
        """Look at the files that events name; anything else that matters needs a scan."""
        entries = self.catalogue.entries
        self.needs_scan = self.needs_scan or len(paths) > MANY_EVENTS
        for path in paths:
            if self.needs_scan:
                return
            is_ours = path.is_relative_to(self.path)
            if not is_ours or any(map(is_hidden, path.relative_to(self.path).parts)):
                continue
            is_read = bool(suffix_of(path.name))
            is_alone = path.parent in self._folders and not path.name.endswith(METADATA_SUFFIX)
            file = file_at(path, self.ids) if is_read and is_alone else None
            known = entries.get(file.id) if isinstance(file, SourceFile) else None
            if isinstance(file, SourceFile) and (known is None or known.path == str(path)):
                self._note(file.id, file, now)
            else:
                self.needs_scan = is_read or path in self._folders or is_folder(path)

    def scan(self, now: float) -> None:
        """Compare everything with the catalogue, unless that was done a moment ago."""
        if now < self._not_before:
            return
        started = time.monotonic()
        files, entries = self._list(), self.catalogue.entries
        with_files = {file.path.parent for file in files.values()}
        self._folders = with_files.union(*(folder.parents for folder in with_files))
        for key, file in files.items():
            self._note(key, file, now)
        empty = not files and len(entries) > MANY_FILES and not self.allow_empty
        away: dict[Path, str] = {}
        for key in entries.keys() - files.keys():
            place = self._unreachable(entries[key]) or ((self.path, "is empty") if empty else None)
            if place is None:
                self._note(key, None, now)
            else:
                away.update([place])
        self._tell_away(away)
        self.needs_scan = False
        self._not_before = now + (SHARE + 1) * (time.monotonic() - started)

    def due(self, now: float) -> tuple[list[tuple[SourceFile, Version]], list[str]]:
        """Return what stood still: some files to be read, and the ids of those that are gone."""
        read: list[tuple[SourceFile, Version]] = []
        gone: list[str] = []
        for key, change in list(self.changes.items()):
            if now - change.since < self.settle or len(read) == BATCH_FILES:
                continue
            if change.file is not None:
                self._note(key, change.file, now)
                if self.changes.get(key) is change:
                    read.append((change.file, change.version))
            elif self._unreachable(self.catalogue.entries[key]):
                del self.changes[key]
                self.needs_scan = True
            else:
                gone.append(key)
        return read, gone

    def done(self, entries: Mapping[str, Entry | None]) -> None:
        """Keep what files were like when they were read; None forgets one that is gone."""
        self.catalogue.put(entries)
        for key, entry in entries.items():
            if entry is None or entry.digest is not None:
                self.changes.pop(key, None)

    def owner(self, article_id: str) -> str | None:
        """Return the longest id of a file, known or to be read, that an article may be of."""
        key = article_id
        while key and key not in self.catalogue.entries and key not in self.changes:
            key = key.rpartition("/")[0]
        return key or None

    def is_gone(self, article_id: str) -> bool:
        """Tell whether an article under the folder, of no known file, is of one that is gone."""
        path = self.path / article_id.removeprefix(self.prefix)
        is_there = any(each.is_file() for each in (path, *path.parents))
        return self.path not in self.away and not (is_there or self._unreachable(Entry(str(path))))

    def _list(self) -> dict[str, SourceFile]:
        """Return the files that are there by their ids; report what cannot be listed once."""
        files: dict[str, SourceFile] = {}
        unlisted: set[str] = set()
        for listed in list_files([self.path] if is_folder(self.path) else [], self.ids):
            if isinstance(listed, SourceFile):
                files[listed.id] = listed
            elif isinstance(listed, Failure) and not _is_removed(listed):
                unlisted.add(listed.place)
                if listed.place not in self._unlisted:
                    self.on_failure(listed)
        self._unlisted = unlisted
        return files

    def _note(self, key: str, file: SourceFile | None, now: float) -> None:
        """Take what a file is like now for a change if it is not what the catalogue has."""
        version = self._version(file) if file is not None else ()
        entry = self.catalogue.entries.get(key, _UNKNOWN)
        before = self.changes.get(key)
        if entry.digest is not None and entry.version == version:
            self.changes.pop(key, None)
        elif before is None or before.version != version:
            self.changes[key] = Change(file if version else None, version, now)

    def _unreachable(self, entry: Entry) -> tuple[Path, str] | None:
        """Return why a file that is missing is not taken for gone; None if it is."""
        found = unreachable(Path(entry.path), self.path, entry.mount)
        return None if self.allow_empty and found and found[1] in _ALLOWED else found

    def _tell_away(self, away: dict[Path, str]) -> None:
        """Tell of each place once that it is away, and that it is back."""
        for place, why in away.items() - self.away.items():
            hint = "; --allow-empty removes them" if why in _ALLOWED else ""
            self.tell(f"{shown(place)} {why}: its articles are kept until it is back{hint}")
        for place in self.away.keys() - away.keys():
            self.tell(f"{shown(place)} is back")
        self.away = away

    def _version(self, file: SourceFile) -> Version:
        """Return what changes whenever a file does, or its metadata beside it; () without a file.

        The time of the inode's change is in it: a file that was put in another's place may
        have both its size and its time, and one that may be read now has both as before.
        """
        path = str(file.path)  # a hundred thousand of them take seconds as Path
        own = _stamp(path)
        beside = os.path.splitext(path)[0] + METADATA_SUFFIX  # noqa: PTH122
        return own and (*own, *_stamp(beside), self.reading)


def _is_removed(failure: Failure) -> bool:
    """Tell whether a file could not be listed because it was removed meanwhile."""
    is_link = failure.file is not None and failure.file.path.is_symlink()
    return failure.code == "not-found" and not is_link


def _stamp(path: str) -> Version:
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return ()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns
