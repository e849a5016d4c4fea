"""An Elasticsearch started for tests, alone or as one of a cluster, that dies with us.

Each node has free loopback ports, and one temporary folder with its data, logs and
settings. The process that runs it, tests/servers/guard.py, ends it when we end.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any
from urllib.error import URLError

from tests.servers.asking import ask
from tests.servers.certificates import Certificates, make_certificates
from tests.servers.distribution import NOBODY, Distribution, locked, scratch_folder
from tests.servers.errors import NotStarted, Unavailable

READY_SECONDS = 240.0  # 16 on a machine of its own, 100 and more on one that many share
GUARD = Path(__file__).with_name("guard.py")
# Below the range that outgoing connections take theirs from (32,768 upwards on Linux): between
# a kill and a restart nobody else gets a node's port.
PORTS = range(20_000, 32_000)
USER = "elastic"
# What lives for minutes: compiled once and quickly. A start takes 14 s of processor time, not 30.
BRIEF = "-XX:TieredStopAtLevel=1 -XX:-UseG1GC -XX:+UseSerialGC"

_given: set[int] = set()


class Node:
    """One Elasticsearch server. `start` it, use its `url`, `stop` it; or `with` it.

    `password` turns security on (user "elastic"), `tls` also HTTPS with a certificate of its
    own authority (`certificates`). `heap` is for -Xms and -Xmx. `settings` join elasticsearch.yml.
    `brief`: it lives for minutes, so that starting fast matters more than answering fast.
    """

    def __init__(
        self,
        distribution: Distribution,
        *,
        heap: str = "1g",
        password: str | None = None,
        tls: bool = False,
        name: str = "node-0",
        brief: bool = True,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        if tls and password is None:
            raise ValueError("HTTPS needs security, so a password")
        self.name = name
        self.password = password
        self.http_port, self.transport_port = free_ports(2)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.http_port}"
        self.certificates: Certificates | None = None
        self._distribution = distribution
        self._java = f"-Xms{heap} -Xmx{heap}" + (f" {BRIEF}" if brief else "")
        self._tls = tls
        self._settings = dict(settings or {})
        self._folder: Path | None = None
        self._lock: IO[str] | None = None
        self._guard: subprocess.Popen[str] | None = None
        self._pid: int | None = None

    def __enter__(self) -> Node:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The server's process; raises RuntimeError if it was not started."""
        if self._pid is None:
            raise RuntimeError(f"{self.name} is not running")
        return self._pid

    @property
    def folder(self) -> Path:
        """The node's temporary folder; raises RuntimeError before the start and after the stop."""
        if self._folder is None:
            raise RuntimeError(f"{self.name} has no folder")
        return self._folder

    @property
    def running(self) -> bool:
        """Whether the server's process is there."""
        return self._pid is not None and alive(self._pid)

    def start(self) -> None:
        """Start the server and wait until it answers; its data is what it had.

        Raises NotStarted with the log's tail, and Unavailable if a tool is missing.
        """
        self.launch()
        self.await_ready()

    def stop(self) -> None:
        """End the server, and remove its folder."""
        self._release(keep=False)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)  # where no guard was left to do it
            self._folder = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def kill(self) -> None:
        """End the server as a power cut would (SIGKILL); its data stays."""
        self._release(keep=True)

    def ask(
        self, path: str, method: str = "GET", body: object = None, timeout: float = 30.0
    ) -> Any:
        """Return the server's answer to one request, as the user it has; raises as `ask` does."""
        url = self.url
        if self.password is not None:
            url = url.replace("://", f"://{USER}:{self.password}@")
        authority = self.certificates.authority if self.certificates else None
        return ask(url + path, method, body, authority=authority, timeout=timeout)

    def log(self, lines: int = 40) -> str:
        """Return the last lines of what the server said, stack traces left out."""
        try:
            text = (self.folder / "console.log").read_text(encoding="utf-8", errors="replace")
        except (OSError, RuntimeError):
            return "(there is no log)"
        said = [line for line in text.splitlines() if line and not line.startswith("\tat ")]
        return "\n".join(line[:500] for line in said[-lines:])

    def launch(self) -> None:
        """Start the server without waiting for it; `await_ready` is what comes next."""
        if self.running:
            raise RuntimeError(f"{self.name} is running")
        if self._folder is None:
            self._prepare()
        folder, home = self.folder, self._distribution.home
        (folder / "server" / "pid").unlink(missing_ok=True)
        # With -d the launching JVM waits until the node is up and then goes: one process remains.
        command = [*as_nobody(), str(home / "bin" / "elasticsearch"), "-d"]
        command += ["-p", str(folder / "server" / "pid")]
        with (folder / "console.log").open("a") as console:
            self._guard = subprocess.Popen(
                [sys.executable, "-I", str(GUARD), str(folder), *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=console,
                text=True,
                cwd="/",
                env=self._environment(),
                start_new_session=True,  # a terminal's Ctrl-C is for us, who then stop it
            )

    def await_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait for a launched server; raises NotStarted, with the server ended."""
        deadline = time.monotonic() + seconds
        try:
            self._await_launcher(deadline)
            self._pid = int((self.folder / "server" / "pid").read_text())
            self._await_answer(deadline)
        except BaseException:
            self._release(keep=True)
            raise

    def _await_launcher(self, deadline: float) -> None:
        guard = self._guard
        assert guard is not None
        assert guard.stdout is not None
        left = max(0.0, deadline - time.monotonic())
        if not select.select([guard.stdout], [], [], left)[0]:
            raise NotStarted(f"{self.name} was not up in time\n{self.log()}")
        status = guard.stdout.readline().strip()
        if status != "0":
            raise NotStarted(f"{self.name} ended with status {status}\n{self.log()}")

    def _await_answer(self, deadline: float) -> None:
        while True:
            try:
                # Yellow: the cluster has a master, and every index it had can be read.
                self.ask("/_cluster/health?wait_for_status=yellow&timeout=4s", timeout=8)
            except (OSError, ValueError) as error:
                reason = error.reason if isinstance(error, URLError) else error
                if time.monotonic() > deadline or not self.running:
                    raise NotStarted(f"{self.name}: {reason}\n{self.log()}") from error
                time.sleep(0.1)
            else:
                return

    def _release(self, *, keep: bool) -> None:
        """Let the guard kill what runs, and wait until it has."""
        guard, self._guard, self._pid = self._guard, None, None
        if guard is None:
            return
        assert guard.stdin is not None
        assert guard.stdout is not None
        with contextlib.suppress(OSError):
            if keep:
                guard.stdin.write("keep\n")
            guard.stdin.close()
        guard.wait(30)
        guard.stdout.close()

    def _environment(self) -> dict[str, str]:
        # Of ours only what finds programs: a JAVA_HOME or ES_* of the user's is no part of a test.
        environment = {"PATH": os.environ.get("PATH", os.defpath)}
        # Java finds no file whose path has letters that the locale's encoding lacks.
        environment["LC_ALL"] = "C.UTF-8"
        environment["HOME"] = str(self.folder / "server")
        environment["ES_PATH_CONF"] = str(self.folder / "server" / "config")
        temporary = str(self.folder / "server" / "tmp")
        environment["ES_TMPDIR"] = temporary
        # The launcher leaves a folder (final-flags...) in its own temporary folder at each start.
        environment["CLI_JAVA_OPTS"] = f"-Djava.io.tmpdir={temporary}"
        environment["ES_JAVA_OPTS"] = self._java
        if self._distribution.java_home is not None:
            environment["ES_JAVA_HOME"] = str(self._distribution.java_home)
        return environment

    def _prepare(self) -> None:
        """Make the folder: ours with the lock and the console, and in it the server's own."""
        self._folder, self._lock = temporary_folder()
        try:
            server = self._folder / "server"
            for name in ("data", "logs", "tmp"):
                (server / name).mkdir(parents=True)
            shutil.copytree(self._distribution.home / "config", server / "config")
            options = server / "config" / "jvm.options"
            kept = [
                line
                for line in options.read_text(encoding="utf-8").splitlines()
                # They write dumps and logs to paths relative to the distribution, or huge ones.
                if not any(word in line for word in ("-Xlog:gc", "HeapDump", "ErrorFile"))
            ]
            options.write_text("\n".join(kept) + "\n", encoding="utf-8")
            if self._tls:
                self.certificates = make_certificates(self._folder / "certificates")
                for source in (self.certificates.chain, self.certificates.key):
                    shutil.copy(source, server / "config")
            settings = "".join(f"{k}: {v}\n" for k, v in self._all_settings(server).items())
            (server / "config" / "elasticsearch.yml").write_text(settings, encoding="utf-8")
            if os.geteuid() == 0:
                for path in (server, *server.rglob("*")):
                    os.chown(path, NOBODY, NOBODY)
            if self.password is not None:
                added = ("add", "--force", "--stdin", "bootstrap.password")  # makes it, too
                self._keystore(*added, given=self.password)
        except BaseException:
            self.stop()
            raise

    def _all_settings(self, server: Path) -> dict[str, str]:
        settings = {
            "cluster.name": "fihris-tests",
            "node.name": self.name,
            "path.data": str(server / "data"),
            "path.logs": str(server / "logs"),
            "network.host": "127.0.0.1",
            "http.port": str(self.http_port),
            "transport.port": str(self.transport_port),
            "discovery.type": "single-node",
            "cluster.routing.allocation.disk.threshold_enabled": "false",
            "xpack.security.enabled": "false" if self.password is None else "true",
        }
        # A setting of a module that is left out of a distribution stops the server.
        modules = self._distribution.home / "modules"
        if (modules / "ingest-geoip").is_dir():
            settings["ingest.geoip.downloader.enabled"] = "false"
        if (modules / "x-pack-ml").is_dir():
            settings["xpack.ml.enabled"] = "false"
        if self.certificates is not None:
            settings["xpack.security.http.ssl.enabled"] = "true"
            settings["xpack.security.http.ssl.key"] = self.certificates.key.name
            settings["xpack.security.http.ssl.certificate"] = self.certificates.chain.name
        settings.update(self._settings)
        if "discovery.seed_hosts" in settings:
            del settings["discovery.type"]
        return settings

    def _keystore(self, *arguments: str, given: str = "") -> None:
        # What bin/elasticsearch-keystore does; SonarQube's distribution leaves that script out.
        tool = self._distribution.home / "bin" / "elasticsearch-cli"
        done = subprocess.run(
            [*as_nobody(), str(tool), *arguments],
            input=given,
            env={
                **self._environment(),
                "CLI_NAME": "keystore",
                "CLI_LIBS": "lib/tools/keystore-cli",
            },
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise NotStarted(f"the keystore could not be made\n{done.stdout}{done.stderr}")


class Cluster:
    """Several nodes that are one Elasticsearch."""

    def __init__(self, distribution: Distribution, nodes: int = 3, *, heap: str = "512m") -> None:
        self.nodes = [
            Node(distribution, heap=heap, name=f"node-{number}") for number in range(nodes)
        ]
        hosts = ",".join(f"127.0.0.1:{node.transport_port}" for node in self.nodes)
        for node in self.nodes:
            node._settings["discovery.seed_hosts"] = hosts
            node._settings["cluster.initial_master_nodes"] = ",".join(n.name for n in self.nodes)

    def __enter__(self) -> Cluster:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def urls(self) -> list[str]:
        """Every node's URL."""
        return [node.url for node in self.nodes]

    def start(self) -> None:
        """Start all nodes at once and wait until they are one; raises NotStarted."""
        try:
            for node in self.nodes:
                node.launch()
            for node in self.nodes:
                node.await_ready(READY_SECONDS * 2)  # they share the processors
            path = f"/_cluster/health?wait_for_nodes={len(self.nodes)}&timeout=60s"
            self.nodes[0].ask(path, timeout=70)
        except BaseException as error:
            self.stop()
            if isinstance(error, OSError):
                raise NotStarted(f"the nodes did not become one cluster: {error}") from error
            raise

    def stop(self) -> None:
        """End every node and remove its folder."""
        for node in self.nodes:
            node.stop()


# --- Helpers --------------------------------------------------------------------------------


def as_nobody() -> Sequence[str]:
    """Return what goes before a command that must not run as root."""
    if os.geteuid() != 0:
        return ()
    return ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--")


def alive(pid: int) -> bool:
    """Return whether a process is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def free_ports(count: int) -> list[int]:
    """Return loopback ports that nobody listens at, none of them given before."""
    found: list[int] = []
    for port in random.sample(PORTS, len(PORTS)):
        if len(found) == count:
            return found
        with socket.socket() as probe, contextlib.suppress(OSError):
            if port not in _given:
                probe.bind(("127.0.0.1", port))
                _given.add(port)
                found.append(port)
    raise Unavailable("there is no free loopback port")


def temporary_folder() -> tuple[Path, IO[str]]:
    """Return a new folder, and its lock, which is held for as long as somebody uses it.

    Removes those whose users are gone.
    """
    base = scratch_folder()
    with locked(base / ".lock"):  # else a sweep could come between the folder and its lock
        sweep(base)
        folder = Path(tempfile.mkdtemp(prefix="node-", dir=base))
        folder.chmod(0o755)
        lock = (folder / "lock").open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
    return folder, lock


def sweep(base: Path) -> None:
    """Remove the folders that nobody holds, and end the servers that still run in them.

    The guard does both when its asker dies; this is for when the guard was killed too.
    """
    for folder in base.glob("node-*"):
        try:
            lock = (folder / "lock").open("r+")
        except FileNotFoundError:
            shutil.rmtree(folder, ignore_errors=True)
            continue
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            end_processes(folder)
            shutil.rmtree(folder, ignore_errors=True)


def end_processes(folder: Path) -> None:
    """Kill what runs in a node's folder: its command line or its environment names that."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended just now, or is another user's
            about = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            if os.fsencode(folder / "server") in about:
                os.kill(int(process.name), signal.SIGKILL)
