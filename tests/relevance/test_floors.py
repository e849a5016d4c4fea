"""How well it ranks, with the real model: floors below what is measured (docs/EVALUATION.md).

The sets beside the checkout (`../shared/eval`) are not in this repository for their
licence; where they are missing the skip says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.evaluation.beir import read_judged_set
from indexer.evaluation.measures import evaluate
from search.domain import Mode, Vector
from search.embedding import Embedder, Progress, open_embedder
from search.settings import read_settings
from tests.support import REPOSITORY, SEEDS

BESIDE = REPOSITORY.parent / "shared" / "eval"

FLOORS: list[tuple[Path, dict[Mode, float]]] = [
    (SEEDS / "judgements", {"keyword": 0.77, "semantic": 0.83, "hybrid": 0.91}),
    (BESIDE / "xquad-ar", {"keyword": 0.955, "semantic": 0.945, "hybrid": 0.974}),
    (BESIDE / "xquad-en-ar", {"hybrid": 0.917}),
]


class Remembering:
    """The real model, which embeds a text of two collections once: xquad-en-ar asks xquad-ar's."""

    def __init__(self) -> None:
        self._model = open_embedder(read_settings())
        self._known: dict[str, Vector] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def embed_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vector:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known |= zip(new, self._model.embed_passages(new), strict=True)
        return np.stack([self._known[text] for text in texts])


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Remembering()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("folder", "floors"), FLOORS, ids=[path.name for path, _ in FLOORS])
def test_ndcg(folder: Path, floors: dict[Mode, float], embedder: Embedder) -> None:
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there: XQuAD is CC BY-SA and not part of this repository")
    scores = evaluate(read_judged_set(folder), read_settings(), embedder, list(floors))
    found = {mode: scores.modes[mode].ndcg_at_10 for mode in floors}
    assert {mode: value for mode, value in found.items() if value < floors[mode]} == {}, found
