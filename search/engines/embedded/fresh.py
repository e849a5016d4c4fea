"""What was written last, kept in memory: the text index need not read it back from the record."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Container, Iterator, Sequence

from search.engines.embedded.changes import TermRows

MOST = 24_000_000  # characters: 50 MB, some 10,000 passages of 300 characters


class Fresh:
    """The terms that one writer wrote while it held the lock, in order. Any thread.

    Where `MOST` is exceeded the oldest are forgotten: they are in the record.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._rows: deque[tuple[TermRows, int]] = deque()
        self._characters = 0
        self._last = 0  # the greatest number that was used by what was added

    def add(self, added: Sequence[TermRows], before: int, last: int) -> None:
        """Keep what one call wrote, whose numbers are above `before` up to `last`.

        Some of them may be of what went again in the same call.
        """
        with self._guard:
            if before != self._last:  # a call was interrupted after its commit
                self._rows.clear()
                self._characters = 0
            self._last = last
            for rows in added:
                size = sum(len(layer) for layers in rows.terms for layer in layers)
                self._rows.append((rows, size))
                self._characters += size
            while self._characters > MOST:
                self._forget_first()

    def clear(self) -> None:
        """Forget everything: others may write from now on."""
        with self._guard:
            self._rows.clear()
            self._characters = self._last = 0

    def forget(self, last: int) -> None:
        """Forget what is numbered up to `last`: the text index has it."""
        with self._guard:
            while self._rows and self._rows[0][0].number <= last:
                self._forget_first()

    def between(self, after: int, last: int) -> tuple[int, int, list[TermRows]]:
        """Return from which number above `after` to which up to `last` all is here, and it.

        Both are where one call's writing ended. Articles that went since are among it.
        """
        with self._guard:
            known = [rows for rows, _ in self._rows if after < rows.number <= last]
            if not known:
                return last, last, []
            start = max(after, self._rows[0][0].number - 1)
            return start, min(self._last, last), known

    def _forget_first(self) -> None:
        _, size = self._rows.popleft()
        self._characters -= size


def without(rows: Iterator[TermRows], gone: Container[int]) -> Iterator[TermRows]:
    """Yield rows of other articles than those that went."""
    return (some for some in rows if some.article not in gone)
