"""What a write does to the record's tables, inside a transaction that is already open."""

from __future__ import annotations

import json
import secrets
import sqlite3
import uuid
from dataclasses import replace

from search.domain import LAYERS, IndexedArticle, WriteOutcome
from search.engines.checks import Unfit, check_article, not_stored
from search.engines.embedded.connections import RECORD_SCHEMA, Connection
from search.engines.embedded.packing import encode
from search.engines.embedded.rows import (
    ARTICLE,
    ArticleRow,
    article_checksum,
    article_row,
    pack_article_text,
    pack_places,
    pack_terms,
    passage_row,
    removal_checksum,
    sealed_vectors,
)
from search.engines.embedded.state import COMMIT, State
from search.engines.protocol import Fingerprint

KEPT_REMOVALS = 100_000  # a reader further behind reads everything anew
KEPT_COMMITS = 10_000  # 100 bytes each: a head that is further behind is taken for another's
PACKED = 64  # passages whose terms are one row: a row each takes twice the time

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE commits (
    sequence INTEGER PRIMARY KEY, token TEXT NOT NULL, articles INTEGER NOT NULL,
    passages INTEGER NOT NULL, sentences INTEGER NOT NULL, unembedded INTEGER NOT NULL,
    last INTEGER NOT NULL, key INTEGER NOT NULL, horizon INTEGER NOT NULL, log TEXT NOT NULL,
    checksum INTEGER NOT NULL);
CREATE TABLE text (about TEXT NOT NULL, checksum INTEGER NOT NULL);
CREATE TABLE articles (
    key INTEGER PRIMARY KEY, first INTEGER NOT NULL, passages INTEGER NOT NULL,
    sentences INTEGER NOT NULL, embedded INTEGER NOT NULL, checksum INTEGER NOT NULL,
    id TEXT NOT NULL UNIQUE, content_hash TEXT NOT NULL, title TEXT NOT NULL,
    source TEXT NOT NULL, author TEXT NOT NULL, language TEXT NOT NULL, published TEXT NOT NULL,
    tags TEXT NOT NULL, url TEXT NOT NULL, text BLOB NOT NULL);
CREATE INDEX articles_unembedded ON articles (id) WHERE NOT embedded;
CREATE TABLE passages (
    number INTEGER PRIMARY KEY, start INTEGER NOT NULL, end INTEGER NOT NULL,
    spans BLOB NOT NULL, text BLOB NOT NULL);
CREATE TABLE terms (number INTEGER PRIMARY KEY, article INTEGER NOT NULL, layers BLOB NOT NULL);
CREATE TABLE vectors (
    number INTEGER PRIMARY KEY, sentences INTEGER NOT NULL, vector BLOB NOT NULL);
CREATE TABLE sentences (number INTEGER PRIMARY KEY, vectors BLOB NOT NULL);
CREATE TABLE removals (
    sequence INTEGER, article INTEGER, first INTEGER, passages INTEGER NOT NULL,
    checksum INTEGER NOT NULL, PRIMARY KEY (sequence, article)) WITHOUT ROWID;
"""


# Of articles that have some; a record of 0.2 has no such table.
PLACES = "CREATE TABLE IF NOT EXISTS places (key INTEGER PRIMARY KEY, places BLOB NOT NULL)"

_INSERT_ARTICLE = "INSERT INTO articles VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


def create(connection: sqlite3.Connection, fingerprint: Fingerprint, index: str = "") -> State:
    """Make the tables of a new record; of a new index, unless it is a version of `index`."""
    for statement in _SCHEMA.split(";\n"):
        if statement.strip():
            connection.execute(statement)
    state = State(uuid.uuid4().hex, index or uuid.uuid4().hex, fingerprint)
    connection.executemany("INSERT INTO meta VALUES (?, ?)", state.about())
    connection.execute(f"PRAGMA user_version = {RECORD_SCHEMA}")
    return state


def commit(connection: Connection, state: State, log: str = "") -> State:
    """Note the commit that this transaction becomes; return where the record stands with it.

    Args:
        state: where it stands, but for the commit itself.
        log: which write-ahead log was in use before (`chain`).
    """
    state = replace(state, sequence=state.sequence + 1, token=secrets.token_hex(16))
    marks = ", ".join("?" * len(COMMIT))
    connection.execute(f"INSERT INTO commits VALUES ({marks})", state.commit(log))  # noqa: S608
    if not state.sequence % max(1, KEPT_COMMITS // 100):
        oldest = state.sequence - KEPT_COMMITS
        connection.execute("DELETE FROM commits WHERE sequence <= ?", (oldest,))
    connection.known = state
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


class Storing:
    """One transaction's changes. Rows are inserted table by table: half the time of in turn."""

    def __init__(self, connection: Connection, state: State) -> None:
        """`state` is where the record stands."""
        self._connection = connection
        self._state = state  # with what was changed here
        self._removed = False
        self.has_changed = False
        connection.execute(PLACES)
        # Rows that are not inserted yet, and the keys of their articles.
        self._keys: set[int] = set()
        self._new_passages: list[tuple[int, int, int, bytes, bytes]] = []
        self._new_terms: list[tuple[int, int, bytes]] = []
        self._new_vectors: list[tuple[int, int, bytes]] = []
        self._new_sentences: list[tuple[int, bytes]] = []

    def store(self, indexed: IndexedArticle, dimensions: int) -> WriteOutcome:
        """Store an article, in place of one with its id; an unfit one changes nothing."""
        article_id = indexed.article.id
        try:
            check_article(indexed, dimensions)
        except Unfit as error:
            return not_stored(article_id, str(error))
        content_hash = indexed.article.content_hash()
        there = self._known(article_id)
        if there is not None:
            if there.content_hash == content_hash and (there.embedded or not indexed.embedded):
                return WriteOutcome(article_id, "unchanged")
            self._remove(there)
        self._add(indexed, content_hash)
        return WriteOutcome(article_id, "created" if there is None else "updated")

    def remove(self, id: str) -> bool:
        """Remove an article; return whether there was one."""
        there = self._known(id)
        if there is not None:
            self._remove(there)
        return there is not None

    def finish(self, log: str = "") -> State:
        """Insert what is left and note the commit; to be called before the transaction ends."""
        self._insert()
        state = self._state
        if self._removed:
            state = replace(state, horizon=forget_removals(self._connection, state.horizon))
        return commit(self._connection, state, log)

    def _known(self, id: str) -> ArticleRow | None:
        sql = f"SELECT {ARTICLE} FROM articles a WHERE a.id = ?"  # noqa: S608
        row = self._connection.execute(sql, (id,)).fetchone()
        return None if row is None else article_row(row)

    def _remove(self, about: ArticleRow) -> None:
        key, first, passages = about.key, about.first, about.passages
        if key in self._keys:  # stored a moment ago: its rows must be there to be removed
            self._insert()
        for table in ("passages", "terms", "vectors", "sentences"):
            self._connection.execute(
                f"DELETE FROM {table} WHERE number >= ? AND number < ?",  # noqa: S608
                (first, first + passages),
            )
        self._connection.execute("DELETE FROM articles WHERE key = ?", (key,))
        self._connection.execute("DELETE FROM places WHERE key = ?", (key,))
        removal = (self._state.sequence + 1, key, first, passages)
        self._connection.execute(
            "INSERT INTO removals VALUES (?, ?, ?, ?, ?)", (*removal, removal_checksum(*removal))
        )
        self._removed = True
        self._count(-1, passages, about.sentences, embedded=bool(about.embedded))

    def _add(self, indexed: IndexedArticle, content_hash: str) -> None:
        info, passages = indexed.article.info, indexed.passages
        key, first = self._state.key + 1, self._state.last + 1
        sentences = sum([len(passage.sentences) for passage in passages])
        published = info.published.isoformat() if info.published else ""
        numbers = (key, first, len(passages), sentences, int(indexed.embedded))
        texts = (
            info.id,
            content_hash,
            info.title,
            info.source,
            info.author,
            info.language,
            published,
            json.dumps(info.tags) if info.tags else "[]",
            info.url,
        )
        encoded = encode(indexed.article.text)
        text = pack_article_text(indexed.article.text, key, encoded)
        self._connection.execute(
            _INSERT_ARTICLE, (*numbers, article_checksum(numbers, texts), *texts, text)
        )
        if indexed.article.places:
            places = pack_places(indexed.article.places, key)
            self._connection.execute("INSERT INTO places VALUES (?, ?)", (key, places))
        self._keys.add(key)
        self._state = replace(self._state, key=key, last=self._state.last + len(passages))
        self._count(1, len(passages), sentences, embedded=indexed.embedded)
        self._new_passages += [
            passage_row(number, passage.passage, passage.sentences, encoded)
            for number, passage in enumerate(passages, first)
        ]
        terms = [tuple([passage.terms.get(layer, "") for layer in LAYERS]) for passage in passages]
        for at in range(0, len(terms), PACKED):
            some = "\n".join([layer for layers in terms[at : at + PACKED] for layer in layers])
            self._new_terms.append((first + at, key, pack_terms(some, first + at, key)))
        if indexed.embedded:
            for number, count, own, of_sentences in sealed_vectors(passages, first):
                self._new_vectors.append((number, count, own))
                if count:
                    self._new_sentences.append((number, of_sentences))

    def _count(self, sign: int, passages: int, sentences: int, *, embedded: bool) -> None:
        self.has_changed = True
        state = self._state
        self._state = replace(
            state,
            articles=state.articles + sign,
            passages=state.passages + sign * passages,
            sentences=state.sentences + sign * sentences,
            unembedded=state.unembedded + (0 if embedded else sign * passages),
        )

    def _insert(self) -> None:
        for sql, rows in (
            ("INSERT INTO passages VALUES (?, ?, ?, ?, ?)", self._new_passages),
            ("INSERT INTO terms VALUES (?, ?, ?)", self._new_terms),
            ("INSERT INTO vectors VALUES (?, ?, ?)", self._new_vectors),
            ("INSERT INTO sentences VALUES (?, ?)", self._new_sentences),
        ):
            if rows:
                self._connection.executemany(sql, rows)
                rows.clear()
        self._keys.clear()
