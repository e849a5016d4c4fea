"""Elasticsearch in Docker through testcontainers, as people with Docker get it from the tests."""

from __future__ import annotations

import subprocess
import sys

from tests.servers.dockerd import Docker
from tests.servers.images import image_of
from tests.support import REPOSITORY

SMOKE = ["tests/conformance/test_reading.py", "-k", "elasticsearch"]


def test_the_contract_holds_on_a_server_in_a_container(docker: Docker) -> None:
    named = ("ELASTICSEARCH_URL", "ELASTICSEARCH_HOME", "PYTEST_ADDOPTS")
    environment = {k: v for k, v in docker.environment.items() if k not in named}
    environment |= {"REQUIRE_ENGINES": "elasticsearch", "TESTCONTAINERS_RYUK_DISABLED": "true"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *SMOKE],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"from Docker ({image_of('elasticsearch')})" in done.stdout
    assert docker("ps", "--all", "--quiet") == ""
