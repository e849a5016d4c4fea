"""A cache in two generations: bounded, and as quick as a dictionary."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Made = TypeVar("Made")


class Generations(dict[str, Made]):
    """What was made of the texts asked for lately: `generations[text]` makes it where it is not known.

    When the young generation, this dictionary, is full, the old one is forgotten: what is in use
    stays, without the bookkeeping of a true least-recently-used cache.
    """

    def __init__(self, make: Callable[[str], Made], size: int, longest: int) -> None:
        """Keep at most twice `size`, and nothing of texts of more than `longest` code points."""
        self._make = make
        self._size = size
        self._longest = longest
        self._old: dict[str, Made] = {}

    def __missing__(self, text: str) -> Made:
        made = self._old.get(text)
        if made is None:
            made = self._make(text)
            if len(text) > self._longest:
                return made
        if len(self) >= self._size:
            self._old = dict(self)
            self.clear()
        self[text] = made
        return made

    def forget(self) -> None:
        """Forget all."""
        self.clear()
        self._old = {}
