"""A client of the server in this process, and a searcher that answers what it is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

from fastapi.testclient import TestClient

from api.app import create_app
from search.domain import (
    Article,
    ArticleInfo,
    Hit,
    Passage,
    Query,
    Results,
    Segment,
    StoredArticle,
    StoredPassage,
)
from search.engine import EngineStatus, Fingerprint
from search.searcher import Searcher
from search.settings import Settings


@contextmanager
def client(searcher: object, settings: Settings | None = None) -> Iterator[TestClient]:
    """A client with a host the server knows, to which a failure of the server is a 500."""
    app = create_app(cast("Searcher", searcher), settings or Settings())
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as connected:
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
        self.asked: list[Query] = []
        self.closed = 0

    def search(self, query: Query) -> Results:
        self.asked.append(query)
        passage = self.engine.fetch(["a#0"])[0].passage
        segments = (Segment(passage.text, match=True),)
        hit = Hit(passage, self.engine.info, 1.0, None, None, segments, segments, None)
        return Results(query, (hit,), None, {"total": 1.0})

    def prepare(self) -> None:
        pass

    def close(self) -> None:
        self.closed += 1
