"""What tests share: a tiny deterministic embedder and ways to make articles."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from search.domain import Article, ArticleInfo, Vector
from search.embedding import Progress

REPOSITORY = Path(__file__).resolve().parent.parent
SEEDS = REPOSITORY / "seeds"

# Python 3.11 reads the path of an editable install in the locale's encoding, and ends.
ASCII_PATH = pytest.mark.skipif(
    not str(REPOSITORY).isascii(), reason="Python does not start from such a path in this locale"
)


class HashingEmbedder:
    """An Embedder that needs no model: words hashed to directions, then summed.

    Texts that share words are near each other, which is all that tests of
    storing, ranking and fusing need. Never use it to judge relevance.
    """

    name = "test/hashing"
    content_hash = hashlib.sha256(b"test/hashing").hexdigest()
    max_tokens = 500

    def __init__(self, dimensions: int = 32) -> None:
        self.dimensions = dimensions

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def most_tokens(self, text: str) -> int:
        return len(text)

    def embed_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vector:
        vectors = np.stack([self.embed_query(text) for text in texts]) if texts else self._none()
        if progress is not None:
            progress(len(texts))
        return vectors

    def embed_query(self, text: str) -> Vector:
        total = np.zeros(self.dimensions, dtype=np.float64)
        for word in text.split() or [text]:
            total += _direction(word, self.dimensions)
        length = float(np.linalg.norm(total))
        return (total / (length or 1.0)).astype(np.float32)

    def _none(self) -> Vector:
        return np.zeros((0, self.dimensions), dtype=np.float32)


class CountingEmbedder(HashingEmbedder):
    """Remembers the passages it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def embed_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vector:
        self.texts += texts
        return super().embed_passages(texts, progress)


@lru_cache(10_000)
def _direction(word: str, dimensions: int) -> NDArray[np.float64]:
    digest = hashlib.sha256(word.encode("utf-8", "surrogatepass")).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big")).standard_normal(dimensions)


def until(condition: Callable[[], object], what: Callable[[], object] = str) -> None:
    """Wait until something holds. Raises AssertionError with `what` after two minutes.

    So long that a busy machine fails no test, as what holds sooner does not wait.
    """
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.02)


def article(
    id: str,
    text: str,
    *,
    title: str = "",
    source: str = "",
    author: str = "",
    language: str = "",
    published: date | None = None,
    tags: tuple[str, ...] = (),
) -> Article:
    """Return an article, most of it left unknown."""
    info = ArticleInfo(
        id=id,
        title=title,
        source=source,
        author=author,
        language=language,
        published=published,
        tags=tags,
    )
    return Article(info=info, text=text)
