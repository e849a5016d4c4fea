"""Words typed in Latin letters, offered as the Arabic words the index holds.

A listed name (`lexicon/names.txt`: iraqi, syrienne, january) stands for what is
listed. For other words three things make an offer: the index holds an Arabic word
of that sound, the spelling is close to it (`MIN_CLOSENESS`), and the word may be a
name or Arabizi. In a query of plain English or French, told by its stop words, only
capitalised words and words with Arabizi digits may be: "blood" is no بلد.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from search.analysis.folding import fold_other
from search.analysis.lexicon import read_lists
from search.analysis.phonetics import arabic_sound, closeness, latin_sounds
from search.analysis.tokens import Token, analyse
from search.query.parse import ParsedQuery

MIN_CLOSENESS = 0.85  # .80 offers مسؤول for missile, .90 loses العراق for iraqi's endings
_MAX_WORDS = 16  # of one query that are looked up
_MAX_FORMS = 3
_NEAR_BEST = 0.03  # forms this much less close than the best are offered as well
_LONGEST_NAME = 4  # words of `lexicon/names.txt`
_MIN_SOUND = 2  # consonants; one is everywhere

_LATIN = re.compile(r"[a-z][a-z0-9']*|[0-9][a-z0-9']*[a-z][a-z0-9']*")
_ARABIZI_DIGIT = re.compile(r"[a-z][2356789]|[2356789][a-z]", re.IGNORECASE)
# Arabizi's little words: they tell it from English and French, and are asked in Arabic.
_LITTLE = {
    **dict.fromkeys(("al", "el", "il"), ""),
    **dict.fromkeys(("w", "wa"), "و"),
    **dict.fromkeys(("fi", "fel", "fil"), "في"),
    **dict.fromkeys(("bel", "bil"), "بال"),
    **dict.fromkeys(("min", "mn"), "من"),
    **dict.fromkeys(("bidoun", "bdoun", "bidun"), "بدون"),
    **dict.fromkeys(("3ala", "3la"), "على"),
    "3an": "عن",
    "ma3": "مع",
    "ba3d": "بعد",
    "ila": "إلى",
}
_PREFIX = re.compile(r"^(?:wa|w|bi|b|l|f)?(?:al|el|il)-?(?=..)|^(?:fil|bil|lil)(?=..)")
# Endings of Arabizi plurals and nisbas, of English and French demonyms; ollah: Hezb-ollah.
_SUFFIX = re.compile(
    "(?:iyyin|iyin|iyya|iya|iyeh|oun|oon|un|een|at|in|ians?|iennes?|iens?|ah|eh|an|is|i|s"
    "|ollah|ullah|allah)$"
)

# Scholarly romanisation, as Arabizi or other spellings write it.
_SCHOLARLY = str.maketrans(
    {
        "š": "sh",
        "ǧ": "j",
        "ḫ": "kh",
        "ẖ": "kh",
        "ḏ": "dh",
        "ṯ": "th",
        "ġ": "gh",
        "ž": "j",
        "č": "ch",
        "ḥ": "7",
        "ṭ": "6",
        "ẓ": "6'",
        "ḍ": "9'",
    }
)
_DOUBLED = re.compile(r"([b-df-hj-np-tv-z])\1+")

Vocabulary = Callable[[str], list[tuple[str, int]]]  # a prefix of layer `sound` -> terms


@dataclass(frozen=True, slots=True)
class Form:
    """An Arabic word of the index, as it is mostly written there, for a typed one."""

    letters: str
    stem: str
    closeness: float
    frequency: int  # of passages


Forms = Mapping[str, tuple[Form, ...]]  # by the typed word's stem
NO_FORMS: Forms = {}


def may_have_forms(query: ParsedQuery) -> dict[Token, tuple[str, ...]]:
    """Return the query's words that may stand for Arabic ones, 16 at most, each with
    the stems of the names it is listed for or part of."""
    words = _latin_words(query)
    listed = _names_in([token for token, _ in words])
    plain = _is_plain(words)
    chosen = [
        token
        for token, written in words
        if not token.stop
        # The later words of one character (℅ is c and o) stand at an empty span of it.
        and (
            token in listed or not plain or written[:1].isupper() or _ARABIZI_DIGIT.search(written)
        )
    ]
    return {token: listed.get(token, ()) for token in chosen[:_MAX_WORDS]}


def _names_in(words: Sequence[Token]) -> dict[Token, tuple[str, ...]]:
    """Return the listed names' words with the stems they stand for; long names go first."""
    found: dict[Token, tuple[str, ...]] = {}
    for size in range(_LONGEST_NAME, 0, -1):
        for start in range(len(words) - size + 1):
            part = words[start : start + size]
            stems = _names().get("_".join(token.folded for token in part))
            if stems:
                for token in part:
                    found.setdefault(token, stems)
    return found


def _latin_words(query: ParsedQuery) -> list[tuple[Token, str]]:
    return [
        (token, item.text[token.start : token.end])
        for item in query.items
        if not item.exact
        for token in item.tokens
        if _LATIN.fullmatch(token.folded) and token.folded not in _LITTLE
    ]


def _is_plain(words: list[tuple[Token, str]]) -> bool:
    """Tell English or French from Arabizi and lists of names."""
    return any(token.stop for token, _ in words)


def prefixes_of(word: Token, names: Sequence[str]) -> tuple[str, ...]:
    """Return every prefix of the layer `sound` that `forms_of` looks up.

    So that all of a query's are asked for at once: one by one, each was a request to a server.
    """
    alike = (f"{sound}=" for _, _, sound in _sounds(word))
    return tuple(dict.fromkeys((*map(_entry, names), *alike)))


def forms_of(word: Token, names: Sequence[str], vocabulary: Vocabulary) -> tuple[Form, ...]:
    """Return the Arabic words the vocabulary holds for a typed one, three at most.

    Args:
        names: the stems of the names the word is listed for; where the vocabulary has
            none of them, the closest words of the same sound are returned.
        vocabulary: what looks terms of the layer `sound` up.
    """
    return _listed(names, vocabulary) or _alike(word, vocabulary)


def _listed(names: Sequence[str], vocabulary: Vocabulary) -> tuple[Form, ...]:
    found: dict[str, Form] = {}
    for name in names:
        for term, frequency in vocabulary(_entry(name)):
            letters = term.rsplit("=", 1)[1]
            found.setdefault(name, Form(letters, name, 1.0, frequency))
    return tuple(sorted(found.values(), key=lambda f: (-f.frequency, f.stem)))[:_MAX_FORMS]


@cache
def _names() -> dict[str, tuple[str, ...]]:
    """Latin form, its words joined by `_`, -> stems of the Arabic words it stands for."""
    names: dict[str, tuple[str, ...]] = {}
    for arabic, forms in read_lists("names.txt"):
        stems = [token.stem for token in analyse(arabic.replace("_", " "))]
        for form in forms:
            names[form] = tuple(dict.fromkeys((*names.get(form, ()), *stems)))
    return names


def _alike(word: Token, vocabulary: Vocabulary) -> tuple[Form, ...]:
    found: dict[str, Form] = {}
    for spelling, doubt, sound in _sounds(word):
        least = MIN_CLOSENESS + doubt
        for term, frequency in vocabulary(f"{sound}="):
            _, stem, letters = term.split("=", 2)
            bare = letters.removeprefix("ال")  # a broken plural is far from its stem
            near = max(closeness(spelling, one, least) for one in {stem, bare}) - doubt
            known = found.get(stem)
            if near >= MIN_CLOSENESS and (known is None or near > known.closeness):
                # The vocabulary's order makes the first the most frequent spelling.
                written = known or Form(letters, stem, 0, frequency)
                found[stem] = Form(written.letters, stem, near, written.frequency)
    ranked = sorted(found.values(), key=lambda f: (-f.closeness, -f.frequency, f.stem))
    return tuple(f for f in ranked if f.closeness >= ranked[0].closeness - _NEAR_BEST)[:_MAX_FORMS]


def _entry(name: str) -> str:
    """Return what the terms of a stem in the layer `sound` begin with."""
    return f"{arabic_sound(name)}={name}="


def _sounds(word: Token) -> Iterator[tuple[str, float, str]]:
    """Yield the spellings of a word, each with its doubt and a sound it may have."""
    for spelling, doubt in _spellings(word).items():
        for sound in latin_sounds(spelling):
            if len(sound) + spelling.count("3") >= _MIN_SOUND:  # 3 is ع, which has no class
                yield spelling, doubt, sound


def meaning_in_arabic(query: ParsedQuery, forms: Forms) -> str:
    """Return the text whose meaning is asked, in Arabic where most of its words have forms.

    The model knows no Arabizi: nDCG@10 of such queries on the seed is .36 as typed,
    .89 with their forms. It does know English: .902 on xquad-en-ar, .875 if plain
    English were replaced too.
    """
    words = [w for w in query.words() if w.folded not in _LITTLE]
    known = sum(w.stem in forms for w in words)
    if not known or 2 * known < len(words) or _is_plain(_latin_words(query)):
        return query.meaning
    asked = [t for item in query.items if item.occur != "excluded" for t in item.tokens]
    arabic = [
        forms[t.stem][0].letters if t.stem in forms else _LITTLE.get(t.folded, t.letters)
        for t in asked
    ]
    return " ".join(filter(None, arabic))


def _scholarly(letters: str) -> str:
    """Return a word with the letters of scholarly romanisation as other spellings have them."""
    return fold_other(letters.translate(_SCHOLARLY))


def _undoubled(spelling: str) -> str:
    """Return a spelling with doubled consonants once, as Arabic writes them; oo and ee stay."""
    return _DOUBLED.sub(r"\1", spelling)


def _spellings(word: Token) -> dict[str, float]:
    """Return the word without endings and clitics it may carry, each with a doubt."""
    spellings = {_undoubled(spelling): 0.0 for spelling in (word.folded, _scholarly(word.letters))}
    # Mohammed has no ending -ed, though his stem says so.
    plural = word.folded == word.stem + "s"
    spellings.setdefault(_undoubled(word.stem), 0.01 if plural else 0.06)
    for spelling in tuple(spellings):
        spellings.setdefault(_PREFIX.sub("", spelling), 0.02)
    for spelling, doubt in tuple(spellings.items()):
        short = _SUFFIX.sub("", spelling)
        if len(short) > 2:
            spellings.setdefault(short, doubt + 0.04)
    return spellings
