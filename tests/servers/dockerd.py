"""A Docker engine for tests: the one that answers here, or else one of our own that dies with us.

Our own, which root can have where `dockerd` is installed, runs in a PID and a mount namespace, so
that every container and every mount ends with it, however it ends. Nothing is pulled into it:
tests/servers/images.py makes what the tests use, and they need no registry of images.
"""

from __future__ import annotations

import os
import resource
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.servers.errors import NotStarted, Unavailable
from tests.servers.node import temporary_folder

GUARD = Path(__file__).with_name("guard.py")
UP_SECONDS = 60.0
NEEDED = ("docker", "dockerd", "iptables", "unshare")


@dataclass(frozen=True)
class Docker:
    """A Docker engine that answers; `own` says whether it was started here."""

    environment: Mapping[str, str]
    own: bool = False

    def __call__(self, *arguments: str, given: IO[bytes] | None = None) -> str:
        """Return what `docker ARGUMENTS` prints; raises AssertionError where it fails."""
        return command(["docker", *arguments], self.environment, given)


def command(
    words: list[str], environment: Mapping[str, str], given: IO[bytes] | None = None
) -> str:
    """Return a command's standard output, where its input is a file or nothing.

    Raises AssertionError with all it said where it fails.
    """
    standard_input = subprocess.DEVNULL if given is None else given
    done = subprocess.run(
        words, env=environment, stdin=standard_input, capture_output=True, check=False
    )
    output, errors = (part.decode(errors="replace").strip() for part in (done.stdout, done.stderr))
    said = f"{output}\n{errors}"[-6000:]
    assert done.returncode == 0, f"{' '.join(words)}: exit status {done.returncode}\n{said}"
    return output


@contextmanager
def docker_engine() -> Iterator[Docker]:
    """Give a Docker engine; raises Unavailable, which says why there is none."""
    if answers(os.environ):
        yield Docker(dict(os.environ))
        return
    missing = [program for program in NEEDED if shutil.which(program) is None]
    if os.geteuid() != 0:
        raise Unavailable("no Docker engine answers, and only root can start one")
    if missing:
        raise Unavailable(f"no Docker engine answers, and none can start without {missing[0]}")
    folder, lock = temporary_folder()
    with lock, started(folder) as docker:
        try:
            yield docker
        finally:
            remove_all(docker)


def answers(environment: Mapping[str, str]) -> bool:
    """Return whether there is a Docker engine where the environment says."""
    if shutil.which("docker") is None:
        return False
    try:
        asked = subprocess.run(
            ["docker", "version"], env=environment, capture_output=True, timeout=30, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return asked.returncode == 0


@contextmanager
def started(folder: Path) -> Iterator[Docker]:
    """Start an engine whose files are in a folder; the folder goes with it. Raises NotStarted."""
    server = folder / "server"
    server.mkdir()
    host = f"unix://{server / 'docker.sock'}"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DOCKER_")}
    environment["DOCKER_HOST"] = host
    words = ["unshare", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc", "dockerd"]
    words += ["--host", host, "--data-root", str(server / "data"), "--log-level", "warn"]
    words += ["--exec-root", str(server / "run"), "--pidfile", str(server / "docker.pid")]
    # Docker's own limits may be above those that a container can be given here.
    for name, kind in (("nofile", resource.RLIMIT_NOFILE), ("nproc", resource.RLIMIT_NPROC)):
        hard = resource.getrlimit(kind)[1]
        words += [] if hard < 0 else ["--default-ulimit", f"{name}={hard}:{hard}"]
    log = folder / "dockerd.log"
    with log.open("w") as console:
        guard = subprocess.Popen(
            [sys.executable, "-I", str(GUARD), str(folder), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,  # where it says that the command has ended
            stderr=console,
            cwd="/",
            start_new_session=True,
        )
    assert guard.stdin is not None
    assert guard.stdout is not None
    try:
        deadline = time.monotonic() + UP_SECONDS
        while not answers(environment):
            ended = select.select([guard.stdout], [], [], 0.2)[0]
            if ended or time.monotonic() > deadline:
                said = log.read_text(errors="replace").strip().splitlines() or ["(no log)"]
                raise NotStarted(f"dockerd: {said[-1]}\n" + "\n".join(said[-20:]))
        yield Docker(environment, own=True)
    finally:
        guard.stdin.close()
        guard.wait(300)  # gigabytes of files are removed
        guard.stdout.close()


def remove_all(docker: Docker) -> None:
    """Remove containers and networks: the bridges of those would stay when the engine is killed."""
    if containers := docker("ps", "--all", "--quiet").split():
        docker("rm", "--force", *containers)
    docker("network", "prune", "--force")
