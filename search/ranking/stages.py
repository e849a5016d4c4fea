"""How long each stage of a search takes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


class Clock:
    """Milliseconds by stage."""

    def __init__(self) -> None:
        self._begun = time.perf_counter()
        self._stages: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self._stages[name] = (time.perf_counter() - begun) * 1000

    def took_ms(self, engine: Mapping[str, float]) -> dict[str, float]:
        whole = (time.perf_counter() - self._begun) * 1000
        return {k: round(v, 3) for k, v in {**self._stages, **engine, "total": whole}.items()}
