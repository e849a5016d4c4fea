"""Make `search/analysis/lexicon/letter_pairs.txt`: how surprising each Arabic letter is after each other.

    python -m pip install wordfreq==3.1.1
    python tools/letter_pairs.py > search/analysis/lexicon/letter_pairs.txt

wordfreq is no dependency of Fihris, so install it into another environment. The script that
first made the table was not kept. This one was written afterwards, and its output is the table
byte for byte; SMOOTHING is the number that makes it so.
"""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise

EDGE = "_"
LETTERS = EDGE + "ءآأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهويى"
LEAST = 1e-7  # of a word's frequency
MOST = 99  # of a cell
# The weight of what a letter's frequency alone would say, so that a pair that no word has is not
# impossible.
SMOOTHING = 7.4e-5

HEAD = """\
# How surprising each Arabic letter is after each other: -10 ln P(second | first), 99 at most.
# Rows are the first letter, columns the second, both in the order of the line `letters`; `_` is
# a word's edge. Counted from the Arabic words of wordfreq 3.1.1 (Robyn Speer, CC BY-SA 4.0),
# each as often as texts have it, words under one in ten million left out.
# Made by tools/letter_pairs.py.
"""


def table(frequencies: Mapping[str, float]) -> Iterator[str]:
    """Yield the lines of the table: the letters, then a row for each of them.

    Args:
        frequencies: of each word, as a part of all words of texts.
    """
    pairs: dict[tuple[str, str], float] = defaultdict(float)
    for word, frequency in frequencies.items():
        if frequency >= LEAST and set(word) <= set(LETTERS[1:]):
            framed = f"{EDGE}{word}{EDGE}"
            for pair in pairwise(framed):
                pairs[pair] += frequency
    firsts: dict[str, float] = defaultdict(float)
    seconds: dict[str, float] = defaultdict(float)
    for (first, second), count in pairs.items():
        firsts[first] += count
        seconds[second] += count
    whole = sum(pairs.values())
    yield " ".join(["letters", *LETTERS])
    for first in LETTERS:
        cells = []
        for second in LETTERS:
            expected = SMOOTHING * seconds[second] / whole
            probability = (pairs[first, second] + expected) / (firsts[first] + SMOOTHING)
            cells.append(min(MOST, round(-10 * math.log(probability))) if probability else MOST)
        yield " ".join([first, *map(str, cells)])


def main() -> None:
    from wordfreq import get_frequency_dict  # type: ignore[import-not-found]

    lines = table(get_frequency_dict("ar", wordlist="large"))
    sys.stdout.write(HEAD + "".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    main()
