"""Words that no passage has, and the words one letter away from them: what was perhaps meant.

Every word of one letter more, less or other, or with two neighbours transposed (Damerau 1964),
is asked by its stem: some 500 terms for a word of eight letters, most of which no index has.
That finds a misspelt word whatever its grams, and costs nothing where every word is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from search.analysis.tokens import Token, stem_of
from search.analysis.transliteration import Forms
from search.query.clauses import Term
from search.query.parse import ParsedQuery

MIN_LETTERS = 5  # shorter words have too many neighbours that are words themselves
MAX_LETTERS = 14  # bounds the terms of a word: 870
# Of one query, stop words aside. In a longer one the other words find what is asked: nDCG@10 by
# words on tydi-ar is .9134, and .9145 with longer ones too; hybrid on the seed .9164, and .9136. Half
# of tydi-ar has a word that no passage has: a search took 4.4 ms at the mean, 6.4 so, then 7.6.
MAX_WORDS = 3

_ARABIC = "ءابتثجحخدذرزسشصضطظعغفقكلمنهوي"
_LATIN = "abcdefghijklmnopqrstuvwxyz"
# What writers put for one foreign letter: غوغل and جوجل differ in two letters.
_FOREIGN = ("غجقك", "تط", "سص")
_MIN_FOREIGN = 4


def misspelt(
    query: ParsedQuery, frequencies: Mapping[Term, int], forms: Forms
) -> tuple[Token, ...]:
    """Return the query's words that no passage has and that may be others misspelt."""
    return tuple(
        word
        for word in may_be_misspelt(query)
        if frequencies.get(Term("stem", word.stem)) == 0 and word.stem not in forms
    )


def may_be_misspelt(query: ParsedQuery) -> tuple[Token, ...]:
    """Return the words of a short query that may be others misspelt, should no passage have them."""
    words = [word for word in query.words(exact=False) if not word.stop]
    return tuple(filter(_is_word, words)) if len({w.stem for w in words}) <= MAX_WORDS else ()


def _is_word(word: Token) -> bool:
    """Whether a word is long enough, and of letters only."""
    letters = _letters(word.folded)
    known = letters is not None and set(letters).issuperset(word.folded)
    return known and _MIN_FOREIGN <= len(word.folded) <= MAX_LETTERS


@lru_cache(maxsize=256)
def meant(folded: str) -> frozenset[str]:
    """Return the stems of the words one letter away from a word, its own left out."""
    near = set(_foreign(folded) if len(folded) >= _MIN_FOREIGN else ())
    if len(folded) >= MIN_LETTERS:
        near.update(_one_away(folded, _letters(folded) or ""))
    return frozenset(map(stem_of, near)) - {stem_of(folded)}


def _letters(word: str) -> str | None:
    return _ARABIC if "\u0621" <= word[0] <= "\u064a" else _LATIN if word[0] in _LATIN else None


def _one_away(word: str, letters: str) -> Iterator[str]:
    for at in range(len(word) + 1):
        before, after = word[:at], word[at:]
        yield from (before + letter + after for letter in letters)
        if after:
            yield before + after[1:]
            yield from (before + letter + after[1:] for letter in letters)
        if len(after) > 1:
            yield before + after[1] + after[0] + after[2:]


def _foreign(word: str) -> Iterator[str]:
    for group in _FOREIGN:
        for letter in group:
            if letter in word:
                yield from (word.replace(letter, other) for other in group if other != letter)
