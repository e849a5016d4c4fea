"""What containers need, once a session: an engine, the image of this checkout, Elasticsearch's.

Where that cannot be had the tests are skipped with the reason; REQUIRE_DOCKER=1 makes it a
failure. They share one engine, so they run in one process: `make test` runs it after the others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers import Unavailable
from tests.servers.compose import Compose
from tests.servers.dockerd import Docker, docker_engine
from tests.servers.images import have


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(900))  # with what the first of them makes


@contextmanager
def or_skip() -> Iterator[None]:
    """Make of what cannot be had a skip, or a failure where it is required; one line says why."""
    try:
        yield
    except Unavailable as error:
        why = str(error)
    else:
        return
    if os.environ.get("REQUIRE_DOCKER"):
        pytest.fail(f"Docker is required: {why}", pytrace=False)
    pytest.skip(why.partition("\n")[0])


@pytest.fixture(scope="session")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker]:
    """Give an engine that has this checkout's image and Elasticsearch's."""
    with or_skip():
        if os.environ.get("PYTEST_XDIST_WORKER"):
            raise Unavailable("containers are tested in one process (make test does so)")
        engine = docker_engine()
        docker = engine.__enter__()
    try:
        with or_skip():
            have(docker, "python")
            # Beside each other: one waits for the network while the other unpacks.
            with ThreadPoolExecutor(1) as other:
                elasticsearch = other.submit(have, docker, "elasticsearch")
                Compose(docker, tmp_path_factory.mktemp("build"))("build", "api")
                elasticsearch.result()
        yield docker
    finally:
        engine.__exit__(None, None, None)


@pytest.fixture(name="project")
def project_fixture(
    request: pytest.FixtureRequest, docker: Docker, tmp_path: Path
) -> Iterator[Compose]:
    """Give a project of the compose files, not started, and remove all of it in the end.

    The fixture's parameter says whether it is the cluster.
    """
    project = Compose(docker, tmp_path, cluster=getattr(request, "param", False))
    try:
        yield project
    finally:
        project.remove()
