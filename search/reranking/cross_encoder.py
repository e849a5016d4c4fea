"""Any sentence-transformers CrossEncoder with one score, by Hub id or folder."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from search.embedding.sentence_transformers import load_model
from search.errors import RerankerError

if TYPE_CHECKING:
    from search.settings import Settings

Model: TypeAlias = Any  # sentence_transformers.CrossEncoder, which is an extra

_BATCH = 8  # between two batches an answer nobody waits for is given up


def open_reranker(argument: str, settings: Settings) -> CrossEncoderReranker:
    """Return the model of a Hub id or folder, as `search.reranking.open_reranker`."""
    return CrossEncoderReranker(argument, threads=settings.threads)


class CrossEncoderReranker:
    """A CrossEncoder behind the Reranker protocol. Calls from many threads take turns.

    The library cuts query and text together at what the model reads.

    Args:
        model: Hub id or folder.
        threads: on the CPU; 0: as many as there are cores.
        device: `cpu`, `cuda`, `mps`...; None: the best there is.

    Raises:
        RerankerError: the extra is not installed, or the model cannot be loaded.
    """

    def __init__(self, model: str, *, threads: int = 0, device: str | None = None) -> None:
        self._name = model
        self._turn = threading.Lock()
        self._model = load_model("CrossEncoder", model, device, threads, RerankerError)
        if self._predicted([("نص", "نص")]).shape != (1,):
            raise RerankerError(f"{model} gives several scores for a text: it is no reranker")

    def scores(self, query: str, texts: Sequence[str], seconds: float) -> list[float]:
        """Return a score for each text. Raises RerankerError."""
        end = time.monotonic() + seconds
        pairs = [(_clean(query), _clean(text)) for text in texts]
        found: list[float] = []
        if not self._turn.acquire(timeout=seconds):
            raise RerankerError(f"{self._name} had others to answer for {seconds:g} s")
        try:
            while len(found) < len(pairs):
                if time.monotonic() > end:
                    raise RerankerError(f"{self._name} took longer than {seconds:g} s")
                found += self._predicted(pairs[len(found) : len(found) + _BATCH]).tolist()
        finally:
            self._turn.release()
        return found

    def _predicted(self, pairs: list[tuple[str, str]]) -> Any:  # noqa: ANN401
        try:
            scores = self._model.predict(
                pairs, batch_size=_BATCH, show_progress_bar=False, convert_to_numpy=True
            )
        except Exception as error:  # a foreign model can fail in any way
            raise RerankerError(f"{self._name} failed on a text: {type(error).__name__}") from error
        scores = np.asarray(scores, np.float64)
        if not np.isfinite(scores).all():
            raise RerankerError(f"{self._name} gave a score that is not finite")
        return scores


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()  # tokenizers refuse lone surrogates
