"""The encoder as an OpenVINO graph: token embeddings in, one pooled vector a text out.

A BERT encoder (post-norm, exact GELU, mean pooling) whose matrices stay in the
four-bit blocks of the weights file: `Convert -> Multiply -> Reshape` is the
pattern that OpenVINO's CPU plug-in fuses into its matrix product, quantising
activations to int8 by the same groups of 32 as it goes. Token embeddings are
looked up outside (`search.embedding.bundled.embedder`), so that the 96 million weights
of the vocabulary stay four-bit in the mapped file.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as op

from search.embedding.bundled.weights import BLOCK, Weights, nibbles, scales

Node: TypeAlias = ov.Node
_MASKED = -1e9  # added to the attention score of padding


def build(weights: Weights) -> ov.Model:
    """Return the graph, with inputs `embeddings` (texts, tokens, hidden), the sum of
    token, position and type embeddings, and `weights` (texts, tokens), each token's in the mean,
    0 for padding; its output is the mean of each text's tokens, (texts, hidden), not normalised.
    """
    return _Encoder(weights).model()


class _Encoder:
    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.sizes = weights.sizes

    def model(self) -> ov.Model:
        embeddings = op.parameter([-1, -1, self.sizes.hidden], ov.Type.f32, name="embeddings")
        weights = op.parameter([-1, -1], ov.Type.f32, name="weights")
        # (texts, tokens) -> (texts, head, from, to): added to every attention score
        wide = op.unsqueeze(op.unsqueeze(op.sign(weights), _ints(1)), _ints(1))
        bias = op.multiply(op.subtract(_floats(1), wide), _floats(_MASKED))
        x = self.norm(embeddings, "emb.ln")
        for layer in range(self.sizes.layers):
            x = self.layer(x, bias, f"l{layer}")
        shares = op.unsqueeze(weights, _ints(2))
        total = op.reduce_sum(op.multiply(x, shares), _ints(1), False)
        mean = op.divide(total, op.reduce_sum(shares, _ints(1), False))
        return ov.Model([op.result(mean)], [embeddings, weights], "multilingual-e5-small")

    def layer(self, x: Node, bias: Node, name: str) -> Node:
        sizes = self.sizes
        # One wide product for all three, or the fused attention operator: 5 % slower each.
        query, key, value = (self.heads(self.linear(x, sizes.hidden, f"{name}.{p}")) for p in "qkv")
        scale = _floats(1 / np.sqrt(sizes.hidden // sizes.heads))
        scores = op.add(op.multiply(op.matmul(query, key, False, True), scale), bias)
        attended = op.matmul(op.softmax(scores, -1), value, False, False)
        joined = op.reshape(
            op.transpose(attended, _ints(0, 2, 1, 3)), _ints(0, 0, sizes.hidden), True
        )
        x = self.norm(op.add(x, self.linear(joined, sizes.hidden, f"{name}.ao")), f"{name}.aln")
        inner = op.gelu(self.linear(x, sizes.hidden, f"{name}.fi"), "ERF")
        return self.norm(op.add(x, self.linear(inner, sizes.inner, f"{name}.fo")), f"{name}.oln")

    def heads(self, x: Node) -> Node:
        """(texts, tokens, hidden) -> (texts, heads, tokens, hidden / heads)"""
        heads, hidden = self.sizes.heads, self.sizes.hidden
        split = op.reshape(x, _ints(0, 0, heads, hidden // heads), True)
        return op.transpose(split, _ints(0, 2, 1, 3))

    def linear(self, x: Node, columns: int, name: str) -> Node:
        matrix = _matrix(self.weights.blocks(f"{name}.w", columns))
        bias = _floats(self.weights.float32(f"{name}.b"))
        return op.add(op.matmul(x, matrix, False, True), bias)

    def norm(self, x: Node, name: str) -> Node:
        centred = op.mvn(x, _ints(-1), True, self.sizes.epsilon, "INSIDE_SQRT")
        scaled = op.multiply(centred, _floats(self.weights.float32(f"{name}.w")))
        return op.add(scaled, _floats(self.weights.float32(f"{name}.b")))


def _matrix(blocks: NDArray[np.uint8]) -> Node:
    """Return Q4_0 blocks (rows, columns / 32, 18) as a compressed (rows, columns) matrix."""
    rows, groups, _ = blocks.shape
    signed = nibbles(blocks) ^ 8  # nibble - 8 in two's complement
    tensor = ov.Tensor(ov.Type.i4, ov.Shape([rows, groups, BLOCK]))  # owns its memory
    tensor.data.reshape(-1)[:] = (signed[..., 0::2] | (signed[..., 1::2] << 4)).reshape(-1)
    four_bit = ov.op.Constant(tensor)
    scale = op.constant(np.ascontiguousarray(scales(blocks)[..., None]))
    grouped = op.multiply(op.convert(four_bit, "f16"), scale)
    return op.convert(op.reshape(grouped, _ints(rows, groups * BLOCK), False), "f32")


def _ints(*values: int) -> Node:
    return op.constant(np.array(values, np.int64))


def _floats(values: NDArray[np.float32] | float) -> Node:
    return op.constant(np.array(values, np.float32))
