"""What a write does to the record's tables, inside a transaction that is already open."""

from __future__ import annotations

import json
import sqlite3
import uuid
import zlib
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from search.domain import LAYERS, IndexedArticle, IndexedPassage, Vector
from search.engine import Fingerprint, WriteOutcome
from search.engines.checks import Unfit, check_article
from search.engines.embedded.connections import RECORD_SCHEMA

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


def create(connection: sqlite3.Connection, fingerprint: Fingerprint) -> None:
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


def next_sequence(connection: sqlite3.Connection) -> int:
    sql = (
        "UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE name = 'sequence' RETURNING value"
    )
    return int(connection.execute(sql).fetchall()[0][0])


def forget_removals(connection: sqlite3.Connection) -> None:
    """Keep the list of removals bounded: who is further behind reads everything anew."""
    known = connection.execute("SELECT count(*) FROM removals").fetchone()[0]
    if known <= KEPT_REMOVALS:
        return
    sql = "SELECT sequence FROM removals ORDER BY sequence DESC LIMIT 1 OFFSET ?"
    horizon = connection.execute(sql, (KEPT_REMOVALS // 2,)).fetchone()[0]
    connection.execute("DELETE FROM removals WHERE sequence <= ?", (horizon,))
    connection.execute("UPDATE meta SET value = ? WHERE name = 'horizon'", (str(horizon),))


def store(
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
    remove(connection, article_id, sequence)
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


def remove(connection: sqlite3.Connection, id: str, sequence: int) -> bool:
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
