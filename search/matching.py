"""A parsed query as clauses: what must match, and what the text ranking adds up.

Weights were measured on XQuAD-ar by benchmarks/lexical.py (docs/EVALUATION.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from search.analysis import Token
from search.clauses import AllOf, AnyOf, Boost, Clause, Everything, Not, Phrase, Prefer, Term
from search.folding import grams
from search.parse import Item, ParsedQuery

STEM_WEIGHT = 1.0
GRAM_WEIGHT = 1.0
FOLDED_WEIGHT = 0.1  # the form asked ranks above its inflections
LETTERS_WEIGHT = 0.1  # the spelling asked ranks above its variants
VOWELLED_WEIGHT = 0.5  # vowels asked rank passages whose vowels agree higher

# A word is nearly another when they share half of its stem's grams, three at least:
# that admits نتانياهو for نتنياهو (3 of 6) and مسئول for مسؤول, not أوراق for عراق.
NEAR_SHARE = 0.5
NEAR_LEAST = 3


@dataclass(frozen=True, slots=True)
class Near:
    """What a word shares at least with the words that are nearly it."""

    grams: frozenset[str]
    least: int


def near(word: Token) -> Near | None:
    """Return what makes another word a near match, None where it is too short for any."""
    # Grams of the stem: clitics would make every word with ال near every other.
    shown = grams(word.stem if word.stem in word.folded else word.folded)
    least = max(NEAR_LEAST, math.ceil(NEAR_SHARE * len(set(shown))))
    return Near(frozenset(shown), least) if len(set(shown)) >= least else None


def text_clause(query: ParsedQuery) -> Clause | None:
    """Return what ranks passages by the query's words, None where it has none."""
    words = query.words()
    if not words:
        return Everything() if any(item.occur == "excluded" for item in query.items) else None
    return Prefer(Boost(_matches(words), 0.0), _scores(words))


def constraint(query: ParsedQuery) -> Clause | None:
    """Return what every hit must meet whatever the ranking, None where nothing was demanded."""
    required = tuple(_demand(i) for i in query.items if i.occur == "required")
    excluded = tuple(_demand(i) for i in query.items if i.occur == "excluded")
    if not required and not excluded:
        return None
    wanted: Clause = AllOf(required) if required else Everything()
    return Not(wanted, AnyOf(excluded)) if excluded else wanted


def stem_terms(query: ParsedQuery) -> tuple[Term, ...]:
    """Return each ranking word as a term of the stem layer, once."""
    return tuple(dict.fromkeys(Term("stem", word.stem) for word in query.words()))


def _demand(item: Item) -> Clause:
    layer = "letters" if item.exact else "stem"
    values = tuple(t.letters if item.exact else t.stem for t in item.tokens)
    return Term(layer, values[0]) if len(values) == 1 else Phrase(layer, values)


def _matches(words: tuple[Token, ...]) -> Clause:
    stems: dict[Clause, None] = dict.fromkeys(Term("stem", w.stem) for w in words)
    nears = (near(word) for word in words)
    return AnyOf(
        (
            *stems,
            *(
                AnyOf(tuple(Term("grams", g) for g in sorted(n.grams)), minimum=n.least)
                for n in nears
                if n
            ),
        )
    )


def _scores(words: tuple[Token, ...]) -> Clause:
    weights: dict[Term, float] = {}
    for word in words:
        weights[Term("stem", word.stem)] = STEM_WEIGHT
        weights[Term("folded", word.folded)] = FOLDED_WEIGHT
        weights[Term("letters", word.letters)] = LETTERS_WEIGHT
        if word.vowelled:
            weights[Term("vowelled", word.vowelled)] = VOWELLED_WEIGHT
        for gram in word.grams:
            weights[Term("grams", gram)] = GRAM_WEIGHT
    return AnyOf(tuple(t if w == 1.0 else Boost(t, w) for t, w in weights.items()))
