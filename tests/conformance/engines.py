"""The engines this suite holds to the contract. A new engine is one more line in ENGINES.

`REQUIRE_ENGINES=elasticsearch,...` turns an engine that is missing here, or
cannot be started, from a visible skip into a failure.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from search.engines import open_engine
from search.engines.protocol import Engine, Fingerprint
from search.settings import Settings
from tests import servers
from tests.servers import Unavailable

# Opens the index that belongs to a folder: the same folder, the same index.
Factory = Callable[[Path, Fingerprint], AbstractContextManager[Engine]]


@contextmanager
def embedded(folder: Path, fingerprint: Fingerprint) -> Iterator[Engine]:
    engine = open_engine(Settings(data=folder / "index"), fingerprint)
    try:
        yield engine
    finally:
        engine.close()


@contextmanager
def elasticsearch(folder: Path, fingerprint: Fingerprint) -> Iterator[Engine]:
    engine = open_engine(elastic_settings(alias_of(folder)), fingerprint)
    try:
        yield engine
    finally:
        engine.close()


def elastic_settings(alias: str, **more: object) -> Settings:
    """Return settings for an index of the tests' server; started at the first call.

    Raises Unavailable.
    """
    server = servers.shared()
    about = {"engine": "elasticsearch", "elasticsearch_replicas": 0, "elasticsearch_timeout": 60}
    return Settings.model_validate(
        about | {"elasticsearch_url": server.url, "elasticsearch_index": alias} | more
    )


def alias_of(folder: Path) -> str:
    """Return an alias that belongs to a folder, unlike any of another run."""
    return "t" + hashlib.blake2b(str(folder).encode() + _RUN, digest_size=10).hexdigest()


_RUN = os.urandom(8)


def removed(name: str, folder: Path) -> None:
    """Remove what a test made outside its folder."""
    if name == "elasticsearch":
        from search.engines.elastic.versions import drop_all

        drop_all(elastic_settings(alias_of(folder)))


ENGINES: dict[str, Factory] = {"embedded": embedded, "elasticsearch": elasticsearch}


def required() -> tuple[str, ...]:
    """Return the names in REQUIRE_ENGINES."""
    return tuple(n.strip() for n in os.environ.get("REQUIRE_ENGINES", "").split(",") if n.strip())


def names() -> list[str]:
    """Return every engine to test: a required one that is not known fails its tests."""
    return sorted({*ENGINES, *required()})


def absent(name: str, error: Unavailable) -> NoReturn:
    """Skip for want of an engine; fail where it is required. Either way in one line."""
    why = servers.missed(error)
    if name in required():
        pytest.fail(f"{name} is required and cannot be started: {why}", pytrace=False)
    pytest.skip(f"{name} cannot be started: {why}")


def ready(name: str) -> None:
    """Start what an engine needs, so that a fixture that cannot have it has nothing to undo.

    Raises Unavailable.
    """
    if name == "elasticsearch":
        servers.shared()


@contextmanager
def opened(name: str, folder: Path, fingerprint: Fingerprint) -> Iterator[Engine]:
    """Open an engine by name. Raises Unavailable, which tests/conftest.py makes a skip."""
    factory = ENGINES.get(name)
    if factory is None:
        pytest.fail(f"REQUIRE_ENGINES names {name!r}, which tests/conformance/engines.py lacks")
    with factory(folder, fingerprint) as engine:
        yield engine
