"""A model behind `POST /embeddings` as OpenAI's API has it: many servers answer it.

The request is `model` and `input`, the answer `data`, a list of `index` and `embedding`.
Only the service the settings name is spoken to (`search.json_service`).

There is no tokenizer here. Tokens are counted as the UTF-8 bytes of the text with each
letter's compatibility form taken where that is longer: tokenizers by bytes, by pieces
with bytes to fall back on and by words have no token of less than one byte, so the count
is never under theirs. It is far above it in prose: docs/CONFIGURATION.md has the numbers.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from search.domain import Vector
from search.embedding import Progress
from search.embedding.prompts import prompts_of
from search.errors import EmbedderError, SettingsError
from search.json_service import JsonService

if TYPE_CHECKING:
    from search.settings import Settings

_PATH = "/embeddings"
_SPECIAL_TOKENS = 2  # what models put before and behind a text
# Trying again: who searches waits two seconds, a run of indexing for a restart of the service.
_QUERY_PATIENCE, _PASSAGE_PATIENCE = 2.0, 120.0
_QUERY_TIMEOUT = 10.0
_MOST_BYTES_A_TEXT = 1 << 20  # of an answer: 4,096 numbers of 22 characters are 90 KB
_SURROGATES = re.compile("[\ud800-\udfff]")
# Services refuse an empty text. A full stop says as little.
_NOTHING = "."


def open_embedder(argument: str, settings: Settings) -> OpenAICompatibleEmbedder:
    """Return a service's model, as `search.embedding.open_embedder`."""
    if not argument:
        raise SettingsError("FIHRIS_MODEL: say `openai:` and the service's name of the model")
    return OpenAICompatibleEmbedder(argument, settings)


class OpenAICompatibleEmbedder:
    """A service's model behind the Embedder protocol. Opening it embeds one text.

    Of a text over `max_tokens` the end is not sent. Lone surrogates are read as U+FFFD.

    Args:
        model: the service's name for it.
        settings: address, key, prompts and bounds.

    Raises:
        SettingsError: the address or the key cannot be used, or the prompts leave no room.
        EmbedderError: the service does not answer as it must.
    """

    def __init__(self, model: str, settings: Settings) -> None:
        self.name = model
        self._service = JsonService(
            settings.embeddings_url,
            settings.embeddings_key,
            variables="FIHRIS_EMBEDDINGS",
            error=EmbedderError,
        )
        self._timeout = settings.embeddings_timeout
        self._batch = settings.embeddings_batch
        self._query_prompt, self._passage_prompt = prompts_of(
            model, {}, settings.query_prompt, settings.passage_prompt
        )
        longest = max(_most_tokens(self._query_prompt), _most_tokens(self._passage_prompt))
        self.max_tokens = settings.embeddings_max_tokens - longest - _SPECIAL_TOKENS
        if self.max_tokens < 1:
            raise SettingsError(
                "FIHRIS_EMBEDDINGS_MAX_TOKENS: the prompts leave no room; shorten "
                "FIHRIS_QUERY_PROMPT and FIHRIS_PASSAGE_PROMPT"
            )
        self.dimensions = 0  # not known yet
        self.dimensions = int(self._embedded([_NOTHING], query=False).shape[1])
        decisive = [self._service.url, model, self._query_prompt, self._passage_prompt]
        self.content_hash = hashlib.sha256(json.dumps(decisive).encode()).hexdigest()

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return for each text no less than its tokens, without prompt and special tokens."""
        return [_most_tokens(text) for text in texts]

    def most_tokens(self, text: str) -> int:
        """Return no less than the text's tokens."""
        return _most_tokens(text)

    def embed_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vector:
        """Return shape (len(texts), dimensions), in the order of `texts`.

        Raises:
            EmbedderError: the service does not answer as it must; tried for two minutes.
        """
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        for start in range(0, len(texts), self._batch):
            batch = texts[start : start + self._batch]
            vectors[start : start + len(batch)] = self._embedded(batch, query=False)
            if progress is not None:
                progress(len(batch))
        return vectors

    def embed_query(self, text: str) -> Vector:
        """Return shape (dimensions,). Raises EmbedderError; tried for two seconds."""
        vector: Vector = self._embedded([text], query=True)[0]
        return vector

    def embed_queries(self, texts: Sequence[str]) -> Vector:
        """Return shape (len(texts), dimensions), each as `embed_query` has it."""
        starts = range(0, len(texts), self._batch)
        found = [self._embedded(texts[at : at + self._batch], query=True) for at in starts]
        return np.concatenate([np.empty((0, self.dimensions), np.float32), *found])

    def _embedded(self, texts: Sequence[str], *, query: bool) -> Vector:
        prompt = self._query_prompt if query else self._passage_prompt
        asked = [prompt + (_bounded(text, self.max_tokens).strip() or _NOTHING) for text in texts]
        answer = self._service.post(
            _PATH,
            {"model": self.name, "input": asked},
            timeout=min(self._timeout, _QUERY_TIMEOUT) if query else self._timeout,
            # Opening is tried again by a server, and told at once on the command line.
            patience=_PASSAGE_PATIENCE if self.dimensions and not query else _QUERY_PATIENCE,
            most_bytes=_MOST_BYTES_A_TEXT * len(asked),
            quote=not query,  # what people search for does not come into the log
        )
        try:
            found = _vectors(answer, len(asked))
        except ValueError as error:
            raise EmbedderError(f"{self._service.url}{_PATH} gave {error}") from error
        if self.dimensions and found.shape[1] != self.dimensions:
            raise EmbedderError(
                f"{self._service.url}{_PATH} gave vectors of {found.shape[1]:,} dimensions where "
                f"they had {self.dimensions:,}: its model is another one; restart Fihris, which "
                "then says what to do with the index"
            )
        return found


def _vectors(answer: Any, texts: int) -> Vector:  # noqa: ANN401
    """Return the answer's vectors in the order of the texts, L2-normalised.

    Raises:
        ValueError: what is wrong with the answer, as the end of "it gave".
    """
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
        raise ValueError("no list `data`: does FIHRIS_EMBEDDINGS_URL name such a service?")
    places = [item.get("index") for item in data]
    if any(type(place) is not int for place in places) or sorted(places) != list(range(texts)):
        raise ValueError(f"{len(data):,} vectors, or other numbers, for {texts:,} texts")
    rows = [_row(item.get("embedding")) for item in sorted(data, key=lambda item: item["index"])]
    if len({len(row) for row in rows}) != 1:
        raise ValueError("vectors of different dimensions for texts of one request")
    return np.stack(rows)


def _row(embedding: Any) -> Vector:  # noqa: ANN401
    try:
        row = np.array(embedding)
    except (ValueError, OverflowError) as error:
        raise ValueError("a vector that is no list of numbers") from error
    if row.ndim != 1 or not row.size or row.dtype.kind not in "fiu":
        raise ValueError("a vector that is no list of numbers")
    row = row.astype(np.float64)
    largest = float(np.abs(row).max())
    if not np.isfinite(largest) or not largest:
        raise ValueError("a vector that is not finite, or nothing but zeros")
    row /= largest  # squares neither overflow nor vanish
    return np.asarray(row / np.linalg.norm(row), np.float32)


@lru_cache(1 << 16)
def _bytes_of(letter: str) -> int:
    """Return the UTF-8 bytes of a letter, or of its compatibility form, whichever are more."""
    forms = (letter, unicodedata.normalize("NFKC", letter))
    return max(len(form.encode("utf-8", "surrogatepass")) for form in forms)


def _most_tokens(text: str) -> int:
    if not text:
        return 0
    if text.isascii():
        return len(text) + 1  # one for the space that some tokenizers put before a text
    return sum(_bytes_of(letter) * n for letter, n in Counter(text).items()) + 1


def _bounded(text: str, most_tokens: int) -> str:
    """Return as much of a text's beginning as has `most_tokens`, without lone surrogates."""
    text = text[:most_tokens]
    if _most_tokens(text) > most_tokens:
        room = most_tokens - 1
        for end, letter in enumerate(text):
            room -= _bytes_of(letter)
            if room < 0:
                text = text[:end]
                break
    return _SURROGATES.sub("\ufffd", text)
