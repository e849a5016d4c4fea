"""The embedded engine: the record, and what is derived from it, as one Engine.

A search works on a view: a text index and a passage table that never change.
The view is replaced when the record has moved on, whoever moved it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from search.clauses import Clause
from search.domain import Filter, IndexedArticle, Layer, StoredArticle, StoredPassage
from search.engine import (
    FACET_FIELDS,
    EngineStatus,
    FacetField,
    Fingerprint,
    Ranked,
    Rankings,
    RankRequest,
    WriteOutcome,
)
from search.engines.checks import (
    check_clause,
    check_filter,
    check_fingerprint,
    check_layer,
    check_limit,
    check_request,
    is_unicode,
    passage_key,
)
from search.engines.embedded.changes import State, read_removals, read_state
from search.engines.embedded.derived import OpenText, TextFollower, answering
from search.engines.embedded.locking import WriterLock
from search.engines.embedded.meaning import Meaning
from search.engines.embedded.record import Record
from search.engines.embedded.vectors import PassageTable, follow, no_passages
from search.errors import EngineError, EngineUnavailable, InputError

log = logging.getLogger(__name__)

_SHARE = 5  # publishing takes a sixth of a busy writer's time at most
_PAUSE = 2.0  # seconds between a busy writer's publications: larger segments, faster search


@dataclass(frozen=True, slots=True)
class View:
    """What one search works on.

    `text` may be behind `table` while another process writes; `hidden` are the
    keys of articles that went in between, so that none of them is counted.
    """

    table: PassageTable
    text: OpenText
    hidden: tuple[int, ...]


class EmbeddedEngine:
    """An Engine in one folder. Reads may come from many threads and processes at once."""

    def __init__(
        self, folder: Path, fingerprint: Fingerprint, lock_folder: Path | None = None
    ) -> None:
        """Open the index in `folder`; a folder that is not there is an empty index.

        Args:
            folder: where the index is, or will be made by the first write.
            fingerprint: what the index must have been made by.
            lock_folder: where writers exclude each other, if not in `folder`.

        Raises:
            FingerprintMismatch, RecordCorrupt, EngineUnavailable: as `open_engine`.
        """
        self._folder = folder
        self._fingerprint = fingerprint
        self._record = Record(folder / "record.sqlite")
        self._lock = WriterLock(lock_folder or folder)
        self._text = TextFollower(folder / "text", self._record, self._lock)
        self._meaning = Meaning(self._record)
        # Both rankings at once: hybrid at 100,000 passages 7.5 -> 5.7 ms.
        self._beside = ThreadPoolExecutor(thread_name_prefix="fihris-meaning")
        self._writing = threading.Lock()  # one write at a time
        self._following = threading.RLock()  # one thread brings the view up to date
        self._view: View | None = None
        self._timer: threading.Timer | None = None
        self._published = (-_PAUSE, 0.0)  # when the last publication ended, seconds it took
        self._written = 0  # passages, by this engine
        self._closed = False
        try:
            self._state()
        except BaseException:
            self._record.close()
            raise

    # -- writing

    def write(self, articles: Sequence[IndexedArticle]) -> list[WriteOutcome]:
        with self._writing:
            self._start_writing("indexing")
            outcomes = self._record.write(articles, self._fingerprint)
            done = [o.status == "written" for o in outcomes]
            if any(done):
                self._written += sum(
                    len(a.passages) for a, d in zip(articles, done, strict=True) if d
                )
                self._publish_soon()
            return outcomes

    def delete(self, article_ids: Sequence[str]) -> int:
        with self._writing:
            if self._state() is None:
                return 0
            self._start_writing("deleting")
            removed = self._record.delete([known for known in article_ids if is_unicode(known)])
            if removed:
                self._publish_soon()
            return removed

    @contextmanager
    def hold(self, purpose: str) -> Iterator[Callable[[], None]]:
        """Keep other writers out, from now until this engine is closed."""
        with self._writing:
            self._start_writing(purpose)
        yield lambda: None

    def _start_writing(self, purpose: str) -> None:
        self._refuse_closed()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EngineUnavailable(
                f"cannot make the folder {self._folder}: {error}. Check its permissions, or "
                "choose another with FIHRIS_DATA."
            ) from error
        self._lock.acquire(purpose)
        self._state()

    def _publish_soon(self) -> None:
        """Let other processes see the change: now, or later while changes come fast."""
        ended, took = self._published
        wait = ended + max(_PAUSE, _SHARE * took) - time.monotonic()
        if wait <= 0:
            self._publish()
        elif self._timer is None or not self._timer.is_alive():
            self._timer = threading.Timer(wait, self._publish)
            self._timer.daemon = True
            self._timer.start()

    def _publish(self, *, last: bool = False) -> None:
        with self._following:
            if self._closed or not self._lock.held:
                return
            started = time.monotonic()
            try:
                self._text.advance()
                if last:
                    self._text.settle(self._written)
            except EngineError as error:
                # The write itself is safe and acknowledged; a search tries again and says so.
                log.warning("%s", error)
            ended = time.monotonic()
            self._published = (ended, ended - started)

    # -- ranking

    def rank(self, request: RankRequest) -> Rankings:
        check_request(request, self._fingerprint.dimensions)
        for _ in range(5):
            view = self._current_view()
            if view is None:
                empty = None if request.clause is None else 0
                return Rankings(text_total=empty, frequencies=dict.fromkeys(request.frequencies, 0))
            try:
                return self._rank(view, request)
            except LookupError:
                continue  # a passage was removed between the view and the record
        raise EngineUnavailable("the index changed five times during one search. Try again.")

    def _by_meaning(self, view: View, request: RankRequest) -> tuple[tuple[Ranked, ...], float]:
        """Return the vector ranking and the milliseconds it took."""
        started = time.perf_counter()
        hits = self._meaning.rank(view.table, view.text, request)
        return hits, (time.perf_counter() - started) * 1000

    def _rank(self, view: View, request: RankRequest) -> Rankings:
        both = request.clause is not None and request.vector is not None
        meaning = self._beside.submit(self._by_meaning, view, request) if both else None
        started = time.perf_counter()
        took: dict[str, float] = {}
        text: tuple[Ranked, ...] = ()
        total = None
        with answering(view.text):
            index = view.text.index
            if request.clause is not None:
                numbers, scores, total = index.rank(request, view.hidden)
                rows = view.table.rows_of(numbers)
                hits = (
                    Ranked(view.table.passage_id(row), score)
                    for row, score in zip(rows.tolist(), scores.tolist(), strict=True)
                    if row >= 0
                )
                ordered = sorted(hits, key=lambda hit: (-hit.score, hit.passage_id))
                text = tuple(ordered[: request.limit])
            frequencies = {term: index.frequency(term) for term in request.frequencies}
            took["text"] = (time.perf_counter() - started) * 1000
        vector: tuple[Ranked, ...] = ()
        if request.vector is not None:
            vector, took["vector"] = (
                meaning.result() if meaning else self._by_meaning(view, request)
            )
        return Rankings(
            text=text,
            text_total=total,
            vector=vector,
            frequencies=frequencies,
            passages=len(view.table),
            took_ms=took,
        )

    def facets(
        self, clause: Clause | None, filter: Filter, fields: Sequence[FacetField], limit: int = 20
    ) -> dict[FacetField, list[tuple[str, int]]]:
        check_limit(limit)
        check_filter(filter)
        if clause is not None:
            check_clause(clause)
        for field in fields:
            if field not in FACET_FIELDS:
                raise InputError(f"there is no facet {field!r}", field="fields")
        view = self._current_view()
        if view is None:
            return {field: [] for field in fields}
        with answering(view.text):
            return {
                field: sorted(
                    view.text.index.facet(clause, filter, field, view.hidden),
                    key=lambda pair: (-pair[1], pair[0]),
                )[:limit]
                for field in fields
            }

    def terms_with_prefix(self, layer: Layer, prefix: str, limit: int) -> list[tuple[str, int]]:
        check_limit(limit)
        check_layer(layer)
        view = self._current_view()
        if view is None:
            return []
        with answering(view.text):
            return view.text.index.terms_with_prefix(layer, prefix, limit)

    # -- reading

    def content_hashes(self, article_ids: Sequence[str]) -> dict[str, str]:
        self._state()
        return self._record.content_hashes([known for known in article_ids if is_unicode(known)])

    def fetch(self, passage_ids: Sequence[str]) -> list[StoredPassage]:
        self._state()
        keys = [key for key in map(passage_key, passage_ids) if key is not None]
        found = self._record.fetch(keys)
        return [found[key] for key in keys if key in found]

    def article(self, article_id: str) -> StoredArticle | None:
        self._state()
        return self._record.article(article_id) if is_unicode(article_id) else None

    def article_ids(self, after: str, limit: int) -> list[str]:
        check_limit(limit)
        if not is_unicode(after):
            raise InputError("`after` holds half of a surrogate pair", field="after")
        self._state()
        return self._record.article_ids(after, limit)

    def indexed(self, article_ids: Sequence[str]) -> list[IndexedArticle]:
        self._state()
        known = [key for key in dict.fromkeys(article_ids) if is_unicode(key)]
        found = (self._record.indexed(key, self._fingerprint.dimensions) for key in known)
        return [indexed for indexed in found if indexed is not None]

    def status(self) -> EngineStatus:
        state = self._state()
        articles, passages, sentences = self._record.counts() if state else (0, 0, 0)
        details = {"folder": str(self._folder)}
        if state is not None:
            files = (path for path in self._folder.rglob("*") if path.is_file())
            details["bytes"] = str(sum(_size(path) for path in files))
            details["sequence"] = str(state.sequence)
        return EngineStatus("embedded", articles, passages, sentences, self._fingerprint, details)

    def close(self) -> None:
        with self._writing:
            if self._closed:
                return
            if self._timer is not None:
                self._timer.cancel()
            self._publish(last=True)
            self._beside.shutdown()
            with self._following:
                self._closed = True
                self._view = None
                self._text.close()
                self._record.close()
                self._lock.release()

    # -- the view

    def _current_view(self) -> View | None:
        state = self._state()
        if state is None:
            return None
        view = self._view
        if view is not None and _is_at(view, state):
            return view
        # A writer's own searches see its writes, so they wait; others may go on with what
        # they have while one thread brings it up to date.
        wait = view is None or view.table.record != state.record or self._lock.held
        if not self._following.acquire(blocking=wait):
            return view
        try:
            return self._follow(state)
        finally:
            self._following.release()

    def _follow(self, state: State) -> View | None:
        self._refuse_closed()
        # Text first: the table is then never behind it, and knows every passage it names.
        text = self._text.follow(state)
        with self._record.reading() as connection:
            now = None if connection is None else read_state(connection)
            if connection is None or now is None:
                self._view = None
                return None
            table = self._view.table if self._view is not None else None
            if table is None or table.record != now.record or table.sequence < now.horizon:
                table = no_passages(now.record, self._fingerprint.dimensions)
            if table.sequence != now.sequence:
                removals = read_removals(connection, table.sequence) if len(table) else []
                table = follow(table, connection, now.sequence, [key for key, _, _ in removals])
            hidden = read_removals(connection, text.manifest.sequence)
        self._view = View(table, text, tuple(key for key, _, _ in hidden))
        return self._view

    def _state(self) -> State | None:
        self._refuse_closed()
        state = self._record.state()
        if state is not None:
            check_fingerprint(state.fingerprint, self._fingerprint, f"index in {self._folder}")
        return state

    def _refuse_closed(self) -> None:
        if self._closed:
            raise EngineUnavailable("this engine was closed; open another one")


def _is_at(view: View, state: State) -> bool:
    return (
        view.table.record == state.record
        and view.table.sequence >= state.sequence
        and view.text.manifest.sequence >= state.sequence
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # removed by a writer meanwhile
        return 0
