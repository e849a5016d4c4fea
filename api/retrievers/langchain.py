"""A retriever of LangChain."""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import Field

from api.client import Client
from api.retrievers import found


class FihrisRetriever(BaseRetriever):  # type: ignore[misc]
    """Passages of a Fihris server as documents.

    `search` has what else `Client.search` takes: {"size": 5, "mode": "keyword", "source": [...]}.
    Whoever made the client closes it.
    """

    client: Client
    search: dict[str, Any] = Field(default_factory=dict)

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002
    ) -> list[Document]:
        return [
            Document(
                id=its.id, page_content=its.text, metadata={**its.metadata, "score": its.score}
            )
            for its in found(self.client, query, self.search)
        ]
