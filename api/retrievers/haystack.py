"""A retriever of Haystack."""

from __future__ import annotations

from typing import Any

from haystack import Document, component, default_from_dict, default_to_dict
from haystack.utils import Secret

from api.client import Client
from api.retrievers import found


@component
class FihrisRetriever:
    """Passages of a Fihris server as documents.

    `search` has what else `Client.search` takes: {"size": 5, "mode": "keyword"}; the key is that of
    the variable FIHRIS_KEY unless given.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        key: Secret | None = None,
        search: dict[str, Any] | None = None,
    ) -> None:
        self.url = url
        self.key = key or Secret.from_env_var("FIHRIS_KEY", strict=False)
        self.search = search or {}

    @component.output_types(documents=list[Document])  # type: ignore[untyped-decorator]
    def run(self, query: str) -> dict[str, list[Document]]:
        """Search. Raises as the client does."""
        with Client(self.url, self.key.resolve_value() or "") as client:
            every = found(client, query, self.search)
        documents = [
            Document(id=its.id, content=its.text, score=its.score, meta=its.metadata)
            for its in every
        ]
        return {"documents": documents}

    def to_dict(self) -> dict[str, Any]:
        """Return how it is made, for a pipeline that is saved; a key in a variable only."""
        made: dict[str, Any] = default_to_dict(
            self, url=self.url, key=self.key.to_dict(), search=self.search
        )
        return made

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> FihrisRetriever:
        """Return what `to_dict` gave."""
        given = {**data["init_parameters"]}
        given["key"] = Secret.from_dict(given["key"])
        made: FihrisRetriever = default_from_dict(cls, {**data, "init_parameters": given})
        return made
