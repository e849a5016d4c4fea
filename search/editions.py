"""Editions: the state of an article that a citation names, told from its content.

Texts of former editions are not kept: that an article changed can be told, not how.
"""

from __future__ import annotations

from collections.abc import Iterable

from search.engines.protocol import Engine

DIGITS = 16  # hexadecimal, of 64: of one article no two states meet by chance


def edition_of(content_hash: str) -> str:
    """Return the name of the edition that has this hash (`Article.content_hash`)."""
    return content_hash[:DIGITS]


def editions(engine: Engine, article_ids: Iterable[str]) -> dict[str, str]:
    """Return the edition of each of these articles that is known, in one request."""
    stored = engine.stored(list(dict.fromkeys(article_ids)))
    return {article_id: edition_of(its.content_hash) for article_id, its in stored.items()}
