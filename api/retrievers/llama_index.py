"""A retriever of LlamaIndex."""

from __future__ import annotations

import asyncio
from typing import Any

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from api.client import Client
from api.retrievers import found


class FihrisRetriever(BaseRetriever):  # type: ignore[misc]
    """Passages of a Fihris server as nodes with scores.

    Further arguments are what else `Client.search` takes: `size=5, mode="keyword"`.
    Whoever made the client closes it.
    """

    def __init__(self, client: Client, **search: Any) -> None:  # noqa: ANN401
        super().__init__()
        self._client = client
        self._search = search

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [
            NodeWithScore(
                node=TextNode(id_=its.id, text=its.text, metadata=its.metadata), score=its.score
            )
            for its in found(self._client, query_bundle.query_str, self._search)
        ]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._retrieve, query_bundle)
