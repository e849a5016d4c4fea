"""Make `search/analysis/lexicon/{imperfects,verb_forms,not_verbs,more_plurals}.txt`.

    python -m pip install arramooz-pysqlite==0.4.2 mazini==0.2.2 wordfreq==3.1.1 pyarabic==0.6.15
    python tools/morphology.py search/analysis/lexicon    (in an environment of its own)

Verbs are those that both mazini 0.2.2 (Wael Tellat, CC BY 4.0) and arramooz-pysqlite 0.4.2 (Taha
Zerrouki, GPL) list, conjugated by mazini; nouns and broken plurals are arramooz-pysqlite's. What an
unvowelled form mostly is comes from wordfreq 3.1.1 (Robyn Speer, CC BY-SA 4.0): each form's
frequency is shared out among the words that it may be a form of, by expectation maximisation over the
words' weights, with the share of a word's occurrences that each kind of form has held fixed
(`SHARES`). What a form has more than MOST times as much of as all its words lead to expect (يونس is
no imperfect) is given to none of them.
"""

from __future__ import annotations

import re
import sqlite3
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from functools import cache
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from search.analysis import stemming
from search.analysis.folding import fold_arabic
from search.analysis.lexicon import read_lists, read_pairs, read_words

_MARKS = re.compile("[\u064b-\u0652\u0670\u0640]")
_ARABIC = re.compile("[ء-غف-ي]+")
PERSONS = "يتن"  # what an imperfect begins with; forms in ا are listed whole
ENDINGS = ("ون", "ين", "ان", "وا", "ي", "ا", "ه", "ت")  # that the stemmer takes off a verb
DERIVED = ("II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "Iq", "IIq", "IVq")
ROUNDS, BEFORE_MOST, MOST = 30, 5, 4
LEAST_VERB = 100  # occurrences in arramooz's own frequencies
# Of a verb's occurrences by person and tense, roughly; of a noun's bare, with the article, in the plural.
SHARES = {
    "past_3ms": 0.22,
    "past_3fs": 0.10,
    "past_3mp": 0.05,
    "past_1s": 0.03,
    "past_1p": 0.015,
    "past": 0.01,
    "passive_3ms": 0.01,
    "passive": 0.005,
    "imperative": 0.012,
    "imperfect_3ms": 0.22,
    "imperfect_3fs": 0.12,
    "imperfect_1s": 0.03,
    "imperfect_1p": 0.03,
    "imperfect_3mp": 0.07,
    "imperfect": 0.01,
    "jussive_3ms": 0.03,
    "jussive_3fs": 0.015,
    "jussive": 0.005,
    "passive_imperfect": 0.008,
    "imperfect_passive": 0.005,
    "noun": 0.45,
    "the_noun": 0.4,
    "plural": 0.08,
    "the_plural": 0.08,
}
COMMON = frozenset(SHARES) - {
    "past",
    "passive",
    "imperative",
    "imperfect",
    "jussive",
    "imperfect_passive",
}
IMPERFECT = ("imperfect", "passive_imperfect", "jussive")  # how kinds of one begin
# Of three letters only these: the others are mostly other words (عدن, هنا).
SHORT = frozenset(
    (
        "jussive_3ms",
        "jussive_3fs",
        "passive_imperfect",
        "past_3fs",
        "past_1s",
        "passive_3ms",
        "imperfect_3ms",
        "imperfect_3fs",
        "imperfect_1p",
    )
)
LEAST_ARTICLE = 0.3  # of what looks like an imperfect and is a noun (نقال), beside the word alone
# Stop words that are verbs; others that look like one (انت, جدا) say nothing of it.
STOP_VERBS = frozenset(("كان", "صار", "قال", "ظل", "عاد"))
# How often a clitic stands before a noun, beside the noun alone: what three nouns of four have less of.
CLITICS = {"و": 0.08, "ف": 0.01, "ب": 0.05, "ل": 0.05, "ك": 0.01}
Word = tuple[str, str, str]  # "V" or "N", the base form, a verb's imperfect


class Lexicon(NamedTuple):
    """Which words a form may belong to, as which kinds of form, and nouns' plurals."""

    candidates: Mapping[str, list[tuple[Word, frozenset[str]]]]
    plurals: Mapping[str, set[str]]
    nouns: frozenset[str]


class Reading(NamedTuple):
    """What a form is: the share of each base form, of verbs and of nouns."""

    words: Mapping[Word, float]

    def of(self, base: str) -> float:
        return sum(share for word, share in self.words.items() if word[1] == base)

    def best(self) -> tuple[Word, float]:
        word = max(self.words, key=lambda w: self.words[w])
        return word, self.of(word[1])

    def inflected(self, form: str) -> float:
        """The share of verbs that a form is not the base form of."""
        return sum(s for (kind, base, _), s in self.words.items() if kind == "V" and base != form)

    def is_inflected(self, form: str) -> bool:
        """Whether a form is mostly one of a verb whose base form it is not (تقول, not تقدم)."""
        return self.inflected(form) >= 0.5 and self.of(form) < 0.2

    def nouns(self) -> float:
        return sum(share for word, share in self.words.items() if word[0] == "N")


@cache
def left_out(kind: str) -> frozenset[str]:
    """Return the words of a kind that were read and are left out."""
    text = Path(__file__).with_name("morphology_left_out.txt").read_text("utf-8")
    lines = (line.split() for line in text.splitlines() if line.startswith(kind + " "))
    return frozenset(word for _, *words in lines for word in words)


def fold(form: str) -> str:
    return fold_arabic(_MARKS.sub("", form).replace("ٱ", "ا"))


def frequencies() -> dict[str, float]:
    from wordfreq import get_frequency_dict  # type: ignore[import-not-found, unused-ignore]

    found: dict[str, float] = defaultdict(float)
    for word, frequency in get_frequency_dict("ar", wordlist="large").items():
        if _ARABIC.fullmatch(word):
            found[fold(word)] += frequency
    return dict(found)


def kind_of(slot: str) -> str:
    """Return the kind of form that one of mazini's slots is, as SHARES names them."""
    person = slot.rsplit("_", 1)[1]
    if "pass" in slot and person == "3ms" and not slot.startswith("past"):
        return "passive_imperfect"
    if "pass" in slot and not slot.startswith("past"):
        return "imperfect_passive"
    if "pass" in slot:
        return "passive_3ms" if person == "3ms" else "passive"
    if slot.startswith("imp_"):
        return "imperative"
    # Of most verbs the jussive looks like the rest and this adds nothing; of weak ones it is rare.
    tense = next((t for t in ("past", "jussive") if slot.startswith(t[:4])), "imperfect")
    if tense != "past" and person == "2ms":
        person = "3fs"
    return f"{tense}_{person}" if f"{tense}_{person}" in SHARES else tense


def paradigms() -> Iterator[tuple[Word, str, dict[str, tuple[str, ...]]]]:
    """Yield each verb of mazini's lexicon with its root and its folded forms by slot."""
    from mazini import conjugate  # type: ignore[import-not-found, unused-ignore]
    from mazini.lexicon import attested_wazns, lexicon_roots  # type: ignore[import-not-found, unused-ignore]

    known: set[str] = set()
    for root in lexicon_roots():
        for wazn in attested_wazns(root):
            slots = conjugate(root, wazn).slots
            forms = {name: tuple(fold(f.form) for f in each) for name, each in slots.items()}
            if "past_3ms" in forms:
                known.add(forms["past_3ms"][0])
                yield ("V", forms["past_3ms"][0], forms.get("ind_3ms", ("",))[0]), root, forms
    yield from _unlisted(known)


def _unlisted(known: Set[str]) -> Iterator[tuple[Word, str, dict[str, tuple[str, ...]]]]:
    """Yield verbs of a derived pattern that arramooz lists and mazini can only conjugate."""
    import arramooz  # type: ignore[import-not-found, unused-ignore]
    from mazini import MaziniError, conjugate  # type: ignore[import-not-found, unused-ignore]

    path = Path(arramooz.__file__).parent / "data" / "arabicdictionary.sqlite"
    with sqlite3.connect(path) as database:
        rows = database.execute(
            "select vocalized, root from verbs where triliteral = 0 order by vocalized"
        ).fetchall()
    for vocalized, root in dict.fromkeys(rows):
        if fold(vocalized) in known:
            continue
        for wazn in DERIVED:
            try:
                slots = conjugate(root, wazn).slots
            except MaziniError:
                continue
            forms = {name: tuple(fold(f.form) for f in each) for name, each in slots.items()}
            if forms.get("past_3ms", ("",))[0] == fold(vocalized):
                known = {*known, fold(vocalized)}
                yield ("V", fold(vocalized), forms.get("ind_3ms", ("",))[0]), root, forms
                break


def read_lexicon(folder: Path, seen: Mapping[str, float]) -> Lexicon:
    """Return verbs and nouns with those of their forms that texts have."""
    with sqlite3.connect(folder / "wordfreq.sqlite") as database:
        common: dict[str, int] = defaultdict(int)
        for word, count in database.execute(
            "select unvocalized, freq from wordfreq where word_type = 'verb'"
        ):
            common[fold(word)] += count
    with sqlite3.connect(folder / "arabicdictionary.sqlite") as database:
        listed = {fold(row[0]) for row in database.execute("select unvocalized from verbs")}
        rows = database.execute("select unvocalized, broken_plural, number from nouns").fetchall()
    stops = {fold(word) for word in read_words("stop_arabic.txt")}
    forms: dict[str, dict[Word, set[str]]] = defaultdict(lambda: defaultdict(set))
    plurals: dict[str, set[str]] = defaultdict(set)
    for word, _, slots in paradigms():
        base = word[1]
        if (
            base not in listed
            or common[base] < LEAST_VERB
            or base in left_out("verbs")
            or len(base) < 2
        ):
            continue
        for slot, each in slots.items():
            for form in each:
                if "_" not in slot:  # participles and the masdar
                    plurals[form]  # a noun like any other
                # Particles are no pasts (انت, جدا); يكون and يمكن are verbs.
                elif form in seen and (form not in stops or form[0] in "يت" or base in STOP_VERBS):
                    forms[form][word].add(kind_of(slot))
    for noun, many, number in rows:
        if _ARABIC.fullmatch(noun) and not (number or "").startswith("جمع"):
            parts = (re.sub(r"[\s()]", "", part) for part in re.split("[;،,؛]", many or ""))
            bare = {fold(part) for part in parts}
            plurals[fold(noun)] |= {p for p in bare if len(p) > 2 and _ARABIC.fullmatch(p)}
    for noun, several in plurals.items():
        for form, kind in noun_forms(noun, several):
            if form in seen:
                forms[form]["N", noun, ""].add(kind)
    candidates = {
        form: [(word, frozenset(kinds)) for word, kinds in words.items()]
        for form, words in forms.items()
    }
    return Lexicon(candidates, plurals, frozenset(plurals))


def parts(form: str) -> list[str]:
    """Return a form and what the stemmer may leave of it."""
    shorter = (form[: -len(e)] for e in (*ENDINGS, "نا") if form.endswith(e))
    return [form, *(s for s in shorter if len(s) > 2)]


def noun_forms(noun: str, several: Iterable[str]) -> Iterator[tuple[str, str]]:
    yield noun, "noun"
    yield "ال" + noun, "the_noun"
    for plural in several:
        if plural != noun:
            yield plural, "plural"
            yield "ال" + plural, "the_plural"


def share_out(
    lexicon: Lexicon, seen: Mapping[str, float]
) -> tuple[dict[str, Reading], dict[Word, float]]:
    """Return what each form is, and how often each word is meant by all its forms."""
    expected = {
        form: [(word, sum(SHARES[k] for k in kinds)) for word, kinds in words]
        for form, words in lexicon.candidates.items()
    }
    weights: dict[Word, float] = defaultdict(lambda: 1e-7)
    for turn in range(ROUNDS + 1):
        found: dict[Word, float] = defaultdict(float)
        readings: dict[str, Reading] = {}
        for form, words in expected.items():
            parts = {word: weights[word] * share for word, share in words}
            whole = sum(parts.values()) or 1.0
            known = min(1.0, MOST * whole / seen[form]) if turn >= BEFORE_MOST else 1.0
            shares = {word: part / whole * known for word, part in parts.items()}
            for word, share in shares.items():
                found[word] += seen[form] * share
            if turn == ROUNDS:
                readings[form] = Reading({w: s for w, s in shares.items() if s > 0.01})
        weights = defaultdict(float, found)
    return {form: reading for form, reading in readings.items() if reading.words}, weights


def imperfects(
    lexicon: Lexicon, readings: Mapping[str, Reading], seen: Mapping[str, float]
) -> dict[str, str]:
    """Return base forms by what follows the person's letter: ستخدم is استخدم."""
    sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    whole: dict[str, set[str]] = defaultdict(set)
    for form, words in lexicon.candidates.items():
        for word, kinds in words if form[0] in PERSONS else ():
            if any(k.startswith(IMPERFECT) for k in kinds):
                whole[form[1:]].add(word[1])
                share = readings[form].words.get(word, 0.0) if form in readings else 0.0
                shorter = (form[: -len(e)] for e in ENDINGS if form.endswith(e))
                for begin in (form, *(s for s in shorter if len(s) > 3)):
                    sums[begin[1:]][word[1]] += seen[form] * share
    found: dict[str, str] = {}
    for core, bases in sorted(sums.items(), key=lambda item: (len(item[0]), item[0])):
        known = [base for base in bases if base in whole[core]]
        if len(core) < 3 or not known or (total := sum(bases.values())) < 1.5e-8:
            continue
        base = max(known, key=lambda b: (bases[b], b))
        shorter = (core[: -len(e)] for e in ENDINGS if core.endswith(e))
        if bases[base] >= 0.35 * total and base not in map(found.get, shorter):
            found[core] = base
    return found


def main() -> None:
    import arramooz  # type: ignore[import-not-found, unused-ignore]

    folder = Path(sys.argv[1])
    stops = {fold(w) for w in read_words("stop_arabic.txt")}
    seen = frequencies()
    lexicon = read_lexicon(Path(arramooz.__file__).parent / "data", seen)
    readings, weights = share_out(lexicon, seen)
    cores = imperfects(lexicon, readings, seen)
    kept = {fold(w) for w in read_words("endings.txt")}
    hand = {fold(form): fold(lemma) for form, lemma in read_pairs("plurals.txt").items()}
    listed = {fold(w) for w in read_words("whole.txt")} | kept | {*hand, *hand.values()}
    names = {fold(w) for name, _ in read_lists("names.txt") for w in name.split("_")}
    names |= {fold(w) for w in read_words("whole.txt")}
    nouns = lexicon.nouns | listed | names

    def has_article(form: str) -> bool:
        """Whether texts have a word with the article (التسعين, النقال), which no verb has (التهاب)."""
        the = "ال" + form
        return (
            seen.get(the, 0.0) >= max(2e-8, LEAST_ARTICLE * seen[form])
            and the not in nouns
            and all(
                k.startswith("the_") for _, kinds in lexicon.candidates.get(the, ()) for k in kinds
            )
            and not the.endswith(("وا", "هما", "هم"))
        )

    not_verbs = {
        form
        for form in {*seen, *nouns}
        if form[0] in PERSONS
        and any(cores.get(part[1:], form) != form for part in parts(form))
        and not (
            form not in names and readings[form].is_inflected(form)
            if form in readings
            else form[1:] not in cores and form not in nouns
        )
    }

    # مرتعش is no verb denied as spoken Arabic does (مكتبش).
    not_verbs |= {w for w in seen if re.fullmatch("م.{3,}ش", w) and "ال" + w in seen}
    verb_forms: dict[str, str] = {}
    plurals: dict[str, str] = {}
    for form, reading in sorted(readings.items()):
        if len(form) < 3 or form in kept or form in stops or form in hand:
            continue
        word, share = reading.best()
        kind, base, _ = word
        article = seen.get("ال" + form, 0.0) / seen[form]
        is_plural = form in lexicon.plurals.get(base, ())
        share_of_kind = reading.inflected(form) if kind == "V" else share
        own = form[0] in CLITICS or form.startswith("ال")
        if form == base and kind == "V" and own:
            share_of_kind = share
        elif form == base:
            continue
        if share_of_kind < 0.6 or share < 0.4 or base in stops - STOP_VERBS:
            continue
        if kind == "V":
            kinds = next(k for w, k in lexicon.candidates[form] if w == word)
            if (
                seen[form] >= 8e-8
                and weights[word] >= 3e-7
                and seen[form] * share <= 0.5 * weights[word]
                and article <= 0.05
                and reading.nouns() <= 0.2
                and (kinds & COMMON or len(form) > 4 or (form[-1] == "ن" and share > 0.95))
                and (kinds & SHORT or len(form) > 3 or form == base)
                and not has_clitic(form, seen)
                and form not in left_out("forms")
            ):
                verb_forms[form] = base
        elif (
            is_plural
            and not form.startswith("ال")
            and article >= 0.12
            and seen[form] >= (2e-8 if len(form) > 4 else 8e-8)
            and (form not in lexicon.nouns or (reading.of(form) < 0.15 and len(form) > 4))
            and form not in left_out("plurals")
        ):
            plurals[form] = base
    # What endings leave of a noun must be no verb's form: أجنبي is no اجنب.
    for noun in nouns:
        often = seen.get(noun, 0.0) + seen.get("ال" + noun, 0.0)
        for part in parts(noun)[1:]:
            if often > 0.3 * seen.get(part, 0.0):
                verb_forms.pop(part, None)
    # A lemma is never a form.
    plurals = {f: base for f, base in plurals.items() if base not in plurals and base not in hand}
    verb_forms = {
        form: base
        for form, base in verb_forms.items()
        if form not in plurals and verb_forms.get(base, base) == base
    }
    write(folder / "imperfects.txt", IMPERFECTS, cores)
    write(folder / "more_plurals.txt", PLURALS, plurals)
    for name in (
        "nouns_whole.txt",
        "nouns_kept.txt",
        "own_letters.txt",
        "noun_forms.txt",
    ):  # tools/nouns.py makes them behind this
        (folder / name).write_text("", "utf-8")
    with_article = {f for f in seen if f[0] in PERSONS and len(f) > 3 and has_article(f)} - stops
    write_words(folder / "not_verbs.txt", NOT_VERBS, not_verbs)
    write(folder / "verb_forms.txt", VERB_FORMS, {})
    forget()
    before = {form: stemming.stem(form) for form in with_article}
    write_words(folder / "not_verbs.txt", NOT_VERBS, not_verbs | with_article)
    forget()
    not_verbs |= {form for form in with_article if stemming.stem(form) != before[form]}
    write_words(folder / "not_verbs.txt", NOT_VERBS, not_verbs)
    # What the stemmer comes to of itself is not listed.
    listed_forms: dict[str, str] = {}
    for _ in range(2):
        write(folder / "verb_forms.txt", VERB_FORMS, listed_forms)
        forget()
        listed_forms |= {
            form: base
            for form, base in verb_forms.items()
            if stemming.stem(form) != stemming.stem_of_lemma(base)
        }
    write(folder / "verb_forms.txt", VERB_FORMS, listed_forms)
    print(len(cores), len(not_verbs), len(listed_forms), len(plurals))


def has_clitic(form: str, seen: Mapping[str, float]) -> bool:
    """Whether a word behind what may be a clitic or the article explains a form as well."""
    rest = form[2:] if form.startswith("ال") else form[1:]
    rate = 1.0 if form.startswith("ال") else CLITICS.get(form[0], 0.0)
    return rate * seen.get(rest, 0.0) > 0.5 * seen.get(form, 0.0)


def forget() -> None:
    """Read the lists again."""
    for name in vars(stemming):
        if hasattr(clear := getattr(stemming, name), "cache_clear"):
            clear.cache_clear()


HEAD = """\
# Made by tools/morphology.py, which names its sources (GPL, CC BY 4.0, CC BY-SA 4.0). Not by hand.
"""
IMPERFECTS = "# A verb's past, he; then its imperfects without the letter of the person.\n"
VERB_FORMS = "# A verb's past, he; then forms of it that taking letters away does not make that.\n"
PLURALS = "# A noun, then its broken plurals. plurals.txt, kept by hand, goes before.\n"
NOT_VERBS = "# Words that begin like an imperfect and are mostly none.\n"


def write_words(path: Path, about: str, words: Iterable[str]) -> None:
    path.write_text(HEAD + about + "".join(f"{word}\n" for word in sorted(words)), "utf-8")


def write(path: Path, about: str, forms: Mapping[str, str]) -> None:
    bases: dict[str, list[str]] = defaultdict(list)
    for form, base in sorted(forms.items()):
        bases[base].append(form)
    lines = (" ".join([base, *several]) + "\n" for base, several in sorted(bases.items()))
    path.write_text(HEAD + about + "".join(lines), "utf-8")


if __name__ == "__main__":
    main()
