"""Make `search/analysis/lexicon/nouns_{whole,kept,apart}.txt`: nouns whose own letters look like affixes.

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
from collections.abc import Iterator, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from search.analysis import stemming
from search.analysis.lexicon import read_words
from tools.morphology import HEAD, fold, forget, frequencies, has_clitic, left_out

LEAST = 1e-7
LEAST_APART = 5e-7
_MARKS = re.compile("[\u064b-\u0652\u0670\u0640]")
_LETTERS = re.compile("[ء-غف-ي]+")
_ONCE = re.compile("[ء-ي]\u064e[ء-ي]\u0652[ء-ي]\u064eة")
_LISTED = ("nouns_whole.txt", "nouns_kept.txt")


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


def failing(noun: str) -> int:
    stem = stemming.stem(noun)
    return sum(stemming.stem(form) != stem for form in noun_forms(noun))


def apart(seen: Mapping[str, float]) -> list[str]:
    """Return nouns with ة whose noun without it is another word: حجرة, حجر.

    Both are nouns of their own, not adjectives, the shorter one has broken plurals that the longer
    one has not, and their vowels differ (حُجْرَة, حَجَر). So what is one of a kind meets the kind
    (شَجَرَة, شَجَر), and so does what is done once (ضَرْبَة, نَظْرَة), whose pattern any verb has.
    """
    import arramooz  # type: ignore[import-not-found, unused-ignore]

    path = Path(arramooz.__file__).parent / "data" / "arabicdictionary.sqlite"
    with sqlite3.connect(path) as database:
        rows = database.execute(
            "select vocalized, broken_plural from nouns where number like 'مفرد%'"
            " and (wordtype like '%جامد' or wordtype like '%مصدر%')"
        ).fetchall()
    vowels: dict[str, set[str]] = defaultdict(set)
    plurals: dict[str, set[str]] = defaultdict(set)
    for vocalized, several in rows:
        noun = _MARKS.sub("", vocalized)
        vowels[noun].add(re.sub("[\u064b-\u0650]*$", "", vocalized))
        parts = (_MARKS.sub("", part).strip() for part in re.split("[;،,؛]", several or ""))
        plurals[noun] |= {part for part in parts if _LETTERS.fullmatch(part)}
    found = []
    for noun in sorted(vowels):
        bare, own = noun[:-1], plurals[noun]
        if len(noun) < 4 or noun[-1] != "ة" or bare not in vowels:
            continue
        often = [seen.get(fold(w), 0.0) + seen.get("ال" + fold(w), 0.0) for w in (noun, bare)]
        others = {p for p in plurals[bare] - own - {noun} if seen.get(fold(p), 0.0) >= LEAST}
        # Without ة and the vowel before it.
        alike = {re.sub("\u064e?$", "", v[:-1]) for v in vowels[noun]} & vowels[bare]
        once = any(_ONCE.fullmatch(v) for v in vowels[noun])
        if (
            min(often) >= LEAST_APART
            and others
            and not (own & plurals[bare])
            and not alike
            and not once
        ):
            found.append(fold(noun))
    return sorted({*found} - left_out("apart"))


def nouns(seen: Mapping[str, float]) -> list[str]:
    import arramooz  # type: ignore[import-not-found, unused-ignore]

    path = Path(arramooz.__file__).parent / "data" / "arabicdictionary.sqlite"
    with sqlite3.connect(path) as database:
        rows = database.execute("select unvocalized, number from nouns").fetchall()
    listed = {fold(noun) for noun, number in rows if not (number or "").startswith("جمع")}
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
    several = apart(seen)
    text = HEAD + "".join(f"{noun}\n" for noun in several)
    (folder / "nouns_apart.txt").write_text(text, "utf-8")
    forget()
    known = nouns(seen)
    before = {noun: failing(noun) for noun in known}
    listed = stemming._whole()
    wrong = [noun for noun in known if before[noun] and noun not in listed]

    def has_article(noun: str) -> bool:
        return seen.get("ال" + noun, 0.0) >= max(3e-8, 0.08 * seen.get(noun, 0.0))

    def explained(noun: str) -> bool:
        """Whether what a clitic or the article leaves is as good a word."""
        if noun.startswith("ال"):
            return seen.get(noun[2:], 0.0) > 0.02 * seen.get(noun, 0.0)
        return has_clitic(noun, seen)

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
            for n in wrong
            if not n.startswith("ال")
            and (n.endswith(("ان", "ون", "ين", "ات", "نا", "هم", "كم", "ه")))
        ],
    }
    for _ in range(2):
        for name, several in lists.items():
            text = HEAD + "".join(f"{noun}\n" for noun in several)
            (folder / name).write_text(text, "utf-8")
        forget()
        after = {noun: failing(noun) for noun in known}
        worse = {noun for noun in known if after[noun] >= max(1, before[noun])}
        lists = {name: [n for n in several if n not in worse] for name, several in lists.items()}
    for name, several in lists.items():
        (folder / name).write_text(HEAD + "".join(f"{noun}\n" for noun in several), "utf-8")
    forget()
    after = {noun: failing(noun) for noun in known}
    whole = sum(sum(1 for _ in noun_forms(noun)) for noun in known)
    print({name: len(several) for name, several in lists.items()}, len(known), whole)
    for told in (before, after):
        print(sum(told.values()), sum(map(bool, told.values())), 1 - sum(told.values()) / whole)


if __name__ == "__main__":
    main()
