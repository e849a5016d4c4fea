"""The embedded engine: the record, and what is derived from it, as one Engine.

A search works on a view: a text index and a passage table that never change
(`viewing`).
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from search.domain import (
    NO_FILTER,
    IndexedArticle,
    Layer,
    StoredArticle,
    StoredPassage,
    WriteOutcome,
)
from search.engines.checks import (
    check_count,
    check_fingerprint,
    check_layer,
    check_limit,
    check_list,
    check_request,
    is_unicode,
    passage_key,
)
from search.engines.embedded.connections import Connection
from search.engines.embedded.locking import WriterLock
from search.engines.embedded.masks import Masks
from search.engines.embedded.reading import read_article, read_indexed, read_passages
from search.engines.embedded.record import Record
from search.engines.embedded.segments import Segments
from search.engines.embedded.snapshot import SNAPSHOT
from search.engines.embedded.state import State
from search.engines.embedded.vectors import rank_by_meaning
from search.engines.embedded.versions import Versions
from search.engines.embedded.viewing import View, Views
from search.engines.protocol import (
    CountRequest,
    Counts,
    EngineStatus,
    Fingerprint,
    Listed,
    ListRequest,
    Ranked,
    Rankings,
    RankRequest,
    Stored,
)
from search.errors import EngineUnavailable, InputError, RecordLost
from search.sqlite_file import rewrite

log = logging.getLogger(__name__)

T = TypeVar("T")


class EmbeddedEngine:
    """An Engine in one folder. Reads may come from many threads and processes at once."""

    def __init__(
        self,
        folder: Path,
        fingerprint: Fingerprint,
        index: str = "",
    ) -> None:
        """Open the index in `folder`; a folder that is not there is an empty index.

        Args:
            folder: where the index and its versions are, or will be made by the first write.
            fingerprint: what the index must have been made by.
            index: which index it must be a version of, if there is one.

        Raises:
            FingerprintMismatch, RecordCorrupt, EngineUnavailable: as `open_engine`.
        """
        self._folder = folder
        self._fingerprint = fingerprint
        current = Versions(folder).current
        self._record = Record(current, index)
        self._lock = WriterLock(folder, self._look)
        self._masks = Masks(self._record)
        # Both rankings at once: hybrid at 100,000 passages 7.5 -> 5.7 ms.
        self._beside = ThreadPoolExecutor(thread_name_prefix="fihris-meaning")
        self._writing = threading.Lock()  # one write at a time
        self._closed = False
        self._views = Views(
            self._record, Segments(current), self._lock, fingerprint.dimensions, self._state
        )
        self._holds = 0  # contexts that keep others out
        try:
            self._state()
        except BaseException:
            self._record.close()
            raise

    # -- writing

    def write(self, articles: Sequence[IndexedArticle]) -> list[WriteOutcome]:
        with self.hold("indexing"), self._writing:
            return self._record.write(articles, self._fingerprint)

    def delete(self, article_ids: Sequence[str]) -> int:
        known = [key for key in article_ids if is_unicode(key)]
        if not self.stored(known):
            return 0  # without keeping others from writing
        with self.hold("deleting"), self._writing:
            return self._record.delete(known)

    @contextmanager
    def hold(self, purpose: str) -> Iterator[None]:
        """Keep other writers out, from now until this engine rests or is closed."""
        with self._writing:
            self._start_writing(purpose)
            self._holds += 1
        try:
            yield
        finally:
            with self._writing:
                self._holds -= 1
            if self._lock.wanted:
                self.rest()

    def show(self) -> None:
        self._views.show()

    def rest(self) -> None:
        with self._writing:
            if not self._closed and self._lock.held and not self._holds:
                self._views.publish()
                self._lock.release()

    def _look(self) -> None:
        """Do what is due every second while this engine may write."""
        if self._lock.wanted:
            self.rest()
        else:
            self._views.publish_if_due()

    def clean(self) -> int:
        """Return 0: a writer that is killed leaves nothing, its batch is one transaction."""
        return 0

    def erase(self) -> bool:
        """Write anew all that may hold words of removed articles; return whether that was possible."""
        with self.hold("erasing"), self._writing:
            if self._state() is None:
                return True
            self._views.rebuild()
            # The next search makes it anew.
            (self._record.path.parent / SNAPSHOT).unlink(missing_ok=True)
            return rewrite(self._record.path)

    def _start_writing(self, purpose: str) -> None:
        if not self._lock.held and self._state() is None:
            log.warning("making a new index in %s", self._folder)
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise EngineUnavailable(
                    f"cannot make the folder {self._folder}: {error}. Check its permissions, or "
                    "choose another with FIHRIS_DATA."
                ) from error
        self._lock.acquire(purpose)
        self._state()

    # -- ranking

    def rank(self, request: RankRequest) -> Rankings:
        check_request(request, self._fingerprint.dimensions)
        total = None if request.clause is None else 0
        empty = Rankings(text_total=total, frequencies=dict.fromkeys(request.frequencies, 0))
        return self._asked(lambda view: self._rank(view, request), empty)

    def _asked(self, ask: Callable[[View], T], empty: T, *, by_words: bool = True) -> T:
        """Ask the newest view, again where the record went on meanwhile; `empty` without one."""
        for _ in range(5):
            view = self._views.current(by_words=by_words)
            if view is None:
                return empty
            with contextlib.suppress(LookupError):
                return ask(view)
        raise EngineUnavailable("the index changed five times during one search. Try again.")

    def _by_meaning(self, view: View, request: RankRequest) -> tuple[tuple[Ranked, ...], float]:
        """Return the vector ranking and the milliseconds it took."""
        started = time.perf_counter()
        chosen, allowed = (request.filter, request.constraint), None
        if chosen != (NO_FILTER, None):
            allowed = self._masks.allowed(view.table, view.text, *chosen)
        hits = rank_by_meaning(self._record, view.table, request, allowed)
        return hits, (time.perf_counter() - started) * 1000

    def _rank(self, view: View, request: RankRequest) -> Rankings:
        request = replace(request, filter=view.table.articles.spelt(request.filter))
        both = request.clause is not None and request.vector is not None
        try:
            meaning = self._beside.submit(self._by_meaning, view, request) if both else None
        except RuntimeError:  # it takes no more once this engine was closed
            self._refuse_closed()
            raise
        started = time.perf_counter()
        took: dict[str, float] = {}
        text: tuple[Ranked, ...] = ()
        total = None
        index = view.text
        if request.clause is not None and request.sort != "relevance":
            rows, total = self._masks.by_date(view.table, index, request)
            text = tuple(Ranked(key, 0.0) for key in view.table.passage_ids(rows))
        elif request.clause is not None:
            numbers, scores, total = index.rank(request, view.table.articles.spelt, view.hidden)
            rows = view.table.rows_of(numbers)
            known = rows >= 0
            ids = view.table.passage_ids(rows[known])
            hits = map(Ranked, ids, scores[known].tolist())
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
            behind=view.behind,
            took_ms=took,
        )

    def count(self, requests: Sequence[CountRequest]) -> list[Counts]:
        for request in requests:
            check_count(request)
        nothing = [Counts(facets={field: [] for field in r.facets}) for r in requests]
        return self._asked(lambda view: [self._count(view, r) for r in requests], nothing)

    def _count(self, view: View, request: CountRequest) -> Counts:
        request = replace(
            request,
            filter=view.table.articles.spelt(request.filter),
            articles=tuple(key for key in request.articles if is_unicode(key)),
        )
        return self._masks.count(view.table, view.text, request)

    def list_articles(self, request: ListRequest) -> Listed:
        check_list(request)

        def ask(view: View) -> Listed:
            spelt = replace(request, filter=view.table.articles.spelt(request.filter))
            return self._masks.list_articles(view.table, spelt)

        return self._asked(ask, Listed(), by_words=False)

    def terms_with_prefixes(
        self, layer: Layer, prefixes: Sequence[str], limit: int
    ) -> dict[str, list[tuple[str, int]]]:
        check_limit(limit)
        check_layer(layer)
        return self._asked(
            lambda view: {p: view.text.terms_with_prefix(layer, p, limit) for p in prefixes},
            {prefix: [] for prefix in prefixes},
        )

    # -- reading

    def stored(self, article_ids: Sequence[str]) -> dict[str, Stored]:
        self._state()
        return self._record.stored([known for known in article_ids if is_unicode(known)])

    def fetch(self, passage_ids: Sequence[str]) -> list[StoredPassage]:
        keys = [key for key in map(passage_key, passage_ids) if key is not None]
        with self._snapshot() as moment:
            found = {} if moment is None else read_passages(moment[0], keys)
        return [found[key] for key in keys if key in found]

    def article(self, article_id: str) -> StoredArticle | None:
        return next(iter(self.articles([article_id])), None)

    def articles(self, article_ids: Sequence[str]) -> list[StoredArticle]:
        known = [key for key in dict.fromkeys(article_ids) if is_unicode(key)]
        with self._snapshot() as moment:
            found = [read_article(moment[0], key) for key in known] if moment else []
        return [article for article in found if article is not None]

    def article_ids(self, after: str, limit: int) -> list[str]:
        self._check_page(after, limit)
        return self._record.article_ids(after, limit)

    def unembedded(self, after: str, limit: int) -> list[str]:
        self._check_page(after, limit)
        return self._record.unembedded(after, limit)

    def _check_page(self, after: str, limit: int) -> None:
        check_limit(limit)
        if not is_unicode(after):
            raise InputError("`after` holds half of a surrogate pair", field="after")
        self._state()

    def indexed(self, article_ids: Sequence[str]) -> list[IndexedArticle]:
        dimensions = self._fingerprint.dimensions
        known = [key for key in dict.fromkeys(article_ids) if is_unicode(key)]
        with self._snapshot() as moment:
            found = [read_indexed(moment[0], key, dimensions) for key in known] if moment else []
        return [article for article in found if article is not None]

    def status(self) -> EngineStatus:
        state = self._state()
        counts = (0, 0, 0, 0)
        if state is not None:
            counts = (state.articles, state.passages, state.sentences, state.unembedded)
        folder = self._record.path.parent
        details = {"folder": str(folder)}
        if state is not None:
            files = (path for path in folder.rglob("*") if path.is_file())
            details["bytes"] = str(sum(_size(path) for path in files))
            details["sequence"] = str(state.sequence)
        return EngineStatus("embedded", *counts, self._fingerprint, details)

    def close(self) -> None:
        with self._writing:
            if self._closed:
                return
            self._views.publish()
            self._closed = True
            self._lock.release()  # first: nothing is published after it
            self._beside.shutdown()
            self._views.close()
            self._record.close()

    def _state(self) -> State | None:
        with self._snapshot() as moment:
            return None if moment is None else moment[1]

    @contextmanager
    def _snapshot(self) -> Iterator[tuple[Connection, State] | None]:
        """As the record's, of an index that was made with this model."""
        self._refuse_closed()
        with ExitStack() as opened:
            try:
                moment = opened.enter_context(self._record.snapshot())
            except RecordLost:
                if self._lock.held and not self._holds:
                    self._lock.release()  # what comes back may be another folder, with another lock
                raise
            if moment is not None:
                place = f"index in {self._folder}"
                check_fingerprint(moment[1].fingerprint, self._fingerprint, place)
            yield moment

    def _refuse_closed(self) -> None:
        if self._closed:
            raise EngineUnavailable("this engine was closed; open another one")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # removed by a writer meanwhile
        return 0
