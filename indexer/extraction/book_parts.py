"""A text that is longer than an article may be, as several: cut at its headings."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from indexer.extraction.registry import Extracted
from search.article_lines import PLACES
from search.limits import MAX_LENGTH, MAX_TEXT

_HEADING = re.compile(
    r"^(?:#{1,6}[ \t]+|(?:ال)?(?:باب|فصل|جزء|قسم|كتاب|مجلد|مبحث)\b|(?:chapter|part|book)\b)"
    r"[^\n]{0,100}$",
    re.MULTILINE | re.IGNORECASE,
)


def parts_of(
    book: Extracted, headings: Sequence[tuple[int, str]] = (), limit: int = MAX_TEXT
) -> Iterator[Extracted]:
    """Yield an article, in parts of at most `limit` characters where its text is longer.

    Each part is as many sections as fit. The first keeps the id; a later one's is made of the
    heading it begins with, so that it does not depend on how many parts come before. A section
    that is too long by itself is given whole, to be refused.

    Args:
        book: the article.
        headings: where each begins in the text, and what it says; none: they are looked for.
    """
    text = str(book.fields["text"])
    if len(text) <= limit:
        yield book
        return
    if not headings:
        headings = [(m.start(), m[0].strip("# \t\r")) for m in _HEADING.finditer(text)]
    cuts = [(0, "")]
    before = cuts[0]
    for place in (*headings, (len(text), "")):
        if place[0] - cuts[-1][0] > limit and before != cuts[-1]:
            cuts.append(before)
        before = place
    seen: Counter[str] = Counter()
    for (start, heading), (end, _) in zip(cuts, [*cuts[1:], (len(text), "")], strict=True):
        fields = {**book.fields, "text": text[start:end].rstrip("\n")}
        if isinstance(places := book.fields.get(PLACES), list):
            own = [place for place in places if place[0] <= start][-1:]
            own += [place for place in places if start < place[0] < end]
            fields[PLACES] = [(max(0, place[0] - start), *place[1:]) for place in own]
        inside = ""
        if start:
            seen[heading] += 1
            named = f"{heading}\n{seen[heading]}".encode("utf-8", "surrogatepass")
            inside = f"/:{hashlib.sha256(named).hexdigest()[:16]}"
            title = " – ".join(filter(None, (str(fields.get("title", "")), heading)))
            fields["title"] = title[: MAX_LENGTH["title"]]
        size = book.size if not start else 0
        yield replace(book, fields=fields, inside=inside, size=size)
