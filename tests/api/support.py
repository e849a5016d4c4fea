"""A client of the server in this process, and a searcher that answers what it is told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from fastapi.testclient import TestClient

from api.app import create_app
from search.domain import (
    Article,
    ArticleInfo,
    Filter,
    Hit,
    Match,
    Passage,
    Query,
    Results,
    Segment,
    StoredArticle,
    StoredPassage,
    WriteOutcome,
)
from search.engines.protocol import EngineStatus, Fingerprint
from search.ingest import BodyLine, Ingest, Worked
from search.query.synonyms import SynonymFile
from search.ranking.searcher import Searcher
from search.seen_ids import FirstPlaces
from search.settings import Settings


@contextmanager
def client(
    searcher: object, settings: Settings | None = None, ingest: Ingest | None = None
) -> Iterator[TestClient]:
    """A client with a host the server knows, to which a failure of the server is a 500."""
    opened = (lambda _: ingest) if ingest is not None else None
    app = create_app(cast("Searcher", searcher), settings or Settings(), opened)
    options: dict[str, Any] = {"raise_server_exceptions": False, "client": ("127.0.0.1", 50000)}
    with TestClient(app, base_url="http://localhost", **options) as connected:
        yield connected


class ToldEngine:
    """Holds a single article of one passage; `error`, if any, is raised by every call."""

    def __init__(self, text: str = "نص", error: Exception | None = None) -> None:
        self.info = ArticleInfo(id="a", title=text, source=text, tags=(text,))
        self.passage = Passage("a", 0, 0, len(text), text)
        self.error = error

    def article(self, article_id: str) -> StoredArticle | None:
        self._fail()
        found = StoredArticle(Article(self.info, self.passage.text), (self.passage,))
        return found if article_id == "a" else None

    def fetch(self, passage_ids: Sequence[str]) -> list[StoredPassage]:
        self._fail()
        return [StoredPassage(self.passage, self.info) for key in passage_ids if key == "a#0"]

    def status(self) -> EngineStatus:
        self._fail()
        made = Fingerprint("1", "test", "0", 32, sentence_vectors=True, schema=1)
        return EngineStatus("told", 1, 1, 0, 0, made)

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error


class ToldSearcher:
    """Answers every query with its engine's passage, or raises its error."""

    def __init__(self, text: str = "نص", error: Exception | None = None) -> None:
        self.engine = ToldEngine(text, error)
        self.embedder = object()
        self.queries = None
        self.synonyms: SynonymFile | None = None
        self.asked: list[Query] = []
        self.closed = 0

    def search(self, query: Query) -> Results:
        self.asked.append(query)
        passage = self.engine.fetch(["a#0"])[0].passage
        segments = (Segment(passage.text, match=True),)
        hit = Hit(
            passage, self.engine.info, 1.0, None, None, segments, segments, Match("exact"), None
        )
        return Results(query, (hit,), None, {"total": 1.0})

    def prepare(self) -> None:
        pass

    def close(self) -> None:
        self.closed += 1


class ToldIngest:
    """Remembers texts by id; `error`, if any, is raised by every call, `wait` is seconds each takes."""

    def __init__(self, error: Exception | None = None, wait: float = 0.0) -> None:
        self.error = error
        self.wait = wait
        self.texts: dict[str, str] = {}
        self.batches: list[int] = []
        self.shown = 0
        self.stopped = False
        self.closed = False

    def lines(
        self, lines: Sequence[BodyLine], places: FirstPlaces, collection: str = ""
    ) -> list[WriteOutcome]:
        self._work()
        self.batches.append(len(lines))
        return [self._line(line, places) for line in lines]

    def article(self, fields: Mapping[str, object], collection: str = "") -> WriteOutcome:
        self._work()
        return self._store(fields)

    def file(self, file: BinaryIO, name: str, collection: str = "") -> Iterator[WriteOutcome]:
        self._work()
        if name.endswith(".zip"):
            yield WriteOutcome("", "failed", "broken", "damaged")
            return
        yield self._store({"id": name, "text": file.read().decode("utf-8", "replace") or "-"})

    def delete(self, article_id: str) -> bool:
        self._work()
        return self.texts.pop(article_id, None) is not None

    def delete_matching(self, filter: Filter, cursor: str, *, dry_run: bool) -> Worked:
        self._work()
        found = [key for key in self.texts if key in filter.articles]
        for key in found if not dry_run else ():
            del self.texts[key]
        return Worked(matched=len(found), changed=len(found))

    def change_matching(
        self, filter: Filter, fields: Mapping[str, object], cursor: str, *, dry_run: bool
    ) -> Worked:
        self._work()
        found = [key for key in self.texts if key in filter.articles]
        return Worked(matched=len(found), changed=len(found))

    def show(self) -> None:
        self.shown += 1

    def stop(self) -> None:
        self.stopped = True

    def close(self) -> None:
        self.closed = True

    def _line(self, line: BodyLine, places: FirstPlaces) -> WriteOutcome:
        if line.content is None:
            return WriteOutcome("", "failed", "too long", "too-large")
        try:
            fields = json.loads(line.content)
        except (ValueError, RecursionError):
            return WriteOutcome("", "failed", "not JSON", "not-json")
        fields = fields if isinstance(fields, dict) else {}
        article_id, text = fields.get("id"), fields.get("text")
        if not isinstance(article_id, str) or not isinstance(text, str) or not text.strip():
            return self._store(fields)
        if first := places.of(json.dumps(article_id), f"line {line.number}"):
            return WriteOutcome(article_id, "failed", first, "duplicate-id")
        return self._store(fields)

    def _store(self, fields: Mapping[str, object]) -> WriteOutcome:
        article_id, text = fields.get("id"), fields.get("text")
        if not isinstance(article_id, str) or not isinstance(text, str) or not text.strip():
            return WriteOutcome("", "failed", '"text" must be a text', "bad-field")
        before = self.texts.get(article_id)
        self.texts[article_id] = text
        if before == text:
            return WriteOutcome(article_id, "unchanged")
        return WriteOutcome(article_id, "created" if before is None else "updated")

    def _work(self) -> None:
        time.sleep(self.wait)
        if self.error is not None:
            raise self.error


class HeldIngest(ToldIngest):
    """Tells when it has work, and does it once it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.release = threading.Event()

    def _work(self) -> None:
        self.entered.set()
        assert self.release.wait(60)
        super()._work()
