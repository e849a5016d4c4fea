"""Make `tests/probes/drawn.tsv`: words drawn by seed that a search has to find, or must not.

    python -m pip install arramooz-pysqlite==0.4.2
    python tools/letter_probes.py DICTIONARY PROSE > tests/probes/drawn.tsv

DICTIONARY is the package's `arabicdictionary.sqlite` (Taha Zerrouki, GPL), PROSE a file of
articles, a JSON object with a `text` a line, gzipped: only words that it has are drawn. Neither
is a dependency of Fihris, so install the package into another environment.
"""

from __future__ import annotations

import gzip
import json
import random
import re
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

SEED = 13
HEAD = """\
# kind, + (the passage must be found) or - (must not), query, words of the passage.
# Nouns are arramooz-pysqlite 0.4.2's (Taha Zerrouki, GPL). Made by tools/letter_probes.py.
"""

T = TypeVar("T")

_WORD = re.compile("[ء-غف-ي]+")
_LETTERS = "ابتثجحخدذرزسشصضطظعغفقكلمنهوي"
_NEVER = "ةىءآأؤإئ"  # are not put in for another letter: those spellings are other kinds


class Noun(NamedTuple):
    word: str
    dual: bool
    masculine_plural: bool
    feminine_plural: bool


def nouns(dictionary: str, frequencies: Mapping[str, int]) -> list[Noun]:
    """Return the singular nouns that texts have."""
    with sqlite3.connect(dictionary) as database:
        rows = database.execute(
            "select unvocalized, dualable, masculin_plural, feminin_plural from nouns"
            " where number like 'مفرد%'"
        )
        found = {row[0]: Noun(row[0], *(bool(flag) for flag in row[1:])) for row in rows}
    return [
        noun
        for word, noun in sorted(found.items())
        if _WORD.fullmatch(word) and len(word) > 2 and frequencies[word] + frequencies["ال" + word]
    ]


def hamza_seats(drawn: Sequence[Noun], chance: random.Random) -> Iterator[tuple[str, str, str]]:
    for word in _some(chance, [n.word for n in drawn if re.search(".[ؤئء].", n.word)], 45):
        at = next(m.start() for m in re.finditer("[ؤئء]", word) if m.start())
        other = chance.choice([c for c in "ؤئء" if c != word[at]])
        yield "+", word[:at] + other + word[at + 1 :], word
    for word in _some(chance, [n.word for n in drawn if re.search(".أ.", n.word)], 15):
        yield "+", word[0] + word[1:].replace("أ", "ئ", 1), word


def stems(drawn: Sequence[Noun], chance: random.Random) -> Iterator[tuple[str, str, str]]:
    known = {noun.word for noun in drawn}
    for first in "سفبكلو":
        begin = [noun for noun in drawn if noun.word[0] == first]
        for noun in _some(chance, begin, 12):
            yield "+", noun.word, _form(noun, chance)
        pairs = [n.word for n in begin if n.word[1:] in known and len(n.word) > 3]
        yield from (("-", word, "ال" + word[1:]) for word in _some(chance, pairs, 4))
    for noun in _some(chance, drawn, 60):
        yield "+", noun.word, _form(noun, chance)


def own_article(drawn: Sequence[Noun], chance: random.Random) -> Iterator[tuple[str, str, str]]:
    own = [n.word for n in drawn if re.match("[اإأ]ل", n.word) and len(n.word) > 4]
    for word in _some(chance, own, 36):
        yield "+", word, chance.choice(("ب", "وب", "فب", "ول", "وك", "ف", "ال", "بال")) + word


def emphasis(drawn: Sequence[Noun], chance: random.Random) -> Iterator[tuple[str, str, str]]:
    for noun in _some(chance, [n for n in drawn if len(n.word) > 3], 30):
        at = chance.randrange(1, len(noun.word))
        long = noun.word[:at] + noun.word[at] * chance.randint(2, 5) + noun.word[at:]
        yield "+", *((noun.word, long) if chance.random() < 0.7 else (long, noun.word))


def misspellings(
    frequencies: Mapping[str, int], chance: random.Random
) -> Iterator[tuple[str, str, str]]:
    common = sorted(w for w, n in frequencies.items() if n > 4 and len(w) > 4)
    others = sorted(w for w, n in frequencies.items() if n > 60 and len(w) > 4)
    for word in _some(chance, common, 100):
        wrong = next(w for w in _tries(word, chance) if w not in frequencies)
        beside = f"{chance.choice(others)} " if chance.random() < 0.2 else ""
        yield "+", beside + wrong, word
    for word in _some(chance, [w for w in common if len(w) > 5], 400):
        at = chance.randrange(2, len(word) - 1)
        if word[at] in "اوي" + _NEVER:
            continue
        near = [word[:at] + c + word[at + 1 :] for c in _LETTERS if c not in "اوي" + word[at]]
        yield from (("-", word, w) for w in near if frequencies[w] > 1)


def _tries(word: str, chance: random.Random) -> Iterator[str]:
    places = [at for at in range(1, len(word)) if word[at] not in _NEVER]
    while True:
        at, letter = chance.choice(places), chance.choice(_LETTERS)
        before, after = word[:at], word[at + 1 :]
        swapped = word[: at - 1] + word[at] + word[at - 1] + after
        one_less, one_more = before + after, before + letter + word[at:]
        yield chance.choice((one_less, before + letter + after, one_more, swapped))


def _form(noun: Noun, chance: random.Random) -> str:
    """Return a noun with the article or a clitic, and an ending that it may have."""
    word, article = noun.word, chance.choice(("ال", "وال", "بال", "لل", "كال", "فال", "", ""))
    if word.startswith(("ال", "إل", "أل", "ل")):
        article = article.replace("لل", "ال")
    feminine = word.endswith("ة")
    bare = word[:-1] if feminine else word
    endings = [""]
    if word[-1] not in "ىاءيوئؤآ":
        if noun.dual:
            endings += [bare + ("ت" if feminine else "") + e for e in ("ان", "ين")]
        if noun.feminine_plural or feminine:
            endings.append(bare + "ات")
        if noun.masculine_plural and not feminine:
            endings += [bare + "ون", bare + "ين"]
        if not article:
            endings += [bare + ("ت" if feminine else "") + e for e in ("ها", "هم", "ه", "نا")]
    return (article or chance.choice(("و", "ب", "ل", ""))) + (chance.choice(endings) or word)


def _some(chance: random.Random, of: Sequence[T], count: int) -> list[T]:
    return chance.sample(of, min(count, len(of)))


def main() -> None:
    dictionary, prose = sys.argv[1:]
    frequencies: Counter[str] = Counter()
    with gzip.open(prose, "rt", encoding="utf-8") as lines:
        for line in lines:
            frequencies.update(_WORD.findall(json.loads(line)["text"]))
    drawn = nouns(dictionary, frequencies)
    sys.stdout.write(HEAD)
    for kind, make in (
        ("hamza_seats", hamza_seats),
        ("stems", stems),
        ("own_article", own_article),
        ("emphasis", emphasis),
    ):
        for probe in make(drawn, random.Random(SEED)):  # noqa: S311 (drawn again, never secret)
            print(kind, *probe, sep="\t")
    chance, absent = random.Random(SEED), 0  # noqa: S311
    for sign, query, text in misspellings(frequencies, chance):
        absent += sign == "-"
        if absent <= 25:
            print("misspellings", sign, query, text, sep="\t")


if __name__ == "__main__":
    main()
