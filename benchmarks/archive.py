"""A large archive in every format: how fast, in how much memory, and what ten kills leave.

    python -m benchmarks.archive [--articles 20000] [--kills 10] [--no-embed] [--json]

Generates the archive (tests/archive/making.py), indexes it once in peace and once killed
with SIGKILL at random moments and started again, each `fihris index` a process of its own,
and compares what both indexes hold. The peak is of all processes together. Embedded
without sentence vectors unless `--no-embed`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from search.settings import Settings
from tests.archive.making import make_archive
from tests.archive.running import contents, count_stored, fingerprint_of, run, run_killed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--articles", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--no-embed", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        archive, peace, killed = (Path(folder) / name for name in ("archive", "peace", "killed"))
        make_archive(archive, options.articles)
        command: list[str | Path] = ["index", archive, "--workers", "2", "--json"]
        command += ["--no-embed"] if options.no_embed else []
        common = {"FIHRIS_SENTENCE_VECTORS": "false", "FIHRIS_ENGINE": "embedded"}
        whole = run(command, {**common, "FIHRIS_DATA": str(peace)})
        settings = Settings(data=killed, sentence_vectors=False)
        times, last = run_killed(
            command,
            {**common, "FIHRIS_DATA": str(killed)},
            lambda: count_stored(settings),
            kills=options.kills,
            # So that ten kills fall on the way, and each run gets past its start.
            lasting=max(whole.seconds / 5, min(whole.seconds, 20)),
            seed=7,
        )
        held = contents(Settings(data=peace, sentence_vectors=False))
        resumed = contents(settings)
    measured = {
        "articles": len(held),
        "seconds": round(whole.seconds, 1),
        "articles_per_second": round(len(held) / whole.seconds, 1),
        "peak_mb": round(whole.peak),
        "kills": times,
        "left_for_the_last_run": last.report["created"],
        "fingerprint": fingerprint_of(held)[:16],
        "fingerprint_after_kills": fingerprint_of(resumed)[:16],
        "alike": held == resumed,
    }
    if options.json:
        json.dump(measured, sys.stdout)
        return
    for name, value in measured.items():
        print(f"{name:<26}{value}")


if __name__ == "__main__":
    main()
