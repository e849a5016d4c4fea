"""What `search` offers to other programs: its names, its doctest, README's ten lines of Python."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys

import pytest

import search
from tests.support import REPOSITORY


def test_public_names_are_there() -> None:
    for name in search.__all__:
        assert getattr(search, name).__doc__, name


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        search.nothing  # noqa: B018


def test_importing_search_loads_nothing_else() -> None:
    code = (
        "import sys; before = set(sys.modules); import search;"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before};"
        "print(sorted(new - set(sys.stdlib_module_names)),"
        " [name for name in sys.modules if name.startswith('search.')])"
    )
    command = [sys.executable, "-c", code]
    assert subprocess.check_output(command, cwd=REPOSITORY, text=True) == "['search'] []\n"


@pytest.mark.slow
def test_doctest(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    failed, tried = doctest.testmod(search)
    assert tried > 4
    assert failed == 0


@pytest.mark.slow
def test_python_of_the_readme(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    code = python_of("README.md")
    assert len(code.splitlines()) <= 10
    exec(compile(code, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert printed.count("\n") == 6  # three hits, each with its title
    assert "**" in printed


def test_python_of_the_arabic_readme_is_the_same_but_for_the_query() -> None:
    english, arabic = map(python_of, ("README.md", "README.ar.md"))
    assert re.sub(r'Query\("[^"]+"', "Query(", arabic) == re.sub(
        r'Query\("[^"]+"', "Query(", english
    )


def python_of(page: str) -> str:
    """Return the only block of Python in a page."""
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return str(code)
