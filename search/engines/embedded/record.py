"""The record: one SQLite file that holds everything given, and is the truth.

WAL with synchronous=FULL: when `write` returns, what it reports as written
survives a crash of the machine. All else is derived from here and follows by
`sequence`, a number that grows with every change:

- `articles.key` and `passages.number` are never used twice (AUTOINCREMENT), so
  what was added since is what has a greater number;
- `removals` names the article keys that went, by the sequence they went at.

Vectors are float16: a cosine moves by less than 0.0002 and the file is half as
big. Terms are kept (zlib) because an engine does not analyse: a rebuild then
costs no analysis and cannot disagree with what was indexed. An article's text
stands twice, zlib as a whole and plain by passage, so that showing a passage
of a long article reads that passage only.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from search.domain import (
    LAYERS,
    Article,
    ArticleInfo,
    Filter,
    IndexedArticle,
    IndexedPassage,
    Passage,
    StoredArticle,
    StoredPassage,
    Vector,
)
from search.engine import Fingerprint, WriteOutcome
from search.engines.embedded.checks import Unfit, check_article
from search.engines.embedded.connections import RECORD_SCHEMA, Connections, as_json
from search.errors import FingerprintMismatch

KEPT_REMOVALS = 100_000  # a reader further behind reads everything anew

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE articles (
    key INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, content_hash TEXT NOT NULL,
    title TEXT NOT NULL, source TEXT NOT NULL, language TEXT NOT NULL, published TEXT,
    tags TEXT NOT NULL, url TEXT NOT NULL, text BLOB NOT NULL, sentences INTEGER NOT NULL);
CREATE INDEX articles_source ON articles (source);
CREATE INDEX articles_language ON articles (language);
CREATE INDEX articles_published ON articles (published);
CREATE INDEX articles_sentences ON articles (sentences);
CREATE TABLE tags (tag TEXT, article INTEGER, PRIMARY KEY (tag, article)) WITHOUT ROWID;
CREATE INDEX tags_article ON tags (article);
CREATE TABLE passages (
    number INTEGER PRIMARY KEY AUTOINCREMENT, article INTEGER NOT NULL, position INTEGER NOT NULL,
    start INTEGER NOT NULL, end INTEGER NOT NULL, text TEXT NOT NULL);
CREATE UNIQUE INDEX passages_article ON passages (article, position);
CREATE TABLE terms (number INTEGER PRIMARY KEY, layers BLOB NOT NULL);
CREATE TABLE vectors (
    number INTEGER PRIMARY KEY, article INTEGER NOT NULL, position INTEGER NOT NULL,
    vector BLOB NOT NULL);
CREATE TABLE sentences (
    number INTEGER PRIMARY KEY, spans BLOB NOT NULL, vectors BLOB NOT NULL);
CREATE TABLE removals (
    sequence INTEGER, article INTEGER, first INTEGER, passages INTEGER NOT NULL,
    PRIMARY KEY (sequence, article)) WITHOUT ROWID;
"""
# An empty value means unknown, which no filter asks for.
_LISTED = "(SELECT value FROM json_each(?) WHERE value != '')"
_ARTICLE = "a.id, a.title, a.source, a.language, a.published, a.tags, a.url"


@dataclass(frozen=True, slots=True)
class State:
    """Where a record stands. `horizon`: removals up to it are no longer listed."""

    record: str
    fingerprint: Fingerprint
    sequence: int
    horizon: int


@dataclass(frozen=True, slots=True)
class TermRow:
    """All the text index needs of a passage."""

    number: int
    article: int
    article_id: str
    position: int
    source: str
    language: str
    published: str | None
    tags: tuple[str, ...]
    terms: tuple[str, ...]  # in the order of LAYERS


class Record:
    """Reads and writes the record. Reads may come from many threads, writes from one at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
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

    def write(
        self, articles: Sequence[IndexedArticle], fingerprint: Fingerprint
    ) -> list[WriteOutcome]:
        """Store articles in one transaction; an unfit one fails alone."""
        with self._connections.writing() as connection:
            if read_state(connection) is None:
                _create(connection, fingerprint)
            sequence = _bump(connection)
            outcomes = [_write_one(connection, a, fingerprint, sequence) for a in articles]
            _forget_removals(connection)
            if not any(outcome.status == "written" for outcome in outcomes):
                connection.execute("ROLLBACK")
            return outcomes

    def delete(self, article_ids: Sequence[str]) -> int:
        """Remove articles in one transaction; return how many there were."""
        with self._connections.writing() as connection:
            if read_state(connection) is None:
                return 0
            sequence = _bump(connection)
            removed = sum(_remove(connection, known, sequence) for known in set(article_ids))
            _forget_removals(connection)
            if not removed:
                connection.execute("ROLLBACK")
            return removed

    # -- reading for people

    def content_hashes(self, article_ids: Sequence[str]) -> dict[str, str]:
        sql = (
            "SELECT id, content_hash FROM articles WHERE id IN (SELECT value FROM json_each(?)) "
            "ORDER BY id"
        )
        return dict(self._rows(sql, as_json(article_ids)))

    def fetch(self, wanted: Sequence[tuple[str, int]]) -> dict[tuple[str, int], StoredPassage]:
        """Return the known passages of these (article id, position) pairs."""
        sql = (
            f"SELECT {_ARTICLE}, p.position, p.start, p.end, p.text FROM articles a "  # noqa: S608
            "JOIN passages p ON p.article = a.key WHERE a.id = ? AND p.position = ?"
        )
        found = {}
        with self.reading() as connection:
            for pair in wanted:
                if connection is None:
                    break
                row = connection.execute(sql, pair).fetchone()
                if row is not None:
                    info = _info(row[:7])
                    found[pair] = StoredPassage(Passage(info.id, *row[7:]), info)
        return found

    def article(self, id: str) -> StoredArticle | None:
        sql = f"SELECT a.key, {_ARTICLE}, a.text FROM articles a WHERE a.id = ?"  # noqa: S608
        with self.reading() as connection:
            row = None if connection is None else connection.execute(sql, (id,)).fetchone()
            if connection is None or row is None:
                return None
            passages = connection.execute(
                "SELECT position, start, end, text FROM passages WHERE article = ? "
                "ORDER BY position",
                (row[0],),
            ).fetchall()
            text = zlib.decompress(row[8]).decode()
            return StoredArticle(
                Article(_info(row[1:8]), text), tuple(Passage(id, *p) for p in passages)
            )

    def article_ids(self, after: str, limit: int) -> list[str]:
        sql = "SELECT id FROM articles WHERE id > ? ORDER BY id LIMIT ?"
        return [row[0] for row in self._rows(sql, after, limit)]

    def counts(self) -> tuple[int, int, int]:
        """Return how many articles, passages and sentence vectors there are."""
        articles = self._rows("SELECT count(*), coalesce(sum(sentences), 0) FROM articles")
        passages = self._rows("SELECT count(*) FROM passages")
        return (articles[0][0], passages[0][0], articles[0][1]) if articles else (0, 0, 0)

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
    ) -> tuple[dict[int, tuple[int, int]], NDArray[np.int32], Vector]:
        """Return the sentences of those of these passages that have any.

        The second value has the spans of all of them, shape (n, 2), the third
        their vectors, shape (n, dimensions); the first says which rows of both
        are a passage's: from, to.
        """
        sql = (
            "SELECT number, spans, vectors FROM sentences "
            "WHERE number IN (SELECT value FROM json_each(?))"
        )
        found = self._rows(sql, as_json(numbers))
        spans = np.frombuffer(b"".join(row[1] for row in found), "<i4").reshape(-1, 2)
        halves = np.frombuffer(b"".join(row[2] for row in found), "<f2").reshape(-1, dimensions)
        rows, start = {}, 0
        for number, own_spans, _ in found:
            rows[number] = (start, start + len(own_spans) // 8)
            start = rows[number][1]
        return rows, spans, halves.astype(np.float32)

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


def read_state(connection: sqlite3.Connection) -> State | None:
    """Return where the record stands, None in a file that is still empty."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone() is None:
        return None
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != RECORD_SCHEMA:
        raise FingerprintMismatch(
            f"the index was written by a version of Fihris with other tables (schema {version}, "
            f"this one reads {RECORD_SCHEMA}). Update Fihris, or choose another folder with "
            "FIHRIS_DATA and index your files into it."
        )
    meta = dict(connection.execute("SELECT name, value FROM meta"))
    return State(
        record=meta["record"],
        fingerprint=Fingerprint(**json.loads(meta["fingerprint"])),
        sequence=int(meta["sequence"]),
        horizon=int(meta["horizon"]),
    )


def read_terms(connection: sqlite3.Connection, after: int) -> Iterator[TermRow]:
    """Yield what the text index needs of every passage numbered above `after`, in order."""
    sql = (
        "SELECT p.number, a.key, a.id, p.position, a.source, a.language, a.published, a.tags, "
        "t.layers FROM terms t JOIN vectors p ON p.number = t.number "
        "JOIN articles a ON a.key = p.article WHERE t.number > ? ORDER BY t.number"
    )
    for *known, tags, layers in connection.execute(sql, (after,)):
        terms = zlib.decompress(layers).decode().split("\n")
        yield TermRow(*known, tuple(json.loads(tags)), tuple(terms))


def read_removals(connection: sqlite3.Connection, after: int) -> list[tuple[int, int, int]]:
    """Return (article key, its first passage's number, its passages) of what went after a sequence."""
    sql = "SELECT article, first, passages FROM removals WHERE sequence > ? ORDER BY sequence"
    return connection.execute(sql, (after,)).fetchall()


def read_last_number(connection: sqlite3.Connection) -> int:
    """Return the greatest passage number there is, 0 if there is none."""
    return int(connection.execute("SELECT coalesce(max(number), 0) FROM vectors").fetchone()[0])


def _create(connection: sqlite3.Connection, fingerprint: Fingerprint) -> None:
    for statement in _SCHEMA.split(";\n"):
        if statement.strip():
            connection.execute(statement)
    meta = {
        "record": uuid.uuid4().hex,
        "fingerprint": json.dumps(asdict(fingerprint)),
        "sequence": "0",
        "horizon": "0",
    }
    connection.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
    connection.execute(f"PRAGMA user_version = {RECORD_SCHEMA}")


def _bump(connection: sqlite3.Connection) -> int:
    sql = (
        "UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE name = 'sequence' RETURNING value"
    )
    return int(connection.execute(sql).fetchall()[0][0])


def _forget_removals(connection: sqlite3.Connection) -> None:
    """Keep the list of removals bounded: who is further behind reads everything anew."""
    known = connection.execute("SELECT count(*) FROM removals").fetchone()[0]
    if known <= KEPT_REMOVALS:
        return
    sql = "SELECT sequence FROM removals ORDER BY sequence DESC LIMIT 1 OFFSET ?"
    horizon = connection.execute(sql, (KEPT_REMOVALS // 2,)).fetchone()[0]
    connection.execute("DELETE FROM removals WHERE sequence <= ?", (horizon,))
    connection.execute("UPDATE meta SET value = ? WHERE name = 'horizon'", (str(horizon),))


def _write_one(
    connection: sqlite3.Connection,
    indexed: IndexedArticle,
    fingerprint: Fingerprint,
    sequence: int,
) -> WriteOutcome:
    article_id = indexed.article.id
    try:
        check_article(indexed, fingerprint.dimensions)
    except Unfit as error:
        return WriteOutcome(article_id, "failed", f"article {article_id!r} was not stored: {error}")
    content_hash = indexed.article.content_hash()
    row = connection.execute(
        "SELECT content_hash FROM articles WHERE id = ?", (article_id,)
    ).fetchone()
    if row is not None and row[0] == content_hash:
        return WriteOutcome(article_id, "unchanged")
    _remove(connection, article_id, sequence)
    key = _insert_article(connection, indexed, content_hash)
    for passage in indexed.passages:
        _insert_passage(connection, key, passage)
    return WriteOutcome(article_id, "written")


def _insert_article(
    connection: sqlite3.Connection, indexed: IndexedArticle, content_hash: str
) -> int:
    info = indexed.article.info
    values = (
        info.id,
        content_hash,
        info.title,
        info.source,
        info.language,
        info.published.isoformat() if info.published else None,
        json.dumps(info.tags),
        info.url,
        zlib.compress(indexed.article.text.encode(), 1),
        sum(len(passage.sentences) for passage in indexed.passages),
    )
    sql = "INSERT INTO articles VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    key = connection.execute(sql, values).lastrowid
    assert key is not None  # noqa: S101  # an INSERT always has one
    tags = [(tag, key) for tag in dict.fromkeys(info.tags)]
    connection.executemany("INSERT INTO tags VALUES (?, ?)", tags)
    return key


def _insert_passage(connection: sqlite3.Connection, key: int, indexed: IndexedPassage) -> None:
    passage = indexed.passage
    number = connection.execute(
        "INSERT INTO passages VALUES (NULL, ?, ?, ?, ?, ?)",
        (key, passage.position, passage.start, passage.end, passage.text),
    ).lastrowid
    layers = "\n".join(indexed.terms.get(layer, "") for layer in LAYERS)
    connection.execute(
        "INSERT INTO terms VALUES (?, ?)", (number, zlib.compress(layers.encode(), 1))
    )
    connection.execute(
        "INSERT INTO vectors VALUES (?, ?, ?, ?)",
        (number, key, passage.position, _halves(indexed.vector)),
    )
    if indexed.sentences:
        spans = np.array([(s.start, s.end) for s in indexed.sentences], "<i4").tobytes()
        connection.execute(
            "INSERT INTO sentences VALUES (?, ?, ?)",
            (number, spans, _halves(indexed.sentence_vectors)),
        )


def _halves(vectors: Vector) -> bytes:
    """Return unit vectors as little-endian float16: cosines are then plain products."""
    exact = vectors.astype(np.float64)
    unit: NDArray[np.float64] = exact / np.linalg.norm(exact, axis=-1, keepdims=True)
    return unit.astype("<f2").tobytes()


def _remove(connection: sqlite3.Connection, id: str, sequence: int) -> bool:
    row = connection.execute("SELECT key FROM articles WHERE id = ?", (id,)).fetchone()
    if row is None:
        return False
    went = connection.execute(
        "SELECT coalesce(min(number), 0), count(*) FROM passages WHERE article = ?", row
    ).fetchone()
    for table in ("terms", "vectors", "sentences"):
        connection.execute(
            f"DELETE FROM {table} WHERE number IN "  # noqa: S608
            "(SELECT number FROM passages WHERE article = ?)",
            row,
        )
    connection.execute("DELETE FROM passages WHERE article = ?", row)
    connection.execute("DELETE FROM tags WHERE article = ?", row)
    connection.execute("DELETE FROM articles WHERE key = ?", row)
    connection.execute("INSERT INTO removals VALUES (?, ?, ?, ?)", (sequence, row[0], *went))
    return True


def _info(row: Sequence[object]) -> ArticleInfo:
    article_id, title, source, language, published, tags, url = row
    return ArticleInfo(
        id=str(article_id),
        title=str(title),
        source=str(source),
        language=str(language),
        published=date.fromisoformat(str(published)) if published else None,
        tags=tuple(json.loads(str(tags))),
        url=str(url),
    )
