"""`fihris serve` as a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.support import REPOSITORY

PATIENCE = 120.0  # seconds until it is ready


@contextmanager
def started(
    environment: Mapping[str, str], *arguments: str
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Give the address and process of a server that is ready, which is killed if it is still there."""
    with subprocess.Popen(
        [sys.executable, "-m", "indexer.cli", "serve", "--port", "0", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "FIHRIS_HOST": "127.0.0.1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            announced = re.search(r"http://\S+", process.stdout.readline())
            assert announced is not None
            url = announced[0].rstrip("/")
            _await_ready(url)
            yield url, process
        finally:
            process.kill()


@contextmanager
def served(environment: Mapping[str, str]) -> Iterator[str]:
    """Give the address of a server that is ready; it is stopped with SIGINT, and must end well."""
    with started(environment) as (url, process):
        try:
            yield url
        finally:
            process.send_signal(signal.SIGINT)
            status = process.wait(60)
    assert status == 0


def _await_ready(url: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(f"{url}/ready", timeout=10) as answer:
                assert json.load(answer)["status"] == "ready"
                return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
