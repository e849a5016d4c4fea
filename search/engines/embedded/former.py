"""A record of the first release (schema 2), to be read once: by `fihris upgrade`.

Nothing writes to it and nothing is searched in it; its text index is not opened. The next
version stands beside it and takes its place, so a kill at any step leaves it as it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from search.domain import Article, ArticleInfo, IndexedArticle, IndexedPassage, Passage, Span
from search.engines.embedded.connections import (
    FORMER_SCHEMA,
    Connections,
    as_json,
    identity_of,
    open_for_reading,
    translated,
)
from search.engines.embedded.locking import WriterLock
from search.engines.embedded.packing import unpack_former
from search.engines.embedded.record import RECORD
from search.engines.embedded.rows import damaged_article, damaged_index
from search.engines.embedded.versions import Versions
from search.engines.protocol import EngineStatus, Fingerprint, Stored

_WRONG = (TypeError, ValueError, KeyError, RecursionError)
_ARTICLE = (
    "id, title, source, author, language, published, tags, url, content_hash, embedded, text, "
    "first, passages"
)


def former_index(folder: Path) -> FormerIndex | None:
    """Return the index in a folder if the first release made it. Raises as `open_engine`."""
    path = Versions(folder).current() / RECORD
    if identity_of(path) is None:
        return None
    with translated(path), closing(open_for_reading(path)) as connection:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
    return FormerIndex(path, folder) if version == FORMER_SCHEMA else None


class FormerIndex:
    """What a record of the first release holds, as far as a copy needs it."""

    def __init__(self, path: Path, lock_folder: Path) -> None:
        """Raises RecordCorrupt where what made it cannot be read."""
        self._path = path
        self._connections = Connections()
        self._lock = WriterLock(lock_folder)
        meta = dict(self._rows("SELECT name, value FROM meta"))
        try:
            self.fingerprint = Fingerprint(**json.loads(meta["fingerprint"]))
        except _WRONG as error:
            raise damaged_index(f"it does not say what made it: {error}") from error

    def status(self) -> EngineStatus:
        ((articles, passages, sentences, unembedded),) = self._rows(
            "SELECT count(*), coalesce(sum(passages), 0), coalesce(sum(sentences), 0), "
            "coalesce(sum(passages) FILTER (WHERE NOT embedded), 0) FROM articles"
        )
        return EngineStatus("embedded", articles, passages, sentences, unembedded, self.fingerprint)

    def article_ids(self, after: str, limit: int) -> list[str]:
        sql = "SELECT id FROM articles WHERE id > ? ORDER BY id LIMIT ?"
        return [row[0] for row in self._rows(sql, after, limit)]

    def stored(self, article_ids: Sequence[str]) -> dict[str, Stored]:
        sql = (
            "SELECT id, content_hash, embedded FROM articles "
            "WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id"
        )
        rows = self._rows(sql, as_json(article_ids))
        return {known: Stored(content, bool(embedded)) for known, content, embedded in rows}

    def indexed(self, article_ids: Sequence[str]) -> list[IndexedArticle]:
        found = (self._article(known) for known in dict.fromkeys(article_ids))
        return [article for article in found if article is not None]

    @contextmanager
    def hold(self, purpose: str) -> Iterator[None]:
        self._lock.acquire(purpose)
        try:
            yield
        finally:
            self._lock.release()

    def close(self) -> None:
        self._connections.close()

    def _article(self, id: str) -> IndexedArticle | None:
        sql = (
            "SELECT p.start, p.end, p.text, v.vector, s.spans, s.vectors FROM passages p "
            "LEFT JOIN vectors v ON v.number = p.number "
            "LEFT JOIN sentences s ON s.number = p.number "
            "WHERE p.number >= ? AND p.number < ? ORDER BY p.number"
        )
        rows = self._rows(f"SELECT {_ARTICLE} FROM articles WHERE id = ?", id)  # noqa: S608
        if not rows:
            return None
        try:
            *about, content_hash, embedded, text, first, count = rows[0]
            passages = self._rows(sql, first, first + count)
            article = Article(_info(about), unpack_former(text))
            # The one checksum that covers fields and text, so that no damage is carried over.
            if article.content_hash() != content_hash or len(passages) != count:
                raise ValueError("it is not what was written")
            return IndexedArticle(
                article,
                tuple(
                    self._passage(article, position, row, embedded=bool(embedded))
                    for position, row in enumerate(passages)
                ),
            )
        except _WRONG as error:
            raise damaged_article(id, str(error)) from error

    def _passage(
        self, article: Article, position: int, row: Sequence[Any], *, embedded: bool
    ) -> IndexedPassage:
        start, end, text, packed, spans, vectors = row
        if article.text[start:end] != text:
            raise ValueError(f"passage {position} is not what was written")
        vector = None if packed is None else _halves(packed)
        if embedded != (vector is not None):
            raise ValueError(f"passage {position} lacks its vector")
        if vector is not None and len(vector) != self.fingerprint.dimensions:
            raise ValueError(f"the vector of passage {position} has another size")
        places = np.frombuffer(spans or b"", "<i4").reshape(-1, 2).tolist()
        of_sentences = _halves(vectors or b"").reshape(len(places), self.fingerprint.dimensions)
        return IndexedPassage(
            passage=Passage(article.id, position, start, end, text),
            terms={},
            vector=vector,
            sentences=tuple(Span(*pair) for pair in places),
            sentence_vectors=of_sentences,
        )

    def _rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with self._connections.reading(self._path) as connection:
            if connection is None:
                raise damaged_index("it went while it was being read")
            found: list[tuple[Any, ...]] = connection.execute(sql, values).fetchall()
            return found


def _halves(packed: bytes) -> np.ndarray[Any, np.dtype[np.float32]]:
    vectors = np.frombuffer(packed, "<f2").astype(np.float32)
    if not np.isfinite(vectors).all() or (vectors.size and np.abs(vectors).max() > 1.001):
        raise ValueError("a vector is not what was written")
    return vectors


def _info(row: Sequence[Any]) -> ArticleInfo:
    article_id, title, source, author, language, published, tags, url = row
    return ArticleInfo(
        id=article_id,
        title=title,
        source=source,
        author=author,
        language=language,
        published=date.fromisoformat(published) if published else None,
        tags=tuple(json.loads(tags)),
        url=url,
    )
