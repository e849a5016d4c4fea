"""The project's compose files, started for a test beside whatever else runs on the machine.

They are used as they are. One file more, made here, gives our image another name than that of a
real deployment, and, in an engine of our own, keeps within what this machine lets a container have.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from tests.servers.distribution import cache_folder, locked
from tests.servers.dockerd import Docker, command
from tests.servers.errors import Unavailable
from tests.servers.images import FILES_NEEDED, RELEASE, have, image_of
from tests.servers.node import free_ports
from tests.support import REPOSITORY

FILES = ("docker-compose.yml", "docker-compose.cluster.yml")
NODES = ("elasticsearch", "elasticsearch-2", "elasticsearch-3")
IMAGE = "fihris:test"
PASSWORD = "abcdef0123456789"
MAPS_NEEDED = 262_144  # as in docker-compose.cluster.yml


class Compose:
    """One project of `docker compose`: call it with what follows `docker compose`."""

    def __init__(self, docker: Docker, folder: Path, *, cluster: bool = False) -> None:
        self.docker = docker
        self.port = free_ports(1)[0]
        self.nodes = NODES if cluster else NODES[:1]
        self.project = f"fihris-test-{os.getpid()}-{self.port}"
        (folder / "override.json").write_text(json.dumps(override(docker, self.nodes)))
        (folder / "env").write_text(
            f"ELASTIC_PASSWORD={PASSWORD}\nELASTICSEARCH_MEMORY=1g\nFIHRIS_PORT={self.port}\n"
        )
        files = [REPOSITORY / name for name in FILES[: 1 + cluster]]
        self._words = [*compose_command(docker), "--project-name", self.project]
        self._words += ["--project-directory", str(REPOSITORY), "--env-file", str(folder / "env")]
        for file in (*files, folder / "override.json"):
            self._words += ["--file", str(file)]

    def __call__(self, *arguments: str, given: IO[bytes] | None = None) -> str:
        """Return what the command printed; raises AssertionError where it fails."""
        return command([*self._words, *arguments], self.docker.environment, given)

    def container(self, service: str) -> str:
        """Return the id of a service's container."""
        return self("ps", "--all", "--quiet", service)

    def elasticsearch(self, node: str, method: str, path: str, body: str = "") -> Any:
        """Return what a node answers, asked inside of its container."""
        address = f"http://127.0.0.1:9200{path}"
        words = ["curl", "--silent", "--show-error", "--fail-with-body", "--request", method]
        words += ["--user", f"elastic:{PASSWORD}", "--data-binary", "@-"]
        words += ["--header", "Content-Type: application/x-ndjson"]
        if len(self.nodes) > 1:
            address = f"https://localhost:9200{path}"
            words += ["--cacert", "config/certificates/ca.crt"]
        with tempfile.TemporaryFile() as given:
            given.write(body.encode())
            given.seek(0)
            return json.loads(self("exec", "--no-TTY", node, *words, address, given=given))

    @cached_property
    def url(self) -> str:
        """Where the API is, with the key that its first start showed."""
        return f"http://fihris:{first_key(self('logs', 'api'))}@127.0.0.1:{self.port}"

    def remove(self) -> None:
        """Remove the project with its volumes."""
        self("down", "--volumes", "--timeout", "0", "--remove-orphans")


def first_key(log: str) -> str:
    """Return the API key that a server showed at its first start."""
    (key,) = set(re.findall(r"fihris_[0-9a-f]{8}_[\w-]{43}", log))
    return str(key)


def override(docker: Docker, nodes: tuple[str, ...]) -> dict[str, Any]:
    """Return the file that is added to the project's own."""
    ours: dict[str, Any] = {name: {"image": IMAGE} for name in ("seed", "api")}
    if not docker.own:
        return {"services": ours}
    most, locked_memory = (
        resource.getrlimit(kind)[1] for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_MEMLOCK)
    )
    # A disk of which little is free keeps replicas unassigned: a nearly full machine is no failure.
    environment = {"cluster.routing.allocation.disk.threshold_enabled": "false"}
    node: dict[str, Any] = {"environment": environment, "ulimits": {}}
    node["healthcheck"] = {"start_period": "600s"}  # other tests' work may be on the same cores
    if locked_memory >= 0:
        node["environment"]["bootstrap.memory_lock"] = "false"
        node["ulimits"]["memlock"] = {"soft": locked_memory, "hard": locked_memory}
    if 0 <= most < FILES_NEEDED:
        node["ulimits"]["nofile"] = {"soft": most, "hard": most}
    if int(Path("/proc/sys/vm/max_map_count").read_text()) < MAPS_NEEDED:
        node["environment"]["node.store.allow_mmap"] = "false"
    return {"services": ours | dict.fromkeys(nodes, node)}


def compose_command(docker: Docker) -> list[str]:
    """Return how Compose 2 is called here; raises Unavailable where it cannot be had.

    Debian 12 has version 1 only; beside an engine of our own Debian 13's is used.
    """
    for words in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(words[0]) and is_new(words, docker.environment):
            return words
    if not docker.own:
        raise Unavailable("there is no docker compose of version 2 or newer")
    folder = cache_folder("images")
    program = folder / f"docker-compose-{RELEASE}"
    with locked(folder / ".lock"):
        if not program.exists():
            take_from_debian(docker, folder / "compose", program)
    return [str(program)]


def is_new(words: list[str], environment: Mapping[str, str]) -> bool:
    """Return whether a program is Compose of version 2 or newer."""
    asked = subprocess.run(
        [*words, "version", "--short"], env=environment, capture_output=True, text=True, check=False
    )
    major = asked.stdout.strip().removeprefix("v").partition(".")[0]
    return asked.returncode == 0 and major.isdecimal() and int(major) >= 2


def take_from_debian(docker: Docker, folder: Path, program: Path) -> None:
    """Take the program out of Debian's package; raises Unavailable."""
    script = "apt-get update -qq && cd /tmp && apt-get download -qq docker-compose && "
    script += "dpkg-deb --extract docker-compose*.deb /out"
    folder.mkdir(exist_ok=True)
    try:
        have(docker, "python")
        words = ["run", "--rm", "--volume", f"{folder}:/out", image_of("python"), "sh", "-c"]
        docker(*words, script)
        (folder / "usr/libexec/docker/cli-plugins/docker-compose").rename(program)
    except (AssertionError, OSError) as error:
        raise Unavailable(f"Debian's docker-compose could not be had\n{error}") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
