"""Draw pairs of forms to be judged: does a search for the one have to find the other, or must it not?

    python -m pip install arramooz-pysqlite==0.4.2 mazini==0.2.2 wordfreq==3.1.1
    python tools/form_pairs.py > drawn.tsv    (in an environment of its own)

What it writes is kind, first form, second form. `tests/probes/form_pairs.tsv` is what was drawn
with a judgement before each pair, made by reading it. Verbs are conjugated by mazini (Wael
Tellat, CC BY 4.0) from the verbs that both it and arramooz-pysqlite (Taha Zerrouki, GPL) list,
nouns and broken plurals are arramooz-pysqlite's, and only forms that wordfreq 3.1.1 (Robyn
Speer, CC BY-SA 4.0) has seen are drawn, frequent ones more often.
"""

from __future__ import annotations

import random
import re
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

SEED = 1013
MARKS = re.compile("[\u064b-\u0652\u0670\u0640]")
LEAST = 1e-7  # of a word's frequency
LETTERS = "[ء-غف-ي]+"

Pair = tuple[str, str]


class Verb(NamedTuple):
    """Forms by slot, without marks."""

    lemma: str
    finite: Sequence[str]
    family: Sequence[str]


def bare(form: str) -> str:
    return MARKS.sub("", form).replace("ٱ", "ا")


def verbs(listed: set[str], frequencies: Mapping[str, float], chance: random.Random) -> list[Verb]:
    """Return 700 verbs with their forms, drawn by the square root of their frequency."""
    from mazini import conjugate  # type: ignore[import-not-found, unused-ignore]
    from mazini.lexicon import attested_wazns, lexicon_roots  # type: ignore[import-not-found, unused-ignore]

    roots = list(lexicon_roots())
    found: list[Verb] = []
    while len(found) < 700:
        root = chance.choice(roots)
        wazn = chance.choice(attested_wazns(root))
        try:
            slots = conjugate(root, wazn).slots
        except Exception:  # noqa: S112  # a pattern that this root has no verb of
            continue
        forms = {name: [bare(f.form) for f in each] for name, each in slots.items()}
        past = forms.get("past_3ms")
        if not past or past[0] not in listed:
            continue
        # Its past may be a noun too; hardly any noun looks like its imperfect.
        seen = [frequencies.get(each[0], 0.0) for each in (past, forms.get("ind_3ms", [""]))]
        if chance.random() > (min(seen) * 1e5) ** 0.5:
            continue
        finite: list[str] = []
        family: list[str] = []
        for name, each in forms.items():
            into = family if name in ("ap", "pp", "vn") else finite
            into += [f for f in each if len(f) > 2 and frequencies.get(f, 0.0) >= LEAST]
        found.append(Verb(past[0], list(dict.fromkeys(finite)), list(dict.fromkeys(family))))
    return found


def verb_pairs(drawn: Sequence[Verb], chance: random.Random) -> Iterator[Pair]:
    for verb in drawn:
        others = [f for f in verb.finite if f != verb.lemma]
        if others:
            yield verb.lemma, chance.choice(others)


def family_pairs(drawn: Sequence[Verb], chance: random.Random) -> Iterator[Pair]:
    for verb in drawn:
        others = [f for f in verb.family if f != verb.lemma]
        if others and verb.finite:
            yield chance.choice(verb.finite), chance.choice(others)


def plural_pairs(
    rows: Sequence[tuple[str, str]], frequencies: Mapping[str, float], chance: random.Random
) -> Iterator[Pair]:
    known = [p for p in rows if all(frequencies.get(w, 0.0) >= 2e-7 for w in p)]
    for one, many in chance.sample(known, 70):
        yield one, chance.choice(("", "", "ال", "وال", "ب")) + many


def noun_pairs(
    nouns: Sequence[str], frequencies: Mapping[str, float], chance: random.Random
) -> Iterator[Pair]:
    known = [n for n in nouns if frequencies.get(n, 0.0) >= 2e-7 and n[-1] not in "ىاءيو"]
    for noun in chance.sample(known, 60):
        before = chance.choice(("ال", "وال", "بال", "لل", "كال", "و", "ب", "ل", "ف", ""))
        stem = noun[:-1] + "ت" if noun[-1] == "ة" else noun
        after = "" if before.endswith(("ال", "لل")) else chance.choice(("ه", "ها", "هم", "نا"))
        plural = chance.choice((noun, stem + "ين", stem + "ان", noun))
        yield noun, before + (stem + after if after else plural)


def begins_alike(
    nouns: Sequence[str], frequencies: Mapping[str, float], chance: random.Random
) -> Iterator[Pair]:
    """A word, and what is left of it without its first letter, which looks like a clitic or a person."""
    known = {n for n in nouns if frequencies.get(n, 0.0) >= 2e-7}
    found = sorted(n for n in known if n[0] in "وفبكلسيتنا" and n[1:] in known and len(n) > 3)
    for noun in chance.sample(found, 45):
        yield noun, chance.choice(("", "ال")) + noun[1:]


def ends_alike(
    nouns: Sequence[str], frequencies: Mapping[str, float], chance: random.Random
) -> Iterator[Pair]:
    """A word, and what is left of it without its last letters, which look like an ending."""
    known = {n for n in nouns if frequencies.get(n, 0.0) >= 2e-7}
    ends = ("ان", "ين", "ون", "ات", "نا", "هم", "كم", "ي", "ت", "ا", "ة", "ن")
    found = sorted(
        (n, n[: -len(e)]) for n in known for e in ends if n.endswith(e) and n[: -len(e)] in known
    )
    yield from chance.sample([p for p in found if len(p[1]) > 2], 45)


def verbs_alike(
    drawn: Sequence[Verb],
    nouns: Sequence[str],
    frequencies: Mapping[str, float],
    chance: random.Random,
) -> Iterator[Pair]:
    """A verb, and a noun or another verb that differs from one of its forms in one letter."""
    known = sorted(n for n in nouns if frequencies.get(n, 0.0) >= 2e-7)
    for verb in chance.sample(drawn, 120):
        if not verb.finite:
            continue
        form = chance.choice(verb.finite)
        at = chance.randrange(len(form))
        near = [
            n
            for n in known
            if len(n) == len(form)
            and n != form
            and n[:at] == form[:at]
            and n[at + 1 :] == form[at + 1 :]
        ]
        if near:
            yield form, chance.choice(near)


def same_beginning(
    nouns: Sequence[str], frequencies: Mapping[str, float], chance: random.Random
) -> Iterator[Pair]:
    """Two nouns of the same first three letters."""
    known = sorted(n for n in nouns if frequencies.get(n, 0.0) >= 1e-6 and len(n) > 3)
    by_start: dict[str, list[str]] = {}
    for noun in known:
        by_start.setdefault(noun[:3], []).append(noun)
    starts = sorted(s for s, each in by_start.items() if len(each) > 1)
    for start in chance.sample(starts, 40):
        one, other = chance.sample(by_start[start], 2)
        yield one, other


def main() -> None:
    import arramooz  # type: ignore[import-not-found, unused-ignore]
    from wordfreq import get_frequency_dict  # type: ignore[import-not-found, unused-ignore]

    frequencies = get_frequency_dict("ar", wordlist="large")
    path = Path(arramooz.__file__).parent / "data" / "arabicdictionary.sqlite"
    with sqlite3.connect(path) as database:
        listed = {row[0] for row in database.execute("select unvocalized from verbs")}
        rows = database.execute(
            "select unvocalized, broken_plural from nouns where number like 'مفرد%' or number = ''"
        ).fetchall()
    nouns = sorted({one for one, _ in rows if re.fullmatch(LETTERS, one) and len(one) > 2})
    plurals = [
        (one, bare(part).strip())
        for one, many in sorted(set(rows), key=str)
        for part in re.split("[;،,]", many or "")
        if re.fullmatch(LETTERS, bare(part).strip())
    ]
    chance = random.Random(SEED)  # noqa: S311 (drawn again, never secret)
    drawn = verbs(listed, frequencies, chance)
    kinds: list[tuple[str, Iterator[Pair], int]] = [
        ("verb", verb_pairs(drawn[:400], chance), 240),
        ("family", family_pairs(drawn[400:], chance), 110),
        ("plural", plural_pairs(plurals, frequencies, chance), 55),
        ("noun", noun_pairs(nouns, frequencies, chance), 40),
        ("begins", begins_alike(nouns, frequencies, chance), 40),
        ("ends", ends_alike(nouns, frequencies, chance), 40),
        ("near", verbs_alike(drawn, nouns, frequencies, chance), 30),
        ("same_beginning", same_beginning(nouns, frequencies, chance), 40),
    ]
    for kind, pairs, most in kinds:
        for pair in list(dict.fromkeys(pairs))[:most]:
            sys.stdout.write("\t".join((kind, *pair)) + "\n")


if __name__ == "__main__":
    main()
