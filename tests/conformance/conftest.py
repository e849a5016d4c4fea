"""Every test that asks for `engine` runs once for each engine, on an empty index of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from search.engines.protocol import Engine, Fingerprint
from tests.conformance.corpus import FINGERPRINT
from tests.conformance.engines import names, opened, ready, removed

Open = Callable[..., AbstractContextManager[Engine]]


@pytest.fixture(params=names())
def open_index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Give what opens this test's index, as often as wanted."""

    ready(request.param)

    def open_again(fingerprint: Fingerprint = FINGERPRINT) -> AbstractContextManager[Engine]:
        return opened(request.param, tmp_path, fingerprint)

    yield open_again
    removed(request.param, tmp_path)


@pytest.fixture
def engine(open_index: Open) -> Iterator[Engine]:
    with open_index() as engine:
        yield engine
