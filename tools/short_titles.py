"""Make tests/relevance/short_titles: one-word queries over short names, each word in three to five.

    python -m pip install babel==2.19.0 emoji==2.16.0    (in an environment of its own)
    python tools/short_titles.py tests/relevance/short_titles

The names are those that the Unicode CLDR has in Arabic for languages, territories, scripts,
currencies, cities and emoji (Unicode License v3), as these two packages carry them. A query is
a word drawn by seed from those that stand in three to five names; what answers it are these.
"""

from __future__ import annotations

import json
import random
import re
import sys
from collections import defaultdict
from pathlib import Path

QUERIES = 150
LEAST, MOST = 3, 5  # names in which a word stands
WORD = re.compile("[\u0621-\u064a]+")
SKIN = range(0x1F3FB, 0x1F400)  # the same emoji once more


def names() -> list[str]:
    """Return each name once, sorted."""
    import emoji  # type: ignore[import-not-found, unused-ignore]
    from babel import Locale  # type: ignore[import-not-found, import-untyped, unused-ignore]

    arabic = Locale("ar")
    lists = (arabic.languages, arabic.territories, arabic.scripts, arabic.currencies)
    found = {str(name) for each in lists for name in each.values()}
    found |= {zone["city"] for zone in arabic.time_zones.values() if "city" in zone}
    emoji.config.load_language("ar")
    for character, about in emoji.EMOJI_DATA.items():
        if "ar" in about and not any(ord(part) in SKIN for part in character):
            found.add(about["ar"].strip(":").replace("_", " "))
    return sorted(found)


def main() -> None:
    folder = Path(sys.argv[1])
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    holding: dict[str, list[int]] = defaultdict(list)
    listed = names()
    for number, name in enumerate(listed):
        for word in dict.fromkeys(WORD.findall(name)):
            holding[word].append(number)
    words = sorted(w for w, at in holding.items() if LEAST <= len(at) <= MOST and len(w) > 2)
    chosen = sorted(random.Random(13).sample(words, QUERIES))  # noqa: S311  # a seed, no secret
    corpus = [{"_id": f"t{number}", "text": name} for number, name in enumerate(listed)]
    queries = [{"_id": f"q{number}", "text": word} for number, word in enumerate(chosen)]
    for name, rows in (("corpus", corpus), ("queries", queries)):
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text("".join(lines), "utf-8")
    judged = [f"q{n}\tt{at}\t1\n" for n, word in enumerate(chosen) for at in holding[word]]
    (folder / "qrels" / "test.tsv").write_text(
        "query-id\tcorpus-id\tscore\n" + "".join(judged), "utf-8"
    )


if __name__ == "__main__":
    main()
