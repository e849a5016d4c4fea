"""Where each id of a run stands first, so that a second article of it is refused, not lost.

On disk, in a file that nobody else sees and that goes with the process: a million ids take
some 150 MB there, and `CACHE` of memory however many they are.
"""

from __future__ import annotations

import sqlite3

from search.errors import EngineUnavailable

CACHE = 8_192  # KiB of memory


class FirstPlaces:
    """The ids met so far and where. For one thread."""

    def __init__(self) -> None:
        self._ids = sqlite3.connect("", isolation_level=None)
        self._ids.execute("PRAGMA journal_mode = OFF")
        self._ids.execute(f"PRAGMA cache_size = -{CACHE}")
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
