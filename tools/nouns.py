"""Make nouns_{whole,kept,apart}.txt, own_letters.txt and noun_forms.txt of `search/analysis/lexicon`:
nouns whose own letters look like affixes, and the forms that stay theirs only where they are listed.

    python -m pip install arramooz-pysqlite==0.4.2 wordfreq==3.1.1 pyarabic==0.6.15
    python tools/nouns.py search/analysis/lexicon    (in an environment of its own)

Nouns are arramooz-pysqlite 0.4.2's (Taha Zerrouki, GPL), those that wordfreq 3.1.1 (Robyn Speer,
CC BY-SA 4.0) has at least once in ten million words. Every form of a noun (`noun_forms`) is stemmed;
a noun whose forms do not all have its stem is listed where its first letters are the reason
(nouns_whole.txt: وسام, برقية), and texts have it with the article or more often than a clitic
explains, or where its last ones are (nouns_kept.txt: فستان). What listing does not help stays out. nouns_apart.txt has nouns with ة that are no form of the
noun without it (حجرة, حجر): see `apart`. tests/analysis/test_nouns.py says how many hold.
"""

from __future__ import annotations

import re
import sqlite3
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from search.analysis import stemming
from search.analysis.lexicon import read_words
from tools.morphology import (
    CLITICS,
    fold,
    forget,
    frequencies,
    has_clitic,
    left_out,
    write,
    write_words,
)

LEAST = 1e-7
LEAST_APART = 5e-7
LEAST_SHORT = 5e-6
LEAST_NISBA = 0.05
FAR = 8
MOST_OWNED = 0.65  # رحلة has .41, رعية .6, وجهة 1.04
LEAST_ARTICLE = 0.3  # of a noun that looks like an imperfect, beside the word alone
KNOWN_ABOUT = """\
# Made by tools/nouns.py, which names its source (GPL). Not by hand.
# A noun, then those of its forms that have another stem.
"""
_MARKS = re.compile("[\u064b-\u0652\u0670\u0640]")
_LETTERS = re.compile("[ء-غف-ي]+")
_ONCE = re.compile("[ء-ي]\u064e[ء-ي]\u0652[ء-ي]\u064eة")
_LISTED = ("nouns_whole.txt", "nouns_kept.txt", "own_letters.txt", "noun_forms.txt")
# Of a noun of two letters: how often texts have it with an ending, at most, beside it alone and with
# the article (يده .17, يدها .07), and how often what looks so has the article itself (الحبة).
SHORT = {"ه": 0.35, "ها": 0.15, "هم": 0.1, "هما": 0.1, "هن": 0.1, "نا": 0.25, "ي": 0.3, "ين": 0.1}
# A noun's form by what stands around the noun, how often texts have it beside what they have of the
# noun alone, or with the article: what three nouns of four have less of.
AROUND = {
    ("وال", ""): 0.12,
    ("بال", ""): 0.1,
    ("كال", ""): 0.01,
    ("فال", ""): 0.01,
    ("لل", ""): 0.08,
    **{(clitic, ""): rate for clitic, rate in CLITICS.items()},
    ("", "ها"): 0.03,
    ("", "ه"): 0.05,
    ("", "هم"): 0.015,
    ("", "نا"): 0.01,
    ("", "ان"): 0.003,
    ("", "ين"): 0.01,
    ("ال", "ين"): 0.01,
    ("", "ات"): 0.05,
}
AROUND |= {
    (clitic, ending): CLITICS[clitic] * AROUND["", ending]
    for clitic in CLITICS
    for ending in ("ها", "ه", "هم", "نا")
}
FORMS_ABOUT = "# A noun, then forms of it that taking letters away does not make that.\n"


def noun_forms(noun: str) -> Iterator[str]:
    """Yield a folded noun with article, clitics, pronouns, in the dual and the sound plural."""
    if not noun.startswith("ال"):
        yield from (article + noun for article in ("ال", "وال", "بال", "كال", "فال"))
        yield from (() if noun[0] == "ل" else ("لل" + noun,))
    yield from (clitic + noun for clitic in "وفبلك")
    if noun[-1] not in "ياءو":
        bare = noun[:-1] + "ت" if noun[-1] == "ه" else noun
        yield from (bare + ending for ending in ("ها", "هم", "ه", "نا", "ان", "ين"))
        yield f"ال{bare}ين"
        if noun[-1] == "ه":
            yield noun[:-1] + "ات"


def failing(noun: str) -> list[str]:
    """Return the forms of a noun that have another stem."""
    stem = stemming.stem(noun)
    return [form for form in noun_forms(noun) if stemming.stem(form) != stem]


def as_written() -> dict[str, float]:
    """Return frequencies of folded words whose last letter is as it was written: عملة is not عمله."""
    from wordfreq import get_frequency_dict  # type: ignore[import-not-found, unused-ignore]

    found: dict[str, float] = defaultdict(float)
    for form, frequency in get_frequency_dict("ar", wordlist="large").items():
        if _LETTERS.fullmatch(form):
            found[fold(form)[:-1] + form[-1]] += frequency
    return dict(found)


def apart(seen: Mapping[str, float]) -> list[str]:
    """Return nouns with ة that are no form of the word without it: حجرة, حجر.

    They share no broken plural. Beside a noun, the longer one has broken plurals (عَقِيدَة, عَقَائِد), or
    the shorter one has and the longer one is a masdar (غُرْبَة, غَرْب) or their vowels differ (حُجْرَة, حَجَر),
    or they differ and either texts have the shorter one FAR times as often (عُمْلَة, عَمَل) or of the
    longer no nisba (جَمَاعِيّ is to meet جَمَاعَة). Beside an adjective or a name the longer one has broken
    plurals, and one is FAR times as frequent (عُلِّيَّة, عَلِيّ). So what is one of a kind meets the kind
    (شَجَرَة, شَجَر), the feminine its masculine (سَفِيرَة), and what is done once, whose pattern any verb
    has, the act (ضَرْبَة). A word FAR times as frequent as a noun is not mostly its plural (قُرْصَة, قُرَص).

    What is written with ة here, not ه, is a noun before no pronoun, as a verb's past is there (علمته).
    """
    import arramooz  # type: ignore[import-not-found, unused-ignore]

    path = Path(arramooz.__file__).parent / "data" / "arabicdictionary.sqlite"
    with sqlite3.connect(path) as database:
        rows = database.execute(
            "select vocalized, broken_plural, wordtype, feminable from nouns"
            " where number like 'مفرد%'"
        ).fetchall()
    male: set[str] = set()  # سفير, whose feminine is سفيرة
    kinds: dict[str, set[str]] = defaultdict(set)
    vowels: dict[str, set[str]] = defaultdict(set)
    adjectives: dict[str, set[str]] = defaultdict(set)  # and names, with their vowels
    plurals: dict[str, set[str]] = defaultdict(set)
    for vocalized, several, kind, feminable in rows:
        noun, vowelled = _MARKS.sub("", vocalized), re.sub("[\u064b-\u0650]*$", "", vocalized)
        if not kind.endswith("جامد") and not kind.startswith("مصدر"):
            adjectives[noun].add(vowelled)
            continue
        if kind.endswith("جامد") and feminable == 1:
            male.add(noun)
        kinds[noun].add(kind)
        vowels[noun].add(vowelled)
        parts = (_MARKS.sub("", part).strip() for part in re.split("[;،,؛]", several or ""))
        plurals[noun] |= {fold(part) for part in parts if _LETTERS.fullmatch(part)}
    written, nouns_alone = as_written(), {*vowels}

    def often(word: str) -> float:
        known = written if word[-1] in "ةي" else seen
        word = fold(word)[:-1] + word[-1] if known is written else fold(word)
        return known.get(word, 0.0) + known.get("ال" + word, 0.0)

    found = []
    for noun in sorted(nouns_alone):
        bare, own = noun[:-1], plurals[noun]
        if len(noun) < 4 or noun[-1] != "ة" or own & plurals[bare]:
            continue
        is_plural = fold(bare) in own
        longer, shorter = often(noun), often(bare)
        if min(longer, shorter) < LEAST_APART:
            continue
        rare = shorter >= FAR * longer
        others = {p for p in plurals[bare] - own - {fold(noun)} if seen.get(p, 0.0) >= LEAST}
        # Without ة and the vowel before it.
        several = {re.sub("\u064e?$", "", v[:-1]) for v in vowels[noun] if not _ONCE.fullmatch(v)}
        once = any(_ONCE.fullmatch(v) for v in vowels[noun])
        unlike = several - vowels[bare] - adjectives[bare] and not re.fullmatch("ت.*ية", noun)
        masdar = kinds[noun] == {"مصدر:مصدر"}
        has_own = own and not is_plural and bare not in male
        nisba = often(bare + "ي") + often(bare + "ية") > LEAST_NISBA * longer
        alike = several & vowels[bare]
        if bare not in nouns_alone:
            clear = unlike if rare else longer >= FAR * shorter and not (nisba or is_plural)
            is_apart = bool(own and bare in adjectives and clear)
        elif not once and (has_own or (others and (masdar or not alike))):
            is_apart = True
        elif rare:
            is_apart = bare not in male and bool(unlike or (is_plural and others))
        else:
            other = unlike and not nisba and not is_plural
            is_apart = bare not in male and bool(other) and 3 * shorter >= longer
        # أغنية loses more than ة.
        if is_apart and stemming.stem(fold(noun)) in (fold(noun), fold(bare)):
            found.append(fold(noun))
    return [
        word[:-1] + "ة" if is_past(word[:-1], seen) else word
        for word in sorted({*found} - left_out("apart"))
    ]


def is_past(bare: str, seen: Mapping[str, float]) -> bool:
    """Whether ت and a pronoun behind a word are more often a verb's than a noun's (تركته, علمته)."""
    owned = sum(seen.get(f"{bare}ت{pronoun}", 0.0) for pronoun in ("ه", "ها", "هم", "نا"))
    return bare in stemming._verb_stems() and owned > MOST_OWNED * seen.get(f"ال{bare}ه", 0.0)


def own_letters(seen: Mapping[str, float]) -> list[str]:
    """Return stems whose first letter is their own where it could be a clitic before another noun.

    كثيرا is كثير, not ك + ثير, and بلغات is ب + لغات: told by how often texts have the forms, beside
    what a clitic before the rest of them explains. ب before a noun is also an adverb (بطريقة), more
    often than that, so that it takes more evidence, or the word itself with the article.
    """
    own: dict[str, float] = defaultdict(float)
    explained: dict[str, float] = defaultdict(float)
    for form, often in seen.items():
        if len(form) < 4 or form[0] not in CLITICS or form in stemming._whole():
            continue
        stem, rest = stemming._without_endings(form), stemming._without_endings(form[1:])
        if (
            stem[0] == form[0]
            and stem in stemming._whole_stems()
            and rest in stemming._lemma_stems()
        ):
            own[stem] += often
            explained[stem] += min(often, CLITICS[form[0]] * seen.get(form[1:], 0.0))
    found = []
    for stem, often in own.items():
        article = seen.get("ال" + stem, 0.0) + seen.get(f"ال{stem}ه", 0.0)
        share = explained[stem] / often
        most = 0.6 if 3 * article >= often else 0.03 if stem[0] == "ب" else 0.08
        if often >= LEAST and share < most:
            found.append(stem)
    return sorted({*found} - left_out("own_letters"))


def short(seen: Mapping[str, float]) -> dict[str, str]:
    """Return nouns of two letters by those of their forms that texts have, and as nothing else.

    What the word lists know as another word (خطه, ستين) or as another verb's form (عدنا) is left out,
    and what is mostly written with ة.
    """
    import arramooz  # type: ignore[import-not-found, unused-ignore]
    from wordfreq import get_frequency_dict  # type: ignore[import-not-found, unused-ignore]

    written = get_frequency_dict("ar", wordlist="large")
    path = Path(arramooz.__file__).parent / "data" / "arabicdictionary.sqlite"
    with sqlite3.connect(path) as database:
        listed = {fold(row[0]) for row in database.execute("select unvocalized from nouns")}
    listed |= {fold(word) for word in read_words("whole.txt")} - {"يدين"}
    stops = {fold(word) for word in read_words("stop_arabic.txt")}
    found: dict[str, str] = {}
    for noun in sorted(word for word in listed - stops if len(word) == 2):
        alone, the = seen.get(noun, 0.0), seen.get("ال" + noun, 0.0)
        often = alone + the
        # أب and أخ have forms of their own.
        if often < LEAST_SHORT or the < 0.05 * alone or noun[-1] in "وي" or noun in ("اب", "اخ"):
            continue
        for ending, most in SHORT.items():
            form = noun + ending
            known = seen.get(form, 0.0)
            article = seen.get("ال" + form, 0.0)
            if (
                form not in stops
                and form not in found
                and 0.0 < known <= most * often
                and (article >= 0.25 * known if ending == "ين" else article <= 0.1 * known)
                and not has_clitic(form, seen)
                and written.get(noun + "ة", 0.0) <= (0.3 * known if ending == "ه" else often)
                and (form not in listed or ending == "ه")
                and stemming._verb_forms().get(form, noun) == noun
            ):
                found[form] = noun
    return found


def around(noun: str) -> Iterator[tuple[str, str, float]]:
    """Yield a word's forms, each with the one whose frequency tells how often it is expected."""
    for (before, after), rate in AROUND.items():
        article = before.endswith(("ال", "لل"))
        if (before[-1:] == "ل" and noun.startswith("ال")) or (after and noun[-1] in "ياءو"):
            continue
        if after == "ات" and noun[-1] != "ه":
            continue
        bare = noun[:-1] + ("" if after == "ات" else "ت") if noun[-1] == "ه" and after else noun
        rest = bare[1:] if before == "لل" and noun[0] == "ل" else bare
        yield before + rest + after, "ال" + noun if article else noun, rate


def article_or_ending(form: str, noun: str) -> bool:
    """Whether a form is its noun behind the article, or with an ending only."""
    if form[: len(noun) - 1] == noun[:-1]:
        return form[0] not in CLITICS and not noun.startswith("ال")
    return form.endswith(noun[1:]) and re.match("[وبكف]ال|لل", form) is not None


def mended(known: Iterable[str], seen: Mapping[str, float]) -> dict[str, str]:
    """Return nouns by forms of theirs that are mostly theirs, by frequency, and have another stem.

    That is what the noun leads to expect at least half of, and twice what any other word does.
    """
    stops = {fold(word) for word in read_words("stop_arabic.txt")}
    listed = stemming._whole()
    expected: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    stems: dict[str, str] = {}
    nouns_of = set(known) - stops
    for word in sorted({*known, *listed, *stemming._verb_stems()}):
        stems[word] = stemming.stem(word)
        for form, alone, rate in around(word):
            if form in seen and alone in seen:
                expected[form][word] = rate * seen[alone]
    found = {}
    for form, words in expected.items():
        best = max(sorted(words), key=lambda w: words[w])
        others = [often for word, often in words.items() if stems[word] != stems[best]]
        # A clitic without the article leaves too many words that it may stand before.
        if not article_or_ending(form, best):
            continue
        if (
            best in nouns_of
            and form not in stops
            and form not in listed
            and words[best] >= max(0.5 * seen[form], 2 * max(others, default=0.0))
            and stemming.stem(form) != stems[best]
            and seen.get("ال" + form, 0.0) < 0.05 * seen[form]
        ):
            found[form] = best
    return found


def nouns(seen: Mapping[str, float]) -> list[str]:
    import arramooz  # type: ignore[import-not-found, unused-ignore]

    path = Path(arramooz.__file__).parent / "data" / "arabicdictionary.sqlite"
    with sqlite3.connect(path) as database:
        rows = database.execute("select unvocalized, number, wordtype from nouns").fetchall()
    listed = {fold(noun) for noun, number, _ in rows if not (number or "").startswith("جمع")}
    listed -= {  # حجرات, which arramooz has as a singular
        fold(noun)
        for noun, _, kind in rows
        if kind == ":جامد" and noun.endswith("ات") and fold(noun)[:-2] + "ه" in listed
    }
    return sorted(
        noun
        for noun in listed
        if re.fullmatch("[ء-غف-ي]{3,}", noun)
        and seen.get(noun, 0.0) + seen.get("ال" + noun, 0.0) >= LEAST
    )


def main() -> None:
    folder, seen = Path(sys.argv[1]), frequencies()
    for name in _LISTED:
        (folder / name).write_text("", "utf-8")
    forget()
    write_words(folder / "nouns_apart.txt", "", apart(seen))
    forget()
    several_forms = short(seen)
    write(folder / "noun_forms.txt", FORMS_ABOUT, several_forms)
    forget()
    known = nouns(seen)
    before = {noun: len(failing(noun)) for noun in known}
    listed = stemming._whole()

    def has_ending(noun: str) -> bool:
        """Whether it is more frequent than a word that only a pronoun makes look like it (وجهه)."""
        others = [noun[:-1] + "ت"]  # صوته is صوت
        if noun in listed:
            others.append(noun[:-1])
        return noun[-1] != "ه" or seen.get(noun, 0.0) > sum(seen.get(word, 0.0) for word in others)

    wrong = [noun for noun in known if before[noun] and noun not in listed]
    # The singular of a broken plural is listed as a whole word, which keeps no ending (حصه, حصتها).
    forms = stemming._forms()
    kept = {*wrong, *(listed - forms.keys())}
    losing = [noun for noun in known if before[noun] and noun in kept and has_ending(noun)]

    def has_article(noun: str) -> bool:
        return seen.get("ال" + noun, 0.0) >= max(3e-8, 0.08 * seen.get(noun, 0.0))

    def explained(noun: str) -> bool:
        """Whether what a clitic or the article leaves is as good a word."""
        if noun.startswith("ال"):
            return seen.get(noun[2:], 0.0) > 0.02 * seen.get(noun, 0.0)
        return has_clitic(noun, seen)

    def is_noun(noun: str) -> bool:
        """Whether texts have what looks like an imperfect with the article often enough."""
        return seen.get("ال" + noun, 0.0) >= LEAST_ARTICLE * seen.get(noun, 0.0)

    stops = {fold(word) for word in read_words("stop_arabic.txt")}
    lists = {
        "nouns_whole.txt": [
            n
            for n in wrong
            if (n[0] in "وفبكلس" or (n.startswith("ال") and len(n) > 5))
            and (has_article(n) or (len(n) > 3 and n not in stops and not explained(n)))
        ],
        "nouns_kept.txt": [
            n
            for n in losing
            if not n.startswith("ال")
            and (
                n.endswith(("ان", "ون", "ين", "ات", "نا", "هم", "كم", "ه"))
                or (n[0] in "يتن" and is_noun(n))
            )
        ],
    }
    for _ in range(2):
        for name, several in lists.items():
            write_words(folder / name, "", several)
        forget()
        after = {noun: len(failing(noun)) for noun in known}
        worse = {noun for noun in known if after[noun] >= max(1, before[noun])}
        lists = {name: [n for n in several if n not in worse] for name, several in lists.items()}
    for name, several in lists.items():
        write_words(folder / name, "", several)
    forget()
    write_words(folder / "own_letters.txt", "", own_letters(seen))
    forget()
    several_forms = mended(known, seen) | several_forms
    write(folder / "noun_forms.txt", FORMS_ABOUT, several_forms)
    forget()
    failed = {noun: failing(noun) for noun in known}
    after = {noun: len(forms) for noun, forms in failed.items()}
    lines = (" ".join([noun, *forms]) + "\n" for noun, forms in failed.items())
    Path("tests/analysis/nouns.txt").write_text(KNOWN_ABOUT + "".join(lines), "utf-8")
    whole = sum(sum(1 for _ in noun_forms(noun)) for noun in known)
    print({name: len(several) for name, several in lists.items()}, len(known), whole)
    for told in (before, after):
        print(sum(told.values()), sum(map(bool, told.values())), 1 - sum(told.values()) / whole)


if __name__ == "__main__":
    main()
