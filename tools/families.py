"""Make `families.txt` and `homographs.txt` of `search/analysis/lexicon`.

    python -m pip install arramooz-pysqlite==0.4.2 mazini==0.2.2 wordfreq==3.1.1 pyarabic==0.6.15
    python tools/families.py search/analysis/lexicon    (after tools/nouns.py, as its lines are stems)

Verbs are those of tools/morphology.py, with mazini's participles and masdars, and for verbs of three
letters what arramooz-pysqlite names as theirs. Of one verb the MOST stems that texts have most
(wordfreq) are listed, and none that is another word's by losing a clitic or ة.

Homographs are verbs of which forms have another stem: the bare past that is another word too (كتب is
كتاب, and تمكن امكن), and forms that may be of two verbs of a root (ينتج is نتج, and أنتج's).
"""

from __future__ import annotations

import sqlite3
import sys
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from search.analysis.lexicon import read_words
from search.analysis.stemming import stem
from tools.morphology import (
    HEAD,
    LEAST_VERB,
    fold,
    frequencies,
    left_out,
    paradigms,
)

MOST = 8  # stems besides the verb's own
DERIVED = 4  # letters of a verb of a derived pattern, as search/query/expansion.py has it
LEAST = 1e-7  # of a stem's forms, by frequency
NOUNS = ("ap", "pp", "vn")  # mazini's slots

MOST_FORMS = 12  # of a verb; of كتب 6 are all that texts have but for one in ten thousand
ABOUT = "# The stem of a verb's past; then those of its family, most frequent first.\n"
ABOUT_HOMOGRAPHS = (
    "# The stem of a verb; then forms of it that have another one, most frequent first.\n"
)


def main() -> None:
    import arramooz  # type: ignore[import-not-found, unused-ignore]

    data = Path(arramooz.__file__).parent / "data"
    with sqlite3.connect(data / "wordfreq.sqlite") as database:
        common: dict[str, int] = defaultdict(int)
        for word, count in database.execute(
            "select unvocalized, freq from wordfreq where word_type = 'verb'"
        ):
            common[fold(word)] += count
    with sqlite3.connect(data / "arabicdictionary.sqlite") as database:
        listed = {fold(row[0]) for row in database.execute("select unvocalized from verbs")}
        things = {
            fold(row[0])
            for row in database.execute("select unvocalized from nouns where wordtype = ':جامد'")
        }
        singular = {
            fold(row[0])
            for row in database.execute(
                "select unvocalized from nouns where number not like 'جمع%'"
            )
        }
        nouns = database.execute(
            # A masdar with a broken plural is mostly a thing (كتاب, خطاب), no act.
            "select original, unvocalized from nouns where number not like 'جمع%' and"
            " (category in ('فاعل', 'مفعول') or (category = 'مصدر' and broken_plural = ''))"
        ).fetchall()
    stops = {fold(word) for word in read_words("stop_arabic.txt")}
    known = {
        verb
        for verb in listed - stops - left_out("verbs")
        if len(verb) > 2 and common[verb] >= LEAST_VERB
    }
    seen = frequencies()
    stems_of_nouns = {stem(noun) for noun in singular if seen.get(noun, 0.0) >= LEAST}
    own: dict[str, str] = {}  # stems
    family: dict[str, set[str]] = defaultdict(set)
    homographs: dict[str, set[str]] = defaultdict(set)  # forms with another stem, by the verb's
    roots: dict[str, set[str]] = defaultdict(set)
    shared: dict[str, set[str]] = defaultdict(set)
    for (_, verb, _), root, slots in paradigms():
        if verb in known:
            # Where the bare past has a plural's stem (كتب), that of its imperfect.
            imperfects = {stem(form) for form in slots.get("ind_3ms", ())}
            own.setdefault(verb, verb if verb in imperfects else stem(verb))
            roots[own[verb]].add(root)
            if own[verb] in imperfects and stem(verb) != own[verb]:
                homographs[own[verb]].update(
                    form
                    for slot, forms in slots.items()
                    if slot.startswith("past_") and "pass" not in slot
                    for form in forms
                    if seen.get(form, 0.0) >= LEAST and stem(form) != own[verb]
                )
            # A stem of three letters that is a noun's would find that (تشرف, شرف).
            if len(own[verb]) >= DERIVED or own[verb] not in stems_of_nouns:
                shared[own[verb]].update(
                    form
                    for slot, forms in slots.items()
                    if "_" in slot
                    for form in forms
                    if seen.get(form, 0.0) >= LEAST
                    and form not in singular
                    and stem(form) != own[verb]
                )
            for slot in NOUNS:
                family[verb].update(slots.get(slot, ()))
    for original, noun in nouns:
        # mazini has those of longer verbs. عمران is no عمرة, which has the stem of its verb.
        verb = fold(original or "")
        if verb in known and len(verb) == 3 and verb + "ه" not in things:
            family[verb].add(fold(noun))
    other = things | listed
    families: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for verb in own:
        for noun in family[verb] - stops - {verb}:
            # What begins like a clitic has another word's stem (وارق, of ورق).
            if len(noun) < 3 or stem("ال" + noun) != stem(noun):
                continue
            # Nor one that without its ة is another word (كتابة), nor تروية, for روية.
            bare = noun[:-1]
            if noun[-1] != "ه" or (
                verb + "ه" not in things and not (stem(noun) == bare and bare in other - {verb})
            ):
                often = seen.get(noun, 0.0) + seen.get("ال" + noun, 0.0)
                families[own[verb]][stem(noun)] += often
    lines: list[str] = []
    for past, stems in sorted(families.items()):
        known_stems = [s for s in stems if s not in {past, *stops} and stems[s] >= LEAST]
        listing = sorted(known_stems, key=lambda each: (-stems[each], each))[:MOST]
        if listing:
            lines.append(" ".join([past, *listing]) + "\n")
    folder = Path(sys.argv[1])
    (folder / "families.txt").write_text(HEAD + ABOUT + "".join(lines), "utf-8")
    print(len(lines), sum(len(line.split()) for line in lines))
    for verb, forms in shared.items():
        homographs[verb].update(f for f in forms if roots[verb] & roots.get(stem(f), set()))
    lines = []
    for verb, forms in sorted(homographs.items()):
        listing = sorted(forms - stops, key=lambda each: (-seen[each], each))[:MOST_FORMS]
        if listing:
            lines.append(" ".join([verb, *listing]) + "\n")
    (folder / "homographs.txt").write_text(HEAD + ABOUT_HOMOGRAPHS + "".join(lines), "utf-8")
    print(len(lines), sum(len(line.split()) for line in lines))


if __name__ == "__main__":
    main()
