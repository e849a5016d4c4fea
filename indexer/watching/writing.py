"""Watched files to the index: what each gives is written, what it gave before goes.

The articles of a file are those whose id is the file's key or begins with it and a slash.
A file is in the catalogue as it was read only after all that it gives is stored and all
else of it is removed: whenever the process is killed, the next one reads such a file again.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import (
    Callable,
    Collection,
    Container,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import chain, islice

from indexer.pipeline import Report
from indexer.preparing import known_vectors
from indexer.sources import Failure, Found, Item, Skipped, SourceFile
from indexer.watching.absence import mount_of
from indexer.watching.catalogue import Entry
from indexer.watching.looking import Due, Folder, like
from search.domain import Vector
from search.embedding import Embedder
from search.engine import Engine
from search.errors import EngineUnavailable
from search.ingest import IngestStatus

NONE: frozenset[str] = frozenset()
AT_ONCE = 1_000  # ids asked for or deleted at once
MOST_MOVED = 2_000  # articles whose vectors are held for what a burst may have moved


@dataclass(slots=True)
class _Reading:
    """What a file gave so far."""

    entry: Entry
    told: frozenset[str]
    given: set[str] = field(default_factory=set)
    digest: int = 0


class Keeper:
    """Keeps an index like files, for one thread."""

    def __init__(
        self,
        engine: Engine,
        embedder: Embedder,
        read: Callable[[Sequence[SourceFile]], Generator[Item, None, None]],
        write: Callable[..., Report],
        *,
        embed: bool,
        on_failure: Callable[[Failure], None],
    ) -> None:
        """Take what files go through.

        Args:
            engine, embedder, embed: as for indexing.
            read: `read_articles` with its options.
            write: `index` with all but what differs from run to run.
            on_failure: called once for each version of a file and each reason.
        """
        self._counts: Counter[str] = Counter()
        self._engine = engine
        self._embedder = embedder
        self._read = read
        self._write = write
        self._embed = embed
        self._on_failure = on_failure
        self._unshown: set[str] = set()  # keys of files whose articles may not be listed yet

    def write(self, folder: Folder, dues: Mapping[str, Due], stopping: Callable[[], bool]) -> None:
        """Index files of a folder, and remove what they gave before and do not give any more.

        Args:
            folder: theirs.
            dues: the files by their keys.
            stopping: asked now and then; True ends it early, and nothing is noted.

        Raises:
            EngineError: not everything was written, or could be noted; giving it again is safe.
        """
        readings = {due.file.path: self._begun(folder, due) for due in dues.values()}
        folder.catalogue.expect(
            {due.file.id: readings[due.file.path].entry for due in dues.values()}
        )
        ended, left = False, 0  # whether all items were given; how many of them nothing became of

        def items() -> Generator[Item, None, None]:
            nonlocal ended, left
            with closing(self._read([due.file for due in dues.values()])) as items:
                for item in items:
                    if stopping():
                        return
                    left += not isinstance(item, Skipped)
                    yield item
            ended = True

        def stored(found: Found, _: IngestStatus) -> None:
            nonlocal left
            left -= 1
            if found.file is not None:
                reading = readings[found.file.path]
                reading.given.add(found.article.id)
                reading.digest ^= _digest(found.article.id, found.article.content_hash())

        def failed(failure: Failure) -> None:
            nonlocal left
            reading = readings.get(failure.file.path) if failure.file is not None else None
            if reading is None or failure.code not in reading.told:
                self._on_failure(failure)  # if it raises, the file is read again
            left -= 1
            if reading is not None:
                codes = reading.entry.codes | {failure.code}
                reading.entry = replace(reading.entry, codes=codes)

        self._list(dues)
        self._unshown.update(dues)
        with closing(items()) as given:
            moved = self._moved(folder, dues.values())
            report = self._write(
                given, known=moved, stopping=stopping, on_outcome=stored, on_failure=failed
            )
        self._counts.update(new=report.created, changed=report.updated)
        if ended and not left:
            self._note(folder, {key: readings[due.file.path] for key, due in dues.items()})
            return
        told = {due.file.id: readings[due.file.path].entry for due in dues.values()}
        folder.catalogue.record({key: entry for key, entry in told.items() if entry.codes})
        if not stopping():
            if report.stopped == "interrupted":
                raise KeyboardInterrupt
            raise EngineUnavailable(report.stopped)

    def remove(self, folder: Folder, keys: Sequence[str]) -> None:
        """Remove the articles of files that are gone. Raises EngineError: giving it again is safe."""
        self._list(keys)
        self._delete(chain.from_iterable(self._of(key, folder) for key in keys))
        folder.catalogue.forget(keys)
        folder.done(keys)

    def compare(self, folder: Folder) -> None:
        """Have files read again whose articles are not stored as they were written, or that failed.

        Articles under the folder that are of no file are removed.

        Raises:
            EngineError: it cannot be told.
        """
        self.show()
        entries = folder.catalogue.entries()
        digests = dict.fromkeys(entries, 0)
        orphans: list[str] = []
        outside = (key for key in entries if not key.startswith(folder.prefix))
        ids = chain(
            self._ids(folder.prefix), chain.from_iterable(self._of(key, folder) for key in outside)
        )
        while page := list(islice(ids, AT_ONCE)):
            for article_id, there in self._engine.stored(page).items():
                key = _owner(article_id, digests)
                if key is None and _owner(article_id, folder.waiting) is None:
                    orphans.append(article_id)
                elif key is not None and (there.embedded or not self._embed):
                    digests[key] ^= _digest(article_id, there.content_hash)
        self._delete(each for each in orphans if folder.has_lost(each))
        # One that took too long is left to the next start.
        folder.again(
            key
            for key, entry in entries.items()
            if (entry.may_pass or entry.digest != f"{digests[key]:016x}")
            and "timeout" not in entry.codes
        )

    def take_counts(self) -> tuple[int, int, int]:
        """Return how many articles were new, changed and removed since this was asked."""
        counts, self._counts = self._counts, Counter()
        return counts["new"], counts["changed"], counts["removed"]

    def show(self) -> None:
        """Have all that was written found and listed. Raises EngineError."""
        self._engine.show()
        self._unshown.clear()

    def _begun(self, folder: Folder, due: Due) -> _Reading:
        before = folder.catalogue.get(due.file.id)
        told = before.codes if before is not None and before.version == due.version else NONE
        # One that changes is a file to wait for, not a failure.
        entry = Entry(due.file.path, mount_of(due.file.path), due.version)
        return _Reading(entry, told | {"changed"})

    def _note(self, folder: Folder, readings: Mapping[str, _Reading]) -> None:
        """Note in the catalogue what files gave, after what they do not give any more is gone."""
        read = {
            key: replace(each.entry, digest=f"{each.digest:016x}")
            for key, each in readings.items()
            if "changed" not in each.entry.codes
        }
        self._delete(
            article_id
            for key, entry in read.items()
            if not entry.may_pass
            for article_id in self._of(key, folder)
            if article_id not in readings[key].given
        )
        folder.catalogue.record(read)
        folder.done(read)

    def _of(self, key: str, folder: Folder) -> Iterator[str]:
        """Yield the ids that a file's articles may have: its key, and all that begin with it."""
        yield key
        for article_id in self._ids(f"{key}/"):
            inner = article_id
            while len(inner) > len(key) + 1 and folder.catalogue.get(inner) is None:
                inner = inner.rpartition("/")[0]
            if len(inner) <= len(key) + 1:  # else it is of a file whose key begins with this one
                yield article_id

    def _ids(self, prefix: str) -> Iterator[str]:
        """Yield the ids of the index that begin so, in order."""
        after, limit = prefix, 1  # most files are one article, and nothing follows its id
        while page := self._engine.article_ids(after, limit):
            for article_id in page:
                if not article_id.startswith(prefix):
                    return
                yield article_id
            after, limit = page[-1], AT_ONCE

    def _list(self, keys: Collection[str]) -> None:
        """Have the articles of files listed that were written a moment ago."""
        if not self._unshown.isdisjoint(keys):
            self.show()

    def _delete(self, ids: Iterable[str]) -> None:
        left = iter(ids)
        while some := list(islice(left, AT_ONCE)):
            self._counts["removed"] += self._engine.delete(some)

    def _moved(self, folder: Folder, dues: Iterable[Due]) -> dict[str, Vector]:
        """Return the vectors of missing files that may have been moved to where new ones are."""
        alike = {
            (like(entry.version), name): key
            for key, (entry, _) in (folder.missing.items() if self._embed else ())
            for name in ("", entry.path.name)
        }
        ids: dict[str, None] = {}
        for due in dues if alike else ():
            what = like(due.version)
            key = alike.get((what, due.file.path.name)) or alike.get((what, ""))
            if key is not None and len(ids) < MOST_MOVED:
                ids |= dict.fromkeys(islice(self._of(key, folder), MOST_MOVED))
        return known_vectors(self._engine.indexed(list(ids)), self._embedder) if ids else {}


def _digest(article_id: str, content_hash: str) -> int:
    """Return a number for an article as it is stored; those of a file are joined by exclusive or."""
    digest = hashlib.sha256(f"{article_id}\0{content_hash}".encode()).digest()
    return int.from_bytes(digest[:8], "big")


def _owner(article_id: str, keys: Container[str]) -> str | None:
    """Return the longest of these keys of files that an article may be of."""
    key = article_id
    while key and key not in keys:
        key = key.rpartition("/")[0]
    return key or None
