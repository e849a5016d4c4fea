"""Opens the index that settings name. Each engine is a package of its own, imported when it is used.

Each has an `Adapter`: in a package of ours the module `adapter`, in another's the one that
its entry point in `fihris.engines` names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

from search import registry
from search.domain import IndexedArticle
from search.engines.protocol import Engine, EngineStatus, Fingerprint, Stored
from search.errors import SettingsError
from search.settings import Settings
from search.sqlite_file import rewrite

# What is kept beside an index and belongs to it: of Elasticsearch indexes `<alias>-<name>`, of
# every other engine files `<name>.sqlite` in the data folder.
BESIDE = ("saved", "annotations")

Step = Callable[[str, int, int], None]  # is told what is done, how much of it, of how much


def open_engine(settings: Settings, fingerprint: Fingerprint) -> Engine:
    """Return the engine the settings name, opened for `fingerprint`.

    Nothing is created before the first write.

    Raises:
        FingerprintMismatch: the index there was made by another analyser, model or schema.
        RecordCorrupt: the index there is damaged.
        EngineUnavailable: it cannot be opened now.
        SettingsError: there is no such engine, or its settings cannot be used.
    """
    with _adapter(settings, "open_engine") as adapter:
        engine = adapter.open_engine(settings, fingerprint)
    from search.annotations.labelled import labelled

    return labelled(engine, settings)


def stored_fingerprint(settings: Settings) -> Fingerprint | None:
    """Return what made the index the settings name, None where there is none.

    Raises as `open_engine`.
    """
    with _adapter(settings, "stored_fingerprint") as adapter:
        return adapter.stored_fingerprint(settings)


class Source(Protocol):
    """What is read of an index to copy it; an Engine can all of it (`Engine` has the words)."""

    def status(self) -> EngineStatus: ...

    def article_ids(self, after: str, limit: int) -> list[str]: ...

    def stored(self, article_ids: Sequence[str]) -> dict[str, Stored]: ...

    def indexed(self, article_ids: Sequence[str]) -> list[IndexedArticle]: ...

    def hold(self, purpose: str) -> AbstractContextManager[None]: ...

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


class FormerIndex(Source, Protocol):
    """An index of an older Fihris, and what made it."""

    fingerprint: Fingerprint


def _former_index(settings: Settings) -> FormerIndex | None:
    if settings.engine not in registry.OWN_ENGINES:
        return None  # Fihris 0.1 had its own only
    with _adapter(settings, "former_index") as adapter:
        return adapter.former_index(settings)


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


def back_up(settings: Settings, name: str, repository: str, on_step: Step) -> None:
    """Copy an index, and what is kept beside it, while it may be written to.

    Args:
        name: of a new folder; in Elasticsearch of a new snapshot.
        repository: which the snapshot goes into; "" for a folder.

    Raises:
        InputError: these cannot be used, or there is no index.
        EngineError: it cannot be copied. Nothing that looks whole is left.
    """
    with _adapter(settings, "back_up") as adapter:
        adapter.back_up(settings, name, repository, on_step)


def restore(settings: Settings, name: str, repository: str, on_step: Step) -> None:
    """Make the index that was backed up, where there is none. Arguments as `back_up`'s.

    Raises:
        InputError: it is no whole backup, or something lies where the index would be.
        EngineError: it cannot be made.
    """
    with _adapter(settings, "restore") as adapter:
        adapter.restore(settings, name, repository, on_step)


def check(settings: Settings, on_step: Step) -> Iterator[str]:
    """Yield what is damaged in an index, in words; nothing is changed.

    Raises:
        InputError: there is none.
        EngineError: it cannot be opened at all.
    """
    with _adapter(settings, "check") as adapter:
        yield from adapter.check(settings, on_step)


def erase(settings: Settings) -> Iterator[str]:
    """Leave no word of removed articles in the files of an index and of what is kept beside it.

    Searches and other readers go on. Yields where some may be left, in words.

    Raises:
        EngineError: it cannot be read or written, or another process writes.
    """
    with _adapter(settings, "erase") as adapter:
        yield from adapter.erase(settings)
    data = settings.data
    for path in sorted([*data.glob("*.sqlite"), *data.glob("watch/*.sqlite")]):
        if path.stem != "record" and not rewrite(path):  # which is the engine's own
            yield f"{path} is another process's at this moment; try again when it has ended"


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
    with _adapter(settings, "successor") as adapter:
        found = adapter.successor(settings, fingerprint)
    try:
        yield found
    finally:
        found.close()


@contextmanager
def temporary_index(settings: Settings) -> Iterator[Settings]:
    """Give settings of an empty index of the same engine, which is removed whatever happens."""
    with _adapter(settings, "temporary_index") as adapter:
        found = adapter.temporary_index(settings)
    with found as own:
        yield own


class Adapter(Protocol):
    """What opens the indexes of one engine: a module with these functions.

    One of another package needs the first two; without `successor` its index cannot be
    reindexed beside itself, without `temporary_index` nothing is evaluated in it, without
    `back_up` and `restore` it is backed up as its product says, without `check` not checked,
    without `erase` what it keeps of removed articles is its own.
    """

    def open_engine(self, settings: Settings, fingerprint: Fingerprint) -> Engine: ...

    def stored_fingerprint(self, settings: Settings) -> Fingerprint | None: ...

    def successor(self, settings: Settings, fingerprint: Fingerprint) -> Successor: ...

    def temporary_index(self, settings: Settings) -> AbstractContextManager[Settings]: ...

    def back_up(self, settings: Settings, name: str, repository: str, on_step: Step) -> None: ...

    def restore(self, settings: Settings, name: str, repository: str, on_step: Step) -> None: ...

    def check(self, settings: Settings, on_step: Step) -> Iterator[str]: ...

    def erase(self, settings: Settings) -> Iterator[str]: ...

    def former_index(self, settings: Settings) -> FormerIndex | None: ...


@contextmanager
def _adapter(settings: Settings, function: str) -> Iterator[Adapter]:
    """Give the engine's adapter to call one of its functions; what it raises names its package."""
    adapter: Adapter
    if settings.engine in registry.OWN_ENGINES:
        adapter = import_module(registry.OWN_ENGINES[settings.engine])
        yield adapter
        return
    entry = registry.installed(registry.ENGINES).get(settings.engine)
    if entry is None:
        raise SettingsError(f"FIHRIS_ENGINE: {settings.engine!r} is not installed any more")
    adapter = registry.load(entry)
    if not callable(getattr(adapter, function, None)):
        raise SettingsError(
            f"the engine {settings.engine!r} of the package {registry.package_of(entry)} cannot do "
            f"this: it has no `{function}`"
        )
    with registry.blamed(entry):
        yield adapter
