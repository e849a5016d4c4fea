"""The engines this suite holds to the contract. A new engine is one more line in ENGINES.

`REQUIRE_ENGINES=elasticsearch,...` turns an engine that is missing here, or
cannot be started, from a visible skip into a failure.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from search.engine import Engine, Fingerprint
from search.engines import open_engine
from search.settings import Settings

# Opens the index that belongs to a folder: the same folder, the same index.
Factory = Callable[[Path, Fingerprint], AbstractContextManager[Engine]]


class Unavailable(Exception):
    """An engine cannot be started here; the message says what it would need."""


@contextmanager
def embedded(folder: Path, fingerprint: Fingerprint) -> Iterator[Engine]:
    engine = open_engine(Settings(data=folder / "index"), fingerprint)
    try:
        yield engine
    finally:
        engine.close()


ENGINES: dict[str, Factory] = {"embedded": embedded}


def required() -> tuple[str, ...]:
    """Return the names in REQUIRE_ENGINES."""
    return tuple(n.strip() for n in os.environ.get("REQUIRE_ENGINES", "").split(",") if n.strip())


def names() -> list[str]:
    """Return every engine to test: a required one that is not known fails its tests."""
    return sorted({*ENGINES, *required()})


@contextmanager
def opened(name: str, folder: Path, fingerprint: Fingerprint) -> Iterator[Engine]:
    """Open an engine by name; skip where it cannot be had, fail where it is required."""
    factory = ENGINES.get(name)
    if factory is None:
        pytest.fail(f"REQUIRE_ENGINES names {name!r}, which tests/conformance/engines.py lacks")
    try:
        with factory(folder, fingerprint) as engine:
            yield engine
    except Unavailable as error:
        if name in required():
            pytest.fail(f"{name} is required and cannot be started: {error}")
        pytest.skip(f"{name} cannot be started: {error}")
