"""examples/fihris.service, as systemd reads it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from api.serving.connections import WANTED_DESCRIPTORS
from tests.support import REPOSITORY

UNIT = (REPOSITORY / "examples" / "fihris.service").read_text("utf-8")
MOST_EXPOSED = 20  # tenths of systemd's 0 to 10, of which 10 is a service without any of this


def test_the_service_may_open_as_many_connections_as_a_server_takes() -> None:
    found = re.search(r"^LimitNOFILE=(\d+)$", UNIT, re.MULTILINE)
    assert found is not None
    assert int(found[1]) >= WANTED_DESCRIPTORS


def test_systemd_finds_nothing_wrong_with_the_service(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed (Debian: apt-get install systemd)")
    unit = tmp_path / "fihris.service"
    unit.write_text(UNIT.replace("/opt/fihris/bin/fihris", sys.executable), "utf-8")
    for command in (
        ["verify", "--man=no"],
        ["security", "--offline=true", f"--threshold={MOST_EXPOSED}"],
    ):
        done = subprocess.run(
            ["systemd-analyze", *command, str(unit)], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout[-500:]
