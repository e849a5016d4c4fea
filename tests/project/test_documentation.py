"""The documentation's commands, settings, routes and bounds are those of the code."""

from __future__ import annotations

import re
import shlex
import tomllib

import pytest
import typer

from api import writing
from indexer.cli.app import app
from indexer.extraction.registry import SUFFIXES
from indexer.extraction.sandbox.parser import Limits
from search import limits
from search.settings import Settings
from tests.support import REPOSITORY

PAGES = {
    name: (REPOSITORY / name).read_text(encoding="utf-8")
    for name in (
        "README.md",
        "README.ar.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "docs/API.md",
        "docs/CLIENTS.md",
        "docs/COMMANDS.md",
        "docs/CONFIGURATION.md",
        "docs/EXTENDING.md",
        "docs/INDEXING.md",
        "docs/UPGRADING.md",
    )
}
EVERYTHING = "\n".join(PAGES.values())
MAKEFILE = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
SHELL_LINES = [
    line.strip().removeprefix(".venv/bin/")
    for line in EVERYTHING.split("\n")
    if line.startswith("    ")
]
FIHRIS_LINES = [line for line in SHELL_LINES if line.startswith("fihris ")]
CURL_LINES = [line for line in SHELL_LINES if line.startswith("curl ")]
COMMANDS = getattr(typer.main.get_command(app), "commands")  # noqa: B009


def test_the_readme_is_short() -> None:
    assert PAGES["README.md"].count("\n") <= 120


def test_the_pictures_are_there_and_small() -> None:
    for page in ("README.md", "README.ar.md"):
        pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", PAGES[page])
        assert 2 <= len(pictures) <= 3
        for picture in pictures:
            assert 0 < (REPOSITORY / picture).stat().st_size < 200_000


def test_every_command_is_shown() -> None:
    assert {line.split()[1] for line in FIHRIS_LINES} == set(COMMANDS)
    shown = re.findall(r"^    fihris (\w+)", PAGES["docs/COMMANDS.md"], re.MULTILINE)
    assert set(shown) == set(COMMANDS)


@pytest.mark.parametrize("line", FIHRIS_LINES)
def test_a_command_that_is_shown_can_be_typed(line: str) -> None:
    _, name, *arguments = shlex.split(line)
    context = COMMANDS[name].make_context(name, arguments)
    context.close()


def test_settings() -> None:
    rows = re.findall(
        r"^\| `(FIHRIS_\w+)` \| (.*?) \| (.*) \|$", PAGES["docs/CONFIGURATION.md"], re.MULTILINE
    )
    assert [row[0] for row in rows] == [f"FIHRIS_{n.upper()}" for n in Settings.model_fields]
    for (variable, default, about), field in zip(rows, Settings.model_fields.values(), strict=True):
        assert about == field.description, variable
        if field.default_factory is not None:
            assert default.startswith("the user's "), variable
        elif field.default is None:
            assert default == "unset", variable
        else:
            expected = str(field.default)
            expected = expected.lower() if isinstance(field.default, bool) else expected
            assert default == f"`{expected}`", variable


def test_every_variable_named_anywhere_exists() -> None:
    known = {f"FIHRIS_{name.upper()}" for name in Settings.model_fields} | {"FIHRIS_SCREENSHOTS"}
    known |= {"FIHRIS_KEY"}  # of `fihris mcp`
    known.add("FIHRIS_WRITE_TOKEN")  # of earlier versions: what to do instead
    assert set(re.findall(r"FIHRIS_\w+", EVERYTHING + MAKEFILE)) <= known


def test_make_targets() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE))
    shown = set(re.findall(r"\bmake ([a-z-]+)", "\n".join(SHELL_LINES)))
    assert shown == {
        "run",
        "test",
        "test-fast",
        "lint",
        "bench",
        "attack",
        "fuzz",
        "audit",
        "lock",
        "clean",
    }
    assert shown <= targets


def test_routes() -> None:
    from api.app import create_app

    routes = create_app(settings=Settings()).openapi()["paths"]
    templates = {re.sub(r"\{\w+\}", "[^/]+", route): route for route in routes}
    shown = set()
    for line in CURL_LINES:
        path = re.search(r"127\.0\.0\.1:8000(/[^\s?]*)", line)
        assert path, line
        matching = [route for t, route in templates.items() if re.fullmatch(t, path[1])]
        assert matching, line
        shown.update(matching)
    assert shown == set(routes)


def test_bounds() -> None:
    rows = dict(
        re.findall(
            r"^\| (.*?) \| (.*?) \|$",
            PAGES["docs/INDEXING.md"].partition("## Bounds")[2],
            re.MULTILINE,
        )
    )
    lengths = limits.MAX_LENGTH
    fields = ("id", "title", "author", "source", "language", "url")
    assert {
        "a file of one article, or a `.json` file": f"{limits.MAX_FILE >> 20} MiB",
        "a line of a `.jsonl` file or of a bulk request": f"{limits.MAX_LINE >> 20} MiB",
        "one article, or one file, over HTTP": f"{limits.MAX_ARTICLE >> 20}, or "
        f"{limits.MAX_FILE >> 20} MiB",
        "a file of an office program or a book": f"{limits.MAX_ZIPPED_FILE >> 20} MiB, "
        f"{limits.MAX_ZIPPED_UNPACKED >> 20} MiB unpacked",
        "an archive": f"{limits.MAX_ARCHIVE_RATIO} times its size unpacked, and "
        f"{limits.MAX_ARCHIVE_UNPACKED >> 30} GiB",
        "writing requests at once": f"{writing.MAX_WRITERS}",
        "parsing one file": f"{Limits().memory >> 20} MiB of memory, {Limits().seconds:g} s and a "
        "second for each MiB past ten",
        "an article's text": f"{limits.MAX_TEXT:,} characters",
        ", ".join(fields): ", ".join(f"{lengths[f]:,}" for f in fields) + " characters",
        "tags": f"{limits.MAX_TAGS} of {limits.MAX_TAG} characters",
        "a passage": f"the model's tokens (512), and {limits.MAX_PASSAGE_LENGTH:,} characters",
        "sentences of a passage with a vector of their own": f"{limits.MAX_SENTENCES}",
        "a query": f"{limits.MAX_QUERY_LENGTH:,} characters",
        "results on a page, and in all": f"{limits.MAX_SIZE}, and {limits.MAX_RESULTS:,}",
    }.items() <= rows.items()


def test_every_kind_of_file_is_named() -> None:
    table = PAGES["docs/INDEXING.md"].partition("## Bounds")[0]
    assert set(SUFFIXES) <= set(re.findall(r"`(\.\w+)`", table))


def test_files_that_are_named_exist() -> None:
    named = set(
        re.findall(r"\b(?:docs|seeds|examples|tests|search|indexer|api)/[\w./-]*\w", EVERYTHING)
    )
    named |= set(re.findall(r"\b[A-Z]\w+(?:\.ar)?\.md\b", EVERYTHING.replace("docs/", "")))
    named = {
        name if "/" in name or (REPOSITORY / name).exists() else f"docs/{name}" for name in named
    }
    assert {path for path in named if not (REPOSITORY / path).exists()} == set()


def test_the_version_is_in_the_changelog() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    changelog = (REPOSITORY / "CHANGELOG.md").read_text("utf-8")
    newest = re.search(r"^## \[(\d[^\]]*)\]", changelog, re.MULTILINE)
    assert newest is not None
    assert newest[1] == project["version"]


def test_no_document_holds_what_a_merge_left() -> None:
    for path in (*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"^(<{7}|>{7}|={7}$)", text, re.MULTILINE), path
