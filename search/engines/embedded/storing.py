"""What a write does to the record's tables, inside a transaction that is already open."""

from __future__ import annotations

import json
import secrets
import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from search.domain import LAYERS, IndexedArticle, IndexedPassage, Vector
from search.engine import Fingerprint, WriteOutcome
from search.engines.checks import Unfit, check_article
from search.engines.embedded.changes import State, TermRows
from search.engines.embedded.connections import RECORD_SCHEMA
from search.engines.embedded.packing import pack

KEPT_REMOVALS = 100_000  # a reader further behind reads everything anew
KEPT_COMMITS = 10_000  # 60 bytes each: a head that is further behind is taken for another's
PACKED = 64  # passages whose terms are one row: a row each takes twice the time

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE commits (
    sequence INTEGER PRIMARY KEY, token TEXT NOT NULL, articles INTEGER NOT NULL,
    passages INTEGER NOT NULL, last INTEGER NOT NULL, horizon INTEGER NOT NULL,
    log TEXT NOT NULL);
CREATE TABLE text (origin TEXT NOT NULL, about TEXT NOT NULL, checksum INTEGER NOT NULL);
CREATE TABLE articles (
    key INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, content_hash TEXT NOT NULL,
    title TEXT NOT NULL, source TEXT NOT NULL, author TEXT NOT NULL, language TEXT NOT NULL,
    published TEXT, tags TEXT NOT NULL, url TEXT NOT NULL, first INTEGER NOT NULL,
    passages INTEGER NOT NULL, sentences INTEGER NOT NULL, embedded INTEGER NOT NULL,
    text BLOB NOT NULL);
CREATE INDEX articles_source ON articles (source);
CREATE INDEX articles_language ON articles (language);
CREATE INDEX articles_published ON articles (published);
CREATE INDEX articles_counted ON articles (embedded, passages, sentences);
CREATE INDEX articles_unembedded ON articles (id) WHERE NOT embedded;
CREATE TABLE tags (tag TEXT, article INTEGER, PRIMARY KEY (tag, article)) WITHOUT ROWID;
CREATE INDEX tags_article ON tags (article);
CREATE TABLE passages (
    number INTEGER PRIMARY KEY, start INTEGER NOT NULL, end INTEGER NOT NULL, text TEXT NOT NULL);
CREATE TABLE terms (number INTEGER PRIMARY KEY, article INTEGER NOT NULL, layers BLOB NOT NULL);
CREATE TABLE vectors (number INTEGER PRIMARY KEY, vector BLOB NOT NULL);
CREATE TABLE sentences (
    number INTEGER PRIMARY KEY, spans BLOB NOT NULL, vectors BLOB NOT NULL);
CREATE TABLE removals (
    sequence INTEGER, article INTEGER, first INTEGER, passages INTEGER NOT NULL,
    PRIMARY KEY (sequence, article)) WITHOUT ROWID;
"""


_INSERT_ARTICLE = "INSERT INTO articles VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


def create(connection: sqlite3.Connection, fingerprint: Fingerprint, index: str = "") -> State:
    """Make the tables of a new record; of a new index, unless it is a version of `index`."""
    for statement in _SCHEMA.split(";\n"):
        if statement.strip():
            connection.execute(statement)
    state = State(uuid.uuid4().hex, index or uuid.uuid4().hex, fingerprint)
    meta = {
        "record": state.record,
        "index": state.index,
        "fingerprint": json.dumps(asdict(fingerprint)),
    }
    connection.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
    connection.execute(f"PRAGMA user_version = {RECORD_SCHEMA}")
    return state


def commit(connection: sqlite3.Connection, state: State, log: str = "") -> State:
    """Note a commit after which the record stands at `state`, but for a new token; return it.

    Args:
        log: which write-ahead log was in use before (`logs`).
    """
    state = replace(state, sequence=state.sequence + 1, token=secrets.token_hex(16))
    connection.execute(
        "INSERT INTO commits VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            state.sequence,
            state.token,
            state.articles,
            state.passages,
            state.last,
            state.horizon,
            log,
        ),
    )
    connection.execute("DELETE FROM commits WHERE sequence <= ?", (state.sequence - KEPT_COMMITS,))
    return state


def forget_removals(connection: sqlite3.Connection, horizon: int) -> int:
    """Keep the list of removals bounded: who is further behind reads everything anew.

    Returns the sequence up to which they are forgotten, which was `horizon`.
    """
    known = connection.execute("SELECT count(*) FROM removals").fetchone()[0]
    if known <= KEPT_REMOVALS:
        return horizon
    sql = "SELECT sequence FROM removals ORDER BY sequence DESC LIMIT 1 OFFSET ?"
    horizon = int(connection.execute(sql, (KEPT_REMOVALS // 2,)).fetchone()[0])
    connection.execute("DELETE FROM removals WHERE sequence <= ?", (horizon,))
    return horizon


@dataclass(slots=True)
class Storing:
    """One transaction's changes. Rows are inserted table by table: half the time of in turn.

    `state` is where the record stands with them, but for the commit itself; `added` is what
    the text index needs of the passages stored.
    """

    connection: sqlite3.Connection
    state: State
    added: list[TermRows] = field(default_factory=list)
    _keys: set[int] = field(default_factory=set)
    _tags: list[tuple[str, int]] = field(default_factory=list)
    _passages: list[tuple[int, int, int, str]] = field(default_factory=list)
    _terms: list[tuple[int, int, bytes]] = field(default_factory=list)
    _vectors: list[tuple[int, bytes]] = field(default_factory=list)
    _sentences: list[tuple[int, bytes, bytes]] = field(default_factory=list)

    def store(self, indexed: IndexedArticle, dimensions: int) -> WriteOutcome:
        """Store an article, in place of one with its id; an unfit one changes nothing."""
        article_id = indexed.article.id
        try:
            check_article(indexed, dimensions)
        except Unfit as error:
            return WriteOutcome(
                article_id, "failed", f"article {article_id!r} was not stored: {error}"
            )
        content_hash = indexed.article.content_hash()
        there = self.connection.execute(
            "SELECT content_hash, embedded FROM articles WHERE id = ?", (article_id,)
        ).fetchone()
        if there is not None:
            if there[0] == content_hash and (there[1] or not indexed.embedded):
                return WriteOutcome(article_id, "unchanged")
            self.remove(article_id)
        self._add(indexed, content_hash)
        return WriteOutcome(article_id, "written")

    def remove(self, id: str) -> bool:
        """Remove an article; return whether there was one."""
        row = self.connection.execute(
            "SELECT key, first, passages FROM articles WHERE id = ?", (id,)
        ).fetchone()
        if row is None:
            return False
        key, first, passages = row
        if key in self._keys:  # stored a moment ago: its rows must be there to be removed
            self._insert()
            self.added = [rows for rows in self.added if rows.article != key]
        for table in ("passages", "terms", "vectors", "sentences"):
            self.connection.execute(
                f"DELETE FROM {table} WHERE number >= ? AND number < ?",  # noqa: S608
                (first, first + passages),
            )
        self.connection.execute("DELETE FROM tags WHERE article = ?", (key,))
        self.connection.execute("DELETE FROM articles WHERE key = ?", (key,))
        self.connection.execute(
            "INSERT INTO removals VALUES (?, ?, ?, ?)",
            (self.state.sequence + 1, key, first, passages),
        )
        self._count(-1, -passages)
        return True

    def finish(self, log: str = "") -> State:
        """Insert what is left and note the commit; to be called before the transaction ends."""
        self._insert()
        horizon = forget_removals(self.connection, self.state.horizon)
        return commit(self.connection, replace(self.state, horizon=horizon), log)

    def _count(self, articles: int, passages: int, *, used: int = 0) -> None:
        state = self.state
        self.state = replace(
            state,
            articles=state.articles + articles,
            passages=state.passages + passages,
            last=state.last + used,
        )

    def _add(self, indexed: IndexedArticle, content_hash: str) -> None:
        info, passages = indexed.article.info, indexed.passages
        first = self.state.last + 1
        published = info.published.isoformat() if info.published else None
        values = (
            info.id,
            content_hash,
            info.title,
            info.source,
            info.author,
            info.language,
            published,
            json.dumps(info.tags),
            info.url,
            first,
            len(passages),
            sum(len(passage.sentences) for passage in passages),
            indexed.embedded,
            pack(indexed.article.text),
        )
        key = self.connection.execute(_INSERT_ARTICLE, values).lastrowid
        assert key is not None  # noqa: S101  # an INSERT always has one
        self._keys.add(key)
        self._count(1, len(passages), used=len(passages))
        self._tags += [(tag, key) for tag in dict.fromkeys(info.tags)]
        self._passages += [
            (number, passage.passage.start, passage.passage.end, passage.passage.text)
            for number, passage in enumerate(passages, first)
        ]
        terms = [tuple([passage.terms.get(layer, "") for layer in LAYERS]) for passage in passages]
        for at in range(0, len(terms), PACKED):
            some = terms[at : at + PACKED]
            packed = pack("\n".join([layer for layers in some for layer in layers]))
            self._terms.append((first + at, key, packed))
        self.added.append(
            TermRows(
                first, key, info.id, 0, info.source, info.language, published, info.tags, terms
            )
        )
        if indexed.embedded:
            self._add_vectors(passages, first)

    def _add_vectors(self, passages: Sequence[IndexedPassage], first: int) -> None:
        for number, passage in enumerate(passages, first):
            if passage.vector is not None:
                self._vectors.append((number, _halves(passage.vector)))
            if passage.sentences:
                spans = np.array([(s.start, s.end) for s in passage.sentences], "<i4").tobytes()
                self._sentences.append((number, spans, _halves(passage.sentence_vectors)))

    def _insert(self) -> None:
        insert = self.connection.executemany
        insert("INSERT INTO tags VALUES (?, ?)", self._tags)
        insert("INSERT INTO passages VALUES (?, ?, ?, ?)", self._passages)
        insert("INSERT INTO terms VALUES (?, ?, ?)", self._terms)
        insert("INSERT INTO vectors VALUES (?, ?)", self._vectors)
        insert("INSERT INTO sentences VALUES (?, ?, ?)", self._sentences)
        for rows in (self._tags, self._passages, self._terms, self._vectors, self._sentences):
            rows.clear()
        self._keys.clear()


def _halves(vectors: Vector) -> bytes:
    """Return unit vectors as little-endian float16: cosines are then plain products."""
    exact = vectors.astype(np.float64)
    unit: NDArray[np.float64] = exact / np.linalg.norm(exact, axis=-1, keepdims=True)
    return unit.astype("<f2").tobytes()
