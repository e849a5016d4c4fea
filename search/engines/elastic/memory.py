"""Passages shown lately: what an edition says never changes, so it need not be fetched again.

The next page, another mode, a question many ask: the same passages are shown again and
again, and fetching ten costs a round trip (1.9 ms of a search's 15).
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

from search.domain import StoredPassage

PASSAGES = 2_000  # some 10 MB


class Memory:
    """Passages by edition, and which edition of a passage a ranking listed last.

    May be used from many threads. What a ranking listed counts for `seconds`: so long others
    may not see what was written anyway.
    """

    def __init__(self, seconds: float, size: int = PASSAGES) -> None:
        self._seconds = seconds
        self._size = size
        self._guard = threading.Lock()
        self._listed: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._passages: OrderedDict[tuple[str, str], StoredPassage] = OrderedDict()

    def note(self, listed: Iterable[tuple[str, str]]) -> None:
        """Note of passages (ids) of which edition a ranking has just listed them."""
        now = time.monotonic()
        with self._guard:
            for passage_id, edition in listed:
                self._listed[passage_id] = edition, now
                self._listed.move_to_end(passage_id)
            _shorten(self._listed, 10 * self._size)

    def recall(self, passage_ids: Sequence[str]) -> dict[str, StoredPassage]:
        """Return those of these passages that a ranking listed just now and that are known."""
        since = time.monotonic() - self._seconds
        found = {}
        with self._guard:
            for passage_id in passage_ids:
                edition, noted = self._listed.get(passage_id, ("", 0.0))
                stored = self._passages.get((passage_id, edition)) if noted >= since else None
                if stored is not None:
                    found[passage_id] = stored
                    self._passages.move_to_end((passage_id, edition))
        return found

    def keep(self, fetched: Mapping[tuple[str, str], StoredPassage]) -> None:
        """Remember passages, by id and edition."""
        with self._guard:
            self._passages.update(fetched)
            _shorten(self._passages, self._size)

    def forget(self) -> None:
        """Forget which editions were listed: some may have been replaced."""
        with self._guard:
            self._listed.clear()


def _shorten(
    kept: OrderedDict[str, tuple[str, float]] | OrderedDict[tuple[str, str], StoredPassage],
    size: int,
) -> None:
    while len(kept) > size:
        kept.popitem(last=False)
