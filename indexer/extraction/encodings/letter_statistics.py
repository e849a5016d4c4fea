"""How Arabic a run of letters looks: how surprising each letter is after the one before.

The table is `search/analysis/lexicon/letter_pairs.txt`. Encodings are told apart by it, and letters
that a PDF has in reversed order. Words of the evaluation set (xquad-ar) have 2.58 nats a
pair, read backwards 3.78; a Persian sentence 2.88, an Urdu one 3.06.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

from search.analysis.folding import unify_letters
from search.analysis.lexicon import read_lists

# Of a pair with a letter that the table lacks (پ چ ژ گ ٹ): as rare as its rarest pairs.
UNKNOWN = 7.0  # nats


def surprise(word: str) -> float:
    """Return -ln P of an Arabic word, its two edges among its pairs, in nats.

    Args:
        word: letters alone, of any language in Arabic script; no marks, no tatweel.
    """
    pairs = _pairs()
    edged = f"_{unify_letters(word)}_"
    return sum(pairs.get(first + second, UNKNOWN) for first, second in pairwise(edged))


@cache
def _pairs() -> dict[str, float]:
    """First letter and second letter, `_` for an edge -> nats."""
    (_, letters), *rows = read_lists("letter_pairs.txt")
    return {
        first + second: int(nats) / 10
        for first, row in rows
        for second, nats in zip(letters, row, strict=True)
    }
