"""The environment of a `fihris` process whose index belongs to a folder, for each engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from search.settings import Settings
from tests.conformance.engines import alias_of, elastic_settings, removed


@contextmanager
def environment_of(engine: str, folder: Path) -> Iterator[dict[str, str]]:
    """Give the variables; raises Unavailable without such an engine."""
    common = {"FIHRIS_ENGINE": engine, "FIHRIS_DATA": str(folder / "data")}
    if engine == "embedded":
        yield common
        return
    settings = elastic_settings(alias_of(folder))
    yield common | {
        "FIHRIS_ELASTICSEARCH_URL": settings.elasticsearch_url,
        "FIHRIS_ELASTICSEARCH_INDEX": settings.elasticsearch_index,
        "FIHRIS_ELASTICSEARCH_REPLICAS": "0",
        "FIHRIS_ELASTICSEARCH_TIMEOUT": "60",
    }
    removed(engine, folder)


def settings_of(environment: dict[str, str]) -> Settings:
    """Return the settings that these variables make, whatever else is set."""
    named = {name.removeprefix("FIHRIS_").lower(): value for name, value in environment.items()}
    return Settings.model_validate(named)
