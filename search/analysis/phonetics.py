"""How Arabic words sound in Latin letters: Arabizi (7ezb, al3iraq) and names (Baghdad).

A word's *sound* is the row of its consonants, in classes that every romanisation
keeps apart; vowels are left out, because Arabic hardly writes them. Words of one
sound are then compared letter by letter (`closeness`). The index keeps its Arabic
words under their sound (the layer `sound`), so that only words it really holds
are ever offered: blind expansion would explode.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, lru_cache
from itertools import accumulate

# Long vowels, hamza and ع have no class: Latin spellings drop or vary them.
_ARABIC = {
    **dict.fromkeys("بپ", "b"),
    **dict.fromkeys("فڤ", "f"),
    **dict.fromkeys("تطث", "t"),
    **dict.fromkeys("دضذظ", "d"),
    **dict.fromkeys("سصز", "s"),
    **dict.fromkeys("شچ", "x"),
    **dict.fromkeys("جغگ", "g"),
    **dict.fromkeys("كق", "k"),
    **dict.fromkeys("حه", "h"),
    **dict.fromkeys("خ", "q"),
    **dict.fromkeys("ل", "l"),
    **dict.fromkeys("ر", "r"),
    **dict.fromkeys("م", "m"),
    **dict.fromkeys("ن", "n"),
}

# Latin spelling -> its classes ("" is a vowel), the Arabic letters it may stand for.
_LATIN: dict[str, tuple[tuple[str, ...], str]] = {
    "tch": (("x",), "ش"),
    "sch": (("x",), "ش"),
    "ch": (("x", "q", "k"), "شخ"),
    "sh": (("x",), "ش"),
    "kh": (("q",), "خ"),
    "gh": (("g",), "غج"),
    "dh": (("d",), "ذضظد"),
    "th": (("t", "d"), "ثذتط"),
    "ph": (("f",), "ف"),
    "ck": (("k",), "كق"),
    "dj": (("g",), "ج"),
    "3'": (("g",), "غ"),
    "7'": (("q",), "خ"),
    "9'": (("d",), "ض"),
    "6'": (("d",), "ظ"),
    "ou": (("",), "و"),
    "oo": (("",), "و"),
    "ee": (("",), "ي"),
    "aa": (("",), "ا"),
    "ei": (("",), "ي"),
    "ai": (("",), "اي"),
    "2": (("",), "ءأؤئا"),
    "3": (("",), "ع"),
    "4": (("x",), "ش"),
    "5": (("q",), "خ"),
    "6": (("t",), "ط"),
    "7": (("h",), "ح"),
    "8": (("k",), "ق"),
    "9": (("s", "k"), "صق"),
    "a": (("",), "اعة"),
    "b": (("b",), "ب"),
    "c": (("k", "s"), "كسق"),
    "d": (("d",), "دض"),
    "e": (("",), "ايعة"),
    "f": (("f",), "ف"),
    "g": (("g", "k"), "غجق"),
    "h": (("h",), "هحة"),
    "i": (("",), "يعا"),
    "j": (("g",), "ج"),
    "k": (("k",), "كقخ"),
    "l": (("l",), "ل"),
    "m": (("m",), "م"),
    "n": (("n",), "ن"),
    "o": (("",), "واع"),
    "p": (("b",), "بپ"),
    "q": (("k",), "قك"),
    "r": (("r",), "ر"),
    "s": (("s",), "سصز"),
    "t": (("t",), "تط"),
    "u": (("",), "واع"),
    "v": (("f",), "فڤ"),
    "w": (("",), "و"),
    "x": (("ks",), "كس"),
    "y": (("",), "ي"),
    "z": (("s", "d"), "زظذس"),
}
_UNIT = re.compile("|".join(sorted(map(re.escape, _LATIN), key=len, reverse=True)))
_VOWEL_LETTERS = frozenset("ايوىأإآءؤئع")
_FIRST_VOWELS = frozenset("اأإآءعيو")
_FIRST_VOWEL = 0.6  # Arabic writes a first vowel: asad is أسد, not صعد
_MAX_SOUNDS = 8  # of one spelling; each ambiguous letter doubles them


@lru_cache(maxsize=65_536)
def arabic_sound(stem: str) -> str:
    """Return the classes of an Arabic stem's consonants; a final ه is not heard."""
    return _undoubled([_ARABIC.get(letter, "") for letter in stem.removesuffix("ه")])


def latin_sounds(word: str) -> tuple[str, ...]:
    """Return the sounds, eight at most, that a lower-case Latin spelling may have."""
    sounds: list[tuple[str, ...]] = [()]
    units = _UNIT.findall(word)
    if units[-1:] == ["h"]:  # a final ة, which is not heard in Arabic either
        units.pop()
    for unit in units:
        sounds = [(*s, c) for s in sounds for c in _LATIN[unit][0]][:_MAX_SOUNDS]
    return tuple(dict.fromkeys(map(_undoubled, sounds)))


@lru_cache(maxsize=65_536)
def closeness(word: str, stem: str, least: float = 0.0) -> float:
    """Return how well a lower-case Latin spelling spells an Arabic stem, 0 to 1.

    A weighted edit distance over spelling units: vowels unwritten on either side
    cost little, a consonant for another of its class some, for any other much.

    Args:
        least: what is less close is 0. Most of the hundreds of words of a sound are, and that
            shows after a few letters.
    """
    units = _units(word)
    size = max(len(units), len(stem), 1)
    most = size * (1 - least) + 1e-9
    unspelt = [_unspelt(letter) for letter in stem]
    row = list(accumulate(unspelt, initial=0.0))
    if units and _is_vowel(units[0]) and stem[:1] not in _FIRST_VOWELS:
        row = [cost + _FIRST_VOWEL for cost in row]
    for unit in units:
        unheard = _unheard(unit)
        cost = row[0] + unheard
        above, row = row, [cost]
        for n, letter in enumerate(stem):
            # `min` of the three takes twice as long.
            cost += unspelt[n]
            if (heard := above[n] + _mismatch(unit, letter)) < cost:
                cost = heard
            if (left_out := above[n + 1] + unheard) < cost:
                cost = left_out
            row.append(cost)
        if min(row) > most:
            return 0.0
    return max(0.0, 1 - row[-1] / size)


@cache
def _units(word: str) -> list[str]:
    return _UNIT.findall(word)


def _undoubled(classes: Iterable[str]) -> str:
    heard, before = "", ""
    for c in classes:
        if c and c != before:
            heard += c
            before = c
    return heard


def _is_vowel(unit: str) -> bool:
    return _LATIN[unit][0] == ("",)


@cache
def _unheard(unit: str) -> float:
    return 0.12 if _is_vowel(unit) and unit != "3" else 1.0


@cache
def _unspelt(letter: str) -> float:
    if letter in _VOWEL_LETTERS:
        return 0.45
    return 0.15 if letter == "ه" else 1.0


@cache
def _mismatch(unit: str, letter: str) -> float:
    classes, letters = _LATIN[unit]
    if letter in letters:
        return 0.0
    if _is_vowel(unit):
        return 0.4 if letter in _VOWEL_LETTERS else 1.2
    return 0.3 if _ARABIC.get(letter) in classes else 1.2
