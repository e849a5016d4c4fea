"""What holds for every test: which are slow by what they need, their order, what a run says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from tests import servers
from tests.conformance.engines import absent

# How long examples take says how busy the machine is, not whether what they check holds.
settings.register_profile(
    "fihris", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("fihris")

# Session fixtures: the corpora in both engines, the models, a browser with its server, an index.
SHARING = ("tests/congruence/", "tests/embedding/", "tests/browser/", "tests/examples/")

_told: set[str] = set()


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow each test of every engine where it needs a server, which takes long to start.

    What may take longest begins first, so that in the end no process waits for another.
    """
    for item in items:
        if "elasticsearch" in item.name.partition("[")[2]:
            item.add_marker(pytest.mark.slow)
    longest: dict[str, float] = defaultdict(float)
    for item in items:
        place = _together(item.nodeid)
        longest[place] = max(longest[place], _seconds(item))
    items.sort(key=lambda item: -longest[_together(item.nodeid)])


def _seconds(item: pytest.Item) -> float:
    """Return how long a test may take by its marks; 0 for one that is not slow."""
    if mark := item.get_closest_marker("timeout"):
        return float(mark.args[0])
    return 1.0 if item.get_closest_marker("slow") else 0.0


def _together(nodeid: str) -> str:
    """Return what runs in one process: a file, or a folder whose files share costly fixtures."""
    file = nodeid.partition("::")[0]
    return next((folder for folder in SHARING if file.startswith(folder)), file)


class Together(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives the next file, or folder of SHARING, to a process that has nothing left to do."""

    def _split_scope(self, nodeid: str) -> str:
        return _together(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    config.option.loadscopereorder = False  # by how many tests a file has
    return Together(config, log)


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
