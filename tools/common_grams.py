"""Make `search/analysis/lexicon/common_grams.txt`: the groups of four letters that many words share.

    python -m pip install wordfreq==3.1.1
    python -m tools.common_grams > search/analysis/lexicon/common_grams.txt

wordfreq is no dependency of Fihris, so install it into another environment.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Mapping

from search.analysis.tokens import analyse

MANY = 200
LEAST = 1e-7  # of a word's frequency
A_LINE = 16

HEAD = """\
# Grams that are too common to tell passages apart, the most common first: `_الا` stands in four of
# five passages of prose. Counted from the Arabic words of wordfreq 3.1.1 (Robyn Speer, CC BY-SA
# 4.0), each as often as texts have it, words under one in ten million left out.
# Made by tools/common_grams.py.
"""


def common_grams(frequencies: Mapping[str, float]) -> list[str]:
    """Return the grams that most words of texts have, ties in order of their letters.

    Args:
        frequencies: of each word, as a part of all words of texts.
    """
    counted: dict[str, float] = defaultdict(float)
    for word, frequency in frequencies.items():
        if frequency >= LEAST and word.isalpha():  # every digit is 0 there
            for gram in {gram for token in analyse(word) for gram in token.grams}:
                counted[gram] += frequency
    return sorted(counted, key=lambda gram: (-counted[gram], gram))[:MANY]


def main() -> None:
    from wordfreq import get_frequency_dict  # type: ignore[import-not-found]

    grams = common_grams(get_frequency_dict("ar", wordlist="large"))
    lines = (" ".join(grams[at : at + A_LINE]) for at in range(0, len(grams), A_LINE))
    sys.stdout.write(HEAD + "".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    main()
