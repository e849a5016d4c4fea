"""Where annotations stand now: found again by their passage's text after an article was replaced.

The passage of the same text, the one nearest to where it was; else the one most like it, of which
both share enough runs of two words, as near copies do (`search.ranking.duplicates`).
"""

from __future__ import annotations

from collections.abc import Sequence

from search.annotations.domain import Anchored
from search.domain import Annotation, Filter, Passage
from search.engines.protocol import EngineReader, ListRequest
from search.ranking.duplicates import LEAST, likeness
from search.saved.domain import text_hash


def anchored(engine: EngineReader, annotations: Sequence[Annotation]) -> list[Anchored]:
    """Return annotations with where they stand, in order. Raises EngineError.

    Passages that are where they were are read alone; only of the others whole articles are.
    """
    ids = tuple(dict.fromkeys(each.article for each in annotations))
    request = ListRequest(Filter(articles=ids), limit=len(ids))
    infos = {info.id: info for info in engine.list_articles(request).articles} if ids else {}
    places = [f"{each.article}#{each.position}" for each in annotations if each.text]
    there = {stored.passage.id: stored.passage for stored in engine.fetch(places)}
    found = []
    for each in annotations:
        info = infos.get(each.article)
        passage = there.get(f"{each.article}#{each.position}")
        if info is None:
            found.append(Anchored(each, "orphaned"))
        elif not each.text:
            found.append(Anchored(each, "article", info))
        elif passage is not None and text_hash(passage.text) == each.text:
            found.append(Anchored(each, "passage", info, passage))
        else:
            stored = engine.article(each.article)
            is_same, passage = place_of(each, stored.passages if stored else ())
            anchor = "passage" if is_same else "changed" if passage else "lost"
            found.append(Anchored(each, anchor, info, passage))  # type: ignore[arg-type]
    return found


def place_of(annotation: Annotation, passages: Sequence[Passage]) -> tuple[bool, Passage | None]:
    """Return whether one of an article's passages has the annotation's text, and the one it is on."""

    def distance(passage: Passage) -> int:
        return abs(passage.position - (annotation.position or 0))

    same = [each for each in passages if text_hash(each.text) == annotation.text]
    if same:
        return True, min(same, key=distance)
    like = [(likeness(annotation.quote, each.text), each) for each in passages]
    best = max(like, key=lambda pair: (pair[0], -distance(pair[1])), default=(0.0, None))
    return False, best[1] if best[0] >= LEAST else None
