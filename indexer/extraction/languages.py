"""The language a text is in, as a code of BCP 47 (`ar`), "" where that is unsure.

The letters decide first: their script, and in Arabic script those that one language has and
no other (ٹ ڈ ں: Urdu, ێ ۆ ڵ: Sorani). Where they leave several languages, py3langid's
model does, which knows 140 and is read from its package: nothing is asked of a network.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from copy import copy
from functools import cache
from importlib import import_module
from typing import Protocol

MIN_LETTERS = 20
_MAX_LETTERS = 400
# Of 1,172 English and 1,145 Arabic questions (xquad, 20 letters and more) it leaves 8 and 1
# unsure and takes one English for German; at .9, 33 and 1.
_MIN_PROBABILITY = 0.7
_MAIN_SCRIPT = 0.6  # of the letters

# The languages that are told, by script.
_SCRIPTS: Mapping[str, tuple[str, ...]] = {
    "ARABIC": ("ar", "fa", "ur", "ckb"),
    "HEBREW": ("he",),
    "LATIN": ("en", "fr", "tr", "de", "es"),
}
# Letters that only this language has among those of Arabic script that are common, and how
# many of 100 letters they must be: a name quoted in an Arabic text has one or two.
_OWN_LETTERS: Mapping[str, frozenset[str]] = {
    "ur": frozenset("ٹڈڑںےۓہ"),
    "ckb": frozenset("ێۆڵڕ"),
    "ps": frozenset("ېټډړږښګڼۍ"),  # before Uyghur, which has more than ې too
    "ug": frozenset("ېۇۈۋڭ"),
}
_MIN_OWN = 0.03
_PERSIAN = frozenset("پچژگکی")  # Urdu, Sorani and Pashto have them too; Arabic has not
_MIN_PERSIAN = 0.06  # Persian has .15
# Typed with Arabic's ي and ك it has .03 of پ چ ژ گ, and never ة أ إ, of which Arabic has .07.
_MIN_OLD_PERSIAN = 0.015
_MIN_TYPED = 40  # letters
_ARABIC_ONLY = frozenset("ةىيكأإ")
# What is Arabic beyond doubt needs no model: of xquad's 240 paragraphs all are, and no text of
# another language. It spares 2 ms a text, and the 119 MB of the model where all are Arabic.
_ARABIC_RUN = re.compile("[\u0620-\u064a\u066e-\u06d3]+")
_NOT_ARABIC = "".join(sorted(_PERSIAN.union(*_OWN_LETTERS.values())))
_MOST_NOT_ARABIC = 0.01
_LEAST_ARABIC = 0.02  # of ة أ إ
_DIALECTS = {"arz": "ar", "ary": "ar"}
# Asked for as well: without, Italian is Spanish. Not all 140, of which small neighbours (Galician,
# Scots, Bikol) take questions of a few words from the large ones.
_NEIGHBOURS: Mapping[str, tuple[str, ...]] = {
    "ARABIC": ("arz", "ary", "ps", "ug"),
    "LATIN": ("it", "pt", "nl", "id", "sv", "da", "no", "pl", "ro", "ca", "az", "ku", "so", "sw"),
}

_NO_WORDS = re.compile(r"https?://\S+|www\.\S+|\S+@\S+|[\W\d_]+")


def language_of(text: str) -> str:
    """Return the code of the language that most of a text is in, "" where it is unsure.

    Unsure is a text of fewer than 20 letters, one of several scripts, in a language that is
    not among `_SCRIPTS`, or in Arabic written with Latin letters. The first 400 letters count.
    """
    words = _words(text)
    if _is_plainly_arabic(words):
        return "ar"
    scripts = Counter(_script(letter) for letter in words if letter != " ")
    if not scripts or scripts.total() < MIN_LETTERS:
        return ""
    script, count = scripts.most_common(1)[0]
    if count < _MAIN_SCRIPT * scripts.total():
        return ""
    possible = _SCRIPTS.get(script, ())
    if script == "ARABIC" and (by_letters := _by_letters(words)):
        return by_letters if by_letters in possible else ""
    if len(possible) < 2:
        return possible[0] if possible else ""
    return _by_model(words, possible, _NEIGHBOURS[script])


def _is_plainly_arabic(words: str) -> bool:
    letters = sum(map(len, _ARABIC_RUN.findall(words)))
    if letters < _MIN_TYPED or letters < 0.9 * (len(words) - words.count(" ")):
        return False
    others = sum(map(words.count, _NOT_ARABIC))
    return (
        others <= _MOST_NOT_ARABIC * letters
        and sum(map(words.count, "ةأإ")) >= _LEAST_ARABIC * letters
    )


class _Model(Protocol):
    """What is used of py3langid, which has no types."""

    labels: list[str]

    def set_languages(self, langs: list[str]) -> None: ...

    def rank(self, instance: str) -> list[tuple[str, float]]: ...


def _words(text: str) -> str:
    """Return the first letters of a text in words, without addresses, numbers and marks."""
    words = _NO_WORDS.sub(" ", unicodedata.normalize("NFKC", text[: 2 * _MAX_LETTERS]))
    return words[:_MAX_LETTERS].strip()


@cache
def _script(letter: str) -> str:
    """Return the first word of a letter's name, which is its script."""
    return unicodedata.name(letter, "").partition(" ")[0]


def _by_letters(words: str) -> str:
    """Return the language whose own letters a text in Arabic script has, "" if none's."""
    letters = Counter(words)
    total = letters.total() - letters[" "]
    shares = {
        code: sum(letters[letter] for letter in own) / total for code, own in _OWN_LETTERS.items()
    }
    best = max(shares, key=lambda code: shares[code])
    if shares[best] >= _MIN_OWN:
        return best
    if shares[best]:
        return ""
    persian = sum(letters[letter] for letter in _PERSIAN) / total
    arabic = sum(letters[letter] for letter in _ARABIC_ONLY) / total
    if persian >= _MIN_PERSIAN and persian > 2 * arabic:
        return "fa"
    old = sum(letters[letter] for letter in "پچژگ") / total
    typed = total >= _MIN_TYPED and not any(letters[letter] for letter in "ةأإ")
    return "fa" if old >= _MIN_OLD_PERSIAN and typed else ""


def _by_model(words: str, possible: Sequence[str], neighbours: Sequence[str]) -> str:
    """Return the one of these that the model finds probable among them and their neighbours."""
    model = _model(frozenset((*possible, *neighbours)))
    probabilities = dict.fromkeys(possible, 0.0)
    for code, probability in model.rank(words.lower()):
        meant = _DIALECTS.get(code, code)
        probabilities[meant] = probabilities.get(meant, 0.0) + probability
    best = max(possible, key=probabilities.__getitem__)
    return best if probabilities[best] >= _MIN_PROBABILITY else ""


@cache
def _model(codes: frozenset[str]) -> _Model:
    """Return the model restricted to the languages of these that it knows.

    The first time takes .1 s to import, .5 s (.9 s under load) to read, and 119 MB.
    """
    model = copy(_whole_model())
    model.set_languages(sorted(codes.intersection(model.labels)))
    return model


@cache
def _whole_model() -> _Model:
    module = import_module("py3langid.langid")
    model: _Model = module.LanguageIdentifier.from_model_file(module.MODEL_FILE, norm_probs=True)
    return model
