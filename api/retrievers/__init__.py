"""Fihris as a retriever of other frameworks, a module each:

langchain, llama_index, haystack

Each needs its extra, `pip install "fihris[langchain]"` and so on; nothing else imports them.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

from api.client import Client
from api.schemas import HitOut


class Found(NamedTuple):
    """A passage, and what is known of it."""

    id: str
    text: str
    score: float
    metadata: dict[str, Any]


def found(client: Client, query: str, search: dict[str, Any]) -> list[Found]:
    """Return the passages that answer a query, best first. Raises as the client does."""
    hits = cast("list[HitOut]", client.search(**{"q": query, **search})["hits"])
    return [_found(hit) for hit in hits]


def _found(hit: HitOut) -> Found:
    passage, article = hit["passage"], hit["article"]
    known: dict[str, Any] = {name: value for name, value in article.items() if value}
    known["article"] = known.pop("id")
    if passage["place"]:
        known["place"] = str(passage["place"])
    return Found(passage["id"], passage["text"], hit["score"], known)
