"""The fold table: which letters, digits and marks are one, and in which layer.

PyArabic's and Lucene's normalisers each leave or break something (U+0670, ٱ,
the hamza of ﻷ, ى made ا), so the tables here are ours; the names of the marks are
PyArabic's. Every function is pure and takes text that `search.analysis.segmenting` has already brought to NFKC.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from pyarabic.araby import (
    DAMMA,
    DAMMATAN,
    FATHA,
    FATHATAN,
    KASRA,
    KASRATAN,
    MINI_ALEF,
    SHADDA,
    SUKUN,
    TATWEEL,
)

TANWEEN = FATHATAN + DAMMATAN + KASRATAN
SMALL_ALEF = MINI_ALEF  # U+0670
VOWELS = TANWEEN + FATHA + DAMMA + KASRA + SUKUN + SMALL_ALEF
TASHKEEL = frozenset(VOWELS + SHADDA)

# Persian, Urdu, Pashto, Kurdish, Kashmiri and Uyghur shapes of Arabic letters. Letters with
# a sound of their own (گ پ چ ژ ڤ ڭ ڨ) are no variants and stay in `letters`.
_VARIANTS = str.maketrans(
    {
        "ک": "ك",
        "ڪ": "ك",
        "ی": "ي",
        "ے": "ي",
        "ۓ": "ي",
        "ې": "ي",
        "ۍ": "ي",
        "ہ": "ه",
        "ھ": "ه",
        "ە": "ه",
        "ۂ": "ه",
        "ۀ": "ه",
        "ۃ": "ة",
        "ٲ": "أ",
        "ٳ": "إ",
        "ٵ": "أ",
        "ٴ": "ء",
        "ڕ": "ر",
        "ڵ": "ل",
        "ێ": "ي",
        "ۆ": "و",
    }
)
_FOLDS = str.maketrans("أإآٱىةڤڥپچگڭڨ", "ااااي" + "هففبجككق")
_ARABIC = re.compile("[\u0621-\u064a]")
# Madda written as a letter of its own: قرءان is قرآن. Not after alef (قراءات) and
# not at the end (جزءا), where hamza and alef belong to different syllables.
_HAMZA_ALEF = re.compile("(?<!ا)ء+ا(?=.)")
_HAMZA_SEATS = str.maketrans("ؤئ", "ءء")
# Three of a letter and more are drawn out for emphasis. A word of nothing else is laughter.
_DRAWN_OUT = re.compile("([ء-ي])\\1{2,}")

_LATIN_LETTERS = str.maketrans(
    {
        "ħ": "h",
        "ŧ": "t",
        "ƶ": "z",
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "ı": "i",
        "'": "",
    }
)
_ACCENTED_SCRIPTS = re.compile("[\u00c0-\u058f\u0590-\u05ff\u1e00-\u1fff']")

_VALUE_SPACES = re.compile("[\\s_\u2010-\u2015-]+")
_IN_VALUES_DROPPED = TASHKEEL | {TATWEEL}

PAD = "_"
GRAM_LENGTH = 4


def has_arabic(text: str) -> bool:
    """Whether any letter of a text is Arabic."""
    return _ARABIC.search(text) is not None


def unify_letters(letters: str) -> str:
    """Return Arabic letters with the shapes of other languages made Arabic's own."""
    return letters.translate(_VARIANTS)


def fold_arabic(letters: str) -> str:
    """Return the `folded` form: hamza on alef, its other seats, ى/ي and ة/ه are one.

    So are letters of loan words and the plain ones (ڤ/ف), and letters drawn out (جميييل).
    """
    folded = letters.translate(_FOLDS)
    if "ءا" in folded:
        folded = _HAMZA_ALEF.sub("ا", folded)
    return _DRAWN_OUT.sub(_once, fold_seats(folded))


def fold_seats(folded: str) -> str:
    """Return a word with ؤ, ئ and ء made one: مسؤول is مسئول."""
    return folded.translate(_HAMZA_SEATS)


def _once(drawn_out: re.Match[str]) -> str:
    """Twice where words begin so (ممتاز) or in الله, elsewhere once."""
    letter, at, word = drawn_out[1], drawn_out.start(), drawn_out.string
    if len(drawn_out[0]) == len(word):
        return word
    twice = (letter == "م" and not at) or (letter == "ل" and word[at - 1 : at] == "ا")
    return letter * 2 if twice else letter


def fold_other(letters: str) -> str:
    """Return a case-folded word of another script without accents and apostrophes."""
    if letters.isascii():
        return letters.replace("'", "")
    if not _ACCENTED_SCRIPTS.search(letters):
        return letters
    parts = unicodedata.normalize("NFD", letters)
    bare = "".join(c for c in parts if not is_accent(c)).translate(_LATIN_LETTERS)
    return unicodedata.normalize("NFC", bare) or letters


def fold_value(value: str) -> str:
    """Return what two spellings of a source, an author, a tag or a language have in common.

    Letters as in the layer `folded`, digits one set, without marks; spaces, hyphens and
    underscores are one. Other punctuation stays: C++ is not C.
    """
    parts = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", value).casefold())
    kept = (
        str(unicodedata.decimal(c)) if c.isdecimal() else c
        for c in parts
        if c not in _IN_VALUES_DROPPED and unicodedata.category(c) != "Cf" and not is_accent(c)
    )
    letters = unicodedata.normalize("NFC", "".join(kept))
    folded = fold_arabic(unify_letters(letters)).translate(_LATIN_LETTERS)
    return " ".join(_VALUE_SPACES.sub(" ", folded).split()) or value


@cache
def _accents() -> frozenset[str]:
    ranges = ((0x0300, 0x0370), (0x0483, 0x0488), (0x0591, 0x05C8), (0x1AB0, 0x1B00))
    return frozenset(chr(c) for low, high in ranges for c in range(low, high)) - {"\u05be"}


def is_accent(char: str) -> bool:
    """Whether a mark of Latin, Greek, Cyrillic or Hebrew: left out of `folded`.

    Marks of other scripts (Devanagari, Thai) are vowels and stay.
    """
    return char in _accents()


def grams(folded: str) -> tuple[str, ...]:
    """Return the padded 4-grams of a folded word, in order, repeats kept."""
    padded = f"{PAD}{folded}{PAD}"
    last = len(padded) - GRAM_LENGTH
    if last <= 0:
        return (padded,)
    return tuple([padded[i : i + GRAM_LENGTH] for i in range(last + 1)])


def vowelled(letters: str, marks: tuple[str, ...]) -> str:
    """Return letters with their tashkeel in canonical order; "" when none is left.

    Left out is what writers leave out at will, so that two spellings of the same
    vowels agree: the last letter's case vowel, sukun, a vowel before its own long
    vowel (كِتَاب, كِتاب), and the shadda of a sun letter (الشَّمس, الشَمس).

    Args:
        letters: the word in the `letters` layer.
        marks: each letter's tashkeel, one string a letter.
    """
    if not any(marks):
        return ""
    written = [_canonical(m) for m in marks]
    last = len(letters) - 1
    written[last] = SHADDA if SHADDA in written[last] else ""
    for i, mark in enumerate(written):
        if i == last:
            break
        if letters[i + 1] in "اىةوي":
            long = {"و": DAMMA, "ي": KASRA}.get(letters[i + 1], FATHA)
            if not written[i + 1] and mark.endswith(long):
                written[i] = mark[:-1]
        if i + 1 == last and letters[last] in "اى" and mark and mark[-1] in TANWEEN:
            written[i] = mark[:-1]
    if letters.startswith("ال") and last > 2 and SHADDA in written[2]:
        written[2] = written[2].replace(SHADDA, "")
    if not any(written):
        return ""
    return "".join(letter + mark for letter, mark in zip(letters, written, strict=True))


def _canonical(marks: str) -> str:
    """Shadda first, then one vowel; sukun says "no vowel", the small alef is a fatha."""
    vowel = next((m for m in marks if m in VOWELS and m != SUKUN), "").replace(SMALL_ALEF, FATHA)
    return (SHADDA if SHADDA in marks else "") + vowel
