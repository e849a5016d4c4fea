"""The seed, indexed once by the bundled model, and a server over it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.serving import served
from tests.support import REPOSITORY, SEEDS


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the variables that name an index of the seed."""
    folder = tmp_path_factory.mktemp("examples")
    variables = {"FIHRIS_DATA": str(folder / "index"), "FIHRIS_ROOT": str(REPOSITORY)}
    if "FIHRIS_CACHE" not in os.environ:
        variables["FIHRIS_CACHE"] = str(folder / "cache")
    subprocess.run(
        [sys.executable, "-m", "indexer.cli", "index", str(SEEDS)],
        cwd=REPOSITORY,
        env=os.environ | variables,
        check=True,
        timeout=120,
    )
    return variables


@pytest.fixture(scope="session")
def server(environment: dict[str, str]) -> Iterator[str]:
    """Give the address of a server over the seed."""
    with served(environment) as address:
        yield address
