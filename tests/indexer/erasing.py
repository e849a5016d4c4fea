"""`fihris erase ID`, ended by SIGKILL some seconds after it set to work, if it still is at it.

python -m tests.indexer.erasing SECONDS ID     prints the seconds it took
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import search.embedding
from indexer.cli.operations_commands import erase_command
from search.engines.embedded import adapter, derived  # noqa: F401  # imported before time counts
from search.settings import Settings
from tests.support import HashingEmbedder


def hashing(settings: Settings) -> HashingEmbedder:
    return HashingEmbedder()


if __name__ == "__main__":
    search.embedding.open_embedder = hashing
    threading.Timer(float(sys.argv[1]), os.kill, (os.getpid(), signal.SIGKILL)).start()
    begun = time.perf_counter()
    erase_command(sys.argv[2:])
    print(time.perf_counter() - begun)
    os._exit(0)
