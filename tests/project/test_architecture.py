"""docs/ARCHITECTURE.md names every module that there is, docs/RELIABILITY.md tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support import REPOSITORY

ARCHITECTURE = (REPOSITORY / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
RELIABILITY = (REPOSITORY / "docs" / "RELIABILITY.md").read_text(encoding="utf-8")
# Which models, formats and commands there are, these folders tell.
LISTS = {
    "search/embedding",
    "search/embedding/bundled",
    "indexer/extraction/pdf",
    "indexer/extraction",
    "indexer/cli",
}


def files(*folders: str) -> dict[str, Path]:
    """Return the Python files in folders, by their paths."""
    found = (path for folder in folders for path in (REPOSITORY / folder).rglob("*.py"))
    return {path.relative_to(REPOSITORY).as_posix(): path for path in found}


def is_named(path: Path) -> bool:
    """Tell whether a module is in the page or in the docstring of its package."""
    package = (path.parent / "__init__.py").read_text(encoding="utf-8").split('"""')[1]
    listed = re.search(rf"^ *(\w+, )*{path.stem}\b", package, re.MULTILINE)
    return bool(listed or re.search(rf"`([\w/]+/)?{path.stem}(\.py)?`", ARCHITECTURE))


def test_architecture_is_a_page_of_200_lines_at_most() -> None:
    assert ARCHITECTURE.count("\n") <= 200


def test_every_module_is_named() -> None:
    modules = files("search", "indexer", "api").items()
    asked = {name: path for name, path in modules if name.rpartition("/")[0] not in LISTS}
    assert [n for n, p in asked.items() if p.stem != "__init__" and not is_named(p)] == []


def test_every_file_that_is_named_exists() -> None:
    folders = ("search", "indexer", "api", "tests", "benchmarks", "tools")
    known = ["/fihris.py", *(f"/{name}" for name in files(*folders))]
    named = re.findall(r"`([\w/]+\.py)`", ARCHITECTURE)
    assert [n for n in named if not any(name.endswith(f"/{n}") for name in known)] == []


def test_every_test_that_is_named_exists() -> None:
    tests = files("tests").values()
    known = {path.stem for path in tests}
    known.update(*(re.findall(r"def (test_\w+)", path.read_text("utf-8")) for path in tests))
    assert set(re.findall(r"\btest_\w+", RELIABILITY)) - known == set()
    ends = re.findall(r"`\.\.\._(\w+)`", RELIABILITY)
    assert [end for end in ends if not any(name.endswith(end) for name in known)] == []
