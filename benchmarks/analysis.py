"""How fast is analysis, beside peers that do part of its work?

    python -m benchmarks.analysis [PROSE.jsonl[.gz]] [--checkout PATH...] [--json]

The paragraphs of real articles (a line of `text` each), one core, by process time, the best of
several rounds. *From nothing* forgets every word first: the first megabytes of an index.
*Again* is the same texts once more, of whose words some were forgotten meanwhile. Peers are
measured where they are installed (pip install snowballstemmer nltk tashaphyne), over fewer
paragraphs; each does less: no offsets, one layer. With CHECKOUTs (other worktrees), `terms` from
nothing of each is measured too, in processes that take turns, and the median ratio is told.
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from pyarabic import araby

from benchmarks import PROSE, articles_of
from search.analysis import phonetics, stemming, tokens

ROUNDS = 3
PEERS = 1_000  # paragraphs for the peers

Work = Callable[[str], object]


def paragraphs_of(path: Path) -> list[str]:
    """Return the lines of the texts of articles."""
    return [line for article in articles_of(path) for line in article["text"].split("\n") if line]


def per_second(work: Work, paragraphs: list[str], before: Callable[[], None]) -> float:
    """Return paragraphs a second of process time, best of ROUNDS."""
    best = float("inf")
    for _ in range(ROUNDS):
        before()
        start = time.process_time()
        for paragraph in paragraphs:
            work(paragraph)
        best = min(best, time.process_time() - start)
    return len(paragraphs) / best


def pyarabic_fold(text: str) -> list[str]:
    """What a PyArabic user writes: tokens, marks and tatweel dropped, letters normalised."""
    return [
        araby.normalize_teh(araby.normalize_alef(araby.strip_tatweel(araby.strip_tashkeel(word))))
        for word in araby.tokenize(text)
    ]


def stemming_peers() -> dict[str, Work]:
    """Return each installed stemmer with PyArabic's tokens and folding before it."""
    peers: dict[str, Work] = {}
    for name, module, make in (
        ("snowballstemmer, Arabic", "snowballstemmer", lambda m: m.stemmer("arabic").stemWord),
        ("NLTK ISRI", "nltk.stem.isri", lambda m: m.ISRIStemmer().stem),
        ("Tashaphyne light stemmer", "tashaphyne.stemming", _tashaphyne),
    ):
        try:
            stem = make(importlib.import_module(module))
        except ImportError:
            continue
        peers[f"PyArabic + {name}"] = _stemming(stem)
    return peers


def _stemming(stem: Callable[[str], str]) -> Work:
    return lambda text: [stem(word) for word in pyarabic_fold(text)]


def _tashaphyne(module: object) -> Callable[[str], str]:
    stemmer = module.ArabicLightStemmer()  # type: ignore[attr-defined]

    def stem(word: str) -> str:
        stemmer.light_stem(word)
        found: str = stemmer.get_stem()
        return found

    return stem


def forget() -> None:
    """Make analysis cold: no run and no word remembered."""
    tokens._TERMS.forget()
    tokens._WORDS.forget()
    tokens._layers_of_part.cache_clear()
    stemming._without_endings.cache_clear()
    phonetics.arabic_sound.cache_clear()


def measure(paragraphs: list[str]) -> dict[str, float]:
    """Return paragraphs a second by name."""

    def nothing() -> None: ...

    results = {
        "terms, from nothing": per_second(tokens.terms, paragraphs, forget),
        "terms, again": per_second(tokens.terms, paragraphs, nothing),
        "analyse, from nothing": per_second(tokens.analyse, paragraphs, forget),
        "PyArabic tokenize + normalise": per_second(pyarabic_fold, paragraphs[:PEERS], nothing),
    }
    for name, work in stemming_peers().items():
        results[name] = per_second(work, paragraphs[:PEERS], nothing)
    return {name: round(value, 1) for name, value in results.items()}


# What a kept process of another checkout runs: a round for each line of its input.
_ROUND = """
import gzip, json, os, sys, time
sys.path.insert(0, sys.argv[1])
try:
    from search.analysis.tokens import terms
except ImportError:
    from search.analysis import terms
lines = gzip.open(sys.argv[2], "rt", encoding="utf-8")
paragraphs = [p for line in lines for p in json.loads(line)["text"].split("\\n") if p]
for _ in sys.stdin:
    child = os.fork()
    if not child:
        started = time.process_time()
        for paragraph in paragraphs:
            terms(paragraph)
        print(time.process_time() - started, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""


def beside(checkouts: list[Path], prose: Path) -> dict[str, float]:
    """Return how many times as long `terms` takes in other checkouts, by their path."""
    here = Path(__file__).resolve().parent.parent
    with ExitStack() as stack:
        running = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-P", "-c", _ROUND, str(path), str(prose)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for path in (here, *checkouts)
        ]
        rounds = [[_round(process) for process in running] for _ in range(ROUNDS)]
    return {
        str(path): round(statistics.median(times[n] / times[0] for times in rounds), 2)
        for n, path in enumerate(checkouts, 1)
    }


def _round(process: subprocess.Popen[str]) -> float:
    assert process.stdin is not None
    assert process.stdout is not None
    print(file=process.stdin, flush=True)
    return float(process.stdout.readline())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("prose", nargs="?", type=Path, default=PROSE)
    parser.add_argument("--checkout", nargs="+", type=Path, default=[])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    paragraphs = paragraphs_of(options.prose)
    results = measure(paragraphs)
    others = beside(options.checkout, options.prose)
    if options.json:
        print(json.dumps({"paragraphs": len(paragraphs), "per_second": results, "beside": others}))
        return
    base = results["PyArabic tokenize + normalise"]
    print(f"{len(paragraphs):,} paragraphs\n")
    print("| | paragraphs/s | of PyArabic's |\n|---|---:|---:|")
    for name, value in results.items():
        print(f"| {name} | {value:,.0f} | {value / base:.2f} |")
    for name, ratio in others.items():
        print(f"\n`terms` of {name} takes {ratio} times as long")


if __name__ == "__main__":
    main()
