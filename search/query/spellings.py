"""Other spellings of a word that are asked whatever passages have: hamza's other seats.

In the layer `folded` ؤ, ئ and ء are one, but أ is ا there, as most people type it. So تئخير and
تأخير have two stems, and both may be common.
"""

from __future__ import annotations

from search.analysis.folding import fold_arabic
from search.analysis.tokens import Token, stem_of

_SEATS = "أؤئء"
_OTHERS = ("أ", "ؤ")  # one for each of what `folded` makes of them
_LONG = "وي"  # before these no hamza sits on an alef: رئيس is not رايس, شؤون not شاون


def other_seats(word: Token) -> tuple[str, ...]:
    """Return the stems, two at most, of a word whose first hamza inside sits elsewhere.

    The hamza that a stem begins with, or a word ends with, stays: شيء is not شيا.
    """
    letters = word.letters
    begin = max(word.folded.find(word.stem[:2]), 0) + 1
    at = next((n for n in range(begin, len(letters) - 1) if letters[n] in _SEATS), None)
    if at is None or letters[at + 1] in _LONG:
        return ()
    spelt = (fold_arabic(letters[:at] + seat + letters[at + 1 :]) for seat in _OTHERS)
    stems = dict.fromkeys(stem_of(folded) for folded in spelt if folded != word.folded)
    return tuple(stem for stem in stems if stem != word.stem)
