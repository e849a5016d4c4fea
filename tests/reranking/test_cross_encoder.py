"""A CrossEncoder behind the protocol: what the adapter does, and a tiny real one."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from search.errors import RerankerError
from search.reranking import Reranker, open_reranker
from search.reranking.cross_encoder import CrossEncoderReranker
from search.settings import Settings
from tests.embedding.conftest import require_torch


class ToldModel:
    """Stands for sentence_transformers.CrossEncoder: a text's score is its length."""

    wait = 0.0

    def __init__(self, model: str, device: str | None = None) -> None:
        if model == "missing":
            raise OSError("no such folder")
        self.model = model

    def predict(self, pairs: Sequence[tuple[str, str]], **asked: Any) -> Any:
        assert asked["convert_to_numpy"] is True
        assert len(pairs) <= asked["batch_size"]
        time.sleep(self.wait)
        if any("break" in text for _, text in pairs):
            raise IndexError("index out of range in self")
        scores = np.array([len(text) for _, text in pairs], np.float32)
        if self.model == "many":
            return np.stack([scores, scores], axis=1)
        return scores * np.nan if "nan" in pairs[0][1] else scores


@pytest.fixture
def _told(monkeypatch: pytest.MonkeyPatch) -> None:
    library: Any = ModuleType("sentence_transformers")
    library.CrossEncoder = ToldModel
    torch: Any = ModuleType("torch")
    torch.set_num_threads = lambda _: None
    monkeypatch.setitem(sys.modules, "sentence_transformers", library)
    monkeypatch.setitem(sys.modules, "torch", torch)


def opened(model: str = "a-model") -> Reranker:
    reranker = open_reranker(Settings(reranker=f"sentence-transformers:{model}", threads=1))
    assert reranker is not None
    return reranker


@pytest.mark.usefixtures("_told")
def test_scores_come_in_the_order_of_the_texts() -> None:
    texts = ["x" * (n * 7 % 20) for n in range(20)]
    assert opened().scores("سؤال\ud800", texts, 5.0) == [float(len(text)) for text in texts]
    assert opened().scores("سؤال", [], 5.0) == []


@pytest.mark.usefixtures("_told")
@pytest.mark.parametrize(("text", "message"), [("break", "failed on a text"), ("nan", "finite")])
def test_a_model_that_fails_is_told(text: str, message: str) -> None:
    reranker = opened()
    with pytest.raises(RerankerError, match=message):
        reranker.scores("x", [text], 5.0)
    assert reranker.scores("x", ["abc"], 5.0) == [3.0]


@pytest.mark.usefixtures("_told")
def test_an_answer_that_nobody_waits_for_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    reranker = opened()
    monkeypatch.setattr(ToldModel, "wait", 0.1)
    with pytest.raises(RerankerError, match=r"longer than 0\.15 s"):
        reranker.scores("x", ["y"] * 800, 0.15)


@pytest.mark.usefixtures("_told")
def test_who_waits_for_a_turn_in_vain_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    reranker = opened()
    monkeypatch.setattr(ToldModel, "wait", 1.0)
    first = threading.Thread(target=lambda: reranker.scores("x", ["y"], 5.0))
    first.start()
    time.sleep(0.2)
    with pytest.raises(RerankerError, match="others to answer"):
        reranker.scores("x", ["y"], 0.1)
    first.join()


@pytest.mark.usefixtures("_told")
@pytest.mark.parametrize(("model", "message"), [("missing", "cannot load"), ("many", "several")])
def test_a_model_that_is_none_is_told(model: str, message: str) -> None:
    with pytest.raises(RerankerError, match=message):
        opened(model)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(RerankerError, match=r"pip install 'fihris\[sentence-transformers\]'"):
        opened()


@pytest.mark.torch
@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # what torch and transformers warn of is theirs
def test_a_tiny_model_made_here_gives_scores(tmp_path: Path) -> None:
    require_torch()
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "مصر", "القاهرة", "بغداد"]
    (tmp_path / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, max_position_embeddings=64, num_labels=1,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(tmp_path)
    BertTokenizerFast(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    reranker = CrossEncoderReranker(str(tmp_path), device="cpu")
    texts = ["القاهرة مصر", "بغداد", "", "مصر " * 2_000, *["القاهرة"] * 10]
    found = reranker.scores("مصر", texts, 60.0)
    assert len(found) == len(texts)
    assert np.isfinite(found).all()
    assert found == pytest.approx([reranker.scores("مصر", [t], 60.0)[0] for t in texts], abs=1e-5)
