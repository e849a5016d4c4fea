"""Settings, read from `FIHRIS_*` environment variables once, at the edge, and frozen.

README.md lists them; a test holds that list and this class together.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from platformdirs import user_cache_path, user_data_path
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from search.errors import SettingsError


class Settings(BaseSettings):
    """What can be set. Every field is `FIHRIS_` plus its name in capitals."""

    model_config = SettingsConfigDict(env_prefix="FIHRIS_", frozen=True, extra="ignore")

    data: Path = Field(
        default_factory=lambda: user_data_path("fihris", appauthor=False),
        description="folder of the embedded engine's index",
    )
    cache: Path = Field(
        default_factory=lambda: user_cache_path("fihris", appauthor=False),
        description="folder of the prepared model; may be deleted at any time",
    )
    engine: Literal["embedded"] = Field("embedded", description="where the index lives")
    model: str = Field(
        "bundled",
        description="`bundled`, or `sentence-transformers:` and a Hub id or folder",
        min_length=1,
        max_length=500,
    )
    query_prompt: str | None = Field(
        None, description="prefix of queries for a sentence-transformers model; its own if unset"
    )
    passage_prompt: str | None = Field(
        None, description="prefix of passages for a sentence-transformers model; its own if unset"
    )
    sentence_vectors: bool = Field(
        True,
        description="embed every sentence besides the passage: ranks better, takes twice as long",
    )
    threads: Annotated[int, Field(ge=0, le=1024)] = Field(
        0, description="threads of the model; 0: as many as there are cores"
    )
    host: str = Field("127.0.0.1", description="address `fihris serve` listens on")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(8000, description="port; 0: any free one")
    log_queries: bool = Field(False, description="write query texts into the log")


def read_settings() -> Settings:
    """Return the settings of this environment.

    Raises:
        SettingsError: a variable has a value that cannot be used; all are named.
    """
    try:
        return Settings()
    except ValidationError as error:
        problems = "; ".join(
            f"FIHRIS_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']} (got {e['input']!r})"
            for e in error.errors()
        )
        raise SettingsError(f"cannot use the environment: {problems}") from error
