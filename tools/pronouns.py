"""Make `not_pronouns.txt` of `search/analysis/lexicon`: words whose own ك or ني looks like a pronoun.

    python -m pip install arramooz-pysqlite==0.4.2 wordfreq==3.1.1 pyarabic==0.6.15
    python tools/pronouns.py search/analysis/lexicon    (after tools/morphology.py and tools/nouns.py)

Words in ك are a lexicon's nouns, broken plurals and verbs (شريك, ملوك, شارك), what texts have with the
article, which no word with a pronoun has (المبارك), and what without its ك is no word of the lexicon
(نيويورك). Words in ني are those that would lose it and stand with the article, or are a noun in ن
and ي (مازني, توازني). Nouns, plurals and verbs are arramooz-pysqlite 0.4.2's (Taha Zerrouki, GPL),
how often texts have a word is wordfreq 3.1.1's (Robyn Speer, CC BY-SA 4.0).
"""

from __future__ import annotations

import re
import sqlite3
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from search.analysis import stemming
from search.analysis.lexicon import read_lists, read_words
from tools.morphology import HEAD, fold, forget, frequencies

LEAST = 1e-7
LEAST_ARTICLE = {"ك": 0.05, "ني": 0.02, "تي": 0.02}  # beside the word alone
NAME = "not_pronouns.txt"
ABOUT = "# Words whose last letters only look like the pronouns ك and ني.\n"


def main() -> None:
    import arramooz  # type: ignore[import-not-found, unused-ignore]

    path = Path(sys.argv[1]) / NAME
    path.write_text("", "utf-8")
    forget()
    database = Path(arramooz.__file__).parent / "data" / "arabicdictionary.sqlite"
    with sqlite3.connect(database) as lexicon:
        rows = lexicon.execute("select unvocalized, broken_plural from nouns").fetchall()
        verbs = {fold(row[0]) for row in lexicon.execute("select unvocalized from verbs")}
    nouns = {fold(noun) for noun, _ in rows}
    plurals = {fold(part) for _, many in rows for part in re.split(r"[;،,؛\s()]+", many or "")}
    names = {word for name, _ in read_lists("names.txt") for word in name.split("_")}
    names |= read_words("whole.txt") | read_words("stop_arabic.txt")
    words = nouns | plurals | verbs | stemming._verb_stems() | set(map(fold, names))
    seen = frequencies()
    known = {stemming.stem(word) for word in words if seen.get(word, 0.0) >= LEAST}
    listed = {word for word in words if word.endswith("ك") and len(word) > 2}
    listed |= {word for word in map(fold, names) if word.endswith("تي") and len(word) > 4}
    for word, often in seen.items():
        article = seen.get("ال" + word, 0.0) / often
        ending = next((e for e in LEAST_ARTICLE if word.endswith(e)), "")
        least = 3 if ending == "ك" else 5  # ترك behind a clitic is no وتر + ك
        if not ending or len(word) < least or word.startswith("ال") or word.endswith("اتي"):
            continue
        if ending == "ني" and not any(
            stemming.stem(clitic + word) == stemming.stem(clitic + word[:-2])
            for clitic in ("", *stemming._CLITICS)
        ):
            continue
        if article > LEAST_ARTICLE[ending]:
            listed.add(word)
        elif ending == "ني":
            if word[:-1] in nouns and seen.get(word[:-1], 0.0) > often:
                listed.add(word)
        elif ending == "ك" and often >= LEAST:
            rest = word[:-1]
            is_noun = seen.get("ال" + rest, 0.0) > LEAST_ARTICLE[ending] * often
            me = "ي" + rest[1:] if word[0] == "ا" else rest  # أنصحك
            if not is_noun and not {stemming.stem(rest), stemming.stem(me)} & known:
                listed.add(word)
    head = HEAD.replace("morphology.py", "pronouns.py") + ABOUT
    path.write_text(head + "".join(f"{word}\n" for word in sorted(listed)), "utf-8")
    print(len(listed))


if __name__ == "__main__":
    main()
