"""The MCP server as assistants see it: the SDK's own client, over stdio and over HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient
from mcp import Client, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import TextContent

from api.mcp_server import MAX_TEXT, local_client, mcp_server
from api.readiness import Readiness
from search.keys import KeyFile
from search.ranking.searcher import Searcher
from tests.api.conftest import SEED
from tests.serving import started
from tests.support import REPOSITORY, SEEDS

TOOLS = [
    "search", "fetch", "search_passages", "keywords_in_context", "list_articles", "list_collections",
]  # fmt: skip
FIHRIS = (sys.executable, "-m", "indexer.cli")
TITLE = "الولايات المتحدة"
QUESTION = "لماذا ضربت أمريكا أهدافا في العراق؟"


def asked(searcher: Searcher, ask: Callable[[Client], Awaitable[Any]]) -> Any:
    """Return what an assistant gets of a server in this process."""

    async def run() -> Any:
        here = local_client(Readiness.of(searcher))
        async with here as fihris, Client(mcp_server(fihris)) as assistant:
            return await ask(assistant)

    return asyncio.run(run())


async def content(assistant: Client, tool: str, **given: object) -> Any:
    """Call a tool; return the JSON of its one text."""
    found = await assistant.call_tool(tool, given)
    (text,) = found.content
    assert isinstance(text, TextContent)
    assert not found.is_error, text.text
    assert found.structured_content is None
    return json.loads(text.text)


def test_search_and_fetch_have_the_shape_assistants_expect(searcher: Searcher) -> None:
    async def ask(assistant: Client) -> None:
        ((first, *_),) = (await content(assistant, "search", query=QUESTION)).values()
        assert first.keys() == {"id", "title", "url"}
        found = await content(assistant, "fetch", id=first["id"])
        assert found.keys() == {"id", "title", "text", "url", "metadata"}
        assert found["text"] == (await content(assistant, "fetch", id=SEED))["text"]
        assert found["metadata"]["source"] == "CNN Arabic"
        listed = (await content(assistant, "search", query="بغداد"))["results"]
        assert len({each["id"].rpartition("#")[0] for each in listed}) == len(listed)

    asked(searcher, ask)


def test_every_tool_is_described_bounded_and_read_only(searcher: Searcher) -> None:
    async def ask(assistant: Client) -> list[Any]:
        assert "Arabic" in (assistant.instructions or "")
        return (await assistant.list_tools()).tools

    tools = asked(searcher, ask)
    assert [tool.name for tool in tools] == TOOLS
    for tool in tools:
        assert tool.description
        assert tool.annotations.read_only_hint
        assert not tool.annotations.open_world_hint
        for name, its in tool.input_schema["properties"].items():
            bounds = json.dumps(its)
            assert any(b in bounds for b in ("maxLength", "maximum", "enum", "$ref")), name


def test_the_other_tools_filter_page_count_and_list(searcher: Searcher) -> None:
    async def ask(assistant: Client) -> None:
        only = {"source": ["ب"], "from": "2024-01-01"}
        found = await content(
            assistant, "search_passages", query="بغداد", filter=only, mode="keyword"
        )
        assert [each["article"] for each in found["results"]] == ["new"]
        assert found["total"]["value"] == 1
        lines = await content(assistant, "keywords_in_context", query="العراق", size=2)
        assert len(lines["lines"]) == 2
        assert lines["occurrences"]["value"] > 2
        page = await content(assistant, "list_articles", size=1)
        after = await content(assistant, "list_articles", size=1, cursor=page["cursor"])
        assert [page["articles"][0]["article"], after["total"]] == ["new", 4]
        assert page["articles"] != after["articles"]
        assert (await content(assistant, "list_collections"))["articles"] == 4

    asked(searcher, ask)


def test_what_is_wrong_is_told_to_the_assistant(searcher: Searcher) -> None:
    async def ask(assistant: Client) -> list[str]:
        wrong = [
            await assistant.call_tool("fetch", {"id": "nothing#3"}),
            await assistant.call_tool("search", {"query": "x" * 1_001}),
            await assistant.call_tool("list_articles", {"filter": {"sauce": ["x"]}}),
            await assistant.call_tool("list_articles", {"cursor": "x"}),
        ]
        assert all(each.is_error for each in wrong)
        return [str(each.content[0]) for each in wrong]

    missing, long, unknown, cursor = asked(searcher, ask)
    assert "there is no article 'nothing#3'" in missing
    assert "1000" in long
    assert "sauce" in unknown
    assert "cursor cannot be read" in cursor


def test_a_long_article_is_read_in_parts(writable: TestClient) -> None:
    paragraphs = [f"فقرة {number} " + "كلمة " * 200 for number in range(100)]
    whole = "\n".join(paragraphs)
    assert writable.put("/v1/articles/long", json={"text": whole}).status_code == 201

    async def ask(assistant: Client) -> None:
        read, its = "", "long"
        while its:
            part = await content(assistant, "fetch", id=its)
            start = part["metadata"]["part"]["start"]
            assert part["text"] == whole[start : start + MAX_TEXT]
            assert start <= len(read)
            read, its = read[:start] + part["text"], part["metadata"]["next"]
        assert read == whole

    app: Any = writable.app
    asked(app.state.readiness.searcher(), ask)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a `fihris` whose index has the seed."""
    folder = tmp_path_factory.mktemp("mcp")
    made = {"FIHRIS_DATA": str(folder / "data"), "FIHRIS_ENGINE": "embedded"}
    subprocess.run(
        [*FIHRIS, "index", str(SEEDS)],
        env={**os.environ, **made},
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
    )
    return made


async def questioned(server: Any) -> Any:
    async with Client(server) as assistant:
        assert [tool.name for tool in (await assistant.list_tools()).tools] == TOOLS
        (first, *_) = (await content(assistant, "search", query=QUESTION))["results"]
        assert first.keys() == {"id", "title", "url"}
        found = await content(assistant, "fetch", id=first["id"])
        assert found.keys() == {"id", "title", "text", "url", "metadata"}
        return found["title"]


@pytest.mark.slow
def test_over_stdio_nothing_but_the_protocol_is_on_stdout(
    environment: dict[str, str], tmp_path: Path
) -> None:
    command = StdioServerParameters(
        command=FIHRIS[0], args=[*FIHRIS[1:], "mcp"], env=environment, cwd=REPOSITORY
    )
    with (tmp_path / "stderr").open("w+") as errors:
        title = asyncio.run(questioned(stdio_client(command, errlog=errors)))
        assert title.startswith(TITLE)
        errors.seek(0)
        assert errors.read() == ""
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}}
    hello["clientInfo"] = {"name": "test", "version": "0"}
    asked = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
    ]
    with subprocess.Popen(
        [*FIHRIS, "mcp"],
        env={**os.environ, **environment},
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for each in asked:
            print(json.dumps(each), file=process.stdin, flush=True)
        # Its input stays open until it has answered: at its end it answers nothing more.
        answers = [json.loads(process.stdout.readline())["id"] for _ in range(2)]
        rest, errors_told = process.communicate(timeout=120)
    assert (answers, rest, errors_told, process.returncode) == ([1, 2], "", "", 0)


@pytest.mark.slow
def test_a_server_answers_assistants_who_have_a_key(
    environment: dict[str, str], tmp_path: Path
) -> None:
    keys = KeyFile(tmp_path / "keys.json")
    key, other = (keys.create(scope, [scope])[1] for scope in ("search", "index"))
    keyed = {**environment, "FIHRIS_KEYS": str(keys.path)}

    async def over_http(address: str, secret: str) -> Any:
        headers = {"Authorization": f"Bearer {secret}"}
        async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
            return await questioned(streamable_http_client(address, http_client=http))

    with started(keyed, "--mcp", "--workers", "2") as (url, _):
        address = f"{url}/v1/mcp"
        assert asyncio.run(over_http(address, key)).startswith(TITLE)
        for secret, status in ((other, 403), ("x", 401), (f"{key}x", 401)):
            headers = {"Authorization": f"Bearer {secret}"}
            assert httpx2.post(address, headers=headers, json={}).status_code == status
        allowed = {"Authorization": f"Bearer {key}"}
        assert httpx2.get(address, headers=allowed).status_code == 405
        assert httpx2.post(address, headers=allowed, content=b"{}").status_code == 415
        large = httpx2.post(address, headers=allowed, json={"x": "x" * 70_000})
        assert large.json()["type"] == "/problems/body-too-large"
        # What is started by an assistant asks that server too, and needs no index.
        nowhere = {"FIHRIS_DATA": "/nowhere", "FIHRIS_KEY": key}
        command = StdioServerParameters(
            command=FIHRIS[0], args=[*FIHRIS[1:], "mcp", "--url", url], env=nowhere, cwd=REPOSITORY
        )
        assert asyncio.run(questioned(stdio_client(command))).startswith(TITLE)
