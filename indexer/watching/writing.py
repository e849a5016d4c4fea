"""Watched files to the index: what each gives is written, what it gave before goes.

What a file is about to give is in its catalogue before the engine has it, and articles go
from the engine before the catalogue forgets them: whenever the process is killed, the
next one knows all that may be stored.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain, groupby, islice
from pathlib import PurePath

from indexer.catalogue import Catalogue, Digest, Entry
from indexer.formats import Options
from indexer.pipeline import index
from indexer.preparing import known_vectors
from indexer.watching.looking import Due
from indexer.watching.reading import OnFailure, Property, Run, is_tried_again
from search.domain import Vector
from search.embedding import Embedder
from search.engine import Engine, Stored
from search.errors import EngineUnavailable
from search.settings import Settings

AT_ONCE = 1_000  # ids asked for or deleted at once
MOST_MOVED = 2_000  # articles whose vectors are held for what a burst may have moved
MOST_ALIKE = 50  # files of one size and time that are looked through for the one that moved


@dataclass(slots=True)
class Kept:
    """What became of files.

    done       were read, and are in the catalogue
    disturbed  changed while they were read, or were not read to their end
    again      were refused an id that is free now
    later      failed in a way that may pass, and how often in a row
    """

    created: int = 0
    updated: int = 0
    removed: int = 0
    done: list[Due] = field(default_factory=list)
    disturbed: list[Due] = field(default_factory=list)
    again: set[str] = field(default_factory=set)
    later: dict[str, int] = field(default_factory=dict)


class Keeper:
    """Keeps an index like files, for one thread.

    Args:
        engine, embedder, settings, options, source, embed: as for indexing.
        catalogues: of all folders.
        on_failure: called once for each version of a file and each reason.
    """

    def __init__(
        self,
        engine: Engine,
        embedder: Embedder,
        settings: Settings,
        catalogues: Sequence[Catalogue],
        *,
        options: Options,
        source: str,
        embed: bool,
        on_failure: OnFailure,
    ) -> None:
        self._engine = engine
        self._embedder = embedder
        self._settings = settings
        self._catalogues = catalogues
        self._options = options
        self._source = source
        self._embed = embed
        self._on_failure = on_failure
        self._ids = Property(catalogues)
        self._wanting = {path for path, entry in self._entries() if entry.wanted}

    def write(
        self, dues: Sequence[Due], going: Collection[str], stopping: Callable[[], bool]
    ) -> Kept:
        """Index files.

        Args:
            dues: the files, each once.
            going: files that are gone; their ids may be taken, their vectors are used.
            stopping: asked now and then; True ends it early.

        Raises:
            EngineError: not everything was written, or could be noted; giving it again is safe.
        """
        run = Run(self._ids, dues, going, self._on_failure)
        with closing(run.items(self._options, self._source)) as items:
            report = index(
                items,
                self._engine,
                self._embedder,
                self._settings,
                embed=self._embed,
                known=self._known(dues, going),
                stopping=stopping,
                on_outcome=run.stored,
                on_failure=run.failed,
            )
        failed = bool(report.stopped) and not stopping()
        kept = self._note(run, only_sure=failed)
        if failed and report.stopped == "interrupted":
            raise KeyboardInterrupt
        if failed:
            raise EngineUnavailable(report.stopped)
        kept.created, kept.updated = report.created, report.updated
        return kept

    def remove(self, paths: Sequence[str]) -> Kept:
        """Remove the articles of files that are gone. Raises EngineError: giving it again is safe."""
        removed = self._delete([each for path in paths for each in self._ids.of(path)])
        for catalogue in self._catalogues:
            catalogue.forget(filter(catalogue.has, paths))
        self._wanting.difference_update(paths)
        return Kept(removed=removed, again=self.wanting())

    def strays(self) -> list[str]:
        """Return the files whose articles are not stored as they were written.

        Raises:
            EngineError: it cannot be told.
        """
        strays = []
        for path, stored in groupby(self._stored(), key=lambda each: each[0]):
            digest = Digest()
            for _, article_id, there in stored:
                if there is not None and (there.embedded or not self._embed):
                    digest.add(article_id, there.content_hash)
            if str(digest) != self._ids.entry(path).digest:
                strays.append(path)
        return strays

    def wanting(self) -> set[str]:
        """Return the files that were refused an id which is free now."""
        return {
            path
            for path in self._wanting
            if any(self._ids.owner(each) is None for each in self._ids.entry(path).wanted)
        }

    def failing(self) -> list[str]:
        """Return the files that failed in a way that may pass."""
        return [path for path, entry in self._entries() if entry.tries]

    def _note(self, run: Run, *, only_sure: bool) -> Kept:
        """Note in the catalogues what files gave, after what they do not give any more is gone.

        `only_sure` leaves files that gave less than before to the next time.
        """
        kept = Kept()
        entries: dict[str, Entry] = {}
        doomed: list[str] = []
        for path, reading in run.readings.items():
            if not reading.ended or "changed" in reading.codes:
                kept.disturbed.append(reading.due)
                continue
            stored = set(reading.ids)
            left = [each for each in self._ids.of(path) if each not in stored]
            if left and not reading.transient:
                if only_sure:
                    continue
                doomed += left
                left = []
            entries[path] = reading.entry(left)
            kept.done.append(reading.due)
        kept.removed = self._delete(doomed)
        for catalogue in self._catalogues:
            if own := {path: entries[path] for path in filter(catalogue.has, entries)}:
                catalogue.record(own)
        kept.later = {path: e.tries for path, e in entries.items() if is_tried_again(e)}
        self._wanting.difference_update(entries)
        self._wanting.update(path for path, entry in entries.items() if entry.wanted)
        kept.again = self.wanting()
        return kept

    def _delete(self, ids: Sequence[str]) -> int:
        removed = 0
        for start in range(0, len(ids), AT_ONCE):
            removed += self._engine.delete(ids[start : start + AT_ONCE])
        for each in ids:
            self._ids.give_up(each)
        return removed

    def _known(self, dues: Sequence[Due], going: Collection[str]) -> dict[str, Vector]:
        """Return the vectors of files that are gone and may have been moved to where new ones are."""
        if not going or not self._embed:
            return {}
        alike: dict[tuple[int, ...], list[str]] = {}  # by size and time, and by size
        for path in going:
            version = self._ids.entry(path).version
            for key in (version[:2], version[:1]):
                alike.setdefault(key, []).append(path)
        ids: dict[str, None] = {}
        for due in dues:
            if self._ids.entry(str(due.file.path)).ids:
                continue  # it has vectors of its own
            paths = alike.get(due.version[:2]) or alike.get(due.version[:1], [])
            names = sorted(paths[:MOST_ALIKE], key=lambda p: PurePath(p).name != due.file.path.name)
            for path in names[:1]:
                ids |= dict.fromkeys(self._ids.entry(path).ids)
        wanted = list(islice(ids, MOST_MOVED))
        return known_vectors(self._engine.indexed(wanted), self._embedder) if wanted else {}

    def _stored(self) -> Iterator[tuple[str, str, Stored | None]]:
        """Yield (path, id, what is stored) for all that files gave."""
        pairs = (
            (path, article_id)
            for path, entry in self._entries()
            if entry.version  # others are read again anyway
            for article_id in entry.ids
        )
        while page := list(islice(pairs, AT_ONCE)):
            stored = self._engine.stored([article_id for _, article_id in page])
            yield from ((path, each, stored.get(each)) for path, each in page)

    def _entries(self) -> Iterable[tuple[str, Entry]]:
        return chain.from_iterable(each.entries.items() for each in self._catalogues)
