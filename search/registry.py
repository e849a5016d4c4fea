"""Finds engines and models: built-in ones by name, those of other packages by entry point.

Formats of other packages are found here too; our own are in `indexer.extraction.registry`.

Looking for other packages' costs some 12 ms and is done once a process, only where a name is none of
Fihris's own or all are listed. A package is imported only when one of its names is used. What
is wrong with it is said with its name; nothing else stops working. docs/EXTENDING.md shows
one of each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from search.errors import FihrisError, SettingsError

if TYPE_CHECKING:  # 90 ms to import, which a run that needs no plug-in is spared
    from importlib.metadata import EntryPoint

# The groups of entry points, and what an entry point in each names.
FORMATS = "fihris.formats"  # a suffix without its dot: an `indexer.extraction.registry.Reader`
ENGINES = "fihris.engines"  # a value of FIHRIS_ENGINE: a module, a `search.engines.Adapter`
MODELS = "fihris.models"  # what FIHRIS_MODEL begins with: a `search.embedding.Opener`

# Fihris's own: the module of each, found without looking at what is installed.
OWN_ENGINES: Mapping[str, str] = {
    "embedded": "search.engines.embedded.adapter",
    "elasticsearch": "search.engines.elastic.adapter",
}
OWN_MODELS: Mapping[str, str] = {
    "bundled": "search.embedding.bundled.embedder",
    "sentence-transformers": "search.embedding.sentence_transformers",
    "openai": "search.embedding.openai_compatible",
}
OWN_RERANKERS: Mapping[str, str] = {
    "service": "search.reranking.service",
    "sentence-transformers": "search.reranking.cross_encoder",
}


@cache
def installed(group: str) -> Mapping[str, EntryPoint]:
    """Return what installed packages declare in a group, by name; of one name the first found."""
    from importlib.metadata import distributions

    found: dict[str, EntryPoint] = {}
    for distribution in distributions():
        with suppress(Exception):  # its metadata are damaged: the others' are not
            for entry in distribution.entry_points:
                if entry.group == group:
                    found.setdefault(entry.name, entry)
    return dict(sorted(found.items()))


def package_of(entry: EntryPoint) -> str:
    """Return the name and version of the package that declares an entry point."""
    with suppress(Exception):  # its metadata are damaged
        if entry.dist is not None and entry.dist.name:
            return f"{entry.dist.name} {entry.dist.version}"
    return entry.module


def load(entry: EntryPoint) -> Any:  # noqa: ANN401
    """Import what an entry point names.

    Raises:
        SettingsError: it cannot be imported; names the package.
    """
    with blamed(entry):
        return entry.load()


@contextmanager
def blamed(entry: EntryPoint) -> Iterator[None]:
    """Say of whatever fails in this context which package it is of, and what to do.

    Raises:
        SettingsError: instead of any exception that is not one of Fihris's own.
    """
    try:
        yield
    except FihrisError:
        raise
    except Exception as error:
        raise SettingsError(
            f"the package {package_of(entry)} failed as {entry.group} {entry.name!r} "
            f"({type(error).__name__}: {error}): update it, or remove it"
        ) from error
