"""A watched folder to the index: files that changed are indexed, what went is removed.

What is there is compared with the catalogue of what was read. Events only say where to
look: they are lost, doubled and late, and name folders as they please.

A file is in the catalogue only after all that it gives is stored and all else of it is
removed: whenever the process is killed, the next one reads such a file again.
"""

from __future__ import annotations

import json
import os
import stat
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import accumulate, islice
from pathlib import Path

from indexer.extraction.registry import METADATA_SUFFIX, suffix_of
from indexer.extraction.sandbox.parser import Parser
from indexer.failure_codes import TRANSIENT
from indexer.ingestion.pipeline import index
from indexer.ingestion.preparing import known_vectors
from indexer.sources import Failure, Found, SourceFile
from indexer.sources.identity import FileIds
from indexer.sources.listing import file_at, is_hidden, list_files, name_of
from indexer.sources.naming import shown
from indexer.sources.reading import read_articles
from indexer.sync.catalogue import PAGE, UNREAD, Catalogue, Entry, Version, mount_of
from indexer.sync.watch_options import WatchOptions
from search.domain import Vector, WriteStatus
from search.embedding import Embedder
from search.engines.protocol import Engine
from search.errors import EngineUnavailable

BATCH_FILES = 256  # read at once
MANY_EVENTS = 1_000  # at once: some may be lost, and a scan is quicker
MANY_FILES = 20  # a folder of more is not taken for empty all at once
SHARE = 5  # scans take one of so many seconds at most, plus one
HINT = " (--allow-empty removes its articles)"


@dataclass(slots=True)
class Change:
    """A file to be read, None for one that is gone.

    version  what it is like
    since    when it was first seen so, or is to be tried again (`time.monotonic`)
    told     codes of what failed in it before
    """

    file: SourceFile | None
    version: Version
    since: float
    told: set[str] = field(default_factory=set)


class Sync:
    """Keeps an index like one folder. What raises EngineError can be done again."""

    def __init__(
        self,
        path: Path,
        catalogue: Catalogue,
        engine: Engine,
        embedder: Embedder,
        parser: Parser,
        how: WatchOptions,
    ) -> None:
        self.path = path  # absolute
        self.changes: dict[str, Change] = {}  # to be done, by the ids of files
        self.counts: Counter[str] = Counter()  # articles "new", "changed", "removed"
        self.needs_scan = self.needs_comparing = True
        self._catalogue = catalogue
        self._engine = engine
        self._embedder = embedder
        self._parser = parser
        self._how = how
        self._ids = FileIds(how.collection, str(how.settings.root))
        said = [sorted(how.options.fields.items()), how.options.encoding, how.source]
        said += [str(how.settings.originals)] if how.settings.originals else []
        self._reading = zlib.crc32(json.dumps(said).encode())  # another: all is read again
        self._folders: set[Path] = set()  # with files in them, however deep
        self._unlisted: set[str] = set()  # places of failures
        self._away: dict[Path, str] = {}  # places out of reach, and why
        self._scan_at = self._compare_at = float("-inf")  # not before

    def on_events(self, paths: Collection[Path]) -> None:
        """Look at the files that events name; anything else that matters needs a scan."""
        now = time.monotonic()
        self.needs_scan = self.needs_scan or len(paths) > MANY_EVENTS
        for path in paths:
            if self.needs_scan:
                return
            is_ours = path.is_relative_to(self.path)
            if not is_ours or any(map(is_hidden, path.relative_to(self.path).parts)):
                continue
            is_read = bool(suffix_of(name_of(path)))
            is_alone = path.parent in self._folders and not path.name.endswith(METADATA_SUFFIX)
            file = file_at(path, self._ids) if is_read and is_alone else None
            known = self._catalogue.entries.get(file.id) if isinstance(file, SourceFile) else None
            if isinstance(file, SourceFile) and (known is None or known.path == str(path)):
                self._note(file.id, file, now)
            else:
                self.needs_scan = is_read or path in self._folders or is_folder(path)

    def step(self) -> bool:
        """Do some of what is to be done; False where nothing is.

        Removing comes after writing: what was moved may need the vectors.
        """
        now = time.monotonic()
        if self.needs_scan and now >= self._scan_at:
            self._scan(now)
        due = self._due(now)
        files = {key: change for key, change in due.items() if change.file}
        if files:
            self._write(dict(islice(files.items(), BATCH_FILES)))
        elif due:
            self._done(dict.fromkeys(due))
        elif self.needs_comparing and not self.needs_scan and now >= self._compare_at:
            self._compare()
            self.needs_comparing = False
        else:
            return False
        return True

    def _scan(self, now: float) -> None:
        """Note what differs from the catalogue, wherever it is."""
        files, entries = self._list(), self._catalogue.entries
        with_files = {file.path.parent for file in files.values()}
        self._folders = with_files.union(*(folder.parents for folder in with_files))
        for key, file in files.items():
            self._note(key, file, now)
        away: dict[Path, str] = {}
        if not is_folder(self.path):
            away[self.path] = "is not there"
        elif not files and len(entries) > MANY_FILES and not self._how.allow_empty:
            away[self.path] = f"is empty{HINT}"
        for key in () if away else entries.keys() - files.keys():
            found = self._out_of_reach(entries[key])
            if found is None:
                self._note(key, None, now)
            else:
                away.update([found])
        for place, why in away.items() - self._away.items():
            self._how.tell(f"{shown(place)} {why}: its articles are kept until it is back")
        for place in self._away.keys() - away.keys():
            self._how.tell(f"{shown(place)} is back")
        self._away = away
        self.needs_scan = False
        self._compare_at = now + self._how.intervals.settle
        self._scan_at = now + (SHARE + 1) * (time.monotonic() - now)

    def _list(self) -> dict[str, SourceFile]:
        """Return the files that are there by their ids; tell once of what cannot be listed."""
        files: dict[str, SourceFile] = {}
        unlisted: set[str] = set()
        for listed in list_files([self.path] if is_folder(self.path) else [], self._ids):
            if isinstance(listed, SourceFile):
                files[listed.id] = listed
            elif isinstance(listed, Failure) and not _is_removed(listed):
                unlisted.add(listed.place)
                if listed.place not in self._unlisted:
                    self._fail(listed)
        self._unlisted = unlisted
        return files

    def _out_of_reach(self, entry: Entry) -> tuple[Path, str] | None:
        """Return which place that a missing file lies on is away, and why; None if it was removed."""
        keeps = not self._how.allow_empty
        if keeps and entry.mount and not os.path.ismount(entry.mount):
            return Path(entry.mount), f"is not mounted{HINT}"
        path = Path(entry.path)
        for place in (path, *path.parents):
            if keeps and place.is_symlink() and not place.exists():
                return place, f"leads nowhere{HINT}"
            if shown(place) in self._unlisted:
                return place, "cannot be read"
        return None

    def _note(self, key: str, file: SourceFile | None, now: float) -> None:
        """Take what a file is like now for a change if it is not what the catalogue has."""
        version = self._version(file) if file is not None else ()
        entry, before = self._catalogue.entries.get(key), self.changes.get(key)
        if version == (entry.version if entry is not None else None if version else ()):
            self.changes.pop(key, None)
        elif before is None or before.version != version:
            self.changes[key] = Change(file if version else None, version, now)

    def _due(self, now: float) -> dict[str, Change]:
        """Return what stood still."""
        due = {}
        for key, change in list(self.changes.items()):
            if now - change.since < self._how.intervals.settle:
                continue
            self._note(key, change.file, now)
            if change.file is None and not is_folder(self.path):
                del self.changes[key]  # all of it goes, and this was the first to be seen
                self.needs_scan = True
            elif self.changes.get(key) is change:
                due[key] = change
        return due

    def _write(self, changes: Mapping[str, Change]) -> None:
        """Index files; remove what they do not give any more."""
        self._engine.write([])  # refused before anything is told
        run = time.time_ns()  # tells it from others
        codes: dict[str, set[str]] = defaultdict(set)

        def stored(found: Found, _: WriteStatus) -> None:
            article = found.article
            self._catalogue.add(article.id, _file_id(found), article.content_hash(), run)

        def failed(failure: Failure) -> None:
            """Tell it, unless it was told of this version before, or is one to wait for."""
            key = _file_id(failure)
            if failure.code not in (*changes[key].told, "changed"):
                self._fail(failure, is_first=failure.code not in codes[key])
            codes[key].add(failure.code)

        how, files = self._how, [change.file for change in changes.values() if change.file]
        entries = {
            file.id: Entry(str(file.path), changes[file.id].version, mount_of(file.path))
            for file in files
        }
        read = read_articles(files, how.options, source=how.source, parser=self._parser)
        with closing(read) as items:
            report = index(
                items,
                self._engine,
                self._embedder,
                how.settings,
                embed=how.embed,
                known=self._moved(changes),
                stopping=how.stopping,
                on_outcome=stored,
                on_failure=failed,
            )
        self.counts.update(new=report.created, changed=report.updated)
        for key, change in changes.items():
            change.told |= codes[key]
            if not TRANSIENT.isdisjoint(codes[key]):
                del entries[key]
                change.since = time.monotonic() + how.intervals.rescan
        if not report.stopped:
            self._done(entries, run)
        elif report.stopped != "interrupted":
            raise EngineUnavailable(report.stopped)
        elif not how.stopping():
            raise KeyboardInterrupt

    def _fail(self, failure: Failure, *, is_first: bool = True) -> None:
        self._how.on_failure(failure)  # if it raises, the file is read again
        if is_first:  # a file may have a million bad lines
            self._how.tell(f"failed: {failure.place}: {failure.reason}")

    def _done(self, entries: Mapping[str, Entry | None], run: int = 0) -> None:
        """Remove what files did not give in this run; note them, or that they are gone."""
        for ids in self._catalogue.articles_of(entries, run):
            self._delete(ids)
        self._catalogue.put(entries, run)
        for key in entries:
            del self.changes[key]

    def _compare(self) -> None:
        """Have files read again whose articles the index does not have as they were given.

        Articles under the folder that are of no file are removed.
        """
        self._engine.show()
        entries = self._catalogue.entries
        for page in self._catalogue.articles():
            stored = self._engine.stored([article_id for article_id, _, _ in page])
            for article_id, key, content_hash in page:
                there = stored.get(article_id)
                is_same = there is not None and there.content_hash == content_hash
                lacks_vectors = self._how.embed and there is not None and not there.embedded
                if key in entries and (lacks_vectors or not is_same):
                    entries[key] = replace(entries[key], version=UNREAD)
                    self.needs_scan = True
        if not is_folder(self.path) or not (self._folders or self._how.allow_empty):
            return
        after = prefix = self._ids.of(self.path / "x").removesuffix("x")
        while ids := [i for i in self._engine.article_ids(after, PAGE) if i.startswith(prefix)]:
            self._delete([i for i in self._catalogue.unknown(ids) if self._is_gone(i, prefix)])
            after = ids[-1]

    def _is_gone(self, article_id: str, prefix: str) -> bool:
        """Tell whether an article under the folder that no file gave is not of one to be read."""
        keys = list(accumulate(article_id.split("/"), "{}/{}".format))
        known = [self._catalogue.entries[key] for key in keys if key in self._catalogue.entries]
        if any(key in self.changes for key in keys) or any(e.version == UNREAD for e in known):
            return False
        path = str(self.path / article_id.removeprefix(prefix))
        return bool(known) or not self._out_of_reach(Entry(path, ()))

    def _delete(self, ids: Sequence[str]) -> None:
        if ids:
            self.counts["removed"] += self._engine.delete(ids)

    def _moved(self, changes: Mapping[str, Change]) -> dict[str, Vector]:
        """Return the vectors of missing files that may have been moved to where these are."""
        alike = {change.version[:2] for change in changes.values()}  # sizes and times
        missing = [
            key
            for key, change in self.changes.items()
            if change.file is None and self._catalogue.entries[key].version[:2] in alike
        ]
        moved = next(self._catalogue.articles_of(missing), []) if self._how.embed else []
        return known_vectors(self._engine.indexed(moved), self._embedder) if moved else {}

    def _version(self, file: SourceFile) -> Version:
        """Return what changes whenever a file does, or its metadata beside it; () without a file.

        The time of the inode's change is in it: a file that was put in another's place may
        have both its size and its time, and one that may be read now has both as before.
        """
        path = str(file.path)  # a hundred thousand of them take seconds as Path
        own = _stamp(path)
        beside = os.path.splitext(path)[0] + METADATA_SUFFIX  # noqa: PTH122
        return own and (*own, *_stamp(beside), self._reading)


def is_folder(path: Path) -> bool:
    """Tell whether a folder is there and answers; unlike Path.is_dir, whatever is wrong with it."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def _is_removed(failure: Failure) -> bool:
    """Tell whether a file could not be listed because it was removed meanwhile."""
    is_link = failure.file is not None and failure.file.path.is_symlink()
    return failure.code == "not-found" and not is_link


def _file_id(item: Found | Failure) -> str:
    assert item.file is not None  # noqa: S101  # only files are read here
    return item.file.id


def _stamp(path: str) -> Version:
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return ()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns
