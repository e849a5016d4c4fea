"""Elasticsearch servers for tests: found, or started and ended with us.

    with elasticsearch() as server:
        ... server.url, server.version, server.origin

The first of these that is there: ELASTICSEARCH_URL (used as it is, its data too),
ELASTICSEARCH_HOME (a distribution's folder), Docker through testcontainers, Maven and Java.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.servers.asking import version_of
from tests.servers.distribution import Distribution, from_home, from_maven
from tests.servers.docker import docker_answers, in_docker
from tests.servers.errors import NotStarted, Unavailable
from tests.servers.node import Cluster, Node

__all__ = ["Cluster", "Node", "NotStarted", "Server", "Unavailable", "elasticsearch"]
__all__ += ["shared", "stop"]


@dataclass(frozen=True)
class Server:
    """A running Elasticsearch: its URL (of each node, with commas), and where it comes from."""

    url: str
    version: str
    origin: str


@contextmanager
def elasticsearch(nodes: int = 1, heap: str = "1g", *, brief: bool = False) -> Iterator[Server]:
    """Give a running Elasticsearch, and end it if it was started here.

    `heap` and `brief` (see Node) are of a single node started here, not in Docker.

    Raises Unavailable, which says what would be needed, and NotStarted with the
    log's tail when a server that is there does not come up.
    """
    if url := os.environ.get("ELASTICSEARCH_URL"):
        yield named(url)
        return
    distribution = from_home()
    if distribution is None and nodes == 1 and docker_answers():
        with in_docker() as (url, version, image):
            yield Server(url, version, f"Docker ({image})")
        return
    distribution = distribution or from_maven()
    with started(distribution, nodes, heap, brief) as url:
        yield Server(url, distribution.version, distribution.origin)


@contextmanager
def started(distribution: Distribution, nodes: int, heap: str, brief: bool) -> Iterator[str]:
    """Give the URL, or the URLs, of a distribution's server; raises NotStarted."""
    if nodes == 1:
        with Node(distribution, heap=heap, brief=brief) as node:
            yield node.url
    else:
        with Cluster(distribution, nodes) as cluster:
            yield ",".join(cluster.urls)


def named(url: str) -> Server:
    """Return the server ELASTICSEARCH_URL names; raises Unavailable if it does not answer."""
    try:
        return Server(url, version_of(url.split(",")[0].strip()), "ELASTICSEARCH_URL")
    except (OSError, ValueError) as error:
        place = url.rpartition("@")[2]  # without the password
        raise Unavailable(f"the server that ELASTICSEARCH_URL names, {place}: {error}") from error


# --- One for the whole process --------------------------------------------------------------

_stack = ExitStack()
_lock = threading.Lock()
_outcome: Server | Unavailable | None = None
_used: dict[str, None] = {}  # what `told` tells, in order, each thing once


def shared() -> Server:
    """Return this process's one server, started at the first call and stopped at its end.

    A failure is remembered, and raised again.
    """
    global _outcome
    with _lock:
        if _outcome is None:
            try:
                _outcome = _stack.enter_context(elasticsearch(brief=True))
                atexit.register(stop)
                _used[f"Elasticsearch {_outcome.version} from {_outcome.origin}"] = None
            except Unavailable as error:
                _outcome = error
    if isinstance(_outcome, Server):
        return _outcome
    raise _outcome


def missed(error: Unavailable) -> str:
    """Return in a line why a server could not be had; `told` tells the whole of it once."""
    _used[f"no Elasticsearch: {error}"] = None
    return str(error).partition("\n")[0]


def told() -> str:
    """Return which server was shared, or why there was none; "" where nobody asked."""
    return "\n".join(_used)


def stop() -> None:
    """Stop the shared server, if there is one; the next `shared()` starts another."""
    global _outcome
    with _lock:
        _outcome = None
        _stack.close()
