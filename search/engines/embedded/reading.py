"""Reads from the record inside an open transaction: articles, and what changed since."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from search.domain import (
    LAYERS,
    Article,
    IndexedArticle,
    IndexedPassage,
    Passage,
    Span,
    StoredArticle,
    StoredPassage,
    Vector,
)
from search.engines.embedded.connections import as_json
from search.engines.embedded.rows import (
    ARTICLE,
    NO_PLACES,
    PASSAGE,
    ArticleRow,
    PlaceColumns,
    article_row,
    article_rows,
    article_text,
    damaged,
    damaged_article,
    damaged_index,
    passage_of,
    places_of,
    removal_of,
    terms_of,
    unseal,
)
from search.engines.embedded.state import read_state

# An article, the number of the first of some passages that follow each other in it, and each
# one's terms in the order of LAYERS.
Terms = tuple[ArticleRow, int, list[tuple[str, ...]]]
_ARTICLE = f"SELECT {ARTICLE}, a.text FROM articles a WHERE a.id = ?"  # noqa: S608
_PASSAGES = (
    f"SELECT {PASSAGE} FROM passages p "  # noqa: S608
    "WHERE p.number >= ? AND p.number < ? ORDER BY p.number"
)
_INDEXED = (
    f"SELECT {PASSAGE}, v.sentences, v.vector, s.vectors FROM passages p "  # noqa: S608
    "LEFT JOIN vectors v ON v.number = p.number LEFT JOIN sentences s ON s.number = p.number "
    "WHERE p.number >= ? AND p.number < ? ORDER BY p.number"
)
_HAS_PLACES = "SELECT 1 FROM sqlite_master WHERE name = 'places'"
_PLACES = "SELECT key, places FROM places WHERE key IN (SELECT value FROM json_each(?))"
_FIELDS = len(PASSAGE.split(","))


def read_article(connection: sqlite3.Connection, id: str) -> StoredArticle | None:
    """Return an article with its passages, None if there is none. Raises RecordCorrupt."""
    found = _read(connection, id, _PASSAGES)
    if found is None:
        return None
    _, article, passages, _ = found
    return StoredArticle(article, tuple(passage for passage, _ in passages))


def read_indexed(connection: sqlite3.Connection, id: str, dimensions: int) -> IndexedArticle | None:
    """Return an article as it was written, without its terms; None if there is none.

    Raises RecordCorrupt.
    """
    found = _read(connection, id, _INDEXED)
    if found is None:
        return None
    about, article, passages, rows = found
    none = np.zeros((0, dimensions), np.float32)
    if not about.embedded:
        bare = (IndexedPassage(passage, {}, None, (), none) for passage, _ in passages)
        return IndexedArticle(article, tuple(bare))
    sealed = [(row[0], *row[_FIELDS:]) for row in rows]
    own = unseal([row[:3] for row in sealed], dimensions, own=True)
    of_sentences = unseal(
        [(number, count, vectors) for number, count, _, vectors in sealed if count], dimensions
    )
    indexed, start = [], 0
    for (passage, spans), vector, (number, count, *_) in zip(passages, own, sealed, strict=True):
        if len(spans) != count:
            raise damaged("it has other sentences than vectors of sentences", number)
        end = start + count
        indexed.append(IndexedPassage(passage, {}, vector, spans, of_sentences[start:end]))
        start = end
    return IndexedArticle(article, tuple(indexed))


def _read(
    connection: sqlite3.Connection, id: str, passages: str
) -> (
    tuple[ArticleRow, Article, list[tuple[Passage, tuple[Span, ...]]], list[tuple[Any, ...]]] | None
):
    """Return an article's row, the article, its passages as `passage_of`, and their rows."""
    row = connection.execute(_ARTICLE, (id,)).fetchone()
    if row is None:
        return None
    *known, text = row
    about = article_row(known)
    rows = connection.execute(passages, (about.first, about.first + about.passages)).fetchall()
    if len(rows) != about.passages:
        raise damaged_article(id, f"it has {len(rows)} passages of {about.passages}")
    places = _places(connection, [about]).get(about.key, NO_PLACES)
    read = [passage_of(row[:_FIELDS], about, places) for row in rows]
    return about, Article(about.info(), article_text(text, about), places.all()), read, rows


def _places(connection: sqlite3.Connection, of: Iterable[ArticleRow]) -> dict[int, PlaceColumns]:
    """Return where the texts of those of these articles stand of which that is known."""
    if connection.execute(_HAS_PLACES).fetchone() is None:  # a record of 0.2
        return {}
    known = {about.key: about for about in of}
    found = connection.execute(_PLACES, (json.dumps(list(known)),))
    return {key: places_of(packed, known[key]) for key, packed in found}


def read_passages(
    connection: sqlite3.Connection, wanted: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], StoredPassage]:
    """Return the known passages of these (article id, position) pairs. Raises RecordCorrupt."""
    sql = f"SELECT {ARTICLE} FROM articles a WHERE a.id IN (SELECT value FROM json_each(?))"  # noqa: S608
    ids = as_json([article_id for article_id, _ in wanted])
    articles = {about.id: about for about in article_rows(connection.execute(sql, (ids,)))}
    numbers = {
        (about.id, position): about.first + position
        for article_id, position in wanted
        if (about := articles.get(article_id)) and position < about.passages
    }
    sql = f"SELECT {PASSAGE} FROM passages p WHERE number IN (SELECT value FROM json_each(?))"  # noqa: S608
    found = connection.execute(sql, (json.dumps(list(numbers.values())),))
    rows = {row[0]: row for row in found}
    places = _places(connection, articles.values())
    infos = {about.id: about.info() for about in articles.values()}
    passages = {}
    for (article_id, position), number in numbers.items():
        if number not in rows:
            raise damaged("it is missing", number)
        about = articles[article_id]
        passage, spans = passage_of(rows[number], about, places.get(about.key, NO_PLACES))
        passages[article_id, position] = StoredPassage(passage, infos[article_id], spans)
    return passages


def read_own_vectors(
    connection: sqlite3.Connection, numbers: Sequence[int], dimensions: int
) -> tuple[Vector, list[int]]:
    """Return the vectors of these passages, and how many sentences' each of them has.

    Raises LookupError where one of them is gone, RecordCorrupt.
    """
    sql = (
        "SELECT number, sentences, vector FROM vectors "
        "WHERE number IN (SELECT value FROM json_each(?))"
    )
    rows = {row[0]: row for row in connection.execute(sql, (json.dumps(numbers),))}
    _check_present(connection, [number for number in numbers if number not in rows])
    found = [rows[number] for number in numbers]
    return unseal(found, dimensions, own=True), [row[1] for row in found]


def read_sentence_vectors(
    connection: sqlite3.Connection, counts: Mapping[int, int], dimensions: int
) -> tuple[dict[int, tuple[int, int]], Vector]:
    """Return the vectors of passages' sentences, shape (n, dimensions).

    `counts` says by the passage's number how many there are. The first value says which
    rows are a passage's: from, to. Raises LookupError where one of them is gone, RecordCorrupt.
    """
    sql = "SELECT number, vectors FROM sentences WHERE number IN (SELECT value FROM json_each(?))"
    wanted = [number for number, count in counts.items() if count]
    found = connection.execute(sql, (json.dumps(wanted),)).fetchall()
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
