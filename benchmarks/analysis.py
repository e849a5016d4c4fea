"""How fast is analysis, beside peers that do part of its work?

    python benchmarks/tokens.py ../shared/eval/xquad-ar/corpus.jsonl seeds/*.txt [--json]

Texts are joined and cut into paragraphs of 400 characters. Paragraphs a second on one core,
by process time, the best of several rounds. *Cold* forgets every word first, so that each
word of the texts is analysed; *warm* is what indexing sees after its first minutes. Peers
are measured where they are installed (pip install snowballstemmer nltk tashaphyne); each
does less: no offsets, one layer.
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
from collections.abc import Callable
from pathlib import Path

from pyarabic import araby

from benchmarks import JUDGED
from search.analysis import phonetics, stemming, tokens

LENGTH = 400
ROUNDS = 5
MINIMUM = 2_000  # paragraphs; fewer are repeated, or timing would be noise

Work = Callable[[str], object]


def read_paragraphs(paths: list[Path]) -> list[str]:
    """Return the texts of JSON Lines (their `text`) and plain files, cut to LENGTH."""
    texts = []
    for path in paths:
        content = path.read_text(encoding="utf-8")
        lines = content.splitlines() if path.suffix == ".jsonl" else [json.dumps({"text": content})]
        texts += [json.loads(line)["text"] for line in lines]
    joined = " ".join(texts)
    return [joined[i : i + LENGTH] for i in range(0, len(joined), LENGTH)]


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
    many = paragraphs * max(1, MINIMUM // len(paragraphs) + 1)

    def nothing() -> None: ...

    results = {
        "terms, cold": per_second(tokens.terms, paragraphs, forget),
        "terms, warm": per_second(tokens.terms, many, nothing),
        "analyse, warm": per_second(tokens.analyse, many, nothing),
        "analyse + layer_terms, warm": per_second(
            lambda text: tokens.layer_terms(tokens.analyse(text)), many, nothing
        ),
        "PyArabic tokenize + normalise": per_second(pyarabic_fold, paragraphs, nothing),
    }
    for name, work in stemming_peers().items():
        results[name] = per_second(work, paragraphs[:200], nothing)
    return {name: round(value, 1) for name, value in results.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("texts", nargs="*", type=Path, default=[JUDGED / "corpus.jsonl"])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    paragraphs = read_paragraphs(options.texts)
    results = measure(paragraphs)
    if options.json:
        print(json.dumps({"paragraphs": len(paragraphs), "per_second": results}, indent=1))
        return
    base = results["PyArabic tokenize + normalise"]
    print(f"{len(paragraphs):,} paragraphs of {LENGTH} characters\n")
    print("| | paragraphs/s | of PyArabic's |\n|---|---:|---:|")
    for name, value in results.items():
        print(f"| {name} | {value:,.0f} | {value / base:.2f} |")


if __name__ == "__main__":
    main()
