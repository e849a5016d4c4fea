"""What holds for every test: which are slow by what they need, and what a run says in the end."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tests import servers


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """Mark as slow each test of every engine where it needs a server, which takes long to start."""
    for item in items:
        if "elasticsearch" in item.name.partition("[")[2]:
            item.add_marker(pytest.mark.slow)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if used := servers.told():
        terminalreporter.section("engines")
        terminalreporter.write_line(used)
