"""Which 8-bit encoding a text is in: the one in which it reads as Arabic, or as French.

Every candidate reads the words that have a byte over 0x7F, and each word costs nats (-ln P):
Arabic letters by `indexer.extraction.encodings.letter_statistics`, accented letters by how common they are, what no text
has (Latin letters within an Arabic word, capitals after small letters, signs within words) by
the tables here. "Some other encoding" is a candidate too, at `_OTHER` nats a byte, so that
Russian, Polish and random bytes are none of these. From the costs follow probabilities.

Own scoring, because charset-normalizer 3.5.2 finds 86 of 100 Windows-1256 texts of 20
letters (xquad-ar) and none of 100 in ISO-8859-6; this finds 100 and 99, and refuses the
other one (tests/indexer/test_codepages.py).
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache

from indexer.extraction.encodings.letter_statistics import surprise

CANDIDATES = ("iso-8859-6", "windows-1256", "windows-1252")  # of two alike the later is meant
OTHER = "another"

_MAX_WORDS = 5_000  # the first of a text; costs 30 ms
_MAX_WORD = 64  # bytes; what is longer is no word and is read in parts
_WORD = re.compile(rb"[0-9A-Za-z\x80-\xff]{1,%d}" % _MAX_WORD)
_HIGH = re.compile(rb"[\x80-\xff]")

# Nats a byte over 0x7F. Rare Arabic words alone (خيتعور, جحمرش) have 4.6 in their own encoding,
# Persian and Urdu 3.5 to 4.3; Russian, Greek, Hebrew, Polish and Thai 6.0 at least in these.
_OTHER = 5.0
# What declares an encoding may be wrong (1 page in 100), and letters are not independent of
# each other but by pairs: the difference of two candidates counts half.
_DECLARED = 4.6  # nats
_SHARPNESS = 0.5

_ARABIC = "\u0621-\u063a\u0641-\u064a\u0671-\u06d3\u06d5"
_MARKS = "\u064b-\u0652\u0640\u200c-\u200f"
_JOINERS = "\u200c\u200d\u200e\u200f"
_IGNORED = re.compile(f"(?<=[{_ARABIC}])[{_MARKS}]+")
_FOREIGN_LETTER = re.compile("[\u0671-\u06d5]")
# The table of pairs has Arabic letters only: these follow others as their likest do.
_LIKEST = str.maketrans("پٹچڈڑژگںھہے", "بتجدرزكنههي")
_RUN = re.compile(
    f"(?P<arabic>[{_ARABIC}]+)|(?P<latin>[^\\W\\d_{_ARABIC}]+)|(?P<ascii>[\\x00-\\x7f])|(?P<sign>.)",
    re.DOTALL,
)

_MARK = 3.0  # nats; tashkeel is rare, and a tatweel
_FOREIGN = 1.5  # Persian and Urdu
_ALONE = 3.0  # such a letter as a word: À of French is ہ in Windows-1256
_MIXED = 9.0  # an accented letter beside an Arabic one
_MIXED_ASCII = 3.0  # الBBC
_SIGN_WITHIN = 4.0  # between two letters
_JOINER_IN_LATIN = 8.0  # ş and ı of Turkish are bidi marks in Windows-1256
_CAPITAL_WITHIN = 6.0  # accented, after a small letter
_NEIGHBOURS = 3.0  # two accented letters
_SIGNS: Mapping[str, float] = {
    **dict.fromkeys("،؛؟", 1.5),
    **dict.fromkeys("«»“”‘’–—…•·\xa0°€\u200c\u200d\u200e\u200f", 2.5),
    "": 7.0,  # any other
}
_ACCENTED: Mapping[str, float] = {
    "é": 0.8,
    **dict.fromkeys("èàçê", 2.0),
    **dict.fromkeys("ûôîâùëïœüöäßñóíáúÉÀÇÈÊÜÖÄÎÔ", 2.7),
    "": 7.0,
}


def probabilities(content: bytes, declared: str = "") -> dict[str, float]:
    """Return each candidate that can read these bytes, and `OTHER`, with its probability.

    Candidates that read every word alike (French in Windows-1256 and 1252) share one
    place, that of the later in `CANDIDATES`. Only the first 5,000 words are looked at.

    Args:
        content: bytes that are not UTF-8.
        declared: a candidate that is likelier because something says so.
    """
    words = _high_words(content)
    high = sum(len(_HIGH.findall(word)) * times for word, times in words.items())
    costs = {OTHER: _OTHER * high}
    alike: dict[tuple[str, ...], str] = {}
    for name in CANDIDATES:
        read = _read(words, name)
        if read is None:
            continue
        alike[read] = name
        cost = sum(_cost(word) * n for word, n in zip(read, words.values(), strict=True))
        costs[name] = cost - _DECLARED / _SHARPNESS * (name == declared)
    kept = {OTHER, *alike.values()}
    best = min(costs[name] for name in kept)
    weights = {name: math.exp((best - costs[name]) * _SHARPNESS) for name in kept}
    total = sum(weights.values())
    ranked = sorted(weights, key=lambda name: (-weights[name], name))
    return {name: weights[name] / total for name in ranked}


def _high_words(content: bytes) -> Counter[bytes]:
    """Return the words with a byte over 0x7F, each with how often it stands there."""
    words: Counter[bytes] = Counter()
    for number, match in enumerate(
        word for word in _WORD.finditer(content) if _HIGH.search(word[0])
    ):
        if number == _MAX_WORDS:
            break
        words[match[0]] += 1
    return words


def _read(words: Mapping[bytes, int], name: str) -> tuple[str, ...] | None:
    """Return the words in an encoding; None where it lacks one, or makes it a control."""
    try:
        read = tuple(word.decode(name) for word in words)
    except UnicodeDecodeError:
        return None
    return None if any(unicodedata.category(c) == "Cc" for word in read for c in word) else read


@lru_cache(maxsize=20_000)
def _cost(word: str) -> float:
    """Return -ln P of a word, in nats; what is ASCII costs nothing."""
    bare = _IGNORED.sub("", word)
    cost = _MARK * (len(word) - len(bare))
    before = "ascii"
    letter = ""  # the last one, "" after a sign
    runs = list(_RUN.finditer(bare))
    arabic = any(run.lastgroup == "arabic" for run in runs)
    for place, run in enumerate(runs):
        kind = run.lastgroup or ""
        if kind == "arabic":
            cost += surprise(run[0].translate(_LIKEST))
            foreign = len(_FOREIGN_LETTER.findall(run[0]))
            cost += _FOREIGN * foreign + _ALONE * (foreign == len(bare))
            if before == "latin":
                cost += _MIXED_ASCII if letter.isascii() else _MIXED
        elif kind == "latin":
            cost += _latin_cost(run[0])
            if before == "arabic":
                cost += _MIXED_ASCII if run[0][0].isascii() else _MIXED
        elif kind == "sign":
            joins_nothing = run[0] in _JOINERS and not arabic
            cost += _JOINER_IN_LATIN if joins_nothing else _SIGNS.get(run[0], _SIGNS[""])
            within = 0 < place < len(runs) - 1 and runs[place + 1].lastgroup in ("arabic", "latin")
            if within and before in ("arabic", "latin") and run[0] not in "’\u200c":
                cost += _SIGN_WITHIN
        before, letter = kind, run[0][-1]
    return cost


def _latin_cost(word: str) -> float:
    cost = 0.0
    before = ""
    for letter in word:
        if not letter.isascii():
            cost += _ACCENTED.get(letter, _ACCENTED[""])
            if before and not before.isascii():
                cost += _NEIGHBOURS
            if before.islower() and letter.isupper():
                cost += _CAPITAL_WITHIN
        before = letter
    return cost
