"""Texts to vectors. `Embedder` is the protocol; each model has a file of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from search.domain import Vector

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

    def embed_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vector:
        """Return shape (len(texts), dimensions). Raises EmbedderError."""
        ...

    def embed_query(self, text: str) -> Vector:
        """Return shape (dimensions,). Raises EmbedderError."""
        ...
