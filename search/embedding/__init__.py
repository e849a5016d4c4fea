"""Texts to vectors. `Embedder` is the protocol; each model has a file of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

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


_SENTENCE_TRANSFORMERS = "sentence-transformers:"


def open_embedder(settings: Settings) -> Embedder:
    """Return the model that `settings.model` names, ready to be used.

    Raises:
        SettingsError: the name is of no known kind.
        EmbedderError: the model cannot be loaded.
    """
    if settings.model == "bundled":
        from search.embedding.bundled import BundledEmbedder

        return BundledEmbedder(settings.cache, settings.threads)
    if settings.model.startswith(_SENTENCE_TRANSFORMERS):
        from search.embedding.sentence_transformers import SentenceTransformersEmbedder

        return SentenceTransformersEmbedder(
            settings.model.removeprefix(_SENTENCE_TRANSFORMERS),
            query_prompt=settings.query_prompt,
            passage_prompt=settings.passage_prompt,
            threads=settings.threads,
        )
    raise SettingsError(
        f"FIHRIS_MODEL: {settings.model!r} is no model; say `bundled`, or "
        "`sentence-transformers:` and a Hub id or a folder"
    )
