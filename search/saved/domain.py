"""Saved searches and their matches, and their form in both stores."""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, date, datetime
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

import numpy as np

from search.domain import Filter, Query, StoredPassage, Vector

Words = Literal["all", "any"]
WORDS: tuple[Words, ...] = ("all", "any")
MatchedBy = Literal["words", "meaning"]
_QUERY = (
    "text",
    "mode",
    "variants",
    "also",
    "match",
)  # what of a query is kept, besides the filter


@dataclass(frozen=True, slots=True)
class SavedSearch:
    """A query that new passages are matched with.

    words      whether a passage must have all of the words, or any, as a plain search has it
    threshold  the cosine from which a passage is near enough in meaning
    meaning    the text that was embedded, `vector` what came of it with the model of that hash
    webhook    where matches are posted, "" nowhere; `secret` signs them and is told to nobody
    """

    id: str
    name: str
    query: Query
    words: Words = "all"
    threshold: float = 0.0
    created: str = ""
    webhook: str = field(default="", repr=False)  # its path may be a password
    secret: str = field(default="", repr=False)
    meaning: str = ""
    model: str = ""
    vector: Vector | None = None

    @property
    def webhook_host(self) -> str:
        """Where matches are posted, as far as it is told."""
        return urlsplit(self.webhook).hostname or ""


class Tally(NamedTuple):
    """Matches of a saved search: those that are kept, and older ones that made room."""

    kept: int = 0
    dropped: int = 0


class Place(NamedTuple):
    """A match's place in the order in which matches are listed."""

    found: int  # microseconds since 1970
    id: str


@dataclass(frozen=True, slots=True)
class SavedMatch:
    """A passage that a saved search matched when it was indexed.

    id      made of the saved search, the article and the passage's text, so that it is the same
            whenever that is indexed; a UUID
    text    SHA-256 of the passage's text
    score   its cosine, where it is near enough in meaning
    found   microseconds since 1970
    """

    id: str
    saved: str
    article: str
    position: int
    text: str
    by: MatchedBy
    score: float | None
    found: int
    delivered: bool = False

    @property
    def place(self) -> Place:
        return Place(self.found, self.id)

    @property
    def when(self) -> str:
        """When it was found, in UTC (RFC 3339)."""
        return datetime.fromtimestamp(self.found / 1e6, UTC).isoformat(timespec="seconds")


class ShownMatch(NamedTuple):
    """A match with its passage as it is in the index now."""

    match: SavedMatch
    passage: StoredPassage


def text_hash(text: str) -> str:
    """Return what tells a passage's text from others in a match."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def match_id(saved: str, article: str, text: str) -> str:
    """Return the id of a match; `text` is the passage's `text_hash`."""
    digest = hashlib.sha256("\0".join((saved, article, text)).encode("utf-8", "surrogatepass"))
    return str(uuid.UUID(bytes=digest.digest()[:16]))


def as_fields(search: SavedSearch) -> dict[str, Any]:
    """Return a saved search as JSON has it."""
    plain = {f.name: getattr(search, f.name) for f in fields(search)}
    asked = asdict(search.query.filter)
    for name in ("published_from", "published_to"):
        asked[name] = asked[name] and asked[name].isoformat()
    vector = None if search.vector is None else search.vector.astype("<f4").tobytes()
    return {
        **plain,
        "query": {**{name: getattr(search.query, name) for name in _QUERY}, "filter": asked},
        "vector": vector and base64.b64encode(vector).decode(),
    }


def from_fields(found: Mapping[str, Any]) -> SavedSearch:
    """Return the saved search that `as_fields` wrote."""
    asked = dict(found["query"])
    inside: dict[str, Any] = {
        k: tuple(v) if isinstance(v, list) else v for k, v in asked.pop("filter").items()
    }
    for name in ("published_from", "published_to"):
        inside[name] = inside[name] and date.fromisoformat(inside[name])
    vector = found["vector"] and np.frombuffer(base64.b64decode(found["vector"]), "<f4")
    asked["also"] = tuple(asked["also"])
    query = Query(**asked, filter=Filter(**inside))
    return replace(SavedSearch(**{**found, "query": query}), vector=vector)
