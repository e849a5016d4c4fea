"""Is this checkout as fast as another one? Real prose, both in turn in one run.

    python -m benchmarks.against CHECKOUT PROSE.jsonl[.gz] QUERIES.jsonl [--rounds 5] [--json]

CHECKOUT is another checkout of the project with its environment in `.venv` (`make setup`).
PROSE has an article of real text a line (`id`, `text`), QUERIES a `text` a line. In each
round each checkout, in turns that alternate, does these, each in processes of its own:

- lines: `fihris index --no-embed --workers 2` of PROSE as one .jsonl file;
- files: the same of PROSE's articles as a .txt file each;
- search: the whole keyword search, ten hits, by its `Searcher` over what `lines` made, each
  query once to warm up and once measured: the median of the queries.

What is printed: seconds (milliseconds for search) of both, and this one's divided by the
other's, pair by pair: the median, the least and the most.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
KINDS = ("lines", "files", "search")
MOST_QUERIES = 200

# Run in either checkout: what it uses must be in both.
SEARCH = """
import json, statistics, sys, time
from search.assembly import open_searcher
from search.domain import Query
from search.settings import read_settings
searcher = open_searcher(read_settings())
texts, took = json.load(sys.stdin), []
for measured in (False, True):
    for text in texts:
        started = time.perf_counter()
        results = searcher.search(Query(text, mode="keyword"))
        took.append(time.perf_counter() - started)
searcher.close()
print(statistics.median(took[len(texts):]) * 1000)
"""


def run(checkout: Path, data: Path, command: list[str], given: str = "") -> tuple[float, str]:
    """Return the seconds a command of a checkout took, and what it printed."""
    environment = {**os.environ, "FIHRIS_DATA": str(data), "FIHRIS_ENGINE": "embedded"}
    started = time.perf_counter()
    done = subprocess.run(
        [checkout / ".venv" / "bin" / "python", *command],
        cwd=checkout, env=environment, input=given, text=True, capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"{checkout}: {' '.join(command)[:80]}: {done.stderr[-2000:]}")
    return time.perf_counter() - started, done.stdout


def measure(checkout: Path, lines: Path, files: Path, queries: str) -> dict[str, float]:
    """Return what each kind took."""
    index = ["-m", "indexer.cli", "index", "--no-embed", "--workers", "2", "--json"]
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "lines"
        took_lines, _ = run(checkout, data, [*index, str(lines)])
        took_files, _ = run(checkout, Path(folder) / "files", [*index, str(files)])
        _, median = run(checkout, data, ["-c", SEARCH], queries)
    return {"lines": took_lines, "files": took_files, "search": float(median)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("prose", type=Path)
    parser.add_argument("queries", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    opener = gzip.open if options.prose.suffix == ".gz" else open
    with opener(options.prose, "rt", encoding="utf-8") as prose:
        articles = prose.read()
    asked = options.queries.read_text("utf-8").splitlines()[:MOST_QUERIES]
    queries = json.dumps([json.loads(line)["text"] for line in asked])
    with tempfile.TemporaryDirectory() as folder:
        lines, files = Path(folder) / "prose.jsonl", Path(folder) / "files"
        lines.write_text(articles, "utf-8")
        files.mkdir()
        for number, line in enumerate(articles.splitlines()):
            (files / f"{number}.txt").write_text(json.loads(line)["text"], "utf-8")
        both = (HERE, options.checkout.resolve())
        seen: dict[Path, list[dict[str, float]]] = {checkout: [] for checkout in both}
        for turn in range(options.rounds):
            for checkout in both if turn % 2 == 0 else both[::-1]:
                print(f"round {turn + 1}: {checkout}", file=sys.stderr)
                seen[checkout].append(measure(checkout, lines, files, queries))
    table = {}
    for kind in KINDS:
        ours, theirs = ([each[kind] for each in seen[checkout]] for checkout in both)
        ratios = sorted(a / b for a, b in zip(ours, theirs, strict=True))
        table[kind] = {
            "this": round(statistics.median(ours), 2),
            "other": round(statistics.median(theirs), 2),
            "ratio": [round(at, 3) for at in (statistics.median(ratios), ratios[0], ratios[-1])],
        }
    if options.json:
        print(json.dumps(table))
        return
    for kind, row in table.items():
        print(f"{kind:8} this {row['this']}  other {row['other']}  ratio {row['ratio']}")


if __name__ == "__main__":
    main()
