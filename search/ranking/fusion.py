"""One ranking out of two: a convex combination of scores on a common scale. Pure.

The words weigh by their `coverage`: how much of the query the index knows.

Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval"
(TOIS 2023) find a convex combination better than reciprocal rank fusion in and out of domain;
so does every set measured here (docs/EVALUATION.md). Their min-max scale gives the last passage
a ranking lists nothing, as if it did not match: with words that a few short titles hold, exact
hits then vanish from the first page. So here words count by their share of the best score, and
meaning by how far it is below the best.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from search.analysis.folding import has_arabic
from search.analysis.transliteration import NO_FORMS, Forms
from search.domain import Mode
from search.engines.protocol import Rankings
from search.query.clauses import Term
from search.query.matching import FORM_WEIGHT

Basis = Literal["words", "meaning", "both"]

# An Arabic word the index lacks may still be met by its grams: clitic queries of the seed
# .876 -> .909, xquad-ar .9766 -> .9769 (0.7: paraphrases lose .06).
UNKNOWN_ARABIC = 0.3


def coverage(frequencies: Mapping[Term, int], passages: int, forms: Forms = NO_FORMS) -> float:
    """Return the part, 0..1, of the query's words by weight (idf) that the index knows.

    A query in another language or script shares hardly a word with the index; what it
    shares (a digit, a stray name) must not outweigh its meaning.
    """
    known = whole = 0.0
    for term, frequency in frequencies.items():
        if term.layer != "stem":
            continue
        offered = forms.get(term.value, ())
        seen = frequency or (offered[0].frequency if offered else 0)
        weight = idf(seen, passages)
        whole += weight
        if frequency:
            known += weight
        elif offered:
            known += weight * FORM_WEIGHT
        elif has_arabic(term.value):
            known += weight * UNKNOWN_ARABIC
    return known / whole if whole else 0.0


def idf(frequency: int, passages: int) -> float:
    """Return how much a word weighs that so many of the passages have."""
    return math.log(1 + (passages + 1) / (frequency + 0.5))


def basis(mode: Mode, rankings: Rankings, spread: float, weight: float) -> Basis:
    """Return which rankings make the score.

    Args:
        spread: of the model's cosines, 0 where nothing was asked by meaning.
        weight: of the words.
    """
    if mode == "keyword" or not spread:
        return "words"
    if mode == "semantic" or (weight == 0.0 and rankings.vector):
        return "meaning"
    return "both"


def in_one(
    rankings: Rankings, based: Basis, weight: float, spread: float
) -> list[tuple[str, float]]:
    """Return (passage id, score), best first, of the rankings that make the score."""
    text = {hit.passage_id: hit.score for hit in rankings.text}
    near = {hit.passage_id: hit.score for hit in rankings.vector}
    if based == "both":
        return fuse(text, near, weight, spread)
    return list((text if based == "words" else near).items())


def by_share(scores: Mapping[str, float]) -> dict[str, float]:
    """Map scores of words to their share of the best one; where none is above 0, all are 1."""
    best = max(scores.values(), default=0.0)
    return {key: score / best if best > 0 else 1.0 for key, score in scores.items()}


def by_distance(scores: Mapping[str, float], spread: float) -> dict[str, float]:
    """Map cosines onto 0..1: the best is 1, the last 0 where it is `spread` below or more.

    Args:
        spread: cosines that are nearer to each other than this differ by less than all.
    """
    if not scores:
        return {}
    best = max(scores.values())
    whole = max(best - min(scores.values()), spread)
    return {key: 1.0 - (best - score) / whole for key, score in scores.items()}


def fuse(
    keyword: Mapping[str, float],
    semantic: Mapping[str, float],
    keyword_weight: float,
    spread: float,
) -> list[tuple[str, float]]:
    """Return (passage id, score) by (-score, id).

    A passage without the words has 0 of them; one beyond the nearest means as much as the last
    of these.

    Args:
        keyword: scores of the text ranking by passage id.
        semantic: cosines of the vector ranking by passage id.
        keyword_weight: 0..1; the semantic ranking weighs the rest.
        spread: of the model's cosines (`by_distance`), above 0.
    """
    words, meaning = by_share(keyword), by_distance(semantic, spread)
    last = min(meaning.values(), default=0.0)
    combined = {
        key: keyword_weight * words.get(key, 0.0) + (1 - keyword_weight) * meaning.get(key, last)
        for key in words.keys() | meaning.keys()
    }
    return sorted(combined.items(), key=lambda pair: (-pair[1], pair[0]))
