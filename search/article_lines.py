"""An article as a line of JSON that indexing takes back unchanged, from a file or over HTTP.

A line is marked as ours, so that nothing in it is mended: a text that looks like markup, or like
one that was read in a wrong encoding, was stored so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from search.addresses import web_address

if TYPE_CHECKING:  # numpy behind it would slow the reading of files
    from datetime import date

    from search.domain import Annotation, Article

MARK = "fihris_export"  # a field whose value is the format's number
ANNOTATIONS = "fihris_annotations"  # objects: all of an annotation but its article's id
PLACES = "fihris_places"  # [[code point from which on, kind, value], ...]
_FORMAT = 1
# What a computer of our time writes in the Hijri calendar; without a mark, nobody can tell it from
# a Gregorian year.
UNCLEAR_YEARS = range(1343, 1501)


def line_of(article: Article, annotations: Sequence[Annotation] = ()) -> str:
    """Return an article with its annotations as a line of JSON, what is not known left out."""
    info = article.info
    known = {
        "id": info.id,
        "title": info.title,
        "author": info.author,
        "source": info.source,
        "language": info.language,
        "published": written(info.published) if info.published else "",
        "tags": list(info.tags),
        "url": web_address(info.url),
    }
    fields: dict[str, object] = {name: value for name, value in known.items() if value}
    if article.places:
        fields[PLACES] = [(start, place.kind, place.value) for start, place in article.places]
    if annotations:
        own = map(asdict, annotations)
        fields[ANNOTATIONS] = [{k: v for k, v in each.items() if k != "article"} for each in own]
    return json.dumps({MARK: _FORMAT, **fields, "text": article.text}, ensure_ascii=False) + "\n"


def is_exported(fields: Mapping[str, object]) -> bool:
    """Tell whether an object is a line that `line_of` wrote."""
    return fields.get(MARK) == _FORMAT


def written(day: date) -> str:
    """Return a day as it is read back: a year of several calendars has its mark."""
    return f"{day.isoformat()} م" if day.year in UNCLEAR_YEARS else day.isoformat()
