"""The protocol of a store of saved searches and their matches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from search.saved.domain import Place, SavedMatch, SavedSearch, Tally


class Store(Protocol):
    """Saved searches of one index and their matches. Safe to use from many threads and processes.

    What was changed survives a crash once a method has returned. Every method raises
    EngineUnavailable where it cannot be read or written.
    """

    def version(self) -> str:
        """Return what changes with the saved searches, "" where there are none; asked each batch."""
        ...

    def searches(self) -> list[SavedSearch]:
        """Return all, the oldest first."""
        ...

    def search(self, saved: str) -> SavedSearch | None:
        """Return one, None where there is none of this id."""
        ...

    def tallies(self) -> Mapping[str, Tally]:
        """Return how many matches each saved search has."""
        ...

    def add(self, search: SavedSearch) -> None:
        """Keep a new saved search."""
        ...

    def update(self, searches: Sequence[SavedSearch]) -> None:
        """Keep saved searches instead of those of the same id; what was removed stays so."""
        ...

    def remove(self, saved: str) -> bool:
        """Remove a saved search with its matches; return whether there was one."""
        ...

    def record(self, matches: Sequence[SavedMatch]) -> None:
        """Keep matches; one of an id that is there stays as it is.

        Of a saved search the newest `MAX_MATCHES` are kept at least; older ones make room.
        """
        ...

    def matches(
        self, saved: str, behind: Place | None, limit: int, *, undelivered: bool = False
    ) -> list[SavedMatch]:
        """Return matches behind a place, the newest first; undelivered ones the oldest first."""
        ...

    def delivered(self, match: SavedMatch) -> None:
        """Note that a match was posted."""
        ...

    def drop(self, ids: Sequence[str]) -> None:
        """Remove matches."""
        ...

    def forget(self, articles: Sequence[str]) -> None:
        """Remove the matches of articles."""
        ...

    def lease(self, owner: str, seconds: float) -> bool:
        """Return whether OWNER may deliver for so long: nobody else was told so meanwhile."""
        ...

    def close(self) -> None: ...
