"""The record: one SQLite file that holds everything given, and is the truth.

WAL with synchronous=FULL: when `write` returns, what it reports as written
survives a crash of the machine. All else is derived from here and follows by
`sequence`, a number that grows with every change:

- `articles.key` and `passages.number` are never used twice, so what was added since is
  what has a greater number;
- an article's passages are numbered in a row from `articles.first`;
- `removals` names the article keys that went, by the sequence they went at.

Vectors are float16: a cosine moves by less than 0.0002 and the file is half as
big; a passage that is not embedded has no row there. Terms are kept (packed, many
passages at once) because an engine does not analyse: a rebuild then
costs no analysis and cannot disagree with what was indexed. An article's text
stands twice, as a whole and by passage, so that showing a passage
of a long article reads that passage only.
"""

from __future__ import annotations

import functools
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from search.domain import ArticleInfo, IndexedArticle, WriteOutcome
from search.engines.embedded.chain import HEAD, Chain, log_of
from search.engines.embedded.connections import Connection, Connections, as_json, identity_of
from search.engines.embedded.reserve import Reserve
from search.engines.embedded.rows import ARTICLE, ArticleRow, article_rows
from search.engines.embedded.segments import Manifest, store_manifest
from search.engines.embedded.state import State, state_of
from search.engines.embedded.storing import Storing, commit, create
from search.engines.protocol import Fingerprint, Stored
from search.errors import EngineError, EngineUnavailable

RECORD = "record.sqlite"
MOST_ACCEPTED = 100  # 33 bytes each, read with every request
_TRIES = 5  # times it is read while versions change under it
_SYNCED_EVERY = 1.0  # seconds: on disk, a writer's head may be so far behind


class Record:
    """Reads and writes the record. Reads may come from many threads, writes from one at a time.

    Args:
        folder_of: says which folder it is in: asked for each read and write, since another
            version may take its place (`versions`), though not while the writer's lock is held.
        index: which index it must be a version of; "" if any will do.
    """

    def __init__(self, folder_of: Callable[[], Path], index: str = "") -> None:
        self._folder_of = folder_of
        self._chain = Chain(index)
        self._connections = Connections()
        self._reserve = Reserve()
        self._synced = -_SYNCED_EVERY  # when the head was on disk last

    def close(self) -> None:
        self._connections.close()

    @property
    def path(self) -> Path:
        """Which file it is now."""
        return _record_in(self._folder_of())

    @contextmanager
    def reading_of(self, record: str) -> Iterator[Connection]:
        """As `snapshot`, of the record of that name. Raises LookupError where another lies there."""
        with self.snapshot() as moment:
            if moment is None or moment[1].record != record:
                raise LookupError("another record took its place")
            yield moment[0]

    @contextmanager
    def snapshot(self) -> Iterator[tuple[Connection, State] | None]:
        """Give a connection whose reads all see one moment, and where the record stands then.

        None while there is no index. Where another version takes the record's place and it is
        removed at this moment, they are the other one's. Raises RecordLost where the record does
        not hold all that was acknowledged.
        """
        for _ in range(_TRIES):
            folder = self._folder_of()
            path = _record_in(folder)
            with ExitStack() as opened:
                try:
                    known = self._chain.acknowledged(folder)
                    identity = identity_of(path)
                    connection = opened.enter_context(self._connections.reading(path))
                    state = None if connection is None else state_of(connection)
                    self._chain.check(path, connection, state, known, identity)
                except EngineError:
                    if self._folder_of() == folder:
                        raise
                    continue
                yield None if connection is None or state is None else (connection, state)
                return
        raise EngineUnavailable("the index was made anew again and again. Try again.")

    def state(self) -> State | None:
        """Return where the record stands, None while there is no index. Raises RecordLost."""
        with self.snapshot() as moment:
            return None if moment is None else moment[1]

    # -- writing

    def write(
        self, articles: Sequence[IndexedArticle], fingerprint: Fingerprint
    ) -> list[WriteOutcome]:
        """Store articles in one transaction; an unfit one fails alone."""
        with self._storing(fingerprint) as storing:
            outcomes = [storing.store(a, fingerprint.dimensions) for a in articles]
        self._reserve.make(self._folder_of())
        return outcomes

    def delete(self, article_ids: Sequence[str]) -> int:
        """Remove articles in one transaction, on a full disk too; return how many there were."""
        try:
            return self._delete(article_ids)
        except EngineUnavailable:
            if not self._reserve.give_up(self._folder_of()):
                raise
        try:
            with self._connections.sparing(self.path):
                return self._delete(article_ids)
        finally:
            self._reserve.make(self._folder_of())

    def _delete(self, article_ids: Sequence[str]) -> int:
        with self._storing() as storing:
            return sum([storing.remove(known) for known in set(article_ids)])

    @contextmanager
    def _storing(self, fingerprint: Fingerprint | None = None) -> Iterator[Storing]:
        """Give one transaction's changes, acknowledged at the end; with a fingerprint, make a record.

        One that was open here before is not made anew.
        """
        path, make = self.path, fingerprint is not None and self._chain.seen is None
        with self._connections.writing(path, make=make) as connection:
            log, state = log_of(path), state_of(connection)
            if state is None and make and fingerprint is not None:
                state = create(connection, fingerprint, self._chain.index)
            if state is None:
                raise _gone(path)
            storing = Storing(connection, state)
            yield storing
            if not storing.has_changed:
                connection.execute("ROLLBACK")
                return
            state = storing.finish(log)
        self._write_head(state)

    def publish(self, manifest: Manifest) -> Manifest:
        """Note what the text index is now; return it as of the commit that says so.

        Nobody was told of it, so it need not be on disk, and no head names it. It is a commit
        like any other all the same, since each one names its log (`chain`).
        """
        path = self.path
        with self._connections.writing(path, durable=False) as connection:
            log, state = log_of(path), state_of(connection)
            if state is None:
                raise _gone(path)
            after = commit(connection, state, log)
            if manifest.sequence == state.sequence:
                manifest = replace(manifest, sequence=after.sequence)
            store_manifest(connection, manifest)
        return manifest

    def accept(self) -> State | None:
        """Take the record for the right one as it is; return where it stands, None without one.

        It is another record from then on, so that nothing derived from it is used again.
        """
        path = self.path
        with self._connections.writing(path) as connection:
            log, state = log_of(path), state_of(connection)
            if state is None:
                return None
            accepted = (*state.accepted, state.record)[-MOST_ACCEPTED:]
            anew = replace(state, record=uuid.uuid4().hex, accepted=accepted)
            state = commit(connection, anew, log)
            connection.executemany("REPLACE INTO meta VALUES (?, ?)", state.about())
            connection.execute("DELETE FROM text")
        self._write_head(state)
        return state

    def _write_head(self, state: State) -> None:
        # A crash of the machine may leave the head of a second ago, which harms nobody; one of
        # the process leaves the last.
        now, folder = time.monotonic(), self._folder_of()
        durable = now - self._synced >= _SYNCED_EVERY
        try:
            self._chain.write_heads(folder, state, durable=durable)
            self._synced = now if durable else self._synced
        except OSError as error:
            raise EngineUnavailable(
                f"what was written is in {folder / RECORD}, but {folder / HEAD} cannot be written: {error}. "
                "What was acknowledged is safe; see to the disk and send it again."
            ) from error

    # -- reading for people

    def stored(self, article_ids: Sequence[str]) -> dict[str, Stored]:
        known = self._articles(
            "WHERE a.id IN (SELECT value FROM json_each(?)) ORDER BY a.id", as_json(article_ids)
        )
        return {about.id: Stored(about.content_hash, bool(about.embedded)) for about in known}

    def article_ids(self, after: str, limit: int) -> list[str]:
        return self._page("TRUE", after, limit)

    def unembedded(self, after: str, limit: int) -> list[str]:
        return self._page("NOT a.embedded", after, limit)

    def _page(self, which: str, after: str, limit: int) -> list[str]:
        # The first page begins before any id, so that one that was emptied is noticed.
        bound, values = ("AND a.id > ?", (after, limit)) if after else ("", (limit,))
        known = self._articles(f"WHERE {which} {bound} ORDER BY a.id LIMIT ?", *values)
        return [about.id for about in known]

    # -- reading for what is derived

    def keys_of(self, article_ids: Sequence[str], record: str) -> list[int]:
        """Return the keys of the known articles of these. Raises as `reading_of`."""
        sql = f"SELECT {ARTICLE} FROM articles a WHERE a.id IN (SELECT value FROM json_each(?))"  # noqa: S608
        with self.reading_of(record) as connection:
            known = article_rows(connection.execute(sql, (as_json(article_ids),)))
        return [about.key for about in known]

    def infos_of(self, keys: Sequence[int], record: str) -> list[ArticleInfo]:
        """Return what is known of articles, in order of their keys.

        Raises LookupError where one is gone, or as `reading_of`.
        """
        sql = f"SELECT {ARTICLE} FROM articles a WHERE a.key IN (SELECT value FROM json_each(?))"  # noqa: S608
        with self.reading_of(record) as connection:
            known = article_rows(connection.execute(sql, (as_json(keys),)))
        found = {about.key: about for about in known}
        return [found[key].info() for key in keys]

    def _articles(self, where: str, *values: object) -> list[ArticleRow]:
        sql = f"SELECT {ARTICLE} FROM articles a {where}"  # noqa: S608  # both are ours
        with self.snapshot() as moment:
            return [] if moment is None else article_rows(moment[0].execute(sql, values))


@functools.lru_cache(maxsize=8)  # for every read: 2 us
def _record_in(folder: Path) -> Path:
    return folder / RECORD


def _gone(path: Path) -> EngineUnavailable:
    return EngineUnavailable(f"the record {path} went while it was open")
