"""What is there for those who carry on runs what CI runs, and names no other host."""

from __future__ import annotations

import json
import re

import yaml  # type: ignore[import-untyped]

from tests.support import REPOSITORY


def text(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


def test_pre_commit_runs_the_linters_of_make_lint() -> None:
    (repository,) = yaml.safe_load(text(".pre-commit-config.yaml"))["repos"]
    assert repository["repo"] == "local"
    hooks = [hook["entry"] for hook in repository["hooks"]]
    recipe = text("Makefile").partition("\nlint:")[2].partition("\n\n")[0]
    linters = re.findall(r"@\$\(BIN\)/(.*)", recipe)
    assert linters
    assert hooks == [f".venv/bin/{linter}" for linter in linters]


def test_the_devcontainer_has_what_ci_installs() -> None:
    described = json.loads(text(".devcontainer/devcontainer.json"))
    dockerfile = text(f".devcontainer/{described['build']['dockerfile']}")
    python = re.search(r"^FROM python:([\d.]+)", text("Dockerfile"), re.MULTILINE)
    assert python
    assert re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE) == [f"python:{python[1]}"]
    needed = set(re.findall(r"^need \w+ ([\w-]+)", text(".ci/run"), re.MULTILINE)) - {"python3"}
    assert needed <= set(re.findall(r"[\w.-]+", dockerfile))
    target = described["postCreateCommand"].removeprefix("make ")
    assert re.search(rf"^{target}:", text("Makefile"), re.MULTILINE)


def test_templates_are_of_the_form_that_is_read() -> None:
    for path in (REPOSITORY / ".github" / "ISSUE_TEMPLATE").iterdir():
        _, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
        assert set(yaml.safe_load(front)) == {"name", "about"}
        assert body.strip()
    assert "- [ ]" in text(".github/pull_request_template.md")
