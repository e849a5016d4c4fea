"""A model behind `POST /rerank` as Jina's and Cohere's APIs have it: many servers answer it.

The request is `model`, `query`, `documents` and `top_n`, the answer `results`, a list of
`index` and `relevance_score`. Only the service the settings name is spoken to.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from search.errors import RerankerError
from search.json_service import JsonService

if TYPE_CHECKING:
    from search.settings import Settings

_PATH = "/rerank"
_MOST_BYTES = 1 << 20  # of an answer, besides the texts, which some services repeat
_MOST_BYTES_A_CHARACTER = 12  # a letter beyond the BMP as two \uXXXX


def open_reranker(argument: str, settings: Settings) -> ServiceReranker:
    """Return a service's model, as `search.reranking.open_reranker`. Nothing is asked yet."""
    return ServiceReranker(argument, settings)


class ServiceReranker:
    """A service's model behind the Reranker protocol.

    Args:
        model: the service's name for it.
        settings: address and key.

    Raises:
        SettingsError: the address or the key cannot be used.
    """

    def __init__(self, model: str, settings: Settings) -> None:
        self._model = model
        self._service = JsonService(
            settings.rerank_url,
            settings.rerank_key,
            variables="FIHRIS_RERANK",
            error=RerankerError,
        )

    def scores(self, query: str, texts: Sequence[str], seconds: float) -> list[float]:
        """Return a score for each text; nothing is tried again. Raises RerankerError."""
        asked = {"model": self._model, "query": query, "documents": list(texts)}
        answer = self._service.post(
            _PATH,
            {**asked, "top_n": len(texts)},
            timeout=seconds,
            patience=0.0,
            most_bytes=_MOST_BYTES + _MOST_BYTES_A_CHARACTER * sum(map(len, texts)),
        )
        try:
            return _scores(answer, len(texts))
        except ValueError as error:
            raise RerankerError(f"{self._service.url}{_PATH} gave {error}") from error


def _scores(answer: Any, texts: int) -> list[float]:  # noqa: ANN401
    """Return the scores in the order of the texts.

    Raises:
        ValueError: what is wrong with the answer, as the end of "it gave".
    """
    results = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(results, list) or not all(isinstance(item, dict) for item in results):
        raise ValueError("no list `results`: does FIHRIS_RERANK_URL name such a service?")
    places = [item.get("index") for item in results]
    if any(type(place) is not int for place in places) or sorted(places) != list(range(texts)):
        raise ValueError(f"{len(results):,} scores, or other numbers, for {texts:,} texts")
    found = [0.0] * texts
    for item in results:
        found[item["index"]] = _finite(item.get("relevance_score"))
    return found


def _finite(score: object) -> float:
    with suppress(OverflowError):  # an integer beyond all floats
        if isinstance(score, int | float) and not isinstance(score, bool) and math.isfinite(score):
            return float(score)
    raise ValueError("a `relevance_score` that is no finite number")
