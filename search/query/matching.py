"""Turns a parsed query into clauses: what must match, and what the text ranking adds up.

Weights were measured on XQuAD-ar by benchmarks/lexical.py (docs/EVALUATION.md).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any

from search.analysis.tokens import TITLE_END, Token, analyse
from search.analysis.transliteration import NO_FORMS, Forms
from search.domain import Filter, Layer, Level
from search.query.clauses import (
    MAX_GAP,
    AllOf,
    Among,
    AnyOf,
    Boost,
    Clause,
    Everything,
    Fuzzy,
    Not,
    Phrase,
    Prefer,
    Prefix,
    Proximity,
    Term,
)
from search.query.expansion import homographs, kin, name_rows, other_seats, other_spellings
from search.query.misspellings import Meant
from search.query.parse import REMEMBERED, Item, ParsedQuery
from search.query.phrases import beginnings, layer_of, rows

STEM_WEIGHT = 1.0
# Of every second gram of a word: neighbours share three of their four letters, and grams are half
# of what a ranking costs. nDCG@10 by words on tydi-ar, xquad-ar and the seed: .9174, .9625, .8036;
# all of them at .2: .9161, .9621, .8000; every second at .2: .9139, .9604, .8041.
GRAM_WEIGHT = 0.4
FOLDED_WEIGHT = 0.1  # the form asked ranks above its inflections
LETTERS_WEIGHT = 0.1  # the spelling asked ranks above its variants
PHRASE_WEIGHT = 1.0  # besides its words; a passage that holds the phrase nearly doubles
FORM_WEIGHT = 0.7  # a Latin spelling's Arabic form may be another word; so may a synonym
SEAT_WEIGHT = 0.3  # hamza on another seat may make another word
# A form of the verb that was asked, or of the other word: .1 and .3 move no question of three sets.
HOMOGRAPH_WEIGHT = 0.1
# nDCG@10 by words without, .02, .1: seed .7976, .8000, .8004, xquad-ar .9630, .9631, .9630, tydi-ar
# .9150, .9150, .9141, with titles .9484, .9483, .9485.
KIN_WEIGHT = 0.02
MEANT_WEIGHT = 3.0  # a word that is perhaps meant, about as one that a twentieth of passages have
VOWELLED_WEIGHT = 0.5  # vowels asked rank passages whose vowels agree higher


# A word is nearly another when it holds half of the grams that begin in the other's stem,
# three at least: that admits نتانياهو for نتنياهو (3 of 6) and مسئول for مسؤول, not أوراق
# for عراق. Grams of clitics and endings would make every word with ال near every other.
NEAR_SHARE = 0.5
NEAR_LEAST = 3


@dataclass(frozen=True, slots=True)
class Near:
    """The grams of a word, and the least number of them that a near match shares."""

    grams: frozenset[str]
    least: int


@lru_cache(REMEMBERED)
def near(word: Token) -> Near | None:
    """Return what makes another word a near match; None if the word is too short for any."""
    shown = frozenset(_stem_grams(word))
    least = max(NEAR_LEAST, math.ceil(NEAR_SHARE * len(shown)))
    return Near(shown, least) if len(shown) >= least else None


def _stem_grams(word: Token) -> tuple[str, ...]:
    """Return the grams that begin in a word's stem; in the word, where its stem is not in it."""
    begin = max(word.folded.find(word.stem), 0)
    # The first gram begins at the padding, one before the word.
    return word.grams[begin + 1 if begin else 0 : begin + len(word.stem) + 1]


def text_clause(query: ParsedQuery, forms: Forms = NO_FORMS) -> Clause | None:
    """Return the clause that ranks passages by the query's words; None if it has no words."""
    words = query.words()
    if not words and not query.prefixes():
        chosen = any(item.occur == "excluded" or item.field for item in query.items)
        return Everything() if chosen else None
    return _ranking(query, forms)


def near_clause(
    query: ParsedQuery, forms: Forms, words: Sequence[Token], unknown: Sequence[Meant]
) -> Clause | None:
    """Return `text_clause` extended by near matches of some words; None if none has any.

    For a second ranking, where `text_clause` finds nothing or no passage has a word. In the first
    one, near matches of every word would take half of a search's time (100,000 passages: 3.2 for
    2.1 ms).
    nDCG@10 by words on tydi-ar is .9122 either way and .9089 without near matches; on xquad-ar
    .9609 in all three.

    Args:
        words: of the query, whose near matches count, by their grams.
        unknown: words of the query that no passage has, with what they may mean.
    """
    nears = tuple(
        AnyOf(tuple(Term("grams", g) for g in sorted(n.grams)), minimum=n.least)
        for n in dict.fromkeys(map(near, words))
        if n
    )
    mistaken = tuple(clause for one in unknown for clause in one.clauses())
    if not nears and not mistaken:
        return None
    return _ranking(query, forms, words, nears, mistaken)


def constraint(
    query: ParsedQuery, forms: Forms = NO_FORMS, level: Level | None = None
) -> Clause | None:
    """Return the condition on every hit of either ranking; None if there is none.

    Args:
        level: the loosest match level: every hit has some word of the query at this level or a
            tighter one. None: no such condition.
    """
    far = level or "near"
    required = [_demand(i, query, forms, far) for i in query.items if i.occur == "required"]
    excluded = [_demand(i, query, forms, far) for i in query.items if i.occur == "excluded"]
    fields: dict[str, list[Clause]] = {}
    for item in query.items:
        if item.field and item.occur == "optional":
            fields.setdefault(item.field, []).append(_of_field(item))
    required += [AnyOf(tuple(some)) for some in fields.values()]
    if level is not None and (query.words() or query.prefixes()):
        required.append(AnyOf(_some_word(query, forms, level)))
    if not required and not excluded:
        return None
    wanted: Clause = AllOf(tuple(required)) if required else Everything()
    return Not(wanted, AnyOf(tuple(excluded))) if excluded else wanted


def stem_terms(query: ParsedQuery) -> tuple[Term, ...]:
    """Return each ranking word as a term of the stem layer, once."""
    return tuple(dict.fromkeys(Term("stem", word.stem) for word in query.words()))


def _of_field(item: Item) -> Clause:
    """Return the condition of a field's value; a title needs every word of it, by its stem."""
    if item.field != "title":
        own: dict[str, Any] = {f"{item.field}s": (item.text,)}
        return Among(Filter(**own))
    stems = tuple(token.stem for token in analyse(item.text))
    # A title's terms stand before its mark.
    words = [Proximity("stem", stem, TITLE_END, MAX_GAP, in_order=True) for stem in stems]
    return AllOf((*words, _in_a_row("stem", stems)) if item.in_order else tuple(words))


def _near(item: Item, level: Level) -> Clause:
    """Return the condition that each two neighbouring words of an item are near each other."""
    layers: dict[Level, Layer] = {"exact": "letters", "spelling": "folded"}
    layer = layers.get(level, "stem")
    terms = [getattr(token, layer) for token in item.tokens]
    return AllOf(
        tuple(Proximity(layer, a, b, item.within, item.in_order) for a, b in pairwise(terms))
    )


def _demand(item: Item, query: ParsedQuery, forms: Forms, level: Level) -> Clause:
    if item.field:
        return _of_field(item)
    if item.within:
        return _near(item, "exact" if item.typed else level)
    if item.any_of:
        return AnyOf(tuple(_demand(one, query, forms, level) for one in item.any_of))
    if item.prefix:
        return AnyOf(prefixed(item, level))
    if item.exact:
        return phrase_clause(replace(item, typed=item.typed or level == "exact"), query)
    if len(item.tokens) == 1:
        return AnyOf(_word_at(item.tokens[0], forms, level))
    if level == "exact":
        return _in_a_row("letters", tuple(t.letters for t in item.tokens))
    if level == "spelling":
        return _in_a_row("folded", tuple(t.folded for t in item.tokens))
    return _in_a_row("stem", tuple(t.stem for t in item.tokens))


def _some_word(query: ParsedQuery, forms: Forms, level: Level) -> tuple[Clause, ...]:
    """Return clauses, one for each way of having a word of the query at a level or tighter.

    `search.ranking.levels` tells by the same rules how a passage has each word.
    """
    found = [clause for word in query.words() for clause in _word_at(word, forms, level)]
    found += [clause for item in query.prefixes() for clause in prefixed(item, level)]
    if level not in ("exact", "spelling"):
        found += [*homographs(query), *(Term("stem", stem) for stem in kin(query))]
    if level not in ("exact", "spelling", "form"):
        found += [_in_a_row("stem", row) for row in name_rows(query)]
    return tuple(dict.fromkeys(found))


def _word_at(word: Token, forms: Forms, level: Level) -> tuple[Clause, ...]:
    """Return clauses, one for each way of having a word at a level or tighter, but near ones."""
    if level == "exact":
        return (
            Term("vowelled", word.vowelled) if word.vowelled else Term("letters", word.letters),
        )
    if level == "spelling":
        return tuple(Term("folded", folded) for folded in (word.folded, *other_spellings(word)))
    return tuple(
        Term("stem", stem) for stem in _stems(word, NO_FORMS if level == "form" else forms)
    )


def prefixed(item: Item, level: Level) -> tuple[Clause, ...]:
    if level == "exact":
        return (Prefix("letters", item.tokens[0].letters),)
    return tuple(Prefix("folded", begin) for begin in beginnings(item, level))


def phrase_clause(item: Item, query: ParsedQuery) -> Clause:
    layer, phrases = layer_of(item), sum(i.exact for i in query.items)
    return AnyOf(tuple(_in_a_row(layer, row) for row in rows(item, phrases)))


def _in_a_row(layer: Layer, values: tuple[str, ...]) -> Clause:
    return Phrase(layer, values) if len(values) > 1 else Term(layer, values[0])


def _stems(word: Token, forms: Forms) -> tuple[str, ...]:
    return (word.stem, *(form.stem for form in forms.get(word.stem, ())), *other_seats(word))


def _ranking(
    query: ParsedQuery,
    forms: Forms,
    nearly: Sequence[Token] = (),
    nears: tuple[Clause, ...] = (),
    mistaken: tuple[Clause, ...] = (),
) -> Clause:
    """Return the clause that finds passages by any word, near match or correction, and scores them.

    Words with near matches score by all their grams. Corrections of a misspelt word are asked
    once, to match and to score, because an engine goes through its dictionary for each of them.

    Args:
        nearly: the words that `nears` are near matches of.
    """
    others = {synonym.stems for synonym in query.synonyms}
    rows_besides = ((row, _in_a_row("stem", row)) for row in name_rows(query))
    names = tuple(Boost(c, FORM_WEIGHT) if row in others else c for row, c in rows_besides)
    meant = [_meant(clause) for clause in mistaken if isinstance(clause, Fuzzy)]
    unscored = [clause for clause in mistaken if not isinstance(clause, Fuzzy)]
    wanted: Clause = Boost(AnyOf((*_some_word(query, forms, "near"), *nears, *unscored)), 0.0)
    if meant:
        wanted = AnyOf((wanted, *meant))
    return Prefer(wanted, AnyOf(_scores(query, forms, nearly, names)))


def _meant(word: Fuzzy) -> Clause:
    """Weigh a correction: a stem is shorter, and so has more neighbours by chance."""
    return Boost(word, MEANT_WEIGHT if word.layer == "folded" else MEANT_WEIGHT / 2)


def _scores(
    query: ParsedQuery, forms: Forms, nearly: Sequence[Token], names: tuple[Clause, ...]
) -> tuple[Clause, ...]:
    weights: dict[Term, float] = {}
    words = query.words()
    for word in words:
        for form in forms.get(word.stem, ()):
            weights.setdefault(Term("stem", form.stem), FORM_WEIGHT)
        for stem in other_seats(word):
            weights.setdefault(Term("stem", stem), SEAT_WEIGHT)
        weights[Term("stem", word.stem)] = STEM_WEIGHT
        weights[Term("folded", word.folded)] = FOLDED_WEIGHT
        weights[Term("letters", word.letters)] = LETTERS_WEIGHT
        if word.vowelled:
            weights[Term("vowelled", word.vowelled)] = VOWELLED_WEIGHT
        for gram in word.grams if word in nearly else word.grams[::2]:
            weights[Term("grams", gram)] = GRAM_WEIGHT
    begins = tuple(clause for item in query.prefixes() for clause in prefixed(item, "near"))
    for term in homographs(query):
        weights.setdefault(term, HOMOGRAPH_WEIGHT)
    for stem in kin(query):
        weights.setdefault(Term("stem", stem), KIN_WEIGHT)
    scores = [t if w == 1.0 else Boost(t, w) for t, w in weights.items()]
    phrases = [
        Boost(phrase_clause(item, query), PHRASE_WEIGHT)
        for item in query.items
        if item.exact and item.occur == "optional"
    ]
    return (*scores, *begins, *names, *phrases)
