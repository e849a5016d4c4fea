"""Elasticsearch in Docker, through testcontainers (a development dependency)."""

from __future__ import annotations

import gc
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers.asking import version_of
from tests.servers.errors import NotStarted

IMAGE = "elasticsearch:9.5.5"  # CVE-2026-102404 below
READY_SECONDS = 240.0  # 16 on a machine of its own, 100 and more on one that many share
PORT = 9200


def docker_answers() -> bool:
    """Return whether testcontainers is installed and a Docker daemon answers it."""
    try:
        from testcontainers.core.docker_client import DockerClient
    except ImportError:
        return False
    with warnings.catch_warnings():
        # Where no daemon answers it leaves its socket to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            client = DockerClient().client
            try:
                return bool(client.ping())
            finally:
                client.close()
        except Exception:  # its own error's class moved between versions of the docker package
            return False
        finally:
            gc.collect()


@contextmanager
def in_docker() -> Iterator[tuple[str, str, str]]:
    """Give the URL, version and image of a server; raises NotStarted."""
    from testcontainers.core.container import DockerContainer

    container = (
        DockerContainer(IMAGE)
        .with_exposed_ports(PORT)
        .with_env("discovery.type", "single-node")
        .with_env("xpack.security.enabled", "false")
        .with_env("cluster.routing.allocation.disk.threshold_enabled", "false")
        .with_env("ingest.geoip.downloader.enabled", "false")
        .with_env("ES_JAVA_OPTS", "-Xms1g -Xmx1g")
    )
    try:
        container.start()
    except Exception as error:  # no image, no network, no space: Docker's own words say which
        raise NotStarted(f"Docker could not start {IMAGE}: {error}") from error
    try:
        url = f"http://{container.get_container_host_ip()}:{container.get_exposed_port(PORT)}"
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                version = version_of(url, timeout=5)
                break
            except (OSError, ValueError) as error:
                if time.monotonic() > deadline:
                    said = b"".join(container.get_logs()).decode(errors="replace")[-3000:]
                    raise NotStarted(f"{IMAGE}: {error}\n{said}") from error
                time.sleep(0.25)
        yield url, version, IMAGE
    finally:
        container.stop()
