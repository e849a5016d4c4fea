"""The package of docs/EXTENDING.md, installed: its modules and metadata in a folder of the path."""

from __future__ import annotations

import importlib
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from indexer.extraction.registry import others
from search import registry
from tests.support import REPOSITORY

PAGE = (REPOSITORY / "docs" / "EXTENDING.md").read_text(encoding="utf-8")
MODULES = dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE, re.DOTALL))
PROJECT: dict[str, Any] = tomllib.loads(re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0])

Install = Callable[..., None]


def forget() -> None:
    """Look anew at what is installed."""
    registry.installed.cache_clear()
    others.cache_clear()
    importlib.invalidate_caches()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give an empty folder for installed packages that is on the path."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    forget()
    yield folder
    for name in [n for n in sys.modules if n.startswith(("fihris_example", "broken_"))]:
        del sys.modules[name]
    forget()


@pytest.fixture
def install(site: Path) -> Install:
    """Give what installs a package of these modules and entry points, by their groups."""

    def installed(
        name: str, modules: dict[str, str], entries: dict[str, dict[str, str]], version: str = "1.0"
    ) -> None:
        about = site / f"{name.replace('-', '_')}-{version}.dist-info"
        about.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (about / "METADATA").write_text(metadata, encoding="utf-8")
        lines = []
        for group, those in entries.items():
            lines += [f"[{group}]", *(f"{key} = {value}" for key, value in those.items())]
        (about / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
        for file, text in modules.items():
            (site / file).write_text(text, encoding="utf-8")
        forget()

    return installed


@pytest.fixture
def example(install: Install) -> None:
    """Install the package that the page describes."""
    project = PROJECT["project"]
    install(project["name"], MODULES, project["entry-points"], project["version"])
