"""Annotations that come back with the lines of an export."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

from search.annotations import open_store
from search.domain import Annotation
from search.limits import MAX_ANNOTATIONS
from search.settings import Settings


def restore(settings: Settings, annotations: Sequence[Annotation]) -> set[str]:
    """Keep annotations that came with articles; of one that is there the one changed last stays.

    Returns the articles of those that are left out, because `MAX_ANNOTATIONS` are kept. Raises
    EngineUnavailable.
    """
    left: set[str] = set()
    with closing(open_store(settings)) as store:
        known = {each.id: each for each in store.all()}
        kept = []
        for each in annotations:
            if (there := known.get(each.id)) and there.article != each.article:  # of a copy
                own = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{each.id} {each.article}"))
                each, there = replace(each, id=own), known.get(own)
            if there is None and len(known) >= MAX_ANNOTATIONS:
                left.add(each.article)
            elif there is None or (there.changed, there.quote) < (each.changed, each.quote):
                known[each.id] = each
                kept.append(each)
        if kept:
            store.put(kept)
    return left
