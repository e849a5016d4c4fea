"""The prompts put before queries and passages, for models that were trained with them."""

from __future__ import annotations

import re
from collections.abc import Mapping

# Names under which models keep the prompt of what is searched, best first.
_PASSAGE_PROMPTS = ("passage", "document", "corpus")
# The E5 family was trained with these two and its folders do not say so.
_E5 = re.compile(r"(^|[/\\])(multilingual-)?e5-(small|base|large)(-v2|-unsupervised)?$")


def prompts_of(
    model: str, own: Mapping[str, str], query: str | None, passage: str | None
) -> tuple[str, str]:
    """Return the prompts of queries and passages: those given, else the model's own, else E5's.

    Args:
        model: its name; those of E5 are known.
        own: the prompts that the model's configuration has, by their names.
        query: what is set for queries, None where nothing is.
        passage: what is set for passages, None where nothing is.
    """
    own_query = own.get("query") or ""
    own_passage = next((own[name] for name in _PASSAGE_PROMPTS if own.get(name)), "")
    if not own_query and not own_passage and _E5.search(model.rstrip("/\\").lower()):
        own_query, own_passage = "query: ", "passage: "
    return (
        own_query if query is None else query,
        own_passage if passage is None else passage,
    )
