"""What watched files give: each id is the property of one file, and is claimed before it is written.

An id belongs to the file that gave it first. Another file's article of that id is refused,
until that file gives it up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from indexer.catalogue import Catalogue, Digest, Entry, holder
from indexer.formats import Options
from indexer.sources import Failure, Found, Item
from indexer.sources.naming import shown
from indexer.sources.reading import read_articles
from indexer.watching.looking import Due
from search.first_places import refusal
from search.ingest import IngestStatus

# An fsync for so many items, which are read ahead: as many as a batch of the pipeline has.
PAGE_ITEMS = 64
PAGE_LENGTH = 100_000  # code points
PAGE_SECONDS = 1.0

# Not of the file's content: the same file may be read another time, and until then what it
# gave before is not taken for gone.
TRANSIENT = frozenset(
    {"changed", "no-permission", "not-found", "timeout", "unreadable", "model", "refused"}
)
# Of these it is not the file that fails: it is tried again for ever.
OTHERS = frozenset({"model", "refused"})
TRIES = 4  # of the same version of a file, where it is

OnFailure = Callable[[Failure], None]


class Property:
    """Whose each id is: the path of a file, in one of the catalogues."""

    def __init__(self, catalogues: Sequence[Catalogue]) -> None:
        self.catalogues = catalogues
        self._owners: dict[str, str] = {}
        for catalogue in catalogues:
            for path in list(catalogue.entries):
                for article_id in catalogue.ids(path):
                    # What two files have was about to change hands.
                    if (owner := self._owners.setdefault(article_id, path)) != path:
                        self.catalogue(owner).unread(owner)
                        catalogue.unread(path)

    def owner(self, article_id: str) -> str | None:
        return self._owners.get(article_id)

    def of(self, path: str) -> list[str]:
        """Return the ids that are a file's."""
        return [each for each in self.catalogue(path).ids(path) if self._owners.get(each) == path]

    def take(self, article_id: str, path: str) -> str | None:
        """Let a file have an id; return whose it was."""
        owner = self._owners.get(article_id)
        if owner is not None:
            self.catalogue(owner).unread(owner)  # should it come back
        self._owners[article_id] = path
        return owner

    def give_up(self, article_id: str, to: str | None = None) -> None:
        if to is None:
            self._owners.pop(article_id, None)
        else:
            self._owners[article_id] = to

    def catalogue(self, path: str) -> Catalogue:
        found = holder(self.catalogues, path)
        if found is None:
            raise KeyError(path)
        return found

    def entry(self, path: str) -> Entry:
        """Return what a file gave when it was read the last time."""
        return self.catalogue(path).entries.get(path, Entry())


@dataclass(slots=True)
class Reading:
    """What a file gives while it is read: `waiting` items are not stored and did not fail yet."""

    due: Due
    before: Entry
    waiting: int = 0
    read: bool = False
    given: set[str] = field(default_factory=set)
    ids: list[str] = field(default_factory=list)
    digest: Digest = field(default_factory=Digest)
    wanted: list[str] = field(default_factory=list)
    codes: dict[str, None] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        return self.read and self.waiting == 0

    @property
    def transient(self) -> bool:
        return not TRANSIENT.isdisjoint(self.codes)

    def entry(self, kept: Sequence[str]) -> Entry:
        """Return what the catalogue is to have; `kept` are ids that stay the file's own besides."""
        tries = self.before.tries if self.before.version == self.due.version else 0
        return Entry(
            version=self.due.version,
            ids=tuple(self.ids),
            digest=str(self.digest),
            kept=tuple(kept),
            wanted=tuple(self.wanted),
            codes=tuple(self.codes),
            tries=tries + 1 if self.transient else 0,
        )

    def is_news(self, code: str) -> bool:
        """Tell whether nobody was told yet that this version fails so."""
        same = self.before.version == self.due.version and code in self.before.codes
        return not same and code != "changed"  # that is a file to wait for, not a failure


def is_tried_again(entry: Entry) -> bool:
    return 0 < entry.tries <= TRIES or (entry.tries > 0 and not OTHERS.isdisjoint(entry.codes))


class Run:
    """Files being read and indexed, and what became of each.

    Args:
        ids: whose they are.
        dues: the files, each once.
        going: files that are gone: their ids may be taken.
        on_failure: called once for each version of a file and each reason.
    """

    def __init__(
        self, ids: Property, dues: Sequence[Due], going: Collection[str], on_failure: OnFailure
    ) -> None:
        self.readings = {
            path: Reading(due, ids.entry(path)) for due in dues for path in [str(due.file.path)]
        }
        self._ids = ids
        self._going = going
        self._on_failure = on_failure

    def items(self, options: Options, source: str) -> Generator[Item, None, None]:
        """Yield what the files give, each page claimed before."""
        files = [reading.due.file for reading in self.readings.values()]
        with closing(read_articles(files, options, source=source)) as items:
            for page in _pages(self._marked(items)):
                yield from self._claimed(page)

    def stored(self, found: Found, _: IngestStatus) -> None:
        """Note what the engine acknowledged."""
        if (reading := self._of(found)) is not None:
            reading.waiting -= 1
            reading.ids.append(found.article.id)
            reading.digest.add(found.article.id, found.article.content_hash())

    def failed(self, failure: Failure) -> None:
        """Note what could not be read, was refused or could not be stored."""
        reading = self._of(failure)
        if reading is None or reading.is_news(failure.code):
            self._on_failure(failure)  # if it raises, the file has not ended
        if reading is not None:
            reading.codes[failure.code] = None
            reading.waiting -= 1

    def _of(self, item: Item) -> Reading | None:
        file = item.file if isinstance(item, Found | Failure) else None
        return None if file is None else self.readings.get(str(file.path))

    def _marked(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield items; note which files were read to their end."""
        readings = iter(self.readings.values())
        at = next(readings, None)
        for item in items:
            reading = self._of(item)
            while at is not None and reading is not None and at is not reading:
                at.read = True
                at = next(readings, None)
            yield item
        while at is not None:
            at.read = True
            at = next(readings, None)

    def _claimed(self, page: Sequence[Item]) -> list[Item]:
        taken: list[tuple[str, str, str | None]] = []
        admitted = [self._admitted(item, taken) for item in page]
        claims: dict[Catalogue, dict[str, list[str]]] = {}
        for article_id, path, _ in taken:
            claims.setdefault(self._ids.catalogue(path), {}).setdefault(path, []).append(article_id)
        try:
            for catalogue, ids in claims.items():
                catalogue.claim(ids)
        except BaseException:
            for article_id, _, owner in reversed(taken):
                self._ids.give_up(article_id, owner)
            raise
        return admitted

    def _admitted(self, item: Item, taken: list[tuple[str, str, str | None]]) -> Item:
        """Return an item, or why its article cannot have its id; note the ids that it takes."""
        reading = self._of(item)
        if reading is None:
            return item
        reading.waiting += 1
        if not isinstance(item, Found):
            return item
        article_id, path = item.article.id, str(reading.due.file.path)
        owner = self._ids.owner(article_id)
        if article_id in reading.given:
            return _refused(item, "another article of this file")
        if owner is not None and owner != path and not self._gives_up(owner, article_id):
            reading.wanted.append(article_id)
            return _refused(item, shown(owner))
        reading.given.add(article_id)
        if owner != path:
            taken.append((article_id, path, self._ids.take(article_id, path)))
        return item

    def _gives_up(self, owner: str, article_id: str) -> bool:
        """Tell whether a file is gone, or was read again and does not give this any more."""
        if owner in self._going:
            return True
        reading = self.readings.get(owner)
        if reading is None or not reading.read or reading.transient:
            return False
        return article_id not in reading.given


def _refused(item: Found, other: str) -> Failure:
    reason = refusal(item.article.id, other)
    return Failure(item.place, reason, item.size, "duplicate-id", item.file)


def _pages(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Yield items in pages that are not large and did not take long."""
    page: list[Item] = []
    length = 0
    began = time.monotonic()
    for item in items:
        page.append(item)
        length += len(item.article.text) if isinstance(item, Found) else 0
        late = time.monotonic() - began > PAGE_SECONDS
        if late or len(page) == PAGE_ITEMS or length > PAGE_LENGTH:
            yield page
            page, length, began = [], 0, time.monotonic()
    if page:
        yield page
