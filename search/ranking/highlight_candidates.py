"""A quick search for the stretches of a text that may hold a word to mark; it never misses one.

Analysing the 750 words of ten passages takes 4 ms, and a query marks some forty of them.
So a text is first brought to one byte a code point, spelling variants one byte, marks left
out (`flatten`: 2 us a passage), and searched for what every matching word must contain (100
ns a passage and literal). Only the stretches between spaces where one stands are analysed.
What this cannot tell is looked at always: a code point that has no byte of its own here.
"""

from __future__ import annotations

import codecs
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

import numpy as np

from search.analysis.folding import SMALL_ALEF, TASHKEEL, fold_arabic, unify_letters
from search.analysis.stemming import other_forms
from search.query.matching import Near

# Every code point outside of these and ASCII is doubtful. Those in the three strings are their
# own NFKC form or separate words; at most 128 in all.
_LETTERS = "ءآأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهوىيٱپچژڤڨڪکگڭںھہەیېے"
_DIGITS = "٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹"
_BREAKS = "\xa0\xab\xb7\xbb\u060c\u061b\u061f\u066a\u066b\u066c\u06d4–—“”„•…\u2009\u200a"
# Stand inside of words: marks, tatweel, joiners and directions, apostrophes; what groups digits.
_LEFT_OUT = (
    "".join(sorted((TASHKEEL - {SMALL_ALEF}) | {*"'’‘ʼ`"}))
    + "ـ\xad\u200c\u200d\u200e\u200f\ufeff"
    + ".,\u066b\u066c\u060c"
)
UNKNOWN = b"?"  # what `replace` puts for a code point without a byte; question marks pay for it


def _table() -> str:
    others = dict.fromkeys(_LETTERS + _DIGITS + _BREAKS + _LEFT_OUT)
    chars = "".join(map(chr, range(128))) + "".join(c for c in others if not c.isascii())
    return chars.ljust(256, "\ufffe")


def _folds() -> bytes:
    """The byte that each byte becomes: letters as in the layer `folded`, hamza's seats one."""
    folded = {c: fold_arabic(unify_letters(c)) for c in _LETTERS} | dict.fromkeys("ؤئ", "ء")
    folded |= {c: str(int(c)) for c in _DIGITS}
    to = bytearray(range(256))
    for char, other in folded.items():
        to[_bytes(char)[0]] = _bytes(other)[0]
    return bytes(to).translate(bytes(range(256)).lower())


_CODE = codecs.charmap_build(_table())


def _bytes(text: str) -> bytes:
    return codecs.charmap_encode(text, "replace", _CODE)[0]


_FOLDS = _folds()
_DROPPED = _bytes(_LEFT_OUT)
_IS_KEPT = ~np.isin(np.arange(256), np.frombuffer(_DROPPED, np.uint8))
# Hamza and alef, of which folding makes one letter or does not, and letters drawn out.
_DOUBTFUL = (UNKNOWN, _bytes("ءا"))
_IS_LETTER = np.isin(np.arange(256), np.frombuffer(_bytes(_LETTERS), np.uint8))
# The last letter of a stem may be another in the word: ة before an ending, Latin ies.
_LAST = {"ه": "هت", "y": "yi"}


class Candidates:
    """Finds the stretches of texts that may hold certain words.

    Args:
        stems: stems that such a word has, each with what it is nearly instead, if anything.
        parts: what such a word contains in the layer `letters`.
    """

    def __init__(self, stems: Iterable[tuple[str, Near | None]], parts: Iterable[str] = ()) -> None:
        wanted = dict.fromkeys(map(flatten, parts))
        for stem, near in stems:
            grams = [flatten(gram) for gram in _grams(near)] if near else []
            wanted.update(dict.fromkeys(grams))
            for literal in map(flatten, _literals(stem)):
                if not any(gram in literal for gram in grams):
                    wanted[literal] = None
        # A word that has a letter without a byte is looked at anyway.
        known = (literal for literal in wanted if UNKNOWN not in literal)
        self._wanted = [*_DOUBTFUL, *known]

    def stretches(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Return start and end of each text's stretches, in order, each cut at spaces (U+0020).

        All texts are searched as one: for a page of ten passages and their titles that takes a
        third of the time.
        """
        found: list[list[tuple[int, int]]] = [[] for _ in texts]
        coded = _bytes("\n".join(texts))
        flat = coded.translate(_FOLDS, _DROPPED)
        find = flat.find
        letters = np.frombuffer(flat, np.uint8)
        same = letters[1:] == letters[:-1]
        drawn_out = np.flatnonzero(same[1:] & same[:-1])
        spots = set(drawn_out[_IS_LETTER[letters[drawn_out]]].tolist())
        for literal in self._wanted:
            at = find(literal)
            while 0 <= at < len(flat):
                spots.add(at)
                at = find(literal, at + 1)
        if not spots:
            return found
        # Where the code points stood that were not dropped.
        kept = np.flatnonzero(_IS_KEPT[np.frombuffer(coded, np.uint8)])
        starts = [0, *accumulate(len(text) + 1 for text in texts)]
        number = end = 0
        for place in kept[sorted(spots)].tolist():
            if place >= starts[number + 1]:
                number, end = bisect_right(starts, place) - 1, 0
            text, at = texts[number], place - starts[number]
            if at < end:
                continue
            begin = max(end, text.rfind(" ", end, at) + 1)
            end = text.find(" ", at)
            if end < 0:
                end = len(text)
            found[number].append((begin, end))
        return found


def flatten(text: str) -> bytes:
    """Return a text in one byte a code point, those left out that may stand inside of words."""
    return _bytes(text).translate(_FOLDS, _DROPPED)


def _literals(stem: str) -> Iterator[str]:
    """Yield what a word in the layer `folded` contains one of when it has this stem.

    Stems are made by taking away at both ends, but for the last letter, broken plurals and
    verbs (`search.analysis.stemming`, `search.analysis.latin_stemming`).
    """
    if stem == "الله":
        yield "لله"
    for form in (stem, *other_forms(stem)):
        for last in _LAST.get(form[-1], form[-1]):
            yield form[:-1] + last


def _grams(near: Near) -> list[str]:
    """Return grams one of which any near word contains: as many may be missing as it may lack."""
    inner = sorted(gram for gram in near.grams if "_" not in gram)
    return inner[near.least - (len(near.grams) - len(inner)) - 1 :]
