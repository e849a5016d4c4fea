"""Saved searches in a file beside the index (SQLite)."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from search.limits import MAX_MATCHES
from search.saved.domain import Place, SavedMatch, SavedSearch, Tally, as_fields, from_fields
from search.sqlite_file import SqliteFile

_SCHEMA = """
CREATE TABLE IF NOT EXISTS searches (
    id TEXT PRIMARY KEY, content TEXT NOT NULL, kept INTEGER DEFAULT 0, dropped INTEGER DEFAULT 0
);
CREATE TABLE IF NOT EXISTS matches (
    id TEXT PRIMARY KEY, saved TEXT, article TEXT, position INTEGER, text TEXT, how TEXT,
    score REAL, found INTEGER, delivered INTEGER
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS listed ON matches (saved, found, id);
CREATE INDEX IF NOT EXISTS of_article ON matches (article);
CREATE TRIGGER IF NOT EXISTS more AFTER INSERT ON matches BEGIN
    UPDATE searches SET kept = kept + 1 WHERE id = NEW.saved; END;
CREATE TRIGGER IF NOT EXISTS less AFTER DELETE ON matches BEGIN
    UPDATE searches SET kept = kept - 1 WHERE id = OLD.saved; END;
"""
_COLUMNS = ("id", "saved", "article", "position", "text", "by", "score", "found", "delivered")


class SqliteStore(SqliteFile):
    """A `search.saved.store.Store` in one file, which is made with the first saved search."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "saved searches", "searches", _SCHEMA)

    def searches(self) -> list[SavedSearch]:
        with self._reading() as table:
            rows = (
                []
                if table is None
                else table.execute("SELECT content FROM searches ORDER BY rowid")
            )
            return [from_fields(json.loads(content)) for (content,) in rows]

    def search(self, saved: str) -> SavedSearch | None:
        with self._reading() as table:
            if table is None:
                return None
            select = "SELECT content FROM searches WHERE id = ?"
            found = table.execute(select, (saved,)).fetchone()
            return found and from_fields(json.loads(found[0]))

    def tallies(self) -> Mapping[str, Tally]:
        with self._reading() as table:
            rows = [] if table is None else table.execute("SELECT id, kept, dropped FROM searches")
            return {saved: Tally(kept, dropped) for saved, kept, dropped in rows}

    def add(self, search: SavedSearch) -> None:
        with self._writing() as table:
            row = (search.id, json.dumps(as_fields(search)))
            table.execute("INSERT INTO searches (id, content) VALUES (?, ?)", row)
            self._changed(table)

    def update(self, searches: Sequence[SavedSearch]) -> None:
        rows = [(json.dumps(as_fields(search)), search.id) for search in searches]
        with self._writing() as table:
            table.executemany("UPDATE searches SET content = ? WHERE id = ?", rows)
            self._changed(table)

    def remove(self, saved: str) -> bool:
        with self._writing() as table:
            found = table.execute("DELETE FROM searches WHERE id = ?", (saved,)).rowcount
            table.execute("DELETE FROM matches WHERE saved = ?", (saved,))
            self._changed(table)
            return found > 0

    def record(self, matches: Sequence[SavedMatch]) -> None:
        with self._writing() as table:
            table.executemany(
                # A saved search that was removed meanwhile has none.
                "INSERT OR IGNORE INTO matches SELECT ?, id, ?, ?, ?, ?, ?, ?, ? FROM searches"
                " WHERE id = ?",
                [
                    (m.id, m.article, m.position, m.text, m.by, m.score, m.found, 0, m.saved)
                    for m in matches
                ],
            )
            its = json.dumps(list({m.saved for m in matches}))  # no other's grew
            full = (
                "SELECT id, kept - ? FROM searches"
                " WHERE id IN (SELECT value FROM json_each(?)) AND kept > ?"
            )
            for saved, many in table.execute(full, (MAX_MATCHES, its, MAX_MATCHES)).fetchall():
                table.execute(
                    "DELETE FROM matches WHERE id IN"
                    " (SELECT id FROM matches WHERE saved = ? ORDER BY found, id LIMIT ?)",
                    (saved, many),
                )
                table.execute(
                    "UPDATE searches SET dropped = dropped + ? WHERE id = ?", (many, saved)
                )

    def matches(
        self, saved: str, behind: Place | None, limit: int, *, undelivered: bool = False
    ) -> list[SavedMatch]:
        sign, order, only = ("<", "DESC", "")
        if undelivered:
            sign, order, only = (">", "ASC", "AND NOT delivered")
        with self._reading() as table:
            if table is None:
                return []
            place = "" if behind is None else f"AND (found, id) {sign} (?, ?)"
            rows = table.execute(
                f"SELECT * FROM matches WHERE saved = ? {only} {place}"  # noqa: S608
                f" ORDER BY found {order}, id {order} LIMIT ?",
                (saved, *(behind or ()), limit),
            )
            return [SavedMatch(**dict(zip(_COLUMNS, row, strict=True))) for row in rows]

    def delivered(self, match: SavedMatch) -> None:
        with self._writing() as table:
            table.execute("UPDATE matches SET delivered = 1 WHERE id = ?", (match.id,))

    def drop(self, ids: Sequence[str]) -> None:
        self._delete("id", ids)

    def forget(self, articles: Sequence[str]) -> None:
        self._delete("article", articles)

    def lease(self, owner: str, seconds: float) -> bool:
        now = time.time()
        with self._writing() as table:
            return bool(
                table.execute(
                    "INSERT INTO state VALUES ('lease', ?, ?) ON CONFLICT (name) DO UPDATE"
                    " SET value = excluded.value, until = excluded.until"
                    " WHERE until < ? OR value = excluded.value",
                    (owner, now + seconds, now),
                ).rowcount
            )

    def _delete(self, column: str, values: Sequence[str]) -> None:
        if values and self.version():
            with self._writing() as table:
                table.execute(
                    f"DELETE FROM matches WHERE {column} IN (SELECT value FROM json_each(?))",  # noqa: S608
                    (json.dumps(list(values)),),
                )
