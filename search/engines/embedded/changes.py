"""What followers read of the record: where it stands and what changed since."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from search.domain import LAYERS
from search.engines.embedded.connections import FORMER_SCHEMA, RECORD_SCHEMA, Connection
from search.engines.embedded.head import Head
from search.engines.embedded.rows import (
    ARTICLE,
    ArticleRow,
    article_row,
    damaged,
    damaged_index,
    removal_of,
    terms_of,
)
from search.engines.protocol import Fingerprint
from search.errors import FingerprintMismatch


@dataclass(frozen=True, slots=True)
class State:
    """Where a record stands: what it is, and its last commit.

    Attributes:
        record: tells this record from every other one.
        index: the same for all versions of one index, however often it is made anew.
        sequence, token: of the last commit; the token is random.
        articles, passages, sentences: how many there are (of sentences: vectors).
        unembedded: passages that have no vector.
        last, key: the greatest passage number and article key ever used.
        horizon: removals up to this sequence are no longer listed.
        accepted: the records that this one took the place of by `fihris accept`.
    """

    record: str
    index: str
    fingerprint: Fingerprint
    sequence: int = 0
    token: str = ""
    articles: int = 0
    passages: int = 0
    sentences: int = 0
    unembedded: int = 0
    last: int = 0
    key: int = 0
    horizon: int = 0
    accepted: tuple[str, ...] = ()

    def head(self) -> Head:
        return Head(self.record, self.token, self.sequence, self.articles, self.passages)

    def about(self) -> tuple[tuple[str, str], ...]:
        """Return the rows of the record's table `meta`, in order."""
        fingerprint = json.dumps(asdict(self.fingerprint))
        about = {"record": self.record, "index": self.index, "fingerprint": fingerprint}
        if self.accepted:
            about["accepted"] = " ".join(self.accepted)
        return tuple(sorted(about.items()))

    def commit(self, log: str) -> tuple[object, ...]:
        """Return the row of its last commit, whose checksum covers `about` too."""
        values = (
            self.sequence, self.token, self.articles, self.passages, self.sentences,
            self.unembedded, self.last, self.key, self.horizon, log,
        )  # fmt: skip
        return (*values, _checksum(self.about(), values))


# In the order of State's fields.
COMMIT = (
    "sequence", "token", "articles", "passages", "sentences", "unembedded", "last", "key",
    "horizon", "log", "checksum",
)  # fmt: skip
_READ_COMMIT = f"SELECT {', '.join(COMMIT)} FROM commits ORDER BY sequence DESC LIMIT 1"  # noqa: S608


# An article, the number of the first of some passages that follow each other in it, and each
# one's terms in the order of LAYERS.
Terms = tuple[ArticleRow, int, list[tuple[str, ...]]]


def state_of(connection: Connection) -> State | None:
    """Return what `read_state` does, which is read again only after another connection's commit.

    Inside a transaction that has changed nothing yet. Who commits through this connection notes
    the state of then as `known`.
    """
    version = connection.execute("PRAGMA data_version").fetchone()[0]
    if version != connection.version:
        connection.known, connection.version = read_state(connection), version
    known = connection.known
    return known if isinstance(known, State) else None


def read_state(connection: sqlite3.Connection) -> State | None:
    """Return where the record stands, None in a file that is still empty.

    Raises:
        FingerprintMismatch: the record is of another version of Fihris.
        RecordCorrupt: it is damaged.
    """
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != RECORD_SCHEMA:
        if not version and connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None:
            return None
        raise FingerprintMismatch(_other_schema(version))
    about = tuple(connection.execute("SELECT name, value FROM meta ORDER BY name"))
    row = connection.execute(_READ_COMMIT).fetchone()
    try:
        record, index, fingerprint, accepted = _parsed(about)
        if row is None:
            return State(record, index, fingerprint, accepted=accepted)
        if row[-1] == _checksum(about, row[:-1]):
            values = dict(zip(COMMIT, row[:-2], strict=False))
            return State(record, index, fingerprint, **values, accepted=accepted)
        why = "its checksum is wrong"
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError) as error:
        why = str(error)
    raise damaged_index(f"where it stands cannot be read: {why}")


def _parsed(about: tuple[tuple[str, str], ...]) -> tuple[str, str, Fingerprint, tuple[str, ...]]:
    """Return record, index, fingerprint and the accepted records that the rows of `meta` say."""
    known = dict(about)
    fingerprint = Fingerprint(**json.loads(known["fingerprint"]))
    return known["record"], known["index"], fingerprint, tuple(known.get("accepted", "").split())


def _checksum(about: tuple[tuple[str, str], ...], commit: Sequence[object]) -> int:
    return zlib.crc32(repr(commit).encode(), zlib.crc32(repr(about).encode()))


def _other_schema(version: object) -> str:
    if version == FORMER_SCHEMA:
        return (
            "the index was written by an older version of Fihris. Run `fihris upgrade`: it keeps "
            "every article and every vector."
        )
    return (
        f"the index was written by a version of Fihris with other tables (schema {version}, "
        f"this one reads {RECORD_SCHEMA}). Update Fihris, or choose another folder with "
        "FIHRIS_DATA and index your files into it."
    )


def knows(connection: sqlite3.Connection, head: Head) -> bool:
    """Tell whether a head names one of the record's commits."""
    sql = "SELECT 1 FROM commits WHERE sequence = ? AND token = ?"
    return connection.execute(sql, (head.sequence, head.token)).fetchone() is not None


def read_terms(connection: sqlite3.Connection, after: int, last: int) -> Iterator[Terms]:
    """Yield what the text index needs of every passage above `after` up to `last`, in order.

    Both are where one call's writing ended. Raises RecordCorrupt, at its end too: where
    passages are missing.
    """
    sql = (
        f"SELECT {ARTICLE}, t.number, t.layers FROM terms t LEFT JOIN articles a "  # noqa: S608
        "ON a.key = t.article WHERE t.number > ? AND t.number <= ? ORDER BY t.number"
    )
    size, due, about = len(LAYERS), 0, None  # the number that must come next in an article
    count = 0
    for *row, number, packed in connection.execute(sql, (after, last)):
        if about is None or row[0] != about.key:
            if due:
                break
            about = article_row(row)
            due = about.first
        if number != due:
            raise damaged(f"terms of passage {due} were expected here", number)
        layers = terms_of(packed, number, about.key).split("\n")
        if len(layers) % size:
            raise damaged(f"it has {len(layers)} layers of terms, not {size}", number)
        terms = [tuple(layers[at : at + size]) for at in range(0, len(layers), size)]
        due = number + len(terms)
        count += len(terms)
        if due == about.first + about.passages:
            due = 0
        yield about, number, terms
    if due:
        raise damaged("its terms are missing", due)
    if count != _passages(connection, after, last):
        raise damaged_index(f"terms of passages {after + 1:,} to {last:,} are missing")


def _passages(connection: sqlite3.Connection, after: int, last: int) -> int:
    """Return how many passages there are above `after` up to `last`."""
    state = read_state(connection)
    if state is not None and after == 0 and last == state.last:
        return state.passages  # to count them all would be to read them all
    sql = "SELECT count(*) FROM passages WHERE number > ? AND number <= ?"
    return int(connection.execute(sql, (after, last)).fetchone()[0])


def read_removals(connection: sqlite3.Connection, after: int) -> list[tuple[int, int, int]]:
    """Return (article key, its first passage's number, its passages) of what went after a sequence."""
    sql = (
        "SELECT sequence, article, first, passages, checksum FROM removals "
        "WHERE sequence > ? ORDER BY sequence"
    )
    return [removal_of(row) for row in connection.execute(sql, (after,))]
