"""Many clients that post and search at once: what fails, what is lost, how fast it goes.

    python -m benchmarks.clients [--clients 50] [--seconds 120] [--json]

A `fihris serve` with the bundled model as a process of its own, over the engine that the
FIHRIS_* variables name. Each client posts bulk requests of one to eight short articles (one
in ten replaces an article that all share) and searches in all three modes, in turn at
random. Afterwards each acknowledged article is fetched and compared, before and after the
server is started anew. Statuses other than 200, 429 and 503 with Retry-After are faults.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile

from benchmarks import SEEDS
from tests.load.clients import load, missing
from tests.serving import served


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    texts = (path.read_text("utf-8") for path in sorted(SEEDS.parent.glob("*.txt")))
    words = sorted({word for text in texts for word in text.split()})
    with tempfile.TemporaryDirectory() as data:
        environment = {"FIHRIS_DATA": data}
        with served(environment) as url:
            seen = load(url, clients=options.clients, seconds=options.seconds, words=words, seed=3)
            lost = missing(url, seen)
        with served(environment) as url:
            lost += missing(url, seen)
    measured = {
        "answers": dict(sorted(seen.answers.items())),
        "articles": len(seen.acknowledged) + len(seen.shared),
        "faults": seen.wrong[:20],
        "lost": lost[:20],
    }
    if options.json:
        json.dump(measured, sys.stdout)
        return
    for name, value in measured.items():
        print(f"{name:<10}{value}")


if __name__ == "__main__":
    main()
