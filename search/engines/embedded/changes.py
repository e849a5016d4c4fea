"""What followers read of the record: where it stands and what changed since."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from search.domain import LAYERS
from search.engine import Fingerprint
from search.engines.embedded.connections import RECORD_SCHEMA
from search.engines.embedded.head import Head
from search.engines.embedded.packing import unpack
from search.errors import FingerprintMismatch, RecordCorrupt

_SHORT = 64  # passages of an article that is not long


@dataclass(frozen=True, slots=True)
class State:
    """Where a record stands: what it is, and its last commit.

    Attributes:
        record: tells this record from every other one.
        index: the same for all versions of one index, however often it is made anew.
        sequence, token: of the last commit; the token is random.
        articles, passages: how many there are.
        last: the greatest passage number ever used.
        horizon: removals up to this sequence are no longer listed.
    """

    record: str
    index: str
    fingerprint: Fingerprint
    sequence: int = 0
    token: str = ""
    articles: int = 0
    passages: int = 0
    last: int = 0
    horizon: int = 0

    def head(self) -> Head:
        return Head(self.token, self.sequence, self.articles, self.passages)


@dataclass(frozen=True, slots=True)
class TermRows:
    """All the text index needs of passages that follow each other in an article.

    `number` and `position` are the first one's; `terms` has each one's, in the order of LAYERS.
    """

    number: int
    article: int
    article_id: str
    position: int
    source: str
    language: str
    published: str | None
    tags: tuple[str, ...]
    terms: Sequence[tuple[str, ...]]


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
    commit = connection.execute(
        "SELECT sequence, token, articles, passages, last, horizon FROM commits "
        "ORDER BY sequence DESC LIMIT 1"
    ).fetchone()
    fingerprint = Fingerprint(**json.loads(meta["fingerprint"]))
    return State(meta["record"], meta["index"], fingerprint, *(commit or ()))


def knows(connection: sqlite3.Connection, head: Head) -> bool:
    """Tell whether a head names one of the record's commits."""
    sql = "SELECT 1 FROM commits WHERE sequence = ? AND token = ?"
    return connection.execute(sql, (head.sequence, head.token)).fetchone() is not None


def read_terms(connection: sqlite3.Connection, after: int, last: int) -> Iterator[TermRows]:
    """Yield what the text index needs of every passage above `after` up to `last`, in order.

    Both are where one call's writing ended.
    """
    sql = (
        "SELECT t.number, a.key, a.id, t.number - a.first, a.source, a.language, a.published, "
        "a.tags, t.layers FROM terms t JOIN articles a ON a.key = t.article "
        "WHERE t.number > ? AND t.number <= ? ORDER BY t.number"
    )
    for number, *about, published, tags, packed in connection.execute(sql, (after, last)):
        try:
            layers = unpack(packed).split("\n")
        except (ValueError, TypeError) as error:
            raise damaged(f"its terms cannot be read: {error}", number) from error
        size = len(LAYERS)
        if len(layers) % size:
            raise damaged(f"it has {len(layers)} layers of terms, not {size}", number)
        terms = [tuple(layers[at : at + size]) for at in range(0, len(layers), size)]
        key, article_id, position, source, language = about
        yield TermRows(
            number,
            key,
            article_id,
            position,
            source,
            language,
            published,
            tuple(json.loads(tags)),
            terms,
        )


def read_articles(connection: sqlite3.Connection, count: int) -> list[list[TermRows]]:
    """Return what the text index needs of the newest so many articles that are not long."""
    sql = (
        "SELECT first, passages FROM articles WHERE passages BETWEEN 1 AND ? "
        "ORDER BY key DESC LIMIT ?"
    )
    found = connection.execute(sql, (_SHORT, max(0, count))).fetchall()
    return [list(read_terms(connection, first - 1, first + n - 1)) for first, n in found]


def read_removals(connection: sqlite3.Connection, after: int) -> list[tuple[int, int, int]]:
    """Return (article key, its first passage's number, its passages) of what went after a sequence."""
    sql = "SELECT article, first, passages FROM removals WHERE sequence > ? ORDER BY sequence"
    return connection.execute(sql, (after,)).fetchall()


def damaged(what: str, number: int) -> RecordCorrupt:
    """Return the error that says so of a passage."""
    return RecordCorrupt(
        f"passage {number} of the record is damaged: {what}. Restore the index from a backup, or "
        "delete its folder and index your files again."
    )
