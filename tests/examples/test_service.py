"""examples/fihris.service, as systemd reads it and runs it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest

from api.serving.connections import WANTED_DESCRIPTORS
from tests.servers.node import free_ports
from tests.support import REPOSITORY, until

UNIT = (REPOSITORY / "examples" / "fihris.service").read_text("utf-8")
MOST_EXPOSED = 20  # tenths of systemd's 0 to 10, of which 10 is a service without any of this
PDF = REPOSITORY / "tests" / "fixtures" / "pdf" / "chromium-article.pdf"

SYSTEMD = "/usr/lib/systemd/systemd"
PYTHON = f"/usr/bin/python3.{sys.version_info.minor}"  # in no home folder, which the service sees none of
# systemd as the first process of namespaces and of a cgroup ($1) of its own, with units ($2) and an
# /opt/fihris ($3) into which Fihris ($4) and its packages ($5) are put.
BOOT = f"""
echo $$ > "$1/cgroup.procs"
exec unshare --cgroup --pid --fork --kill-child --mount --mount-proc --ipc --uts sh -ec '
  mount --make-rprivate /
  umount -R /sys/fs/cgroup
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  mount --bind /proc/sys /proc/sys
  mount -o remount,bind,ro /proc/sys
  for each in /run /var/lib /var/cache /opt; do mount -t tmpfs -o mode=755 tmpfs $each; done
  mkdir /opt/fihris
  mount --bind "$3" /opt/fihris
  mount --bind "$4" /opt/fihris/source
  mount --bind "$5" /opt/fihris/site-packages
  exec env -i container=tests SYSTEMD_UNIT_PATH="$2" PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    {SYSTEMD} --system
' sh "$@"
"""
COMMAND = f"""#!/bin/sh
PYTHONPATH=/opt/fihris/source:/opt/fihris/site-packages exec {PYTHON} -m indexer.cli "$@"
"""


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


class Machine:
    """Namespaces in which systemd runs the service, at `url`."""

    def __init__(self, folder: Path, cgroup: Path) -> None:
        self._cgroup = cgroup
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        units, own = folder / "units", folder / "fihris"
        for made in (
            units / "fihris.service.d",
            own / "bin",
            own / "source",
            own / "site-packages",
        ):
            made.mkdir(parents=True)
        own.chmod(0o755)
        (own / "bin" / "fihris").write_text(COMMAND)
        (own / "bin" / "fihris").chmod(0o755)
        (units / "fihris.service").write_text(UNIT)
        (units / "fihris.service.d" / "port.conf").write_text(
            f"[Service]\nEnvironment=FIHRIS_PORT={port}\n"
        )
        for name in ("sysinit", "basic", "shutdown", "network-online"):
            (units / f"{name}.target").write_text("[Unit]\nDefaultDependencies=no\n")
        start = "[Unit]\nDefaultDependencies=no\nWants=fihris.service\n"
        (units / "default.target").write_text(start)
        packages = sysconfig.get_path("purelib")
        given = [str(each) for each in (cgroup, units, own, REPOSITORY, packages)]
        self._outside = subprocess.Popen(
            ["sh", "-ec", BOOT, "sh", *given], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self._init = ""

    def await_boot(self) -> None:
        """Wait until systemd answers; skips the test where this machine has no such namespaces."""

        def answers() -> bool:
            if self._outside.poll() is not None:
                assert self._outside.stdout is not None
                said = self._outside.stdout.read().decode()
                pytest.skip(f"systemd cannot be started in namespaces here: {said[-300:]}")
            pid = self._outside.pid
            self._init = Path(f"/proc/{pid}/task/{pid}/children").read_text().strip()
            return bool(self._init) and self.told("ActiveState") != ""

        try:
            until(answers)
        except AssertionError:
            pytest.skip("systemd does not come up in namespaces here")

    def run(self, *command: str) -> str:
        """Return what a command says inside."""
        inside = ["nsenter", "-t", self._init, "-p", "-m", "-C", *command]
        return subprocess.run(inside, capture_output=True, text=True, check=False).stdout.strip()

    def told(self, name: str) -> str:
        """Return what systemd says of the service."""
        return self.run("systemctl", "show", "fihris", "--value", "-p", name)

    def await_ready(self) -> None:
        def is_ready() -> bool:
            with suppress(httpx2.TransportError):
                return httpx2.get(f"{self.url}/ready").status_code == 200
            return False

        until(is_ready, lambda: self.run("systemctl", "status", "fihris"))

    def close(self) -> None:
        if self._init:
            with suppress(ProcessLookupError):
                os.kill(int(self._init), signal.SIGKILL)  # and all that is inside
        self._outside.kill()
        self._outside.communicate()

        def is_gone() -> bool:
            folders = sorted(self._cgroup.rglob("*/"), reverse=True)
            with suppress(OSError):  # what ends takes a moment
                for each in (*folders, self._cgroup):
                    if each.is_dir():
                        each.rmdir()
            return not self._cgroup.exists()

        until(is_gone)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    cgroups = [Path(where) for _, where, kind, *_ in mounts if kind == "cgroup2"]
    needed = (SYSTEMD, PYTHON, shutil.which("unshare"), shutil.which("nsenter"))
    read = (REPOSITORY, REPOSITORY / "fihris.py", Path(sysconfig.get_path("purelib")))
    if os.geteuid() or not cgroups or not all(each and Path(each).exists() for each in needed):
        pytest.skip(f"needs root, cgroups of version 2, unshare, nsenter, {PYTHON} and {SYSTEMD}")
    if not all(each.stat().st_mode & 0o004 for each in read):
        pytest.skip("the service's own user could not read this repository")
    cgroup = cgroups[0] / f"fihris-test-{os.getpid()}"
    try:
        cgroup.mkdir()
    except OSError as error:
        pytest.skip(f"no cgroup can be made: {error}")
    made = Machine(tmp_path, cgroup)
    try:
        made.await_boot()
        yield made
    finally:
        made.close()


@pytest.mark.slow
def test_systemd_runs_the_service_in_its_sandbox_and_after_it_was_killed(machine: Machine) -> None:
    machine.await_ready()
    assert (machine.told("DynamicUser"), machine.told("NoNewPrivileges")) == ("yes", "yes")
    article = {"text": "نص عن ميناء قديم"}
    url = f"{machine.url}/v1/articles"
    assert httpx2.put(f"{url}/a", json=article, timeout=60).status_code == 201
    sent = httpx2.post(url, files={"file": (PDF.name, PDF.read_bytes())}, timeout=60)
    assert sent.json()["created"] == 1, sent.text  # children of the service read it
    machine.run("kill", "-KILL", machine.told("MainPID"))
    until(lambda: machine.told("NRestarts") == "1")
    machine.await_ready()
    found = httpx2.get(f"{machine.url}/v1/search", params={"q": "ميناء"}, timeout=60).json()
    assert found["hits"][0]["article"]["id"] == "a"
    machine.run("systemctl", "stop", "fihris")
    assert (machine.told("ActiveState"), machine.told("Result")) == ("inactive", "success")
