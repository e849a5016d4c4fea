"""Query words that no passage has, and the words one letter away that were perhaps meant.

A letter more, less or other, or two neighbours transposed (Damerau 1964), in the word as it
stands or in its stem, so that any form of what was meant is found. The engine looks for them in
its own dictionary (`Fuzzy`). That finds a misspelt word whatever its grams, and costs nothing
where every word is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from search.analysis.tokens import Token, stem_of
from search.analysis.transliteration import Forms
from search.query.clauses import AnyOf, Clause, Fuzzy, Term
from search.query.parse import ParsedQuery

MIN_LETTERS = 5  # shorter words have too many neighbours that are words themselves
MIN_STEM = 3
MAX_LETTERS = 14
# Of one query, stop words aside. In a longer one the other words find what is asked: nDCG@10 by
# words on tydi-ar is .9134, and .9145 with longer ones too; hybrid on the seed .9164, and .9136. Half
# of tydi-ar has a word that no passage has: a search took 4.4 ms at the mean, 6.4 so, then 7.6.
MAX_WORDS = 3
# Of all passages: what the misspelt words of tests/probes need. With .01 a search of random words
# took 1.12 times as long at the mean.
FEW = 0.004

_ARABIC = "ءابتثجحخدذرزسشصضطظعغفقكلمنهوي"
_LATIN = "abcdefghijklmnopqrstuvwxyz"
# What writers put for one foreign letter: غوغل and جوجل differ in two letters.
_FOREIGN = ("غجقك", "تط", "سص")
_MIN_FOREIGN = 4


def misspelt(
    query: ParsedQuery, frequencies: Mapping[Term, int], passages: int, forms: Forms
) -> tuple[Meant, ...]:
    """Return what may be meant by the query's words that no passage has.

    A stem that few passages have says little for a word: الملاة, for الملهاة, looks like a form
    of ملا. One that many have does, since of a common word some form is always missing.

    Args:
        frequencies: passages with each of `counted`.
        passages: in the whole index.
    """
    return tuple(
        meant(word, stem_is_known=known > 0)
        for word in may_be_misspelt(query)
        if word.stem not in forms
        and frequencies.get(Term("folded", word.folded)) == 0
        and (known := frequencies.get(Term("stem", word.stem), 0)) <= FEW * passages
    )


def counted(query: ParsedQuery) -> tuple[Term, ...]:
    """Return the terms whose frequencies tell which words are misspelt, besides the stems."""
    return tuple(dict.fromkeys(Term("folded", word.folded) for word in may_be_misspelt(query)))


def may_be_misspelt(query: ParsedQuery) -> tuple[Token, ...]:
    """Return the words of a short query that may be others misspelt, should no passage have them."""
    words = [word for word in query.words(exact=False) if not word.stop]
    return tuple(filter(_is_word, words)) if len({w.stem for w in words}) <= MAX_WORDS else ()


def _is_word(word: Token) -> bool:
    """Whether a word is long enough, and of letters only."""
    letters = _letters(word.folded)
    known = letters is not None and set(letters).issuperset(word.folded)
    return known and _MIN_FOREIGN <= len(word.folded) <= MAX_LETTERS


@dataclass(frozen=True, slots=True)
class Meant:
    """What may be meant by a misspelt word.

    word          as it was typed
    stem_is_known whether some passage has a word of its stem
    folded, stem  the word's own; None where no letter of it can be wrong
    short         the word, where it has four letters and may only lack one
    stems         of words with another letter for a foreign sound
    """

    word: Token
    stem_is_known: bool
    folded: str | None
    stem: str | None
    short: str | None
    stems: frozenset[str]

    def clauses(self) -> tuple[Clause, ...]:
        """Return what finds passages with a word that may be meant."""
        near: list[Clause] = [Fuzzy("folded", self.folded)] if self.folded is not None else []
        near += [Fuzzy("stem", self.stem)] if self.stem is not None else []
        near += [_with_one_more(self.short)] if self.short is not None else []
        return (*near, *(Term("stem", stem) for stem in sorted(self.stems)))

    def parts(self) -> Iterator[str]:
        """Yield what any word that may be meant has one of in its stem, or is.

        An edit leaves one half as it is, unless it transposes the letters between them.
        """
        yield from self.stems
        for word in filter(None, (self.folded, self.stem, self.short)):
            half = len(word) // 2
            first, second = word[:half], word[half:]
            yield from (first, second, first[:-1] + second[0] + first[-1] + second[1:])

    def includes(self, folded: str, stem: str) -> bool:
        """Tell whether a word of a passage may be meant."""
        return (
            stem in self.stems
            or (self.stem is not None and is_one_edit_away(stem, self.stem))
            or (self.folded is not None and is_one_edit_away(folded, self.folded))
            or (
                self.short is not None
                and len(folded) > len(self.short)
                and folded[0] == self.short[0]
                and is_one_edit_away(folded, self.short)
            )
        )


def meant(word: Token, *, stem_is_known: bool = False) -> Meant:
    """Return what may be meant by a word, which no passage has.

    Args:
        stem_is_known: some passage has another form of the word, or of one that looks like it
            (الملاة, for الملهاة, looks like a form of ملا): only its letters may be wrong.
    """
    long = len(word.folded) >= MIN_LETTERS
    foreign = () if stem_is_known else _foreign(word.folded)
    return Meant(
        word=word,
        stem_is_known=stem_is_known,
        folded=word.folded if long else None,
        stem=word.stem if long and len(word.stem) >= MIN_STEM and not stem_is_known else None,
        short=word.folded if len(word.folded) == MIN_LETTERS - 1 else None,
        stems=frozenset(map(stem_of, foreign)) - {word.stem},
    )


def is_one_edit_away(a: str, b: str) -> bool:
    """Tell whether two words are equal or differ by one letter or by two neighbours' order."""
    if not -1 <= len(a) - len(b) <= 1:
        return False
    short, long = (a, b) if len(a) <= len(b) else (b, a)
    at = next((n for n, letter in enumerate(short) if letter != long[n]), len(short))
    if len(short) < len(long):
        return short[at:] == long[at + 1 :]
    return short[at + 1 :] == long[at + 1 :] or (
        short[at : at + 2] == long[at : at + 2][::-1] and short[at + 2 :] == long[at + 2 :]
    )


def _with_one_more(word: str) -> Clause:
    """Return what finds the words with one letter more: some hundred terms, of one look-up.

    The first letter is the one that is hardly ever forgotten, and لباب would find الباب.
    """
    places = range(1, len(word) + 1)
    longer = {word[:at] + c + word[at:] for at in places for c in _letters(word) or ""}
    return AnyOf(tuple(Term("folded", each) for each in sorted(longer)))


def _letters(word: str) -> str | None:
    return _ARABIC if "\u0621" <= word[0] <= "\u064a" else _LATIN if word[0] in _LATIN else None


def _foreign(word: str) -> Iterator[str]:
    for group in _FOREIGN if len(word) >= _MIN_FOREIGN else ():
        for letter in group:
            if letter in word:
                yield from (word.replace(letter, other) for other in group if other != letter)
