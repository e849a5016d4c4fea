"""Fihris in LangChain, LlamaIndex and Haystack: the real libraries ask a real server."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from typing import Any

import pytest

from api.client import Client
from tests.examples.test_clients import ADDRESS, block
from tests.support import REPOSITORY

pytestmark = [pytest.mark.slow, pytest.mark.frameworks, pytest.mark.filterwarnings("default")]

QUESTION = "لماذا ضربت أمريكا أهدافا في العراق؟"
LIBRARIES = {
    "langchain": "langchain_core",
    "llama_index": "llama_index.core",
    "haystack": "haystack",
}
TITLE = "الولايات المتحدة"


def test_langchain(server: str) -> None:
    required(LIBRARIES["langchain"])
    from langchain_core.runnables import RunnableLambda

    from api.retrievers.langchain import FihrisRetriever

    with Client(server) as client:
        retriever = FihrisRetriever(client=client, search={"size": 3, "source": ["CNN Arabic"]})
        documents = retriever.invoke(QUESTION)
        assert len(documents) == 3
        first = documents[0]
        assert first.metadata["title"].startswith(TITLE)
        assert first.id == f"{first.metadata['article']}#{first.id.rpartition('#')[2]}"
        assert asyncio.run(retriever.ainvoke(QUESTION)) == documents
        chain = retriever | RunnableLambda(lambda found: [each.page_content for each in found])
        assert chain.invoke(QUESTION) == [each.page_content for each in documents]


def test_llama_index(server: str) -> None:
    required(LIBRARIES["llama_index"])
    from api.retrievers.llama_index import FihrisRetriever

    with Client(server) as client:
        retriever = FihrisRetriever(client, size=3)
        nodes = retriever.retrieve(QUESTION)
        again = asyncio.run(retriever.aretrieve(QUESTION))
    assert len(nodes) == 3
    assert nodes[0].node.metadata["title"].startswith(TITLE)
    assert [each.score for each in nodes] == sorted((each.score for each in nodes), reverse=True)
    assert [each.node_id for each in again] == [each.node_id for each in nodes]


def test_haystack(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAYSTACK_TELEMETRY_ENABLED", "False")
    required(LIBRARIES["haystack"])
    from haystack import Pipeline
    from haystack.components.builders import PromptBuilder

    from api.retrievers.haystack import FihrisRetriever

    pipeline = Pipeline()
    pipeline.add_component("retriever", FihrisRetriever(server, search={"size": 2}))
    template = "{% for each in documents %}{{ each.meta.title }}: {{ each.content }}\n{% endfor %}"
    pipeline.add_component("prompt", PromptBuilder(template, required_variables=["documents"]))
    pipeline.connect("retriever.documents", "prompt.documents")
    saved = pipeline.dumps()
    asked = {"retriever": {"query": QUESTION}}
    loaded = Pipeline.loads(saved, allowed_modules=["api.retrievers.haystack"])
    prompt = loaded.run(asked)["prompt"]["prompt"]
    assert prompt.startswith(TITLE)
    assert prompt == pipeline.run(asked)["prompt"]["prompt"]


@pytest.mark.parametrize(
    ("library", "found"),
    [("langchain", "documents"), ("llama_index", "nodes"), ("haystack", "documents")],
)
def test_what_the_page_shows(
    server: str, library: str, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAYSTACK_TELEMETRY_ENABLED", "False")
    required(LIBRARIES[library])
    names: dict[str, Any] = {}
    exec(block("python", f"api.retrievers.{library}").replace(ADDRESS, server), names)
    assert len(names[found]) == 3


def test_the_product_imports_none_of_them() -> None:
    code = (
        "import sys, api.client, api.app, api.retrievers;"
        "print([n for n in sys.modules if n.partition('.')[0] in"
        " ('langchain_core', 'llama_index', 'haystack', 'mcp')])"
    )
    command = [sys.executable, "-c", code]
    assert subprocess.check_output(command, cwd=REPOSITORY, text=True) == "[]\n"


def required(module: str) -> None:
    """Skip without a library, or fail where `make` was told to install them."""
    try:
        __import__(module)
    except ImportError:
        if os.environ.get("TEST_FRAMEWORKS") == "1":
            raise
        pytest.skip(f"{module} is not installed (TEST_FRAMEWORKS=1 make test)")
