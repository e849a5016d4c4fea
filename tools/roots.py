"""Make `roots.txt` of `search/analysis/lexicon`: words of each root, one for each stem.

    python -m pip install arramooz-pysqlite==0.4.2 mazini==0.2.2 wordfreq==3.1.1 pyarabic==0.6.15
    python tools/roots.py search/analysis/lexicon    (after tools/families.py: it asks the stemmer)

Roots are those that arramooz-pysqlite names for its nouns and verbs, with the verbs and their nouns that
mazini conjugates. A word counts that texts have (wordfreq) and that has the letters of its root in
order, weak ones aside, since some entries have another word's root. A stem is of the roots that have
LEAST_SHARE of its occurrences at least. Of a root the MOST stems that texts have most are listed.
"""

from __future__ import annotations

import re
import sqlite3
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from search.analysis.lexicon import read_words
from search.analysis.stemming import stem
from search.query.expansion import folded_root
from tools.morphology import HEAD, fold, frequencies, paradigms

MOST = 24  # words of a root
LEAST = 1e-7  # of a word with and without its article
LEAST_SHARE = 0.2
WEAK = frozenset("اوي")
NOUNS = ("ap", "pp", "vn")  # mazini's slots
SLOTS = ("past_3ms", "ind_3ms", *NOUNS)
ABOUT = "# A root; then a word of each stem that it has, the most frequent first.\n"
_LETTERS = re.compile("[ء-غف-ي]{2,}")


class Word(NamedTuple):
    root: str  # folded
    written: str
    is_noun: bool


def words() -> Iterator[Word]:
    """Yield what the lexicons list; mazini's words, whose hamza is folded here, last."""
    import arramooz  # type: ignore[import-not-found, unused-ignore]

    data = Path(arramooz.__file__).parent / "data"
    with sqlite3.connect(data / "arabicdictionary.sqlite") as database:
        for table in ("nouns", "verbs"):
            query = f"select root, unvocalized from {table} order by id"  # noqa: S608
            for root, word in database.execute(query):
                yield Word(folded_root(root or ""), word, table == "nouns")
    for _, root, slots in paradigms():
        for slot in SLOTS:
            for form in slots.get(slot, ()):
                yield Word(folded_root(root), form, slot in NOUNS)


def has_letters(word: str, root: str) -> bool:
    """Tell whether a folded word has a root's letters in order; weak letters may be any or gone."""
    at = 0
    strong = [letter for letter in root if letter not in WEAK]
    is_doubled = len(strong) > 1 and strong[-1] == strong[-2]
    for letter in strong[:-1] if is_doubled else strong:
        at = word.find(letter, at) + 1
        if not at:
            return False
    return bool(strong)


def main() -> None:
    seen = frequencies()
    stops = {fold(word) for word in read_words("stop_arabic.txt")}
    spelt: dict[tuple[str, str], Word] = {}
    for word in words():
        spelt.setdefault((word.root, fold(word.written)), word)
    # Of each stem: how often its words of a root are, and the most frequent of them.
    found: dict[str, dict[str, list[tuple[float, str]]]] = defaultdict(lambda: defaultdict(list))
    for (root, folded), word in spelt.items():
        often = seen.get(folded, 0.0) + (seen.get("ال" + folded, 0.0) if word.is_noun else 0.0)
        if (
            len(root) in (3, 4)
            and often >= LEAST
            and folded not in stops
            and _LETTERS.fullmatch(word.written)
            and has_letters(folded_root(folded), root)
            # What begins like a clitic has another word's stem (كتاتيب).
            and (not word.is_noun or stem("ال" + folded) == stem(folded))
        ):
            found[stem(folded)][root].append((often, word.written))
    listed: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for each, of_roots in found.items():
        whole = sum(often for several in of_roots.values() for often, _ in several)
        for root, several in of_roots.items():
            often = sum(often for often, _ in several)
            if often >= LEAST_SHARE * whole and each != stem(root):  # which it finds by itself
                listed[root].append((often, max(several)[1]))
    lines = []
    for root, several in sorted(listed.items()):
        ranked = sorted(several, key=lambda one: (-one[0], one[1]))[:MOST]
        lines.append(" ".join([root, *(written for _, written in ranked)]) + "\n")
    (Path(sys.argv[1]) / "roots.txt").write_text(HEAD + ABOUT + "".join(lines), "utf-8")
    print(len(lines), sum(len(line.split()) - 1 for line in lines))


if __name__ == "__main__":
    main()
