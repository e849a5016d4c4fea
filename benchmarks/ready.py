"""How soon does a server answer after its process was killed in the middle of writing?

    python -m benchmarks.ready [--times 1] [--rounds 5] [--against CHECKOUT] CORPUS

CORPUS is a .jsonl or .jsonl.gz of articles, indexed so many times under other ids. Each round,
in turn for this checkout and another one: a server is killed (SIGKILL) while articles are
deleted in it, one call after the other; another is started, and asked every 20 ms. Seconds from
its start to `/ready`, and to the first right answer by words and by default. No vectors; files
are in the page cache. Of one run, only ratios mean anything.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parents[1]
WORD = "النفس"
_PATIENCE = 120.0  # seconds until a server counts as one that does not start


class Checkout:
    """A checkout with an environment of its own, and an index of its own."""

    def __init__(self, root: Path, data: Path) -> None:
        self.root = root
        self._python = root / ".venv" / "bin" / "python"
        self._environment = {**os.environ, "FIHRIS_DATA": str(data)}
        self.prefix = ""  # of the ids that the index has, before those of the corpus

    def index(self, corpus: Path, ids: Sequence[str]) -> None:
        """Index a file of these ids without vectors."""
        subprocess.run(
            [*self._command(), "index", "--no-embed", str(corpus)],
            cwd=self.root, env=self._environment, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        with self.served() as base:
            until(lambda: asked(f"{base}/ready")[0] == 200)
            hit = json.loads(asked(f"{base}/v1/search?q={urllib.parse.quote(WORD)}")[1])["hits"][0]
        found = str(hit["article"]["id"])
        self.prefix = found.removesuffix(max(filter(found.endswith, ids), key=len))

    @contextmanager
    def served(self) -> Iterator[str]:
        """Start a server, give its address at once, and kill it."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = subprocess.Popen(
            [*self._command(), "serve", "--port", str(port)],
            cwd=self.root, env=self._environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.send_signal(signal.SIGKILL)
            server.wait()

    def _command(self) -> list[str]:
        return [str(self._python), "-m", "indexer.cli"]


def asked(url: str, method: str = "GET") -> tuple[int, bytes]:
    """Return status and body; 0 where nobody answers."""
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, method=method), timeout=_PATIENCE
        ) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""


def until(right: Callable[[], bool]) -> float:
    """Return when something is so, asked every 20 ms."""
    end = time.monotonic() + _PATIENCE
    while not right():
        if time.monotonic() > end:
            raise SystemExit("a server does not answer")
        time.sleep(0.02)
    return time.monotonic()


def total(base: str, mode: str) -> int:
    """Return how many passages have the word, -1 where there is no answer."""
    query = urllib.parse.urlencode({"q": WORD, "mode": mode})
    status, body = asked(f"{base}/v1/search?{query}")
    return int(json.loads(body)["total"]["value"]) if status == 200 else -1


def measured(checkout: Checkout, ids: Iterator[str]) -> dict[str, float]:
    """Kill one server in the middle of deletions and time the next; seconds."""
    with checkout.served() as base:
        until(lambda: asked(f"{base}/ready")[0] == 200)
        stop = threading.Event()

        def delete() -> None:
            while not stop.is_set():
                key = urllib.parse.quote(checkout.prefix + next(ids), safe="")
                status, _ = asked(f"{base}/v1/articles/{key}", "DELETE")
                assert status != 404, "nothing is written: this id is not in the index"

        writer = threading.Thread(target=delete, daemon=True)
        writer.start()
        time.sleep(2.5)
        stop.set()
    writer.join()
    started = time.monotonic()
    with checkout.served() as base:
        ready = until(lambda: asked(f"{base}/ready")[0] == 200)
        words = until(lambda: total(base, "keyword") > 0)
        both = until(lambda: total(base, "hybrid") > 0)
    return {
        "ready": ready - started,
        "answer by words": words - started,
        "answer by default": both - started,
    }


def repeated(corpus: Path, times: int, target: Path) -> list[str]:
    """Write a corpus so many times under other ids; return the ids of articles."""
    opener = gzip.open if corpus.suffix == ".gz" else open
    with opener(corpus, "rt", encoding="utf-8") as file:
        articles = [json.loads(line) for line in file if line.strip()]
    ids = []
    with target.open("w", encoding="utf-8") as out:
        for turn in range(times):
            for article in articles:
                ids.append(f"r{turn}-{article['id']}")
                out.write(json.dumps({**article, "id": ids[-1]}, ensure_ascii=False) + "\n")
    return ids


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Measure how soon a killed server is back.")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--against", type=Path, help="another checkout, measured in turn")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fihris-ready-") as folder:
        corpus = Path(folder) / "corpus.jsonl"
        ids = repeated(options.corpus, options.times, corpus)
        roots = [root for root in (options.against, HERE) if root is not None]
        checkouts = [Checkout(root, Path(folder) / str(n)) for n, root in enumerate(roots)]
        for checkout in checkouts:
            checkout.index(corpus, ids)
        taken: list[list[dict[str, float]]] = [[] for _ in checkouts]
        chosen = [iter(ids) for _ in checkouts]
        for _ in range(options.rounds):
            for n, checkout in enumerate(checkouts):
                taken[n].append(measured(checkout, chosen[n]))
        for name in taken[0][0]:
            medians = [statistics.median(one[name] for one in some) for some in taken]
            shown = " -> ".join(f"{median:.2f}" for median in medians)
            sys.stdout.write(f"{name}: {shown} s ({medians[-1] / medians[0]:.2f})\n")


if __name__ == "__main__":
    main()
