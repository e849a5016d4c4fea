"""What a running server writes with: `search.ingest.Ingest`, over the pipeline's own steps.

Calls that wait at the same time are written together, since the engine's acknowledgement
(an fsync, or some round trips to Elasticsearch) is then paid once for all of them.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from indexer.batches import BATCH_ARTICLES, BATCH_LENGTH, Maker
from indexer.formats import Options, id_of
from indexer.records import article_from, parse_object
from indexer.sources import Failure, SourceFile
from indexer.sources.sandbox import Parser
from search.domain import Article
from search.embedding import Embedder
from search.engine import Engine
from search.errors import EngineUnavailable, SourceError
from search.ingest import Ingested
from search.settings import Settings

WRITERS = 2  # groups at once: one is embedded while another is written
PARSERS = 2  # files at once
REST = 3.0  # seconds without a call after which other processes may write


@dataclass(frozen=True, slots=True)
class _Call:
    """Articles given together, and where what became of them goes."""

    articles: Sequence[Article]
    answer: Future[list[Ingested]] = field(default_factory=Future)


class EngineIngest:
    """An `Ingest` over an engine and a model, which stay their owner's to close."""

    def __init__(self, engine: Engine, embedder: Embedder, settings: Settings) -> None:
        self._engine = engine
        self._maker = Maker(engine, embedder, settings)
        self._waiting: deque[_Call] = deque()
        self._changed = threading.Condition()  # of what follows and `_waiting`
        self._at_work: set[str] = set()  # ids in a group that is not written yet
        self._rested = True
        self._closed = False
        self._parsers: queue.Queue[Parser | None] = queue.Queue()
        for _ in range(PARSERS):
            self._parsers.put(None)  # each is opened when it is first needed
        self._threads = [
            threading.Thread(target=self._work, name=f"ingest-{n}", daemon=True)
            for n in range(WRITERS)
        ]
        for thread in self._threads:
            thread.start()

    def lines(self, lines: Sequence[bytes]) -> list[Ingested]:
        read = [_read(line) for line in lines]
        stored = iter(self._store([each for each in read if isinstance(each, Article)]))
        return [next(stored) if isinstance(each, Article) else each for each in read]

    def article(self, fields: Mapping[str, object]) -> Ingested:
        try:
            article = article_from(fields)
        except SourceError as error:
            return Ingested(_id_of(fields), "failed", str(error), error.code)
        return self._store([article])[0]

    def file(self, file: BinaryIO, name: str) -> Iterator[Ingested]:
        parser = self._parsers.get() or Parser()
        try:
            batch: list[Article] = []
            source = SourceFile(Path(name), name, 0, id_of(name))
            with closing(parser.parse(source, Options(), descriptor=file.fileno())) as items:
                for item in items:
                    if isinstance(item, Failure):
                        yield from self._store(batch)
                        yield Ingested("", "failed", f"{item.place}: {item.reason}", item.code)
                        batch = []
                        continue
                    batch.append(item.article)
                    if len(batch) == BATCH_ARTICLES:
                        yield from self._store(batch)
                        batch = []
            yield from self._store(batch)
        finally:
            self._parsers.put(parser)

    def delete(self, article_id: str) -> bool:
        self._refuse_closed()
        with self._changed:  # after what was given before, also where that is in work
            while article_id in self._at_work:
                self._changed.wait()
        removed = self._engine.delete([article_id]) > 0
        with self._changed:
            self._rested = False
            self._changed.notify_all()  # so that the time to rest is counted anew
        return removed

    def show(self) -> None:
        self._engine.show()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        for _ in range(PARSERS):
            if (parser := self._parsers.get()) is not None:
                parser.close()

    def _store(self, articles: Sequence[Article]) -> list[Ingested]:
        if not articles:
            return []
        self._refuse_closed()
        call = _Call(articles)
        with self._changed:
            self._waiting.append(call)
            self._changed.notify_all()
        return call.answer.result()

    def _work(self) -> None:
        """Write group after group, and let others write while nothing is asked."""
        while True:
            with self._changed:
                group = self._group()
                if not group:
                    if self._closed and not self._waiting:
                        return
                    told = self._changed.wait(REST)
                    rest = not (told or self._waiting or self._at_work or self._rested)
                    self._rested = self._rested or rest
            if group:
                self._write(group)
            elif rest:
                self._engine.rest()

    def _group(self) -> list[_Call]:
        """Take what waits, as far as it makes one batch, and no article that is in work."""
        group: list[_Call] = []
        ids: set[str] = set()
        length = 0
        while self._waiting:
            call = self._waiting[0]
            its = {article.id for article in call.articles}
            size = sum(len(article.text) for article in call.articles)
            full = len(ids) + len(its) > BATCH_ARTICLES or length + size > BATCH_LENGTH
            if (group and full) or its & self._at_work or its & ids:
                break
            group.append(self._waiting.popleft())
            ids |= its
            length += size
        self._at_work |= ids
        self._rested = self._rested and not group
        return group

    def _write(self, group: Sequence[_Call]) -> None:
        articles = [article for call in group for article in call.articles]
        try:
            ended = self._stored(articles)
        except Exception as error:  # whoever gave the articles is told
            for call in group:
                call.answer.set_exception(error)
        else:
            for call in group:
                call.answer.set_result(ended[: len(call.articles)])
                del ended[: len(call.articles)]
        finally:
            with self._changed:
                self._at_work -= {article.id for article in articles}
                self._changed.notify_all()

    def _stored(self, articles: Sequence[Article]) -> list[Ingested]:
        """Write articles; one that is replaced by a later of the same call gets its outcome."""
        last = {article.id: article for article in articles}
        ended = self._maker.write(self._maker.ready(list(last.values())))
        by_id = {each.id: each for each in ended}
        return [by_id[article.id] for article in articles]

    def _refuse_closed(self) -> None:
        if self._closed:
            raise EngineUnavailable("the server is stopping; try again in a moment")


def _read(line: bytes) -> Article | Ingested:
    """Return the article of a line of JSON, or why there is none."""
    try:
        fields = parse_object(line.decode())
    except UnicodeDecodeError as error:
        reason = f"not UTF-8: byte {error.start:,} (0x{line[error.start]:02x}) cannot be read"
        return Ingested("", "failed", reason, "encoding")
    except SourceError as error:
        return Ingested("", "failed", str(error), error.code)
    try:
        return article_from(fields)
    except SourceError as error:
        return Ingested(_id_of(fields), "failed", str(error), error.code)


def _id_of(fields: Mapping[str, object]) -> str:
    """Return what may be shown of the id of fields that make no article."""
    given = fields.get("id", fields.get("_id"))
    return str(given)[:512] if isinstance(given, str | int) else ""
