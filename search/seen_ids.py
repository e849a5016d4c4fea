"""Remembers where each id of a run, body or file came first, so that a second article of it is refused.

On disk, in a file that nobody else sees and that goes with the process: a million ids take
some 150 MB there, and so much memory as is given however many they are.
"""

from __future__ import annotations

import sqlite3

from search.errors import EngineUnavailable

CACHE = 8_192  # KiB of memory for a run
BODY_CACHE = 1_024  # KiB for a body: of those there are several at once


class FirstPlaces:
    """The ids met so far and where. For one thread at a time."""

    def __init__(self, cache: int = CACHE) -> None:
        """`cache` is how much memory it may take, in KiB."""
        self._ids = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._ids.execute("PRAGMA journal_mode = OFF")
        self._ids.execute(f"PRAGMA cache_size = -{cache}")
        self._ids.execute("BEGIN")  # one transaction: 3 us an id instead of 15
        self._ids.execute("CREATE TABLE ids (id TEXT PRIMARY KEY, place TEXT) WITHOUT ROWID")

    def close(self) -> None:
        self._ids.close()

    def of(self, article_id: str, place: str) -> str | None:
        """Note an id; return the place where it was met before, None the first time.

        Raises:
            EngineUnavailable: there is no room on the disk of temporary files.
        """
        try:
            added = self._ids.execute(
                "INSERT OR IGNORE INTO ids VALUES (?, ?)", (article_id, place)
            ).rowcount
            if added:
                return None
            found = self._ids.execute("SELECT place FROM ids WHERE id = ?", (article_id,))
            return str(found.fetchone()[0])
        except sqlite3.Error as error:
            raise EngineUnavailable(
                f"cannot note the ids of a run in the folder of temporary files: {error}"
            ) from error


def refusal(article_id: str, first: str) -> str:
    """Return why an article cannot have the id of one that stands elsewhere."""
    return f"its id {article_id!r} is also that of {first}: give it another"
