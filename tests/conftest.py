"""What every run says in the end: which Elasticsearch it was tested with, if with any."""

from __future__ import annotations

import pytest

from tests import servers


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if used := servers.told():
        terminalreporter.section("engines")
        terminalreporter.write_line(used)
