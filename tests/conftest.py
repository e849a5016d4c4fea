"""What holds for every test: which are slow by what they need, and what a run says in the end."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests import servers
from tests.conformance.engines import absent

# How long examples take says how busy the machine is, not whether what they check holds.
settings.register_profile(
    "fihris", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("fihris")

_told: set[str] = set()


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """Mark as slow each test of every engine where it needs a server, which takes long to start."""
    for item in items:
        if "elasticsearch" in item.name.partition("[")[2]:
            item.add_marker(pytest.mark.slow)


def _for_want_of_a_server() -> Generator[None, object, object]:
    """Make of a server that cannot be had a skip, or a failure where it is required."""
    try:
        return (yield)
    except servers.Unavailable as error:
        why = error
    absent("elasticsearch", why)  # out of `except`: a failure is then told without a traceback


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, object, object]:
    return (yield from _for_want_of_a_server())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    return (yield from _for_want_of_a_server())


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand what one of several processes has to say to the one that reports."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["engines"] = servers.told()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    if said := getattr(node, "workeroutput", {}).get("engines"):
        _told.add(said)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if used := {*_told, *filter(None, [servers.told()])}:
        terminalreporter.section("engines")
        for line in sorted(used):
            terminalreporter.write_line(line)
