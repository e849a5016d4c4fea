"""What docs/CLIENTS.md shows runs, and answers as it says."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
from typing import Any

import httpx2
import pytest

from tests.support import REPOSITORY

pytestmark = pytest.mark.slow

PAGE = (REPOSITORY / "docs" / "CLIENTS.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8000"


def block(language: str, having: str) -> str:
    """Return the block of this language that has a text."""
    found: list[str] = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (one,) = (each for each in found if having in each)
    return one


def test_the_python_client(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    exec(block("python", "AsyncClient").replace(ADDRESS, server), names)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 4
    assert printed[-1] == "CNN Arabic"
    assert asyncio.run(names["count"]()) == 1


def test_dify(server: str) -> None:
    (line,) = (line for line in PAGE.splitlines() if line.startswith("    curl "))
    words = shlex.split(line)
    answer = httpx2.post(words[1].replace(ADDRESS, server), json=json.loads(words[-1]))
    records = answer.json()["records"]
    assert records[0]["score"] == 1.0
    assert records[0]["metadata"]["source"] == "CNN Arabic"


def test_the_configuration_of_an_assistant_starts_the_command() -> None:
    settings = json.loads(block("json", "mcpServers"))["mcpServers"]["fihris"]
    assert [settings["command"], *settings["args"]] == ["fihris", "mcp"]
