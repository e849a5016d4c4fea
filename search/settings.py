"""Settings, read from `FIHRIS_*` environment variables once, at the edge, and frozen.

docs/CONFIGURATION.md lists them; a test holds that list and this class together.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from platformdirs import user_cache_path, user_data_path
from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from search import registry
from search.errors import SettingsError

_MOST_BYTES = 65_536  # of a file of settings


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("it must be an absolute path, such as /srv/news")
    return path


def _engine(name: str) -> str:
    own = registry.OWN_ENGINES
    if name not in own and name not in (others := registry.installed(registry.ENGINES)):
        known = ", ".join(f"`{each}`" for each in (*own, *others))
        raise ValueError(f"no engine of this name is installed; there are {known}")
    return name


def _networks(given: str) -> str:
    for each in listed(given):
        ipaddress.ip_network(each)  # a ValueError says what is wrong
    return given


def _origins(given: str) -> str:
    for each in listed(given):
        if not re.fullmatch(r"https?://[a-z0-9.:\[\]-]+", each):
            raise ValueError(f"{each!r} is no origin, such as https://news.example")
    return given


def listed(given: str | None) -> list[str]:
    """Return what stands between the commas of a setting."""
    return [each.strip() for each in (given or "").split(",") if each.strip()]


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
    root: Annotated[Path, AfterValidator(_absolute)] = Field(
        Path("/"), description="folder that ids of files are told from: `/files/` and the path"
    )
    originals: Annotated[Path, AfterValidator(_absolute)] | None = Field(
        None,
        description="folder whose files, once indexed with this set, may be opened from the page:"
        " see below",
    )
    engine: Annotated[str, AfterValidator(_engine)] = Field(
        "embedded",
        description="where the index lives: `embedded`, `elasticsearch` or another package's",
    )
    model: str = Field(
        "bundled",
        description="`bundled`, `sentence-transformers:` and a Hub id or folder, `openai:` and the"
        " model of a service, or another package's",
        min_length=1,
        max_length=500,
    )
    query_prompt: str | None = Field(
        None,
        description="prefix of queries for other models than the bundled one; its own if unset",
    )
    passage_prompt: str | None = Field(
        None,
        description="prefix of passages for other models than the bundled one; its own if unset",
    )
    embeddings_url: str | None = Field(
        None,
        description="base address of the service that `openai:` asks; `/embeddings` is added",
        repr=False,  # somebody may put a password into it, which is refused
    )
    embeddings_key: SecretStr | None = Field(None, description="that service's key")
    embeddings_max_tokens: Annotated[int, Field(ge=64, le=1 << 20)] = Field(
        512,
        description="how much that model reads, counted in UTF-8 bytes, of which no token has less"
        " than one: see below",
    )
    embeddings_batch: Annotated[int, Field(ge=1, le=2048)] = Field(
        32, description="texts in one request to it"
    )
    embeddings_timeout: Annotated[float, Field(gt=0, le=3600)] = Field(
        60.0, description="seconds such a request may take; for a query ten at most"
    )
    sentence_vectors: bool = Field(
        True,
        description="embed every sentence besides the passage: ranks better, takes twice as long",
    )
    reranker: str | None = Field(
        None,
        description="reads the first hits again and orders them: `service:` and the service's"
        " model, or `sentence-transformers:` and a Hub id or folder",
        max_length=500,
    )
    rerank_url: str | None = Field(
        None,
        description="base address of the service that `service:` asks; `/rerank` is added",
        repr=False,  # as embeddings_url
    )
    rerank_key: SecretStr | None = Field(None, description="that service's key")
    rerank_hits: Annotated[int, Field(ge=1, le=50)] = Field(
        20, description="hits of a search that the reranker orders, 50 at most"
    )
    rerank_timeout: Annotated[float, Field(gt=0, le=60)] = Field(
        2.0, description="seconds after which their order stands as it was"
    )
    ocr: bool = Field(
        True, description="read scans and pictures of pages with tesseract, where it is installed"
    )
    ocr_languages: str = Field(
        "ara+eng",
        description="languages of these, as tesseract calls them",
        pattern=r"^[A-Za-z0-9_]{1,40}(\+[A-Za-z0-9_]{1,40}){0,9}$",
    )
    ocr_pages: Annotated[int, Field(ge=1, le=5_000)] = Field(
        1_000, description="pages that are read so in one file; the rest is told"
    )
    ocr_seconds: Annotated[int, Field(ge=1, le=3_600)] = Field(
        60, description="seconds of processor time for such a page"
    )
    ocr_memory: Annotated[int, Field(ge=256, le=65_536)] = Field(
        1_024, description="MiB of memory for such a page"
    )
    synonyms: Path | None = Field(
        None,
        description="file of synonyms and name variants (`a, b` or `a => b` a line), read anew when"
        " it changes",
    )
    threads: Annotated[int, Field(ge=0, le=1024)] = Field(
        0, description="threads of the model; 0: as many as there are cores"
    )
    host: str = Field("127.0.0.1", description="address `fihris serve` listens on")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(8000, description="port; 0: any free one")
    workers: Annotated[int, Field(ge=1, le=64)] = Field(
        1, description="processes of `fihris serve` that answer; of the embedded engine one writes"
    )
    keys: Path | None = Field(
        None,
        description="file of the digests of API keys; if unset `keys.json` in FIHRIS_DATA, with"
        " Elasticsearch too",
    )
    public_search: bool = Field(
        False,
        description="searching needs no key: also where there is none, on whatever address",
    )
    key_rate: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        3000,
        description="requests of one key a minute, and at once, to each process; 0: any number",
    )
    address_rate: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        600,
        description="the same of one address without a right key; this machine's own are not counted",
    )
    hosts: str | None = Field(
        None,
        description="names that requests may be for, commas between, besides FIHRIS_HOST, localhost"
        " and addresses; if unset, any on a server that listens on every address",
    )
    trusted_proxies: Annotated[str, AfterValidator(_networks)] | None = Field(
        None,
        description="addresses and networks of proxies, commas between, whose `X-Forwarded-For` says"
        " who asks",
    )
    cors_origins: Annotated[str, AfterValidator(_origins)] | None = Field(
        None,
        description="origins whose pages may use the API, commas between: `https://news.example`",
    )
    webhook_secret: SecretStr | None = Field(
        None,
        min_length=16,
        description="signs what saved searches post, where they have no secret of their own",
    )
    webhook_private: bool = Field(
        False, description="post matches to private addresses and this machine too"
    )
    log_queries: bool = Field(False, description="write query texts into the log")
    elasticsearch_url: str = Field(
        "http://127.0.0.1:9200",
        description="the cluster's addresses, commas between",
        repr=False,  # it may hold a password
    )
    elasticsearch_cloud_id: str | None = Field(None, description="cloud id, instead of addresses")
    elasticsearch_api_key: SecretStr | None = Field(None, description="API key, encoded")
    elasticsearch_user: str | None = Field(None, description="user name, instead of an API key")
    elasticsearch_password: SecretStr | None = Field(None, description="that user's password")
    elasticsearch_ca: Path | None = Field(
        None, description="file of the authority that signed the server's certificate"
    )
    elasticsearch_fingerprint: str | None = Field(
        None, description="SHA-256 of the server's certificate, instead of an authority"
    )
    elasticsearch_index: str = Field(
        "fihris",
        description="alias of the index; its versions are `<alias>-passages-<n>`",
        pattern=r"^[a-z0-9][a-z0-9_-]{0,99}$",
    )
    elasticsearch_shards: Annotated[int, Field(ge=1, le=1024)] = Field(
        1, description="primary shards of an index made from now on: docs/SCALING.md"
    )
    elasticsearch_replicas: Annotated[int, Field(ge=0, le=32)] = Field(
        1, description="copies of each shard besides the primary; 0 on a single node"
    )
    elasticsearch_refresh: Annotated[int, Field(ge=1, le=3600)] = Field(
        1,
        description="seconds until other processes see what was written (1: or their next search)",
    )
    elasticsearch_vectors: Literal["int8_hnsw", "bbq_hnsw", "hnsw"] = Field(
        "int8_hnsw", description="how vectors are indexed: `int8_hnsw`, `bbq_hnsw` or `hnsw`"
    )
    elasticsearch_timeout: Annotated[float, Field(gt=0, le=3600)] = Field(
        10.0, description="seconds a request may take"
    )


def read_settings(
    instead: Mapping[str, str] | None = None, source: str = "the environment"
) -> Settings:
    """Return the settings of this environment.

    Args:
        instead: values by field, which come before those of the environment.
        source: what to name where one cannot be used.

    Raises:
        SettingsError: a variable has a value that cannot be used; all are named.
    """
    try:
        return Settings(**dict[str, Any](instead or {}))
    except ValidationError as error:
        problems = "; ".join(
            f"FIHRIS_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}{_got(e['loc'], e['input'])}"
            for e in error.errors()
        )
        raise SettingsError(f"cannot use {source}: {problems}") from error


def settings_of_file(path: Path) -> Settings:
    """Return this environment's settings with those of a file of `FIHRIS_NAME=value` lines instead.

    Lines that are blank or begin with # are passed over. Values are taken as they stand, without
    the white space around them; nothing is quoted or expanded.

    Raises:
        SettingsError: it cannot be read, or a line names no setting or one a second time.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: it is not UTF-8") from error
    if len(content) > _MOST_BYTES or "\0" in text:
        raise SettingsError(f"{path}: settings are text of {_MOST_BYTES:,} bytes at most")
    instead: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        name, equals, value = map(str.strip, line.partition("="))
        if not name or name.startswith("#"):
            continue
        field = name.removeprefix("FIHRIS_").lower()
        if not equals or name != f"FIHRIS_{field.upper()}" or field not in Settings.model_fields:
            raise SettingsError(
                f"{path}:{number}: not FIHRIS_NAME=value with a setting of docs/CONFIGURATION.md"
            )
        if field in instead:
            raise SettingsError(f"{path}:{number}: {name} stands there a second time")
        instead[field] = value
    return read_settings(instead, str(path))


def is_secret(name: str) -> bool:
    """Tell whether a setting may hold a secret, and must not be shown."""
    field = Settings.model_fields.get(name)
    return field is None or not field.repr or "SecretStr" in str(field.annotation)


def _got(place: tuple[int | str, ...], value: object) -> str:
    """Return the words on what was given, none where it may be a secret."""
    return "" if is_secret(str(place[0])) else f" (got {value!r})"
