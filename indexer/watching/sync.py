"""Watched files to the index: what each gives is written, what it gave before goes.

The articles of a file are those whose id is the file's key or begins with it and a slash.
A file is in the catalogue as it was read only after all that it gives is stored and all
else of it is removed: whenever the process is killed, the next one reads such a file again.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import chain, islice

from indexer.pipeline import Report
from indexer.preparing import known_vectors
from indexer.sources import Failure, Found, Item, SourceFile
from indexer.watching.catalogue import Entry, Version
from indexer.watching.places import mount_of
from indexer.watching.scanner import Scanner, like
from search.domain import Vector
from search.embedding import Embedder
from search.engine import Engine
from search.errors import EngineUnavailable
from search.ingest import IngestStatus

AT_ONCE = 1_000  # ids asked for or deleted at once
MOST_MOVED = 2_000  # articles whose vectors are held for what a burst may have moved


@dataclass(slots=True)
class _Reading:
    """What a file gave so far: failures of `told` codes were told before."""

    entry: Entry
    told: tuple[str, ...]
    ids: set[str] = field(default_factory=set)
    digest: int = 0


@dataclass
class Sync:
    """Keeps an index like files, for one thread."""

    engine: Engine
    embedder: Embedder
    read: Callable[[Sequence[SourceFile]], Generator[Item, None, None]]  # `read_articles`
    index: Callable[..., Report]  # `pipeline.index` with all but what differs from run to run
    stopping: Callable[[], bool]  # what `index` asks
    embed: bool
    on_failure: Callable[[Failure], None]  # once for each version of a file and each reason
    counts: Counter[str] = field(default_factory=Counter)  # articles "new", "changed", "removed"

    def write(self, scanner: Scanner, files: Sequence[tuple[SourceFile, Version]]) -> None:
        """Index files of a folder, and remove what they gave before and do not give any more.

        Args:
            scanner: of their folder.
            files: and what they are like.

        Raises:
            EngineError: not everything was written, or could be noted; giving it again is safe.
        """
        self.engine.write([])  # refused before anything is told
        readings: dict[str, _Reading] = {}
        for file, version in files:
            before = scanner.catalogue.entries.get(file.id)
            told = before.codes if before is not None and before.version == version else ()
            entry = Entry(str(file.path), mount_of(file.path), version)
            # One that changes is a file to wait for, not a failure.
            readings[file.id] = _Reading(entry, (*told, "changed"))

        def stored(found: Found, _: IngestStatus) -> None:
            if found.file is not None:
                reading = readings[found.file.id]
                reading.ids.add(found.article.id)
                reading.digest ^= _digest(found.article.id, found.article.content_hash())

        def failed(failure: Failure) -> None:
            reading = readings.get(failure.file.id) if failure.file is not None else None
            if reading is None or failure.code not in reading.told:
                self.on_failure(failure)  # if it raises, the file is read again
            if reading is not None and failure.code not in reading.entry.codes:
                codes = (*reading.entry.codes, failure.code)
                reading.entry = replace(reading.entry, codes=codes)

        with closing(self.read([file for file, _ in files])) as items:
            known = self._moved(scanner, files)
            report = self.index(items, known=known, on_outcome=stored, on_failure=failed)
        self.counts.update(new=report.created, changed=report.updated)
        read = {
            key: replace(each.entry, digest=f"{each.digest:016x}")
            for key, each in readings.items()
            if not report.stopped and "changed" not in each.entry.codes
        }
        self._delete(
            article_id
            for key, entry in read.items()
            if not entry.may_pass
            for article_id in self._of(key, scanner)
            if article_id not in readings[key].ids
        )
        # What is noted of the others is which failures were told.
        scanner.catalogue.put({key: each.entry for key, each in readings.items()} | read)
        scanner.done(read)
        if report.stopped and not self.stopping():
            if report.stopped == "interrupted":
                raise KeyboardInterrupt
            raise EngineUnavailable(report.stopped)

    def remove(self, scanner: Scanner, keys: Sequence[str]) -> None:
        """Remove the articles of files that are gone. Raises EngineError: giving it again is safe."""
        self._delete(chain.from_iterable(self._of(key, scanner) for key in keys))
        scanner.catalogue.put(dict.fromkeys(keys))
        scanner.done(keys)

    def compare(self, scanner: Scanner) -> None:
        """Have files read again whose articles are not stored as they were written, or that failed.

        Articles under the folder that are of no file are removed.

        Raises:
            EngineError: it cannot be told.
        """
        self.engine.show()
        entries, prefix = scanner.catalogue.entries, scanner.prefix
        digests = dict.fromkeys(entries, 0)
        orphans: list[str] = []
        outside = (self._of(key, scanner) for key in entries if not key.startswith(prefix))
        ids = chain(self._ids(prefix), chain.from_iterable(outside))
        while page := list(islice(ids, AT_ONCE)):
            for article_id, there in self.engine.stored(page).items():
                key = scanner.owner(article_id)
                if key is None:
                    orphans.append(article_id)
                elif key in digests and (there.embedded or not self.embed):
                    digests[key] ^= _digest(article_id, there.content_hash)
        self._delete(filter(scanner.is_gone, orphans))
        doubtful = {
            key: replace(entry, digest="")
            for key, entry in entries.items()
            if (entry.may_pass or entry.digest != f"{digests[key]:016x}")
            and "timeout" not in entry.codes  # one that took too long is left to the next start
        }
        if doubtful:
            scanner.catalogue.put(doubtful)
            scanner.whole = True

    def _of(self, key: str, scanner: Scanner) -> Iterator[str]:
        """Yield the ids that a file's articles may have: its key, and all that begin with it."""
        yield key
        for article_id in self._ids(f"{key}/"):
            if scanner.owner(article_id) == key:  # else of a file whose key begins with this one
                yield article_id

    def _ids(self, prefix: str) -> Iterator[str]:
        """Yield the ids of the index that begin so, in order."""
        after, limit = prefix, 1  # most files are one article, and nothing follows its id
        while page := self.engine.article_ids(after, limit):
            for article_id in page:
                if not article_id.startswith(prefix):
                    return
                yield article_id
            after, limit = page[-1], AT_ONCE

    def _delete(self, ids: Iterable[str]) -> None:
        left = iter(ids)
        while some := list(islice(left, AT_ONCE)):
            self.counts["removed"] += self.engine.delete(some)

    def _moved(
        self, scanner: Scanner, files: Iterable[tuple[SourceFile, Version]]
    ) -> dict[str, Vector]:
        """Return the vectors of missing files that may have been moved to where these are."""
        alike = {like(version) for _, version in files}
        ids = chain.from_iterable(
            self._of(key, scanner)
            for key, change in scanner.changes.items()
            if change.file is None and like(scanner.catalogue.entries[key].version) in alike
        )
        moved = list(islice(ids, MOST_MOVED)) if self.embed else []
        return known_vectors(self.engine.indexed(moved), self.embedder) if moved else {}


def _digest(article_id: str, content_hash: str) -> int:
    """Return a number for an article as it is stored; those of a file are joined by exclusive or."""
    digest = hashlib.sha256(f"{article_id}\0{content_hash}".encode()).digest()
    return int.from_bytes(digest[:8], "big")
