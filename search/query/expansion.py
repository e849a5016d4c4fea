"""Query expansion: words that are searched beside a typed one, whatever the index holds.

Other spellings, the words of a verb's family, and the other reading of a homograph. They weigh
less than the word itself, so that what has the word stands first. Nothing of it is indexed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise

from search.analysis import compounds
from search.analysis.folding import fold_arabic
from search.analysis.lexicon import read_lists
from search.analysis.stemming import is_apart
from search.analysis.tokens import Token, stem_of
from search.analysis.transliteration import NO_FORMS, Form, Forms
from search.query.clauses import Term
from search.query.parse import REMEMBERED, ParsedQuery

MAX_KIN = 8  # stems of one word
MAX_STEMS = 24  # of one query
MAX_NAMES = 24  # rows of a query's names
# Letters of a verb of a derived pattern. The nouns of a shorter one have meanings of their own
# (عمران and عمرة are of عمر): they are kin of their verb only.
DERIVED = 4

Row = tuple[str, ...]  # words next to each other


@dataclass(frozen=True, slots=True)
class Besides:
    """What is asked beside a word, for those who want to see it.

    `spellings` and `homographs` are of the layer `folded` or stems, `family` are stems, `names`
    how a name of two parts, which the word is or begins, is written the other way.
    """

    spellings: tuple[str, ...]
    family: tuple[str, ...]
    homographs: tuple[str, ...]
    names: tuple[str, ...]


def besides(word: Token, following: Token | None = None) -> Besides:
    """Return what is asked beside a word that `following` follows."""
    names = [" ".join(row) for row in compounds.parted(word.folded)]
    names += compounds.joined(word.folded, following.folded) if following else ()
    if word.stop:
        return Besides((), (), (), tuple(names))
    others = (term.value for term in homographs_of(word))
    return Besides(
        other_spellings(word),
        tuple(dict.fromkeys(kin_of_word(word))),
        tuple(dict.fromkeys(others)),
        tuple(names),
    )


def name_rows(query: ParsedQuery) -> tuple[Row, ...]:
    """Return, as rows of stems, how names of two parts are written the other way."""
    return tuple(dict.fromkeys(row for _, row in name_variants(query)))


@lru_cache(REMEMBERED)
def name_variants(query: ParsedQuery) -> tuple[tuple[Row, Row], ...]:
    """Return what is asked beside words as typed, as rows of stems.

    Names of two parts written the other way, and synonyms.
    """
    asked = [i for i in query.items if i.occur != "excluded" and not i.typed]
    words = [t.folded for i in asked for t in i.tokens if i.exact or len(i.tokens) == 1]
    found: list[tuple[Row, Row]] = [((w,), row) for w in words for row in compounds.parted(w)]
    for word, following in pairwise(words):
        found += [((word, following), (name,)) for name in compounds.joined(word, following)]
    names = ((typed, tuple(map(stem_of, row))) for typed, row in found[:MAX_NAMES])
    return (*names, *((each.typed, each.stems) for each in query.synonyms))


_HAMZA = str.maketrans("ءؤئ", "ااا")
_SEATS = "أؤئء"
_OTHERS = ("أ", "ؤ")  # one for each of what `folded` makes of them
_LONG = "وي"  # before these no hamza sits on an alef: رئيس is not رايس, شؤون not شاون


@lru_cache(REMEMBERED)
def other_seats(word: Token) -> tuple[str, ...]:
    """Return the stems, two at most, of a word whose first hamza inside sits elsewhere.

    The hamza that a stem begins with, or a word ends with, stays: شيء is not شيا. And that of a
    noun with ة that is typed with ه and would be another word (حجره).
    """
    if word.letters.endswith("ه") and is_apart(noun := word.stem + "ه"):
        return (noun,)
    stems = dict.fromkeys(map(stem_of, other_spellings(word)))
    return tuple(stem for stem in stems if stem != word.stem)


@lru_cache(REMEMBERED)
def other_spellings(word: Token) -> tuple[str, ...]:
    """Return the word itself, in the layer `folded`, with that hamza on other seats."""
    letters = word.letters
    begin = max(word.folded.find(word.stem[:2]), 0) + 1
    at = next((n for n in range(begin, len(letters) - 1) if letters[n] in _SEATS), None)
    if at is None or letters[at + 1] in _LONG:
        return ()
    spelt = (fold_arabic(letters[:at] + seat + letters[at + 1 :]) for seat in _OTHERS)
    return tuple(dict.fromkeys(folded for folded in spelt if folded != word.folded))


@lru_cache(REMEMBERED)
def kin(query: ParsedQuery) -> tuple[str, ...]:
    """Return the stems of the families of a query's words, 24 at most, without their own."""
    words = [w for w in query.words(exact=False) if not w.stop]
    own = {w.stem for w in words}
    found = {stem: None for word in words for stem in kin_of_word(word) if stem not in own}
    return tuple(found)[:MAX_STEMS]


def kin_of_word(word: Token) -> tuple[str, ...]:
    """Return the stems of a word's families: its stem's, and those of a verb it is a form of."""
    verbs = _homographs()[1].get(word.folded, ())
    return tuple(dict.fromkeys(stem for own in (word.stem, *verbs) for stem in kin_of(own)))


@lru_cache(REMEMBERED)
def homographs(query: ParsedQuery) -> tuple[Term, ...]:
    """Return what else finds a query's words that are one of two, 24 terms at most."""
    words = query.words(exact=False)
    return tuple(dict.fromkeys(term for word in words for term in homographs_of(word)))[:MAX_STEMS]


@lru_cache(REMEMBERED)
def homographs_of(word: Token) -> tuple[Term, ...]:
    """Return what else finds a word that is one of two: كتب, books or he wrote.

    In passages such a word has the stem of the other one. So a form of the verb, and a masdar of a
    derived one (إبراز), asks for its other forms as they are written, and one of those for the verb.
    """
    forms, verbs = _homographs()
    own = [word.stem]
    # A participle or a place has a meaning of its own (مسلم, يسلم).
    if not word.stem.startswith("م"):
        own += [verb for verb in kin_of(word.stem) if len(verb) >= DERIVED]
    found = [Term("folded", form) for verb in own for form in forms.get(verb, ())]
    found += [Term("stem", verb) for verb in verbs.get(word.folded, ())]
    return tuple(dict.fromkeys(found))


@cache
def _homographs() -> tuple[Mapping[str, tuple[str, ...]], Mapping[str, tuple[str, ...]]]:
    """Return the forms of each verb, and the verbs of each form; verbs by stem."""
    listed = read_lists("homographs.txt")
    verbs: dict[str, tuple[str, ...]] = {}
    for verb, forms in listed:
        for form in forms:
            verbs[form] = (*verbs.get(form, ()), verb)
    return {verb: tuple(forms) for verb, forms in listed}, verbs


def kin_of(stem: str) -> tuple[str, ...]:
    """Return the stems of the other words of a stem's families, those of its own verb first."""
    return _kin().get(stem, ())


@cache
def _kin() -> Mapping[str, tuple[str, ...]]:
    families = read_lists("families.txt")
    found = {past: dict.fromkeys(others) for past, others in families}
    for past, others in families:
        for stem in others:
            known = found.setdefault(stem, {})
            known[past] = None
            if len(past) >= DERIVED:
                known.update(dict.fromkeys(others))
    return {
        stem: tuple(other for other in others if other != stem)[:MAX_KIN]
        for stem, others in found.items()
    }


def folded_root(letters: str) -> str:
    """Return a root as `roots.txt` has it: no hamza of it is told from an alef."""
    return fold_arabic(letters).translate(_HAMZA)


def forms_of_roots(query: ParsedQuery) -> Forms:
    """Return the words of the roots that a query names (`root:كتب`), by the stems of their letters.

    They are found, marked and told as the Arabic words that a Latin spelling may stand for are.
    """
    named = [item.tokens[0] for item in query.items if item.root]
    if not named:
        return NO_FORMS
    found: dict[str, tuple[Form, ...]] = {}
    for typed in named:
        words = _roots().get(folded_root(typed.letters), ())
        by_stem = {stem_of(fold_arabic(word)): word for word in reversed(words)}
        by_stem.pop(typed.stem, None)
        forms = (Form(word, stem, 1.0, 0) for stem, word in reversed(by_stem.items()))
        found[typed.stem] = tuple(forms)
    return {stem: forms for stem, forms in found.items() if forms}


@cache
def _roots() -> Mapping[str, tuple[str, ...]]:
    return {root: tuple(words) for root, words in read_lists("roots.txt")}
