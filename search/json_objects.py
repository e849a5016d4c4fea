"""JSON objects, parsed so that a key that comes twice is an error: `json` takes the last one silently."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping

from search.errors import SourceError

_MOST_SHOWN = 100  # characters of a key


class Repeated(dict[str, object]):
    """An object that has a key twice: `key`. Its values are the last ones."""

    def __init__(self, pairs: list[tuple[str, object]]) -> None:
        super().__init__(pairs)
        self.key = Counter(key for key, _ in pairs).most_common(1)[0][0]


def object_of(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return the object that `json` found: its `object_pairs_hook`."""
    found = dict(pairs)
    return found if len(found) == len(pairs) else Repeated(pairs)


# Made once: 0.2 to 0.4 us an object, where `json.loads` with a hook takes two more.
DECODER = json.JSONDecoder(object_pairs_hook=object_of)


def check_keys(found: Mapping[str, object]) -> None:
    """Raise SourceError where an object that was decoded here has a key twice."""
    if isinstance(found, Repeated):
        raise SourceError(f'"{found.key[:_MOST_SHOWN]}" stands twice in it', code="bad-field")
