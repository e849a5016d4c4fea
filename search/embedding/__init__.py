"""Embeds texts. `Embedder` is the protocol; each model has a module of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from search import registry
from search.domain import Vector
from search.errors import SettingsError

if TYPE_CHECKING:  # an adapter alone needs numpy and its product, not how settings are read
    from search.settings import Settings

Progress = Callable[[int], None]  # called with how many more texts are done


class Embedder(Protocol):
    """A model. Vectors are float32 and L2-normalised; methods may be called from many threads."""

    @property
    def name(self) -> str:
        """What people call it, such as `intfloat/multilingual-e5-small`."""
        ...

    @property
    def content_hash(self) -> str:
        """SHA-256 over all that decides its vectors (weights, tokenizer, prompts)."""
        ...

    @property
    def dimensions(self) -> int: ...

    @property
    def max_tokens(self) -> int:
        """Tokens of a passage it reads, its prompt and special tokens already taken off."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return each text's tokens, without prompt and special tokens."""
        ...

    def most_tokens(self, text: str) -> int:
        """Return no less than the text's tokens, told as cheaply as can be."""
        ...

    def embed_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vector:
        """Return shape (len(texts), dimensions). Raises EmbedderError."""
        ...

    def embed_query(self, text: str) -> Vector:
        """Return shape (dimensions,). Raises EmbedderError."""
        ...


@runtime_checkable
class ManyQueriesEmbedder(Protocol):
    """What an embedder may have besides: many queries at once are faster than one by one."""

    def embed_queries(self, texts: Sequence[str]) -> Vector:
        """Return shape (len(texts), dimensions), each as `embed_query` has it."""
        ...


def embed_queries(embedder: Embedder, texts: Sequence[str]) -> Vector:
    """Return each query's vector, embedded together where the model can. Raises EmbedderError."""
    if not texts:
        return np.zeros((0, embedder.dimensions), np.float32)
    if isinstance(embedder, ManyQueriesEmbedder):
        return embedder.embed_queries(texts)
    return np.stack([embedder.embed_query(text) for text in texts])


# (what follows the first colon of FIHRIS_MODEL, settings) -> the model, ready to be used; a
# module of ours has one called `open_embedder`. Raises as that of this package.
Opener = Callable[[str, "Settings"], Embedder]


def open_embedder(settings: Settings) -> Embedder:
    """Return the model that `settings.model` names, ready to be used.

    Raises:
        SettingsError: the name is of no known kind, or its package fails.
        EmbedderError: the model cannot be loaded.
    """
    name, _, argument = settings.model.partition(":")
    opener: Opener
    if name in registry.OWN_MODELS:
        opener = import_module(registry.OWN_MODELS[name]).open_embedder
        return opener(argument, settings)
    others = registry.installed(registry.MODELS)
    if name not in others:
        more = "".join(f", `{other}`" for other in others)
        raise SettingsError(
            f"FIHRIS_MODEL: {settings.model!r} is no model; say `bundled`, "
            f"`sentence-transformers:` and a Hub id or a folder, `openai:` and a service's model{more}"
        )
    with registry.blamed(others[name]):
        opener = registry.load(others[name])
        return opener(argument, settings)
