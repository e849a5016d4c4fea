"""The vectors of queries: what is taken off them, which are kept, and which are made."""

from __future__ import annotations

import numpy as np
import pytest

from search.domain import Vector
from search.embedding import centring
from search.embedding.centring import CentredQueries
from search.errors import EmbedderError
from tests.support import HashingEmbedder


class Recording(HashingEmbedder):
    """Remembers what it was asked; `fails` is raised by a query instead."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.fails: Exception | None = None

    def embed_query(self, text: str) -> Vector:
        self.asked.append(text)
        if self.fails:
            raise self.fails
        return super().embed_query(text)


def test_a_query_that_comes_again_has_the_same_bits_and_no_work() -> None:
    embedder = Recording()
    queries = CentredQueries(embedder)
    counted: list[bool] = []
    queries.count = counted.append
    first = queries.embed("نص")
    embedder.asked.clear()
    assert queries.embed("نص").tobytes() == first.tobytes()
    assert embedder.asked == []
    assert counted == [True, False]
    assert first.tobytes() == CentredQueries(embedder).embed("نص").tobytes()
    with pytest.raises(ValueError, match="read-only"):
        first += np.float32(1)


def test_those_asked_last_are_kept_in_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(centring, "MOST_KEPT", 2)
    embedder = Recording()
    queries = CentredQueries(embedder)
    for text in ("first", "second", "first", "third"):
        queries.embed(text)
    embedder.asked.clear()
    for text in ("third", "first", "second"):
        queries.embed(text)
    assert embedder.asked == ["second"]


def test_a_failure_is_not_kept() -> None:
    embedder = Recording()
    queries = CentredQueries(embedder)
    embedder.fails = EmbedderError("gone")
    with pytest.raises(EmbedderError):
        queries.embed("نص")
    embedder.fails = None
    assert queries.embed("نص").shape == (embedder.dimensions,)


class OfTwoScripts(HashingEmbedder):
    """All that has Arabic letters is one way, all else another."""

    def embed_query(self, text: str) -> Vector:
        is_arabic = "\u0621" <= text[0] <= "\u064a"
        return np.array([is_arabic, not is_arabic, len(text)], np.float32)


def test_what_queries_in_one_script_have_in_common_is_not_taken_off_those_in_another() -> None:
    queries = CentredQueries(OfTwoScripts(3))
    assert queries.embed("نص")[1] == 0
    assert queries.embed("text")[0] == 0
