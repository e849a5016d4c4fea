"""Every test here gets an alias of its own, whose indices are removed at its end."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from search.engines.elastic.engine import ElasticEngine
from search.engines.elastic.versions import drop_all
from tests.engines.elastic.opening import opened, server_url, settings
from tests.servers.proxy import Proxy


@pytest.fixture
def url() -> str:
    """Give the shared server's address."""
    return server_url()


@pytest.fixture
def alias(url: str) -> Iterator[str]:
    name = f"f{uuid.uuid4().hex[:16]}"
    yield name
    drop_all(settings(url, name))


@pytest.fixture
def proxy(url: str) -> Iterator[Proxy]:
    with Proxy(url) as proxy:
        yield proxy


@pytest.fixture
def engine(proxy: Proxy, alias: str) -> Iterator[ElasticEngine]:
    """Give an engine that reaches the server through the proxy."""
    with opened(proxy.url, alias) as engine:
        yield engine


@pytest.fixture
def direct(url: str, alias: str) -> Iterator[ElasticEngine]:
    """Give another engine of the same index, past the proxy."""
    with opened(url, alias) as engine:
        yield engine
