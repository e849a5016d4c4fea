"""Prepare the encoder's graph once, keep it, and run it from any thread.

The graph is compiled twice from one prepared file: a lane for queries, all
threads on one input, and a lane for passages, one thread on each of several.
With a single lane a query waits for the batch in progress: p50 16-100 ms while
passages are embedded, against 15-34 ms with two (alone: 3-7 ms), and passages
run 1.0 to 1.4 times as fast. The second lane costs 50 MB, and only who embeds
passages has it.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from search.embedding import cache
from search.embedding.bundled import graph
from search.embedding.bundled.weights import Weights
from search.errors import EmbedderError

# Vectors must not depend on the machine: without this, processors that have
# bfloat16 use it (9 % faster on passages, 1.3 times slower on queries, cosine .99996).
_PRECISION: dict[str, str | int] = {"INFERENCE_PRECISION_HINT": "f32"}
_DEVICE = "CPU"
_FORMAT = "2"  # raised when graph.py changes
_log = logging.getLogger(__name__)

# OpenVINO's bindings deadlock when two threads make their first inference at once: one
# holds a C++ static's guard and waits for the GIL, the other the reverse (2026.4.1, hung
# 3 of 3 times with the window widened). So every lane makes its first alone, here.
_first = threading.Lock()


class PreparedGraph:
    """The graph as OpenVINO keeps it, from the cache or from the weights.

    Args:
        weights: what to prepare where the cache has nothing.
        folder: of the cache.

    Raises:
        EmbedderError: OpenVINO cannot prepare the graph.
    """

    def __init__(self, weights: Weights, folder: Path) -> None:
        self._core = ov.Core()
        self._weights = weights
        self._path = folder / f"multilingual-e5-small-{self._key()}.graph"

    def lane(self, streams: int, threads: int) -> Lane:
        """Return the graph ready to run `streams` inputs at once with `threads` in all."""
        options = _PRECISION | {"NUM_STREAMS": streams, "INFERENCE_NUM_THREADS": threads}
        try:
            with _first:
                lane = Lane(self._stored(options) or self._compiled(options))
                lane.run(
                    np.zeros((1, 1, self._weights.sizes.hidden), np.float32),
                    np.ones((1, 1), np.float32),
                )
            return lane
        except RuntimeError as error:
            raise EmbedderError(f"OpenVINO cannot prepare the model: {error}") from error

    def _stored(self, options: Mapping[str, str | int]) -> ov.CompiledModel | None:
        content = cache.read(self._path)  # verified: OpenVINO never sees a damaged one
        if content is None:
            return None
        try:
            return self._core.import_model(content, _DEVICE, options)
        except RuntimeError as error:
            _log.info("OpenVINO refuses %s (%s): preparing anew", self._path, error)
            return None

    def _compiled(self, options: Mapping[str, str | int]) -> ov.CompiledModel:
        compiled = self._core.compile_model(graph.build(self._weights), _DEVICE, options)
        cache.write(self._path, compiled.export_model().getvalue())
        return compiled

    def _key(self) -> str:
        """What is prepared is good for one version of OpenVINO on one kind of processor."""
        parts = (
            _FORMAT,
            self._weights.sha256,
            ov.get_version(),
            self._core.get_property(_DEVICE, "FULL_DEVICE_NAME"),
            *sorted(self._core.get_property(_DEVICE, "OPTIMIZATION_CAPABILITIES")),
        )
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


class Lane:
    """A compiled graph with as many requests as were ever needed at once."""

    def __init__(self, compiled: ov.CompiledModel) -> None:
        self._compiled = compiled
        self._idle: list[ov.InferRequest] = []
        self._lock = threading.Lock()

    def run(
        self, embeddings: NDArray[np.float32], weights: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return each text's mean vector, shape (texts, hidden), as `graph.build` has it. Any
        thread may call.

        Raises:
            EmbedderError: OpenVINO failed, for want of memory for one.
        """
        try:
            with self._lock:
                request = self._idle.pop() if self._idle else self._compiled.create_infer_request()
            # A copy: the request's own memory is used again.
            means = np.array(request.infer([embeddings, weights])[0])
        except RuntimeError as error:
            raise EmbedderError(f"OpenVINO failed on a text: {error}") from error
        with self._lock:
            self._idle.append(request)
        return means
