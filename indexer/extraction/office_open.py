"""Shared by the readers of Word, Excel and PowerPoint: parts that refer to each other, and metadata."""

from __future__ import annotations

from typing import NamedTuple

from indexer.extraction.documents import Facts, keywords_of
from indexer.extraction.zipped import Package, inside, texts


class Relation(NamedTuple):
    """A part that another refers to; `kind` is the last word of the relation's type."""

    id: str
    kind: str
    part: str


def relations(package: Package, part: str) -> list[Relation]:
    """Return what a part refers to inside of its package; "" is the package itself."""
    folder, _, file = part.rpartition("/")
    name = f"{folder}/_rels/{file}.rels" if folder else f"_rels/{file}.rels"
    if name not in package:
        return []
    return [
        Relation(
            element.get("Id", ""),
            element.get("Type", "").rpartition("/")[2],
            inside(part, element.get("Target", "")),
        )
        for element in package.xml(name).iterfind("{*}Relationship")
        if element.get("TargetMode") != "External"
    ]


def related(package: Package, part: str) -> dict[str, str]:
    """Return the first part of each kind that one refers to."""
    found: dict[str, str] = {}
    for relation in relations(package, part):
        found.setdefault(relation.kind, relation.part)
    return found


def facts(package: Package, title: str = "") -> Facts:
    """Return what a document says of itself; `title` is for where it does not say that."""
    part = related(package, "").get("core-properties", "docProps/core.xml")
    if part not in package:
        return Facts(title=title)
    core = package.xml(part)
    return Facts(
        title=next(iter(texts(core, "title")), title),
        author="، ".join(texts(core, "creator")),
        published=next(iter(texts(core, "created")), ""),
        tags=keywords_of(texts(core, "keywords")),
        language=next(iter(texts(core, "language")), ""),
    )
