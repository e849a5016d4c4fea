"""A watched folder to the index: what its files give is written, what they gave before goes.

The articles of a file are those whose id is the file's or begins with it and a slash.
A file is in the catalogue as it was read only after all that it gives is stored and all
else of it is removed: whenever the process is killed, the next one reads such a file again.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import chain, islice

from indexer.ingestion.pipeline import Report
from indexer.ingestion.preparing import known_vectors
from indexer.sources import Failure, Found, Item, SourceFile
from indexer.sync.catalogue import Entry, Version
from indexer.sync.places import mount_of
from indexer.sync.scanner import Scanner
from search.domain import Vector
from search.embedding import Embedder
from search.engines.protocol import Engine
from search.errors import EngineUnavailable
from search.ingest import IngestStatus

BATCH_IDS = 1_000  # asked for or deleted at once
MOST_MOVED = 2_000  # articles whose vectors are held for what a burst may have moved


@dataclass
class Sync:
    """Keeps an index like one folder. What raises EngineError can be done again."""

    scanner: Scanner
    engine: Engine
    embedder: Embedder
    read: Callable[[Sequence[SourceFile]], Generator[Item, None, None]]  # `read_articles`
    index: Callable[..., Report]  # `pipeline.index` with all but what differs from run to run
    stopping: Callable[[], bool]  # what `index` asks
    embed: bool
    on_failure: Callable[[Failure, bool], None]  # and whether it is the first such of its file
    counts: Counter[str] = field(default_factory=Counter)  # articles "new", "changed", "removed"

    def step(self) -> bool:
        """Write some files that stand still, or remove those that are gone; False without any.

        Removing comes last: what was moved may need the vectors.
        """
        files, gone = self.scanner.due(time.monotonic())
        if files:
            self._write(files)
        elif gone:
            self._delete(chain.from_iterable(map(self._ids_of, gone)))
            self.scanner.done(dict.fromkeys(gone))
        return bool(files or gone)

    def compare(self) -> None:
        """Have files read again whose articles are not stored as they were written, or that failed.

        Articles under the folder that are of no file are removed.
        """
        self.engine.show()
        entries, prefix = self.scanner.catalogue.entries, self.scanner.prefix
        digests = dict.fromkeys(entries, 0)
        orphans: list[str] = []
        outside = (self._ids_of(key) for key in entries if not key.startswith(prefix))
        ids = chain(self._ids(prefix), chain.from_iterable(outside))
        while page := list(islice(ids, BATCH_IDS)):
            for article_id, there in self.engine.stored(page).items():
                key = self.scanner.owner(article_id)
                if key is None:
                    orphans.append(article_id)
                elif key in digests and (there.embedded or not self.embed):
                    digests[key] ^= _digest(article_id, there.content_hash)
        self._delete(filter(self.scanner.is_gone, orphans))
        doubtful = {
            key: replace(entry, digest=None)
            for key, entry in entries.items()
            if (entry.may_pass or entry.digest != digests[key])
            and "timeout" not in entry.codes  # one that took too long is left to the next start
        }
        if doubtful:
            self.scanner.catalogue.put(doubtful)
            self.scanner.needs_scan = True

    def _write(self, files: Sequence[tuple[SourceFile, Version]]) -> None:
        """Index files, given with what they are like; remove what they do not give any more."""
        self.engine.write([])  # refused before anything is told
        entries = {
            file.id: Entry(str(file.path), mount_of(file.path), version) for file, version in files
        }
        digests = dict.fromkeys(entries, 0)
        given: dict[str, set[str]] = defaultdict(set)

        def stored(found: Found, _: IngestStatus) -> None:
            key, article = _file_id(found), found.article
            given[key].add(article.id)
            digests[key] ^= _digest(article.id, article.content_hash())

        def failed(failure: Failure) -> None:
            """Note and tell it, unless it was told of this version before, or is one to wait for."""
            entry = entries[_file_id(failure)]
            before = self.scanner.catalogue.entries.get(_file_id(failure))
            told = before.codes if before is not None and before.version == entry.version else ()
            is_first = failure.code not in entry.codes
            if failure.code not in (*told, "changed"):
                self.on_failure(failure, is_first)  # if it raises, the file is read again
            if is_first:
                entry.codes = (*entry.codes, failure.code)

        with closing(self.read([file for file, _ in files])) as items:
            known = self._moved(files)
            report = self.index(items, known=known, on_outcome=stored, on_failure=failed)
        self.counts.update(new=report.created, changed=report.updated)
        for key, entry in entries.items():
            if not report.stopped and "changed" not in entry.codes:
                entry.digest = digests[key]
        self._delete(
            article_id
            for key, entry in entries.items()
            if entry.digest is not None and not entry.may_pass
            for article_id in self._ids_of(key)
            if article_id not in given[key]
        )
        self.scanner.done(entries)
        if report.stopped and not self.stopping():
            if report.stopped == "interrupted":
                raise KeyboardInterrupt
            raise EngineUnavailable(report.stopped)

    def _ids_of(self, key: str) -> Iterator[str]:
        """Yield the ids that a file's articles may have: its own, and all that begin with it."""
        yield key
        for article_id in self._ids(f"{key}/"):
            if self.scanner.owner(article_id) == key:  # else of a file whose id begins with this
                yield article_id

    def _ids(self, prefix: str) -> Iterator[str]:
        """Yield the ids of the index that begin so, in order."""
        after, limit = prefix, 1  # most files are one article, and nothing follows its id
        while page := self.engine.article_ids(after, limit):
            for article_id in page:
                if not article_id.startswith(prefix):
                    return
                yield article_id
            after, limit = page[-1], BATCH_IDS

    def _delete(self, ids: Iterable[str]) -> None:
        left = iter(ids)
        while some := list(islice(left, BATCH_IDS)):
            self.counts["removed"] += self.engine.delete(some)

    def _moved(self, files: Iterable[tuple[SourceFile, Version]]) -> dict[str, Vector]:
        """Return the vectors of missing files that may have been moved to where these are."""
        alike = {version[:2] for _, version in files}  # sizes and times
        entries = self.scanner.catalogue.entries
        ids = chain.from_iterable(
            self._ids_of(key)
            for key, change in self.scanner.changes.items()
            if change.file is None and entries[key].version[:2] in alike
        )
        moved = list(islice(ids, MOST_MOVED)) if self.embed else []
        return known_vectors(self.engine.indexed(moved), self.embedder) if moved else {}


def _file_id(item: Found | Failure) -> str:
    assert item.file is not None  # noqa: S101  # only files are read here
    return item.file.id


def _digest(article_id: str, content_hash: str) -> int:
    """Return a number for an article as it is stored; those of a file are joined by exclusive or."""
    digest = hashlib.sha256(f"{article_id}\0{content_hash}".encode()).digest()
    return int.from_bytes(digest[:8], "big")
