"""What is read of one article in the record, inside a transaction that is open."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from search.domain import Article, Passage, Span, Vector
from search.engines.embedded.connections import as_json
from search.engines.embedded.rows import (
    ARTICLE,
    PASSAGE,
    ArticleRow,
    article_row,
    article_text,
    damaged,
    damaged_article,
    passage_of,
    unseal,
    unseal_own,
)

WIDTH = len(ArticleRow._fields)


@dataclass(frozen=True, slots=True)
class Found:
    """An article, and its passages with the spans of their sentences."""

    about: ArticleRow
    article: Article
    passages: list[tuple[Passage, tuple[Span, ...]]]


def read_article(connection: sqlite3.Connection, id: str) -> Found | None:
    """Return an article with its passages, None if there is none. Raises RecordCorrupt."""
    sql = f"SELECT {ARTICLE}, a.text FROM articles a WHERE a.id = ?"  # noqa: S608
    row = connection.execute(sql, (id,)).fetchone()
    if row is None:
        return None
    about = article_row(row[:WIDTH])
    rows = connection.execute(
        f"SELECT {PASSAGE} FROM passages p WHERE number >= ? AND number < ? ORDER BY number",  # noqa: S608
        (about.first, about.first + about.passages),
    ).fetchall()
    if len(rows) != about.passages:
        raise damaged_article(id, f"it has {len(rows)} passages of {about.passages}")
    article = Article(about.info(), article_text(row[WIDTH], about))
    return Found(about, article, [passage_of(row, about) for row in rows])


def read_own_vectors(
    connection: sqlite3.Connection, numbers: Sequence[int], dimensions: int
) -> tuple[Vector, list[int]]:
    """As `Record.own_vectors`."""
    sql = (
        "SELECT number, sentences, vector FROM vectors "
        "WHERE number IN (SELECT value FROM json_each(?))"
    )
    rows = {row[0]: row for row in connection.execute(sql, (as_json(numbers),))}
    _check_present(connection, [number for number in numbers if number not in rows])
    found = [rows[number] for number in numbers]
    return unseal_own(found, dimensions), [row[1] for row in found]


def read_sentence_vectors(
    connection: sqlite3.Connection, counts: Mapping[int, int], dimensions: int
) -> tuple[dict[int, tuple[int, int]], Vector]:
    """As `Record.sentence_vectors`."""
    sql = "SELECT number, vectors FROM sentences WHERE number IN (SELECT value FROM json_each(?))"
    wanted = [number for number, count in counts.items() if count]
    found = connection.execute(sql, (as_json(wanted),)).fetchall()
    _check_present(connection, set(wanted).difference(row[0] for row in found))
    rows, start = {}, 0
    for number, _ in found:
        rows[number] = (start, start + counts[number])
        start = rows[number][1]
    return rows, unseal([(n, counts[n], sealed) for n, sealed in found], dimensions)


def _check_present(connection: sqlite3.Connection, missing: Collection[int]) -> None:
    """Raise what it means that passages have no vectors: LookupError where they went too."""
    for number in missing:
        sql = "SELECT 1 FROM passages WHERE number = ?"
        if connection.execute(sql, (number,)).fetchone() is not None:
            raise damaged("its vectors are missing", number)
        raise LookupError("a passage went while it was being ranked")
