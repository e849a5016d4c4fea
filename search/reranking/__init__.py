"""Reranks a query's best hits. `Reranker` is the protocol, one module a kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from search import registry
from search.errors import SettingsError

if TYPE_CHECKING:
    from search.settings import Settings


class Reranker(Protocol):
    """A model that reads a query and a text together. May be called from many threads."""

    def scores(self, query: str, texts: Sequence[str], seconds: float) -> list[float]:
        """Return a finite score for each text, higher where it answers the query better.

        Args:
            query: what is asked.
            texts: in any order; none or more.
            seconds: after these nobody waits for the answer any more.

        Raises:
            RerankerError: there are no scores, or not in time.
        """
        ...


# (what follows the first colon of FIHRIS_RERANKER, settings) -> the reranker, ready to be used
Opener = Callable[[str, "Settings"], Reranker]


def open_reranker(settings: Settings) -> Reranker | None:
    """Return the reranker that `settings.reranker` names, None where it names none.

    Raises:
        SettingsError: the name is of no known kind, or its settings cannot be used.
        RerankerError: the model cannot be loaded.
    """
    if not settings.reranker:
        return None
    kind, _, argument = settings.reranker.partition(":")
    if kind not in registry.OWN_RERANKERS or not argument:
        raise SettingsError(
            f"FIHRIS_RERANKER: {settings.reranker!r} is no reranker; say `service:` and the "
            "service's name of the model, or `sentence-transformers:` and a Hub id or a folder"
        )
    opener: Opener = import_module(registry.OWN_RERANKERS[kind]).open_reranker
    return opener(argument, settings)
