"""Where an index lives. Each product's adapter is a package of its own, imported when it is opened."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from search.domain import IndexedArticle
from search.engine import Engine, EngineStatus, Fingerprint, Stored
from search.errors import SettingsError
from search.settings import Settings


def open_engine(settings: Settings, fingerprint: Fingerprint) -> Engine:
    """Return the engine the settings name, opened for `fingerprint`.

    Nothing is created before the first write.

    Raises:
        FingerprintMismatch: the index there was made by another analyser, model or schema.
        RecordCorrupt: the index there is damaged.
        EngineUnavailable: it cannot be opened now.
        SettingsError: the engine's settings cannot be used.
    """
    if settings.engine == "elasticsearch":
        from search.engines.elastic.engine import ElasticEngine

        return ElasticEngine(settings, fingerprint)
    from search.engines.embedded.engine import EmbeddedEngine

    return EmbeddedEngine(settings.data, fingerprint)


def stored_fingerprint(settings: Settings) -> Fingerprint | None:
    """Return what made the index the settings name, None where there is none.

    Raises as `open_engine`.
    """
    if settings.engine == "elasticsearch":
        from search.engines.elastic import versions as elastic

        return elastic.stored_fingerprint(settings)
    from search.engines.embedded import versions as embedded

    return embedded.stored_fingerprint(settings.data)


class Source(Protocol):
    """What is read of an index to copy it; an Engine can all of it (`Engine` has the words)."""

    def status(self) -> EngineStatus: ...

    def article_ids(self, after: str, limit: int) -> list[str]: ...

    def stored(self, article_ids: Sequence[str]) -> dict[str, Stored]: ...

    def indexed(self, article_ids: Sequence[str]) -> list[IndexedArticle]: ...

    def hold(self, purpose: str) -> AbstractContextManager[Callable[[], None]]: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Present:
    """An index that is there: what it holds, what made it, and whether in today's format."""

    source: Source
    fingerprint: Fingerprint
    is_todays: bool


@contextmanager
def present_index(settings: Settings) -> Iterator[Present | None]:
    """Give the index the settings name, whichever version of Fihris made it; None without one.

    Raises as `open_engine`.
    """
    former = _former_index(settings)
    if former is not None:
        with closing(former):
            yield Present(former, former.fingerprint, is_todays=False)
        return
    fingerprint = stored_fingerprint(settings)
    if fingerprint is None:
        yield None
        return
    with closing(open_engine(settings, fingerprint)) as engine:
        yield Present(engine, fingerprint, is_todays=True)


class _Former(Source, Protocol):
    """An index of an older Fihris, and what made it."""

    fingerprint: Fingerprint


def _former_index(settings: Settings) -> _Former | None:
    if settings.engine == "elasticsearch":
        from search.engines.elastic import former as elastic

        return elastic.former_index(settings)
    from search.engines.embedded import former as embedded

    return embedded.former_index(settings.data)


def accept(settings: Settings) -> Accepted | None:
    """Go on with the embedded index as it is, though it is not what was acknowledged last.

    Returns what is there; None where there is no record.

    Raises:
        SettingsError: it is another engine's index.
        EngineError: another writer is at work, or the record is damaged.
    """
    if settings.engine != "embedded":
        raise SettingsError("only an index of the embedded engine can be older than it says")
    from search.engines.embedded import versions as embedded

    state = embedded.accept(settings.data)
    return None if state is None else Accepted(state.articles, state.passages)


@dataclass(frozen=True, slots=True)
class Accepted:
    """What an index holds from now on."""

    articles: int
    passages: int


class Successor(Protocol):
    """A version of an index beside the one that is searched, being filled through `engine`."""

    @property
    def engine(self) -> Engine: ...

    def take_over(self, *, keep: bool) -> str:
        """Be what is searched from now on, for everybody at one moment.

        Returns where the old version was kept; "" if it was removed.
        """
        ...

    def close(self) -> None:
        """Release what was opened; what was written stays, to go on with later."""
        ...


@contextmanager
def successor(settings: Settings, fingerprint: Fingerprint) -> Iterator[Successor]:
    """Give the next version of the index: an unfinished one of this fingerprint, or a new one.

    Raises as `open_engine`.
    """
    found: Successor
    if settings.engine == "elasticsearch":
        from search.engines.elastic import successor as elastic

        found = elastic.Successor(settings, fingerprint)
    else:
        from search.engines.embedded import successor as embedded

        found = embedded.Successor(settings.data, fingerprint)
    try:
        yield found
    finally:
        found.close()


@contextmanager
def temporary_index(settings: Settings) -> Iterator[Settings]:
    """Give settings of an empty index of the same engine, which is removed whatever happens."""
    if settings.engine == "elasticsearch":
        from search.engines.elastic.versions import drop_all

        alias = f"{settings.elasticsearch_index}-temporary-{uuid.uuid4().hex[:12]}"
        own = settings.model_copy(update={"elasticsearch_index": alias})
        try:
            yield own
        finally:
            drop_all(own)
        return
    with tempfile.TemporaryDirectory(prefix="fihris-temporary-") as folder:
        yield settings.model_copy(update={"data": Path(folder)})
