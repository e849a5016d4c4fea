"""How a running server writes: `search.ingest.Ingest`, by the steps of the pipeline.

Calls that wait at the same time are written together, so that the engine's acknowledgement
(an fsync, or some round trips to Elasticsearch) is paid once for all of them. A call with
little text never waits for large ones: it has a thread of its own, and the model takes turns
between calls. Work can be stopped between any two steps of some 100 ms, until the engine
begins to write.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO
from unicodedata import normalize

from indexer.extraction.encodings.mojibake import WRITTEN, check_fields
from indexer.extraction.registry import Options
from indexer.extraction.sandbox.parser import Parser
from indexer.extraction.sandbox.recogniser import Recogniser
from indexer.ingestion.analysis_worker import Terms, Titled, analysed
from indexer.ingestion.batches import BATCH_ARTICLES, BATCH_LENGTH, Maker
from indexer.ingestion.changing import change_articles, change_from, counted
from indexer.ingestion.records import article_from, own_id, parse_object
from indexer.sources import Failure, Found, SourceFile
from search.article_ids import joined, within
from search.article_lines import is_exported
from search.domain import Article, ArticleInfo, Filter, WriteOutcome
from search.embedding import Embedder
from search.engines.protocol import Engine
from search.errors import FihrisError, SourceError, Stopping
from search.ingest import FAILURES_TOLD, BodyLine, Worked
from search.limits import MAX_LINE
from search.listing import pages
from search.saved import open_alerts
from search.seen_ids import BODY_CACHE, FirstPlaces, refusal
from search.settings import Settings

SMALL = 10_000  # code points of a call that is small, some 2,500 tokens
# The most code points of each thread's groups. Two, so that one group is embedded while
# another is written; the last takes small calls only.
WRITERS = (BATCH_LENGTH, BATCH_LENGTH, SMALL)
PARSERS = 2  # files at once
REST = 3.0  # seconds without a call after which other processes may write
WORK_SECONDS = 20.0  # of a call over many articles, until it says where it got to
STOP_SECONDS = 3.0  # after a stop, until who waits for what is being written gives up
AT_ONCE = 100  # passages analysed between two looks at whether to stop


@dataclass(frozen=True, slots=True)
class _Call:
    """Articles given together, and the future of their outcomes."""

    articles: Sequence[Article]
    ids: frozenset[str]
    length: int  # code points
    answer: Future[list[WriteOutcome]] = field(default_factory=Future)


class EngineIngest:
    """An `Ingest` over an engine and a model, which stay their owner's to close."""

    def __init__(self, engine: Engine, embedder: Embedder, settings: Settings) -> None:
        self._engine = engine
        self._alerts = open_alerts(settings, embedder)
        self._maker = Maker(engine, embedder, settings, analyse=self._analysed, alerts=self._alerts)
        self._waiting: list[_Call] = []
        self._changed = threading.Condition()  # of what follows and `_waiting`
        self._at_work: set[str] = set()  # ids in a group that is not written yet
        self._rested = True
        self._stopped: float | None = None  # when, of the monotonic clock
        self._parsers: queue.Queue[Parser] = queue.Queue()
        recogniser = Recogniser(settings)
        self._all_parsers = [Parser(recogniser=recogniser) for _ in range(PARSERS)]  # begin later
        for parser in self._all_parsers:
            self._parsers.put(parser)
        self._threads = [
            threading.Thread(target=self._work, args=(most,), name=f"ingest-{n}", daemon=True)
            for n, most in enumerate(WRITERS)
        ]
        for thread in self._threads:
            thread.start()

    def lines(
        self, lines: Sequence[BodyLine], places: FirstPlaces, collection: str = ""
    ) -> list[WriteOutcome]:
        read = [
            _refused_again(_read(line, collection), f"line {line.number:,}", places)
            for line in lines
        ]
        stored = iter(self._store([each for each in read if isinstance(each, Article)]))
        return [next(stored) if isinstance(each, Article) else each for each in read]

    def article(self, fields: Mapping[str, object], collection: str = "") -> WriteOutcome:
        found = _article(fields, collection)
        return found if isinstance(found, WriteOutcome) else self._store([found])[0]

    def file(self, file: BinaryIO, name: str, collection: str = "") -> Iterator[WriteOutcome]:
        self._check()
        parser = self._parsers.get()
        try:
            batch: list[tuple[Article, tuple[str, ...]]] = []
            source = SourceFile(Path(name), name, 0, joined(collection, normalize("NFC", name)))
            items = parser.parse(source, Options(), descriptor=file.fileno())
            with closing(items), closing(FirstPlaces(BODY_CACHE)) as places:
                for item in items:
                    self._check()  # a stop ends the parsing, which then counts as failed
                    if isinstance(item, Failure):
                        found: Article | WriteOutcome = WriteOutcome(
                            "", "failed", f"{item.place}: {item.reason}", item.code
                        )
                    else:
                        found = _refused_again(item.article, item.place, places)
                    if isinstance(found, Article):
                        batch.append((found, item.notes if isinstance(item, Found) else ()))
                        if len(batch) < BATCH_ARTICLES:
                            continue
                    yield from self._store_noted(batch)
                    batch = []
                    if isinstance(found, WriteOutcome):
                        yield found
            yield from self._store_noted(batch)
        finally:
            self._parsers.put(parser)

    def delete(self, article_id: str) -> bool:
        with self._alone([article_id]):
            return self._engine.delete([article_id]) > 0

    def delete_matching(self, filter: Filter, cursor: str, *, dry_run: bool) -> Worked:
        def delete(infos: Sequence[ArticleInfo]) -> Worked:
            ids = [info.id for info in infos]
            return Worked(changed=len(ids) if dry_run else self._engine.delete(ids))

        return self._through(filter, cursor, delete)

    def change_matching(
        self, filter: Filter, fields: Mapping[str, object], cursor: str, *, dry_run: bool
    ) -> Worked:
        change = change_from(fields)
        return self._through(
            filter,
            cursor,
            lambda infos: counted(change_articles(self._engine, infos, change, dry_run=dry_run)),
        )

    def _through(
        self, filter: Filter, cursor: str, work: Callable[[Sequence[ArticleInfo]], Worked]
    ) -> Worked:
        """Work on what a filter lets through, page by page, as far as the time goes."""
        until = time.monotonic() + WORK_SECONDS
        done = Worked()
        for page in pages(self._engine, filter, cursor=cursor):
            with self._alone([info.id for info in page.articles]):
                its = work(page.articles)
            done = Worked(
                done.matched or page.total,
                done.changed + its.changed,
                done.unchanged + its.unchanged,
                done.failures + its.failures,
                (*done.failed, *its.failed)[:FAILURES_TOLD],
                page.cursor,
            )
            if time.monotonic() > until:
                break
        return done

    @contextmanager
    def _alone(self, ids: Collection[str]) -> Iterator[None]:
        """Keep other calls from writing these articles, once those in work are done."""
        with self._changed:
            self._check()
            while not self._at_work.isdisjoint(ids):
                self._changed.wait()
                self._check()
            self._at_work.update(ids)
        try:
            yield
        finally:
            with self._changed:
                self._at_work.difference_update(ids)
                self._rested = False
                self._changed.notify_all()  # so that the time to rest is counted anew

    def show(self) -> None:
        self._engine.show()

    def stop(self) -> None:
        with self._changed:
            if self._stopped is not None:
                return
            self._stopped = time.monotonic()
            waiting, self._waiting = self._waiting, []
            self._changed.notify_all()
        for call in waiting:
            call.answer.set_exception(_stopping())
        for parser in self._all_parsers:
            parser.stop()

    def close(self) -> None:
        """Stop; what is being written at this moment has `STOP_SECONDS` more to end."""
        self.stop()
        until = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        with suppress(queue.Empty):
            while self._all_parsers:  # at a second close there is none to wait for
                parser = self._parsers.get(timeout=max(0.0, until - time.monotonic()))
                self._all_parsers.remove(parser)
                parser.close()
        self._alerts.close()

    def _store_noted(
        self, batch: Sequence[tuple[Article, tuple[str, ...]]]
    ) -> Iterator[WriteOutcome]:
        ended = self._store([article for article, _ in batch])
        for each, (_, notes) in zip(ended, batch, strict=True):
            yield replace(each, notes=(*notes, *each.notes))

    def _store(self, articles: Sequence[Article]) -> list[WriteOutcome]:
        if not articles:
            return []
        call = _Call(
            articles,
            frozenset(article.id for article in articles),
            sum(len(article.text) for article in articles),
        )
        with self._changed:
            self._check()
            self._waiting.append(call)
            self._changed.notify_all()
        while True:
            with suppress(TimeoutError):
                return call.answer.result(0.5)
            if self._stopped is not None and time.monotonic() > self._stopped + STOP_SECONDS:
                raise _stopping()  # whether it will be stored is not known

    def _work(self, most: int) -> None:
        """Write one group after another; release the engine's lock while there is none."""
        if most > SMALL:
            # Long calls begin when small ones have their part of the model: opened beside long
            # texts that are being split, on two busy cores, it took 4 to 8 s.
            with suppress(FihrisError):
                self._maker.embedder.embed_query("فهرس")
        while True:
            with self._changed:
                group = self._group(most)
                if not group:
                    if self._stopped is not None:
                        return
                    told = self._changed.wait(REST)
                    rest = not (told or self._waiting or self._at_work or self._rested)
                    self._rested = self._rested or rest
            if group:
                self._write(group)
            elif rest:
                self._engine.rest()

    def _group(self, most: int) -> list[_Call]:
        """Take what waits, as far as it makes one batch.

        Two calls with an article in common are written in the order in which they came.
        """
        group: list[_Call] = []
        ids: set[str] = set()
        before = set(self._at_work)  # ids that others have first
        length = 0
        for call in list(self._waiting):
            fits = length + call.length <= most and len(ids) + len(call.ids) <= BATCH_ARTICLES
            alone = not group and most > SMALL  # a call that is more than a batch
            if before.isdisjoint(call.ids) and ids.isdisjoint(call.ids) and (fits or alone):
                self._waiting.remove(call)
                group.append(call)
                ids |= call.ids
                length += call.length
            else:
                before |= call.ids
        self._at_work |= ids
        self._rested = self._rested and not group
        return group

    def _write(self, group: Sequence[_Call]) -> None:
        articles = [article for call in group for article in call.articles]
        try:
            ready = self._maker.ready(articles, on_size=lambda _: self._check())
            self._check()
            ended = self._maker.write(ready)
        except Exception as error:  # whoever gave the articles is told
            for call in group:
                call.answer.set_exception(error)
        else:
            for call in group:
                call.answer.set_result(ended[: len(call.articles)])
                del ended[: len(call.articles)]
        finally:
            with self._changed:
                self._at_work.difference_update(*(call.ids for call in group))
                self._changed.notify_all()

    def _analysed(self, articles: Sequence[Titled]) -> list[list[Terms]]:
        """Return what `analysed` does. Raises Stopping."""
        found: list[list[Terms]] = []
        for title, texts in articles:
            found.append([])
            for start in range(0, len(texts), AT_ONCE):
                self._check()
                found[-1] += analysed([(title, texts[start : start + AT_ONCE])])[0]
        return found

    def _check(self) -> None:
        if self._stopped is not None:
            raise _stopping()


def _stopping() -> Stopping:
    return Stopping("the server is stopping; try again in a moment")


def _refused_again(
    found: Article | WriteOutcome, place: str, places: FirstPlaces
) -> Article | WriteOutcome:
    """Return what was found at a place, or that an article of its id was found at another."""
    if isinstance(found, WriteOutcome):
        return found
    first = places.of(found.info.id, place)
    if first in (None, place):  # the same place: given again, as the engine was busy
        return found
    return WriteOutcome(found.info.id, "failed", refusal(found.info.id, str(first)), "duplicate-id")


def _read(line: BodyLine, collection: str) -> Article | WriteOutcome:
    """Return the article of a line of JSON, or why there is none."""
    if line.content is None:
        return WriteOutcome("", "failed", f"the line has more than {MAX_LINE:,} bytes", "too-large")
    try:
        fields = parse_object(line.content.decode())
    except UnicodeDecodeError as error:
        byte = line.content[error.start]
        reason = f"not UTF-8: byte {error.start:,} (0x{byte:02x}) cannot be read"
        return WriteOutcome("", "failed", reason, "encoding")
    except SourceError as error:
        return WriteOutcome("", "failed", str(error), error.code)
    return _article(fields, collection)


def _article(fields: Mapping[str, object], collection: str) -> Article | WriteOutcome:
    """Return the article that somebody sends, or why there is none."""
    try:
        own = own_id(fields) if collection else ""
        article = article_from(fields, own and within(collection, own))
        if not is_exported(fields):
            written = {name: getattr(article.info, name) for name in WRITTEN}
            check_fields({**written, "text": article.text})
    except SourceError as error:
        given = fields.get("id", fields.get("_id"))
        shown = str(given)[:512] if isinstance(given, str | int) else ""
        return WriteOutcome(shown, "failed", str(error), error.code)
    return article
