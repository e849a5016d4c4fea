"""Make `search/analysis/lexicon/{nouns_whole,nouns_kept}.txt`: nouns whose own letters look like affixes.

    python -m pip install arramooz-pysqlite==0.4.2 wordfreq==3.1.1 pyarabic==0.6.15
    python tools/nouns.py search/analysis/lexicon    (in an environment of its own)

Nouns are arramooz-pysqlite 0.4.2's (Taha Zerrouki, GPL), those that wordfreq 3.1.1 (Robyn Speer,
CC BY-SA 4.0) has at least once in ten million words. Every form of a noun (`noun_forms`) is stemmed; a noun whose
forms do not all have its stem is listed where its first letters are the reason (nouns_whole.txt:
وسام, برقية), and texts have it with the article, or where its last ones are (nouns_kept.txt:
فستان). What listing does not help stays out. tests/analysis/test_nouns.py says how many hold.
"""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from search.analysis import stemming
from tools.morphology import HEAD, fold, frequencies

LEAST = 1e-7
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


def forget() -> None:
    """Read the lists again."""
    for name in vars(stemming):
        if hasattr(clear := getattr(stemming, name), "cache_clear"):
            clear.cache_clear()


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
    forget()
    known = nouns(seen)
    before = {noun: failing(noun) for noun in known}
    listed = stemming._whole()
    wrong = [noun for noun in known if before[noun] and noun not in listed]

    def has_article(noun: str) -> bool:
        return seen.get("ال" + noun, 0.0) >= max(3e-8, 0.08 * seen.get(noun, 0.0))

    lists = {
        "nouns_whole.txt": [n for n in wrong if n[0] in "وفبكلس" and has_article(n)],
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
