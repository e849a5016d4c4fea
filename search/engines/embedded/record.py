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
stands twice, packed as a whole and plain by passage, so that showing a passage
of a long article reads that passage only.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from search.domain import (
    Article,
    ArticleInfo,
    Filter,
    IndexedArticle,
    IndexedPassage,
    Passage,
    Span,
    StoredArticle,
    StoredPassage,
    Vector,
)
from search.engine import Fingerprint, Stored, WriteOutcome
from search.engines.embedded.changes import State, TermRows, damaged, read_state
from search.engines.embedded.connections import Connections, as_json
from search.engines.embedded.head import write_head
from search.engines.embedded.packing import unpack
from search.engines.embedded.storing import Storing, create
from search.errors import EngineUnavailable

# An empty value means unknown, which no filter asks for.
_LISTED = "(SELECT value FROM json_each(?) WHERE value != '')"
_ARTICLE = "a.id, a.title, a.source, a.author, a.language, a.published, a.tags, a.url"


@dataclass(frozen=True, slots=True)
class Written:
    """What a write did.

    `added` is what the text index needs; its numbers are above `before` up to `last`.
    """

    outcomes: list[WriteOutcome]
    added: list[TermRows]
    before: int
    last: int


class Record:
    """Reads and writes the record. Reads may come from many threads, writes from one at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._head = path.with_name("head.json")
        self._connections = Connections(path)

    def close(self) -> None:
        self._connections.close()

    def identity(self) -> tuple[int, int] | None:
        """Return what tells this file from another at the same path; None if there is none."""
        return self._connections.identity()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection | None]:
        """Give a connection whose reads all see one moment; None while there is no index."""
        with self._connections.reading() as connection:
            yield connection

    def state(self) -> State | None:
        """Return where the record stands, None while there is no index."""
        with self.reading() as connection:
            return None if connection is None else read_state(connection)

    # -- writing

    def write(self, articles: Sequence[IndexedArticle], fingerprint: Fingerprint) -> Written:
        """Store articles in one transaction; an unfit one fails alone."""
        with self._connections.writing() as connection:
            state = read_state(connection) or create(connection, fingerprint)
            before = state.last
            storing = Storing(connection, state)
            outcomes = [storing.store(a, fingerprint.dimensions) for a in articles]
            if not any(outcome.status == "written" for outcome in outcomes):
                connection.execute("ROLLBACK")
                return Written(outcomes, [], before, before)
            state = storing.finish()
        self._write_head(state)
        return Written(outcomes, storing.added, before, state.last)

    def delete(self, article_ids: Sequence[str]) -> int:
        """Remove articles in one transaction; return how many there were."""
        with self._connections.writing() as connection:
            state = read_state(connection)
            if state is None:
                return 0
            storing = Storing(connection, state)
            removed = sum(storing.remove(known) for known in set(article_ids))
            if not removed:
                connection.execute("ROLLBACK")
                return 0
            state = storing.finish()
        self._write_head(state)
        return removed

    def _write_head(self, state: State) -> None:
        try:
            write_head(self._head, state.head())
        except OSError as error:
            raise EngineUnavailable(
                f"what was written is in {self.path}, but {self._head} cannot be written: {error}. "
                "What was acknowledged is safe; see to the disk and send it again."
            ) from error

    # -- reading for people

    def stored(self, article_ids: Sequence[str]) -> dict[str, Stored]:
        sql = (
            "SELECT id, content_hash, embedded FROM articles "
            "WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id"
        )
        rows = self._rows(sql, as_json(article_ids))
        return {key: Stored(content_hash, bool(embedded)) for key, content_hash, embedded in rows}

    def fetch(self, wanted: Sequence[tuple[str, int]]) -> dict[tuple[str, int], StoredPassage]:
        """Return the known passages of these (article id, position) pairs."""
        sql = (
            f"SELECT {_ARTICLE}, p.start, p.end, p.text, s.spans "  # noqa: S608
            "FROM articles a JOIN passages p ON p.number = a.first + ?2 "
            "LEFT JOIN sentences s ON s.number = p.number WHERE a.id = ?1 AND ?2 < a.passages"
        )
        found = {}
        with self.reading() as connection:
            for pair in wanted:
                if connection is None:
                    break
                row = connection.execute(sql, pair).fetchone()
                if row is not None:
                    info = _info(row[:8])
                    passage = Passage(info.id, pair[1], *row[8:11])
                    found[pair] = StoredPassage(passage, info, _spans(row[11]))
        return found

    def article(self, id: str) -> StoredArticle | None:
        with self.reading() as connection:
            return None if connection is None else _article(connection, id)

    def indexed(self, id: str, dimensions: int) -> IndexedArticle | None:
        """Return an article as it was written, without its terms."""
        sql = (
            "SELECT v.vector, s.spans, s.vectors FROM articles a JOIN passages p "
            "ON p.number >= a.first AND p.number < a.first + a.passages "
            "LEFT JOIN vectors v ON v.number = p.number "
            "LEFT JOIN sentences s ON s.number = p.number WHERE a.id = ? ORDER BY p.number"
        )
        with self.reading() as connection:
            stored = None if connection is None else _article(connection, id)
            if connection is None or stored is None:
                return None
            rows = connection.execute(sql, (id,)).fetchall()
        passages = zip(stored.passages, rows, strict=True)
        return IndexedArticle(
            stored.article,
            tuple(_indexed(passage, row, dimensions) for passage, row in passages),
        )

    def article_ids(self, after: str, limit: int) -> list[str]:
        sql = "SELECT id FROM articles WHERE id > ? ORDER BY id LIMIT ?"
        return [row[0] for row in self._rows(sql, after, limit)]

    def unembedded(self, after: str, limit: int) -> list[str]:
        sql = "SELECT id FROM articles WHERE id > ? AND NOT embedded ORDER BY id LIMIT ?"
        return [row[0] for row in self._rows(sql, after, limit)]

    def counts(self) -> tuple[int, int, int, int]:
        """Return how many articles, passages, sentence vectors and passages without one there are."""
        sql = (
            "SELECT count(*), coalesce(sum(passages), 0), coalesce(sum(sentences), 0), "
            "coalesce(sum(passages) FILTER (WHERE NOT embedded), 0) FROM articles"
        )
        rows = self._rows(sql)
        return rows[0] if rows else (0, 0, 0, 0)

    # -- reading for what is derived

    def own_vectors(self, numbers: Sequence[int], dimensions: int) -> Vector:
        """Return the vectors of these passages. Raises LookupError when one of them is gone."""
        sql = "SELECT number, vector FROM vectors WHERE number IN (SELECT value FROM json_each(?))"
        found = dict(self._rows(sql, as_json(numbers)))
        try:
            halves = np.frombuffer(b"".join(found[number] for number in numbers), "<f2")
        except KeyError:
            raise LookupError("a passage went while it was being ranked") from None
        return halves.reshape(-1, dimensions).astype(np.float32)

    def sentence_vectors(
        self, numbers: Sequence[int], dimensions: int
    ) -> tuple[dict[int, tuple[int, int]], Vector]:
        """Return the sentences' vectors, shape (n, dimensions), of those passages that have any.

        The first value says which rows are a passage's: from, to.
        """
        sql = (
            "SELECT number, vectors FROM sentences WHERE number IN (SELECT value FROM json_each(?))"
        )
        found = self._rows(sql, as_json(numbers))
        halves = np.frombuffer(b"".join(row[1] for row in found), "<f2").reshape(-1, dimensions)
        rows, start = {}, 0
        for number, vectors in found:
            rows[number] = (start, start + len(vectors) // (2 * dimensions))
            start = rows[number][1]
        return rows, halves.astype(np.float32)

    def matching_articles(self, filter: Filter) -> list[int]:
        """Return the keys of the articles a filter lets through."""
        conditions, values = [], []
        for column, wanted in (
            ("source", filter.sources),
            ("language", filter.languages),
            ("id", filter.articles),
        ):
            if wanted:
                conditions.append(f"{column} IN {_LISTED}")
                values.append(as_json(wanted))
        if filter.tags:
            conditions.append(
                f"key IN (SELECT article FROM tags WHERE tag IN {_LISTED})"  # noqa: S608
            )
            values.append(as_json(filter.tags))
        for sign, day in ((">=", filter.published_from), ("<=", filter.published_to)):
            if day is not None:
                conditions.append(f"published {sign} ?")
                values.append(day.isoformat())
        sql = f"SELECT key FROM articles WHERE {' AND '.join(conditions) or 'TRUE'}"  # noqa: S608
        return [row[0] for row in self._rows(sql, *values)]

    def _rows(self, sql: str, *values: object) -> list[tuple]:  # type: ignore[type-arg]
        with self.reading() as connection:
            # A writer that wrote nothing, or died in its first write, leaves a file without tables.
            if connection is None or read_state(connection) is None:
                return []
            return connection.execute(sql, values).fetchall()


def _spans(packed: bytes | None) -> tuple[Span, ...]:
    pairs = np.frombuffer(packed or b"", "<i4").reshape(-1, 2).tolist()
    return tuple(Span(start, end) for start, end in pairs)


def _article(connection: sqlite3.Connection, id: str) -> StoredArticle | None:
    sql = f"SELECT {_ARTICLE}, a.text, a.first, a.passages FROM articles a WHERE a.id = ?"  # noqa: S608
    row = connection.execute(sql, (id,)).fetchone()
    if row is None:
        return None
    packed, first, count = row[8:]
    passages = connection.execute(
        "SELECT start, end, text FROM passages WHERE number >= ? AND number < ? ORDER BY number",
        (first, first + count),
    ).fetchall()
    try:
        text = unpack(packed)
    except (ValueError, TypeError) as error:
        raise damaged(f"its article's text cannot be read: {error}", first) from error
    numbered = enumerate(passages)
    return StoredArticle(
        Article(_info(row[:8]), text), tuple(Passage(id, n, *p) for n, p in numbered)
    )


def _indexed(passage: Passage, row: Sequence[Any], dimensions: int) -> IndexedPassage:
    vector, spans, vectors = row
    return IndexedPassage(
        passage=passage,
        terms={},
        vector=None if vector is None else np.frombuffer(vector, "<f2").astype(np.float32),
        sentences=_spans(spans),
        sentence_vectors=np.frombuffer(vectors or b"", "<f2")
        .reshape(-1, dimensions)
        .astype(np.float32),
    )


def _info(row: Sequence[object]) -> ArticleInfo:
    article_id, title, source, author, language, published, tags, url = row
    return ArticleInfo(
        id=str(article_id),
        title=str(title),
        source=str(source),
        author=str(author),
        language=str(language),
        published=date.fromisoformat(str(published)) if published else None,
        tags=tuple(json.loads(str(tags))),
        url=str(url),
    )
