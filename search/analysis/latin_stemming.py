"""A light stem for Latin letters: plurals and the commonest verb endings of English.

Light on purpose: Porter's stemmer makes one word of universe and university. The
plural -s serves French and Spanish too.
"""

from __future__ import annotations

import re
from functools import cache

from search.analysis.lexicon import read_words

_VOWEL = re.compile("[aeiouy]")
_KEEP_S = ("ss", "us", "is")


def stem_latin(folded: str) -> str:
    """Return the light stem of a folded Latin word; words with digits stay whole."""
    if len(folded) < 4 or not folded.isalpha() or not folded.isascii():
        return folded
    word = folded if folded in _singulars() else _strip_plural(folded)
    return _strip_verb(word)


def _strip_plural(word: str) -> str:
    """Harman's S-stemmer (1991), its three rules in order."""
    if word.endswith("ies") and not word.endswith(("eies", "aies")) and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes")) and len(word) > 5:
        return word[:-2]
    if word.endswith("s") and not word.endswith(_KEEP_S):
        return word[:-1]
    return word


@cache
def _singulars() -> frozenset[str]:
    return read_words("singular_english.txt")


def _strip_verb(word: str) -> str:
    for ending in ("ing", "ed"):
        rest = word.removesuffix(ending)
        if rest == word or len(rest) < 3 or not _VOWEL.search(rest):
            continue
        if ending == "ed" and rest.endswith("e"):  # need, speed, agreed
            continue
        if rest[-1] == rest[-2] and rest[-1] not in "lsz":
            return rest[:-1]
        return rest
    if len(word) > 4 and word.endswith("e"):  # meets ending without e: used, using, use
        return word[:-1]
    return word
