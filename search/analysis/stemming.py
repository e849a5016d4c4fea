"""A light stemmer for Arabic, over the `folded` layer.

    stem = without_endings(without_clitics(word))

Clitics: و ف (and), س (will), ب ك ل (in, like, for), ال (the), stacked: ول, وبال, فس, ولل.
Endings: pronouns (ها هم هما هن نا كم كما ك, ني of verbs, ي behind ة), dual and sound plurals
(ان ين ون ات), ة, the nisba ي, the accusative ا, وا and و of plurals, ت of verbs and before pronouns.

Three guards keep it from breaking words, each a list in `search/analysis/lexicon`:
whole.txt, words that only look like clitic + word (وزير, باكستان); endings.txt, words
that only look like word + ending (لبنان, قانون); plurals.txt and more_plurals.txt, broken
plurals with their singular. Verbs become their past (يقول, قلت, قيل: قال): imperfects.txt has what
follows the letter of the person, verb_forms.txt other forms, not_verbs.txt words that only begin
like an imperfect (يمن, تقدم). What no list knows is stripped by rule, the same way wherever it
stands, so that its forms still meet.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from functools import cache, lru_cache

from search.analysis.folding import fold_arabic, fold_seats
from search.analysis.lexicon import read_pairs, read_words

MIN_STEM = 3

# With the article, longest first. What follows is a noun as a dictionary has it, so
# no clitic is looked for in it: للوزير is وزير.
_ARTICLES = ("وبال", "وكال", "فبال", "وال", "بال", "كال", "فال", "ولل", "فلل", "لل", "ال")
_ARTICLES_OF = {first: tuple(a for a in _ARTICLES if a[0] == first) for first in "وبكفلا"}
_TWO_CLITICS = ("وبال", "وكال", "فبال")
_CLITICS = "وفسبكلا"
_BEFORE_WORDS = _CLITICS + "ي"
# Written with one ل, or like a clitic and a verb.
_GOD = frozenset(
    prefix + word
    for word in ("لله", "بالله", "والله", "تالله")
    for prefix in ("", "و", "ف", "ا", "فو")
)
_PERSONS = "يتن"  # of imperfects; those in ا are listed whole
_SPOKEN = ("ي", "ت")  # after ه, ح and ب: a spoken imperfect
_FUTURE_PERSONS = _PERSONS  # not ا: ساجدين is no verb, and few write سأكتب in articles

_PRONOUNS = ("هما", "كما", "ها", "هم", "هن", "نا", "كم", "ني", "ك", "تي")
_INFLECTIONS = ("ات", "ون", "ين", "ان", "وا", "ه", "ي", "ا", "ت", "و")
# What may stand before an ending already taken off, so that no more is taken than Arabic
# ever adds: منشأة loses ه but not the ا before it, علماني loses ي but not ان.
_BEFORE: dict[str, tuple[str, ...]] = {
    "": _PRONOUNS + _INFLECTIONS,
    **dict.fromkeys(_PRONOUNS, _INFLECTIONS),
    "ه": ("ات", "ون", "ين", "ان", "ي", "ت"),
    **dict.fromkeys(("ات", "ون", "ين", "ان"), ("ي", "ت")),
    "ا": ("ون", "ين", "ان", "ي"),
    "ت": ("ي",),
    "ي": ("ات",),
    "تي": (),  # my, behind ة
    "و": (),
    "وا": (),
}

# What stands for ة and more behind a noun.
_NUMBERS = frozenset(("ات", "تان", "تين"))
_OWNED = frozenset(("ته", "تها", "تهم", "تهن", "تهما", "تنا", "تي", "تك", "تكم"))

# How the last letter of a form may be written before an ending.
_WRITTEN = {"ه": "هت"}


_ByLast = Mapping[str, tuple[str, ...]]


def _by_last(endings: tuple[str, ...]) -> _ByLast:
    """Return which endings a word may have by its last two letters, or else by its last."""
    two = {e[-2:] for e in endings if len(e) > 1}
    found = {last: tuple(e for e in endings if last.endswith(e[-2:])) for last in two}
    return found | {e[-1]: tuple(f for f in endings if f == e[-1]) for e in endings}


_ENDINGS = {after: _by_last(endings) for after, endings in _BEFORE.items()}


def stem(folded: str) -> str:
    """Return the stem of one word of the `folded` layer: never empty."""
    if folded in _GOD:
        return "الله"
    if folded[-1:] == "ش" or (folded[:1] in "هبح" and folded[1:2] in _SPOKEN):
        verb = _spoken_verb(folded)
        if verb is not None:
            # A past stays, but بتفكر is ب and an imperfect, although تفكر is a past too.
            return _without_endings(verb, singular=folded[0] == "م" and verb in _verb_stems())
    if len(folded) < 4 or folded[0] not in _CLITICS or _is_whole(folded):
        return _without_endings(folded)
    if (noun := _without_article(folded)) is not None:
        # Only of these letters a pronoun is told from the noun's own.
        return _without_endings(noun, definite=True) if noun[-1] in "كي" else _without_endings(noun)
    return _without_endings(_without_clitics(folded))


def stem_as_written(letters: str, folded: str) -> str:
    """Return the stem of one word of the `letters` layer, where ة is not ه.

    A noun with ة that without it is another one keeps it: الحجرة and حجرتها are حجره, not حجر.
    """
    found = stem(folded)
    if (
        (noun := found + "ه") in _apart()
        and (at := folded.rfind(found)) >= 0
        and folded[:at][-1:] in "وفسبكل"  # what a clitic or the article ends with; أديرة is of دير
    ):
        ending = folded[at + len(found) :]
        if (
            ending in _NUMBERS
            or (ending == "ه" and letters[-1] == "ة")
            # تركته is a verb's more often than a form of تركة.
            or (ending in _OWNED and found + "ة" not in _listed_apart())
        ):
            return noun
    return found


def _spoken_verb(word: str) -> str | None:
    """Return the verb of a spoken form (هيكتب, حيكتب, بيكتب, معرفش), None where the word is none.

    Only of verbs that the lists know, so that هيكل and بيروت stay.
    """
    if len(word) < 5 or word[0] not in "هحبم":
        return None
    if word[0] == "م":
        if word[-1] != "ش" or word in _not_verbs():
            return None
        verb = word[2 if word[1] == "ا" else 1 : -1]
        known = len(verb) > 2 and (
            verb in _verb_forms()
            or verb in _verb_stems()
            or _without_endings(verb) in _verb_stems()
        )
        return verb if known else None
    verb = word[1:].removesuffix("وا")
    if word[1] not in _SPOKEN or word.startswith("بين") or _is_whole(word):
        return None
    known = len(verb) > 3 and verb[1:] in _imperfects() and verb not in _not_verbs()
    return verb if known else None


def stem_of_lemma(word: str) -> str:
    """Return the stem of the forms that are listed of a word, its imperfects among them.

    Of a verb whose past is another word too (كتب, books) it is not that of its bare past.
    """
    return _without_endings(word, singular=True)


def other_forms(stem: str) -> tuple[str, ...]:
    """Return what is listed of the words of this stem: broken plurals, forms of verbs.

    Of an imperfect, what follows the letter of the person.
    """
    return _other_forms().get(stem, ())


def _without_clitics(word: str) -> str:
    if word[0] in "وف" and not _looks_foreign(word):
        word = word[1:]
        if len(word) < 4 or _is_whole(word):
            return word
    if word[0] == "س" and word[1] in _FUTURE_PERSONS and len(word) > 4:
        return word[1:]
    if word[0] in "بكل" and not _looks_foreign(word):
        return word[1:]
    return word


def _looks_foreign(word: str) -> bool:
    """Whether a long vowel follows the first letter: فورد, بيكر, كوستا.

    Few Arabic words begin with و or ي, and whole.txt knows the common ones (بوزير,
    بيوم); a verb's ي may follow ف and ل (فيضم, ليكون).
    """
    vowels = "" if word[0] == "و" else "و" if word[0] in "فل" else "وي"
    if word[1] not in vowels or _is_whole(word[1:]):
        return False
    stem = _without_endings(word[1:])
    return len(stem) >= MIN_STEM or not word.startswith(stem, 1)  # بيديه is of يد


def _without_article(word: str) -> str | None:
    for article in _ARTICLES_OF.get(word[0], ()):
        if not word.startswith(article):
            continue
        noun = word[len(article) :]
        if len(noun) < 2 or (article != "ال" and _is_whole(word[1:])):
            return None
        if article in _TWO_CLITICS and _is_whole(word[2:]):
            return word[2:]  # وبالتزام is و + ب + التزام
        # لل before a word that itself begins with ل is written once: للجنة is ل + اللجنة.
        if article.endswith("لل") and _is_whole("ل" + noun):
            return "ل" + noun
        return noun
    return None


# A word is asked with and without what may be a clitic: a fifth of the calls for the distinct
# words of real prose are answered so.
@lru_cache(maxsize=65_536)
def _without_endings(word: str, *, singular: bool = False, definite: bool = False) -> str:
    forms, kept, imperfects, not_verbs, of_nouns = _tables()
    apart = _apart()
    verb = word[:1] in _PERSONS
    ending = ""
    if word in of_nouns:
        word, singular = of_nouns[word], True
    while word not in kept and not (singular and word in apart):  # عقائد is of عقيدة, not عقيد
        if word in of_nouns and len(of_nouns[word]) == 2 and _is_pronoun(word, ending):
            return of_nouns[word]  # يديها is يدي + ها
        if not singular:
            base = forms.get(word)
            if verb and base is None and (verb := word not in not_verbs):
                base = imperfects.get(word[1:])
            if base is not None:
                word, ending, singular = base, "", True
                continue
        endings = _ENDINGS[ending]
        if len(word) <= MIN_STEM or word[-1] not in endings:
            break
        shorter = _without_ending(word, endings, forms, kept, definite=definite)
        if shorter is None:
            break
        word, ending = shorter
    return word


def _is_pronoun(word: str, ending: str) -> bool:
    """Whether an ending that was taken off a word is a pronoun, or the ا of ها."""
    return ending == "ه" or ending in _PRONOUNS or (ending == "ا" and word[-1] == "ه")


def _without_ending(
    word: str, endings: _ByLast, plurals: Mapping[str, str], kept: Set[str], *, definite: bool
) -> tuple[str, str] | None:
    """Return the word without one of these endings, and that ending; None where it has none.

    Args:
        definite: it had the article, so that no pronoun stands behind it.
    """
    first: tuple[str, str] | None = None
    for ending in endings.get(word[-2:]) or endings[word[-1]]:
        if not word.endswith(ending):
            continue
        rest = word[: -len(ending)]
        if ending == "ات" and rest + "ه" in kept:  # قصات is قصه, short as قص is
            return rest + "ه", ending
        if not _can_lose(word, ending, definite=definite):
            continue
        # ة is written ت before an ending: جامعتها is جامعة + ها.
        feminine = rest + "ه" if ending == "تي" else rest[:-1] + "ه" if rest[-1] == "ت" else rest
        if feminine in kept or feminine in plurals:
            return feminine, ending
        if rest in kept or rest in plurals:  # بيانا is بيان + ا, not بيا + نا
            return rest, ending
        first = first or (rest, ending)
    return first


def _can_lose(word: str, ending: str, *, definite: bool) -> bool:
    rest = len(word) - len(ending)
    if ending == "و":
        return rest > MIN_STEM
    if ending in ("ك", "ني", "تي"):
        return rest >= MIN_STEM and not definite and _has_pronoun(word, ending)
    # ي after ا is no nisba (ولاية), ت after ا is a plural's or a root's, and it is a past's own
    # where it ends the verb: التفت is not التف.
    return rest >= MIN_STEM and not (
        ending in "يت" and (word[-2] == "ا" or (ending == "ت" and word in _verb_stems()))
    )


def _has_pronoun(word: str, ending: str) -> bool:
    """Whether the last letters of a word are the pronoun ك, ني or ي (قلبك, أخبرني, زوجتي)."""
    listed, verbs = _not_pronouns(), _verb_stems()
    if word in verbs or word[1:] in verbs or word in listed:
        return False
    if word.startswith("ال") or word.endswith("اتي"):  # حياتي is حيات + ي
        return False
    if word[0] in _BEFORE_WORDS and (
        word[1:] in listed
        or any(
            word.startswith(article) and word[len(article) :] in listed
            for article in _ARTICLES_OF.get(word[0], ())
        )
    ):
        return False
    if ending != "ني":
        return True
    return (
        word[-3] != "ا"
        and _without_endings(word[:-2]) in verbs
        and _without_endings(word[:-1]) not in verbs  # يتمنى
    )


def _is_whole(word: str) -> bool:
    if word in _whole():
        return True
    starts = _whole_starts()
    if word[:4] not in starts and word[:3] not in starts:  # two of three
        return False
    stem = _without_endings(word)
    if stem not in _whole_stems():
        return False
    if word.startswith("ال") and (word[2:] in _kept() or word[2:] in _not_verbs()):
        return False  # التفاهم is ال + تفاهم although التف is a word
    if (
        word[0] != "س"
        and (  # which stands before verbs only
            word[1:] in _kept_by_hand()  # بشريان is ب + شريان although بشر is a word
            or (stem not in _own_letters() and _without_endings(word[1:]) in _lemma_stems())
        )
    ):
        return False  # بلغات is ب + لغات although بلغ is a word
    # Short words that look like the article (الف, والي) do not protect longer ones (الفهم).
    return len(stem) > MIN_STEM or not word.startswith(_ARTICLES)


@cache
def _plurals() -> dict[str, str]:
    by_hand = read_pairs("plurals.txt")
    listed = {fold_seats(form): fold_seats(lemma) for form, lemma in by_hand.items()}
    return read_pairs("more_plurals.txt") | listed


@cache
def _noun_forms() -> dict[str, str]:
    return read_pairs("noun_forms.txt")


@cache
def _verb_forms() -> dict[str, str]:
    return read_pairs("verb_forms.txt")


@cache
def _forms() -> dict[str, str]:
    return _verb_forms() | _plurals()


@cache
def _imperfects() -> dict[str, str]:
    return read_pairs("imperfects.txt")


@cache
def _not_verbs() -> frozenset[str]:
    return read_words("not_verbs.txt")


@cache
def _tables() -> tuple[
    dict[str, str], frozenset[str], dict[str, str], frozenset[str], dict[str, str]
]:
    """What `_without_endings` looks in, by one call."""
    return _forms(), _kept(), _imperfects(), _not_verbs(), _noun_forms()


@cache
def _not_pronouns() -> frozenset[str]:
    return read_words("not_pronouns.txt")


@cache
def _verb_stems() -> frozenset[str]:
    return frozenset(_imperfects().values())


@cache
def _other_forms() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for listed in (_forms(), _imperfects(), _noun_forms()):
        for form, lemma in listed.items():
            found.setdefault(_without_endings(lemma, singular=True), []).append(form)
    return {stem: tuple(forms) for stem, forms in found.items()}


@cache
def _kept() -> frozenset[str]:
    return read_words("nouns_kept.txt") | _kept_by_hand()


@cache
def _own_letters() -> frozenset[str]:
    return read_words("own_letters.txt")


@cache
def _listed_apart() -> frozenset[str]:
    return read_words("nouns_apart.txt")


@cache
def _apart() -> frozenset[str]:
    return frozenset(map(fold_arabic, _listed_apart()))


def is_apart(folded: str) -> bool:
    """Whether a noun that ends in ة, here ه, is no form of what it is without it."""
    return folded in _apart()


@cache
def _kept_by_hand() -> frozenset[str]:
    return frozenset(map(fold_seats, read_words("endings.txt")))


@cache
def _whole() -> frozenset[str]:
    return _whole_words().union(_verb_forms(), _noun_forms())


@cache
def _whole_words() -> frozenset[str]:
    listed = read_words("nouns_whole.txt").union(map(fold_seats, read_words("whole.txt")))
    # A past that is listed as its own form only looks like a clitic and a word (التقط, لاذ).
    # Short ones with ال would protect nouns with the article (الزم, الزمان).
    verbs = {
        base
        for form, base in _verb_forms().items()
        if form == base and (len(base) > 4 or not base.startswith("ال"))
    }
    verbs |= {verb for verb in _verb_stems() if len(verb) > MIN_STEM and verb.endswith("ت")}
    return listed | _kept() | _plurals().keys() | frozenset(_plurals().values()) | verbs


@cache
def _whole_stems() -> frozenset[str]:
    return frozenset(
        stem for word in _whole_words() if len(stem := _without_endings(word)) >= MIN_STEM
    )


@cache
def _whole_starts() -> frozenset[str]:
    """How words begin that have such a stem: four letters, or the three of short ones.

    Endings are taken away behind it, but for its last letter, and for the plurals that it is
    the stem of.
    """
    return frozenset(
        (form[:-1] + letter)[:4]
        for form in _whole_stems() | _plurals().keys()
        for letter in _WRITTEN.get(form[-1], form[-1:])
    )


@cache
def _lemma_stems() -> frozenset[str]:
    """Stems of the words that the other two lists know: what a clitic may stand before."""
    return frozenset(map(_without_endings, _kept_by_hand().union(_plurals().values())))
