"""Saving, listing and removing searches, and reading their matches."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple, Self

from search.domain import Query, StoredPassage, Vector
from search.embedding.centring import CentredQueries
from search.engines.checks import check_filter, is_unicode
from search.engines.protocol import EngineReader
from search.errors import EmbedderError, InputError, NotFound
from search.limits import MAX_SAVED, MAX_SAVED_NAME, MAX_SIZE
from search.listing import read, written
from search.query.parse import parse
from search.query.validation import check_one_of, check_query, check_within
from search.ranking.searcher import Searcher
from search.saved import open_store
from search.saved.domain import (
    WORDS,
    Place,
    SavedMatch,
    SavedSearch,
    ShownMatch,
    Tally,
    Words,
    text_hash,
)
from search.saved.store import Store
from search.saved.webhook import MIN_SECRET, check_webhook
from search.settings import Settings

# See docs/EVALUATION.md, "Saved searches".
THRESHOLD = 0.8
_ORDER = "found"  # of matches, in cursors


class MatchPage(NamedTuple):
    """Matches, the newest first, and the next page's cursor ("": none)."""

    matches: tuple[ShownMatch, ...]
    cursor: str = ""


class SavedSearches:
    """The saved searches of an index. Safe to use from many threads.

    The searcher stays its owner's to close. Every method raises EngineError where the index or
    the saved searches cannot be read or written.
    """

    def __init__(self, searcher: Searcher, settings: Settings) -> None:
        self._searcher = searcher
        self.engine: EngineReader = searcher.engine
        self.settings = settings
        self.store: Store = open_store(settings)
        self._queries: CentredQueries | None = None

    def add(
        self,
        name: str,
        query: Query,
        *,
        words: Words = "all",
        threshold: float | None = None,
        webhook: str = "",
        secret: str = "",
    ) -> SavedSearch:
        """Save a search: passages that are indexed from now on are matched with it.

        Args:
            name: for people; "" is the query's text.
            query: of which text, mode, filter, variants and match count.
            words: whether a passage must have all of the words, or any.
            threshold: the cosine from which a passage is near enough in meaning, 0 to 1.
            webhook: an address that matches are posted to.
            secret: signs what is posted; without it FIHRIS_WEBHOOK_SECRET does.

        Raises:
            InputError: an argument cannot be used; names it.
            EmbedderError: the search asks for meaning, and there is no model.
        """
        check_query(query)
        if query.filter.labels:
            raise InputError("what is indexed later has no labels yet", field="label")
        check_filter(query.filter)
        parsed = parse(query.text)
        if not parsed.words() and not parsed.prefixes():
            raise InputError("the query has no word to look for", field="q")
        check_one_of("words", words, WORDS)
        threshold = THRESHOLD if threshold is None else threshold
        if not 0 <= threshold <= 1:
            raise InputError(f"threshold is {threshold:g}; it must be 0 to 1", field="threshold")
        if len(name) > MAX_SAVED_NAME or not is_unicode(name + webhook + secret):
            raise InputError(f"name has at most {MAX_SAVED_NAME} characters", field="name")
        if webhook:
            check_webhook(webhook, private=self.settings.webhook_private)
            if not (secret or self.settings.webhook_secret):
                raise InputError(
                    "what is posted is signed: give a secret, or set FIHRIS_WEBHOOK_SECRET",
                    field="secret",
                )
        if secret and len(secret) < MIN_SECRET:
            raise InputError(f"secret needs {MIN_SECRET} characters at least", field="secret")
        if len(self.store.tallies()) >= MAX_SAVED:
            raise InputError(
                f"{MAX_SAVED:,} searches are saved, which is the most; remove one", field="name"
            )
        search = SavedSearch(
            id=str(uuid.uuid4()),
            name=name or query.text[:MAX_SAVED_NAME],
            query=query,
            words=words,
            threshold=threshold,
            created=datetime.now(UTC).isoformat(timespec="microseconds"),
            webhook=webhook,
            secret=secret,
        )
        if query.mode != "keyword" and (meaning := self._searcher.meaning(query)):
            vector, model = self._embedded(meaning)
            search = replace(search, meaning=meaning, model=model, vector=vector)
        self.store.add(search)
        return search

    def _embedded(self, meaning: str) -> tuple[Vector, str]:
        """Return a meaning's vector, and the model's hash. Raises EmbedderError."""
        embedder = self._searcher.embedder
        if embedder is None:
            raise EmbedderError("there is no model; save a search with mode keyword")
        self._queries = self._queries or CentredQueries(embedder)  # its mean is embedded once
        return self._queries.embed(meaning), embedder.content_hash

    def list(self) -> list[tuple[SavedSearch, Tally]]:
        """Return all, the oldest first, with how many matches each has."""
        tallies = self.store.tallies()
        return [(search, tallies.get(search.id, Tally())) for search in self.store.searches()]

    def get(self, saved: str) -> SavedSearch:
        """Return a saved search. Raises NotFound."""
        search = self.store.search(saved)
        if search is None:
            raise NotFound(f"there is no saved search {saved[:100]!r}")
        return search

    def remove(self, saved: str) -> None:
        """Remove a saved search and its matches. Raises NotFound."""
        self.get(saved)
        self.store.remove(saved)

    def matches(self, saved: str, size: int = 20, cursor: str = "") -> MatchPage:
        """Return a page of what a saved search matched, the newest first.

        Those whose passage is not in the index (any more, or not yet) are passed over.

        Args:
            size: matches on the page, 1 to 100.
            cursor: of the page before; "" begins.

        Raises:
            NotFound: there is no such saved search.
            InputError, CursorGone: as `search.listing.list_articles`.
        """
        self.get(saved)
        check_within("size", size, 1, MAX_SIZE)
        behind = read(cursor, _ORDER, _place) if cursor else None
        found: list[ShownMatch] = []
        while some := self.store.matches(saved, behind, size + 1):
            found += shown(self.engine, some)
            behind = some[-1].place
            if len(found) > size or len(some) <= size:
                break
        if len(found) <= size:
            return MatchPage(tuple(found))
        last = found[size - 1].match.place
        return MatchPage(tuple(found[:size]), written(_ORDER, str(last.found), last.id))

    def close(self) -> None:
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def shown(engine: EngineReader, matches: Sequence[SavedMatch]) -> list[ShownMatch]:
    """Return the matches whose passages are in the index, in order."""
    ids = {match.id: f"{match.article}#{match.position}" for match in matches}
    there = {stored.passage.id: stored for stored in engine.fetch(list(ids.values()))}
    found = []
    for match in matches:
        stored = there.get(ids[match.id])
        if stored is None or text_hash(stored.passage.text) != match.text:
            stored = _elsewhere(engine, match)
        if stored is not None:
            found.append(ShownMatch(match, stored))
    return found


def _elsewhere(engine: EngineReader, match: SavedMatch) -> StoredPassage | None:
    """Return a match's passage where the article has it at another place now."""
    article = engine.article(match.article)
    for passage in article.passages if article else ():
        if text_hash(passage.text) == match.text:
            return next(iter(engine.fetch([passage.id])), None)
    return None


def _place(found: str, key: str) -> Place:
    return Place(int(found), key)
