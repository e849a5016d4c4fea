"""How much of a query the index knows: what its words weigh beside its meaning."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from search.analysis.transliteration import NO_FORMS, Forms
from search.query.clauses import Term
from search.query.matching import FORM_WEIGHT

# An Arabic word the index lacks may still be met by its grams: clitic queries of the seed
# .876 -> .909, xquad-ar .9766 -> .9769 (0.7: paraphrases lose .06).
UNKNOWN_ARABIC = 0.3
_ARABIC = re.compile("[\u0621-\u064a]")


def coverage(frequencies: Mapping[Term, int], passages: int, forms: Forms = NO_FORMS) -> float:
    """Return the part, 0..1, of the query's words by weight (idf) that the index knows.

    A query in another language or script shares hardly a word with the index; what it
    shares (a digit, a stray name) must not outweigh its meaning.
    """
    known = whole = 0.0
    for term, frequency in frequencies.items():
        offered = forms.get(term.value, ())
        seen = frequency or (offered[0].frequency if offered else 0)
        rarity = math.log(1 + (passages + 1) / (seen + 0.5))
        whole += rarity
        if frequency:
            known += rarity
        elif offered:
            known += rarity * FORM_WEIGHT
        elif _ARABIC.search(term.value):
            known += rarity * UNKNOWN_ARABIC
    return known / whole if whole else 0.0
