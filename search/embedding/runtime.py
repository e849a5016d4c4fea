"""Prepare the encoder's graph once, keep it, and run it from any thread."""

from __future__ import annotations

import hashlib
import logging
import threading
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from search.embedding import cache as cached
from search.embedding import graph
from search.embedding.weights import Weights
from search.errors import EmbedderError

_DEVICE = "CPU"
_log = logging.getLogger(__name__)


class Encoder:
    """The compiled graph."""

    def __init__(self, weights: Weights, cache: Path, threads: int) -> None:
        core = ov.Core()
        options = {
            "INFERENCE_PRECISION_HINT": "f32",
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
        }
        try:
            self._compiled = _prepare(core, options, weights, cache)
        except RuntimeError as error:
            raise EmbedderError(f"OpenVINO cannot prepare the model: {error}") from error
        self._idle: list[ov.InferRequest] = []
        self._lock = threading.Lock()

    def run(
        self, embeddings: NDArray[np.float32], mask: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return each text's mean vector, shape (texts, hidden)."""
        with self._lock:
            request = self._idle.pop() if self._idle else self._compiled.create_infer_request()
        try:
            found = request.infer({0: embeddings, 1: mask})[0]
            return np.array(found, np.float32)  # the request's own memory is used again
        except RuntimeError as error:
            raise EmbedderError(f"OpenVINO failed on a text: {error}") from error
        finally:
            with self._lock:
                self._idle.append(request)


def _prepare(
    core: ov.Core, options: dict[str, Any], weights: Weights, cache: Path
) -> ov.CompiledModel:
    path = cache / f"multilingual-e5-small-{_key(core, options, weights)}.graph"
    stored = cached.read(path)
    if stored is not None:
        try:
            return core.import_model(stored, _DEVICE, options)
        except RuntimeError as error:
            _log.info("OpenVINO refuses %s (%s): preparing anew", path, error)
    compiled = core.compile_model(graph.build(weights), _DEVICE, options)
    cached.write(path, compiled.export_model().getvalue())
    return compiled


def _key(core: ov.Core, options: dict[str, Any], weights: Weights) -> str:
    """A prepared graph is good for one version of OpenVINO on one kind of processor."""
    parts = (
        weights.sha256,
        ov.get_version(),
        core.get_property(_DEVICE, "FULL_DEVICE_NAME"),
        sorted(core.get_property(_DEVICE, "OPTIMIZATION_CAPABILITIES")),
        sorted(options.items()),
        Path(graph.__file__).read_bytes(),  # the graph's definition
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
