"""Writes a stream of articles: skips unchanged ones, splits, analyses, embeds and stores the rest.

Two threads prepare batches while this one reads the next batch and writes the one before, so
that the model, the slowest part, always has work. In memory there is one batch more than there
are such threads.

Only what the engine acknowledged counts as written. An article that fails is reported, and the
others go on. A run may be stopped at any time: nothing that was acknowledged is lost, and the
next run continues, because an article whose content hash is stored is skipped.
"""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

from indexer.ingestion.analysis_worker import Analysts, analysed
from indexer.ingestion.batches import (
    BATCH_ARTICLES,
    BATCH_LENGTH,
    KEYWORD_BATCH_ARTICLES,
    KEYWORD_BATCH_LENGTH,
    Maker,
    OnSize,
    Ready,
    batches,
)
from indexer.sources import Failure, Found, Item, Skipped
from search.domain import Vector, WriteStatus
from search.embedding import Embedder
from search.engines.protocol import Engine
from search.errors import EngineError
from search.originals import OriginalFiles
from search.saved import open_alerts
from search.seen_ids import FirstPlaces, refusal
from search.settings import Settings
from search.write_turns import in_turn

READY_THREADS = 2  # so that the end of a batch, too short for both cores, runs beside the next
# Processes that analyse without the model, beside this one, which has as much to do as one of
# them. Each meets most of the words: a second one on two cores made 1.1 times the work.
ANALYSTS = max(1, min(2, (os.cpu_count() or 1) - 1))
PAGE = 256  # articles read back at once
MOST_LISTED = 1_000  # failures, leavings-out and notes kept for the report; all are counted
MOST_KINDS = 100  # of what is left out, counted one by one

OnOutcome = Callable[[Found, WriteStatus], None]  # called when an article is acknowledged
OnFailure = Callable[[Failure], None]


@dataclass(slots=True)
class Report:
    """What became of a run. `stopped` says why it ended early, "" if it did not.

    `skipped`, `failed` and `notes` (place, what was not plain) hold the first
    `MOST_LISTED`; `failures` counts all by code, `left_out` all that was skipped by kind. In a dry
    run `created` and `updated` are what would have been, and `passages` is 0.
    """

    dry_run: bool = False
    articles: int = 0  # read without a failure
    passages: int = 0  # of the articles written
    outcomes: Counter[WriteStatus] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    skipped: list[Skipped] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0
    stopped: str = ""

    @property
    def written(self) -> int:
        return self.created + self.updated

    @property
    def created(self) -> int:
        return self.outcomes["created"]

    @property
    def updated(self) -> int:
        return self.outcomes["updated"]

    @property
    def unchanged(self) -> int:
        return self.outcomes["unchanged"]


def index(
    items: Iterable[Item],
    engine: Engine,
    embedder: Embedder,
    settings: Settings,
    *,
    embed: bool = True,
    dry_run: bool = False,
    limit: int | None = None,
    known: Mapping[str, Vector] | None = None,
    begin: Callable[[], object] | None = None,
    stopping: Callable[[], bool] = lambda: False,
    on_size: OnSize = lambda _: None,
    on_outcome: OnOutcome = lambda _found, _outcome: None,
    on_failure: OnFailure = lambda _: None,
) -> Report:
    """Write every article that is new or changed; return a report.

    The run ends early, and `Report.stopped` says why, if the engine fails, at once on
    KeyboardInterrupt, and after the batches in work when `stopping` returns True.

    Args:
        embed: False writes passages without vectors, to be found by words only.
        dry_run: read and compare everything, embed and write nothing.
        limit: articles to take at most; the rest is not read.
        known: vectors of texts that need not be embedded (`preparing.known_vectors`).
        begin: called before the first article, if there is one, so that a run that may not
            write fails before it has embedded a batch. By default it writes no articles.
        stopping: called between articles; True ends the run as if no article followed.
        on_size, on_outcome, on_failure: called in the caller's thread.

    Raises:
        EngineError: `begin` failed, for example because another process is writing.
    """
    # While the model works, this process has time to analyse; without it, other processes do.
    analysts = None if embed or dry_run else Analysts(ANALYSTS)
    places = FirstPlaces()
    analyse = analysts.analysed if analysts else analysed
    alerts = None if dry_run else open_alerts(settings, embedder)
    maker = Maker(engine, embedder, settings, embed, known or {}, analyse, alerts)
    begin = begin or partial(engine.write, [])
    report, started = Report(dry_run), time.monotonic()
    files = OriginalFiles(settings)
    run = _Run(maker, places, report, begin, on_size, on_outcome, on_failure, stopping, files)
    admitted = run.admitted(items)
    if limit is not None:
        admitted = islice(admitted, limit)
    bounds = BATCH_ARTICLES, BATCH_LENGTH
    if not embed:
        bounds = KEYWORD_BATCH_ARTICLES, KEYWORD_BATCH_LENGTH
    try:
        run.all(batches(admitted, *bounds))
    except KeyboardInterrupt:
        report.stopped = "interrupted"
    except EngineError as error:
        if run.refused:
            raise
        report.stopped = str(error) or type(error).__name__
    finally:
        places.close()
        if alerts is not None:
            alerts.close()
        if analysts is not None:
            analysts.close()
    kinds = sorted(report.left_out.items(), key=lambda each: (-each[1], each[0]))
    report.left_out = Counter(dict(kinds))
    report.seconds = time.monotonic() - started
    return report


def unembedded(engine: Engine) -> Generator[Found, None, None]:
    """Yield the articles an engine holds without vectors, for `index` to add them."""
    after = ""
    while page := engine.unembedded(after, PAGE):
        for indexed in engine.indexed(page):
            yield Found(indexed.article, indexed.article.id, 0)
        after = page[-1]


@dataclass(slots=True)
class _Run:
    """One run, which fills a report."""

    maker: Maker
    places: FirstPlaces
    report: Report
    begin: Callable[[], object]
    on_size: OnSize
    on_outcome: OnOutcome
    on_failure: OnFailure
    stopping: Callable[[], bool]
    originals: OriginalFiles
    begun: bool = False
    refused: bool = False  # `begin` failed
    done: deque[float] = field(default_factory=deque)  # bytes done, added by other threads

    def admitted(self, items: Iterable[Item]) -> Iterator[Found]:
        """Yield the articles; note what failed, was skipped or repeats an id of this run."""
        for item in items:
            if self.stopping():
                self.report.stopped = "interrupted"
                return
            match item:
                case Found(article=article, place=place):
                    first = self.places.of(article.id, place)
                    if first is None:
                        if not (self.begun or self.report.dry_run):
                            self.refused = True
                            self.begin()
                            self.begun, self.refused = True, False
                        self.report.articles += 1
                        self._note(place, item.notes)
                        if item.file is not None:
                            self.originals.note(article.id, item.file.id, item.file.path)
                        yield item
                    else:
                        reason = refusal(article.id, first)
                        self.fail(Failure(place, "duplicate-id", reason, item.size, item.file))
                case Failure():
                    self.fail(item)
                case Skipped():
                    self._skip(item)

    def all(self, batches: Iterable[Sequence[Found]]) -> None:
        """Write batches in order, each prepared by another thread before."""
        if self.report.dry_run:
            for batch in batches:
                self._compare(batch)
            return
        waiting: deque[tuple[Sequence[Found], Future[Ready]]] = deque()
        number = READY_THREADS if self.maker.embed else ANALYSTS + 1  # one splits meanwhile
        threads = ThreadPoolExecutor(number, "make-ready")
        try:
            for batch in batches:
                waiting.append((batch, threads.submit(self._make, batch)))
                while len(waiting) > number or (waiting and waiting[0][1].done()):
                    self._write(*waiting.popleft())
            while waiting:
                self._write(*waiting.popleft())
        finally:
            threads.shutdown(wait=False, cancel_futures=True)

    def _make(self, batch: Sequence[Found]) -> Ready:
        articles = [found.article for found in batch]
        return self.maker.ready(articles, [found.size for found in batch], self.done.append)

    def _write(self, batch: Sequence[Found], making: Future[Ready]) -> None:
        while not making.done():
            self._tell()
            wait([making], timeout=0.2)
        ready = making.result()
        self._tell()
        written = in_turn(lambda: self.maker.write(ready), self.stopping)
        self.originals.keep()
        for n, (found, ended) in enumerate(zip(batch, written, strict=True)):
            if ended.status == "failed":
                self.fail(Failure(found.place, ended.code, ended.error, 0, found.file))
                continue
            if n not in ready.indexed:
                self.on_size(found.size)
            elif ended.status != "unchanged":
                self.report.passages += len(ready.indexed[n].passages)
            self._note(found.place, ended.notes)
            self._done(found, ended.status)

    def _tell(self) -> None:
        while self.done:
            self.on_size(self.done.popleft())

    def _compare(self, batch: Sequence[Found]) -> None:
        stored, changed = self.maker.compared([found.article for found in batch])
        for n, found in enumerate(batch):
            there = found.article.id in stored
            self.on_size(found.size)
            self._done(
                found, "unchanged" if n not in changed else "updated" if there else "created"
            )

    def _done(self, found: Found, outcome: WriteStatus) -> None:
        self.report.outcomes[outcome] += 1
        self.on_outcome(found, outcome)

    def fail(self, failure: Failure) -> None:
        self.report.failures[failure.code] += 1
        if len(self.report.failed) < MOST_LISTED:
            self.report.failed.append(failure)
        self.on_failure(failure)
        self.on_size(failure.size)

    def _skip(self, skipped: Skipped) -> None:
        kinds = self.report.left_out
        few = skipped.kind in kinds or len(kinds) < MOST_KINDS
        kinds[skipped.kind if few else "of other kinds"] += 1
        if len(self.report.skipped) < MOST_LISTED:
            self.report.skipped.append(skipped)

    def _note(self, place: str, notes: Sequence[str]) -> None:
        if len(self.report.notes) < MOST_LISTED:
            self.report.notes += [(place, note) for note in notes]
