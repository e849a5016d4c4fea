"""Every test that asks for `engine` runs once for each engine, on an empty index of its own.

Tests that change nothing may have one index together: `shared`, filled by a module's own fixture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from search.engines.protocol import Engine, Fingerprint
from tests.conformance.corpus import FINGERPRINT
from tests.conformance.engines import names, opened, ready, removed

Open = Callable[..., AbstractContextManager[Engine]]


@contextmanager
def index_of(name: str, folder: Path) -> Iterator[Open]:
    """Give what opens the index that belongs to a folder; remove it after."""
    ready(name)

    def open_again(fingerprint: Fingerprint = FINGERPRINT) -> AbstractContextManager[Engine]:
        return opened(name, folder, fingerprint)

    yield open_again
    removed(name, folder)


@pytest.fixture(params=names())
def open_index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Give what opens this test's index, as often as wanted."""
    with index_of(request.param, tmp_path) as open_again:
        yield open_again


@pytest.fixture(scope="module", params=names())
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """Give an engine whose index a fixture fills once: the tests of a module only ask it."""
    folder = tmp_path_factory.mktemp("shared")
    with index_of(request.param, folder) as open_again, open_again() as engine:
        yield engine


@pytest.fixture(scope="module", params=names())
def shared_again(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """Give a second one."""
    folder = tmp_path_factory.mktemp("again")
    with index_of(request.param, folder) as open_again, open_again() as engine:
        yield engine


@pytest.fixture
def engine(open_index: Open) -> Iterator[Engine]:
    with open_index() as engine:
        yield engine
