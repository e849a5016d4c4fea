"""What followers read of the record: where it stands and what changed since."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from search.domain import LAYERS
from search.engine import Fingerprint
from search.engines.embedded.connections import RECORD_SCHEMA
from search.errors import FingerprintMismatch, RecordCorrupt


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
    for row in connection.execute(sql, (after,)):
        try:
            terms = tuple(zlib.decompress(row[8]).decode().split("\n"))
        except (zlib.error, UnicodeDecodeError) as error:
            raise _damaged(f"its terms cannot be read: {error}", row[0]) from error
        if len(terms) != len(LAYERS):
            raise _damaged(f"it has {len(terms)} layers of terms, not {len(LAYERS)}", row[0])
        tags = tuple(json.loads(row[7]))
        yield TermRow(row[0], row[1], row[2], row[3], row[4], row[5], row[6], tags, terms)


def read_removals(connection: sqlite3.Connection, after: int) -> list[tuple[int, int, int]]:
    """Return (article key, its first passage's number, its passages) of what went after a sequence."""
    sql = "SELECT article, first, passages FROM removals WHERE sequence > ? ORDER BY sequence"
    return connection.execute(sql, (after,)).fetchall()


def read_last_number(connection: sqlite3.Connection) -> int:
    """Return the greatest passage number there is, 0 if there is none."""
    return int(connection.execute("SELECT coalesce(max(number), 0) FROM vectors").fetchone()[0])


def _damaged(what: str, number: int) -> RecordCorrupt:
    return RecordCorrupt(
        f"passage {number} of the record is damaged: {what}. Restore the index from a backup, or "
        "delete its folder and index your files again."
    )
