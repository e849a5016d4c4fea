"""A light stemmer for Arabic: clitics before, endings behind, with guards.

stem = lemma(strip_ending(strip_clitics(folded)))
"""

from __future__ import annotations

from functools import cache

from search.lexicon import read_pairs, read_words

# Clitics that end in the article: what follows is a noun as it stands in a dictionary,
# so nothing more is stripped before it (للوزير, not زير).
_ARTICLE = ("وبال", "وكال", "فبال", "ولل", "فلل", "وال", "بال", "كال", "فال", "لل", "ال")
_CONJUNCTIONS = "وف"
_PREPOSITIONS = "بكل"
_FUTURE = "س"
_ENDINGS_3 = ("تهما", "تهم", "تها", "تنا", "تكم", "هما", "كما", "تين", "تان", "اتي")


@cache
def _whole() -> frozenset[str]:
    """Words that only look like clitic + word."""
    return read_words("whole.txt")


@cache
def _lemmas() -> dict[str, str]:
    return read_pairs("plurals.txt")


def stem(folded: str) -> str:
    """Return the stem of one word of the `folded` layer. Never empty."""
    word = _strip_clitics(folded)
    return _lemma(word)


def _strip_clitics(word: str) -> str:
    for article in _ARTICLE:
        rest = word.removeprefix(article)
        if rest != word and len(rest) >= 2 and word not in _whole():
            return rest
    if len(word) > 3 and word[0] in _CONJUNCTIONS and word not in _whole():
        word = word[1:]
    if len(word) > 4 and word[0] == _FUTURE and word[1] in "يتن" and word not in _whole():
        return word[1:]
    if len(word) > 4 and word[0] in "بل" and word not in _whole():
        return word[1:]
    return word


def _lemma(word: str) -> str:
    return _lemmas().get(word) or _strip_ending(word)


def _strip_ending(word: str) -> str:
    for ending in ("هما", "ها", "هم", "نا", "كم", "يه", "ات", "ون", "ين", "ان", "ه", "ي"):
        rest = word.removesuffix(ending)
        if rest != word and len(rest) >= 3:
            return rest
    return word
