"""The container files name settings, commands and routes that exist, and give nothing away.

Docker is not needed: the files are read, not run.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import PurePosixPath
from typing import Any

import pytest
import typer
import yaml  # type: ignore[import-untyped]

from indexer.cli.app import app
from search.settings import Settings, read_settings
from tests.support import REPOSITORY

Service = dict[str, Any]

ONE, THREE = "docker-compose.yml", "docker-compose.cluster.yml"
TEXTS = {
    name: (REPOSITORY / name).read_text(encoding="utf-8")
    for name in (ONE, THREE, ".env.example", "Dockerfile", ".dockerignore")
}
FILES: dict[str, dict[str, Any]] = {name: yaml.safe_load(TEXTS[name]) for name in (ONE, THREE)}
SERVICES: dict[str, dict[str, Service]] = {name: file["services"] for name, file in FILES.items()}
OURS = ("seed", "api")  # run our image; every other one is Elasticsearch's
ALL = [(file, name) for file, services in SERVICES.items() for name in services]
KNOWN = {f"FIHRIS_{name.upper()}" for name in Settings.model_fields}
COMMANDS = getattr(typer.main.get_command(app), "commands")  # noqa: B009
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|API_KEY")
# Each instruction of the Dockerfile in one line, comments left out.
INSTRUCTIONS = [
    line
    for line in re.sub(r"\\\n\s*", "", re.sub(r"(?m)^#.*\n", "", TEXTS["Dockerfile"])).split("\n")
    if line.strip()
]
FINAL = INSTRUCTIONS[max(i for i, line in enumerate(INSTRUCTIONS) if line.startswith("FROM ")) :]


def final(instruction: str) -> str:
    """Return what the last such instruction of the image says."""
    return [line for line in FINAL if line.startswith(f"{instruction} ")][-1].split(" ", 1)[1]


def arguments(instruction: str) -> list[str]:
    found = yaml.safe_load(final(instruction))
    assert isinstance(found, list)
    return found


def environment(file: str, name: str) -> dict[str, str | None]:
    """Return a service's variables as the override leaves them."""
    merged: dict[str, str | None] = {}
    for each in (ONE,) if file == ONE else (ONE, THREE):
        merged |= SERVICES[each].get(name, {}).get("environment", {})
    return merged


@pytest.mark.parametrize("file", [ONE, THREE, ".env.example", "Dockerfile"])
def test_every_variable_is_a_setting(file: str) -> None:
    assert set(re.findall(r"FIHRIS_\w+", TEXTS[file])) - KNOWN == set()


@pytest.mark.parametrize("file", [ONE, THREE])
@pytest.mark.parametrize("name", OURS)
def test_the_settings_can_be_used(file: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in environment(file, name).items():
        if value is None:
            continue  # unset unless .env has it
        default = re.fullmatch(r"\$\{\w+:-(\w+)\}", value)
        monkeypatch.setenv(variable, default[1] if default else value)
    assert read_settings().engine == "elasticsearch"


def test_variables_of_compose_are_explained_in_the_example() -> None:
    wanted = set(re.findall(r"\$\{(\w+)", TEXTS[ONE] + TEXTS[THREE]))
    wanted |= {k for k, v in environment(ONE, "api").items() if v is None}
    assert set(re.findall(r"^#? ?([A-Z_]+)=", TEXTS[".env.example"], re.MULTILINE)) == wanted


def test_the_example_shows_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = dict(re.findall(r"^#(FIHRIS_\w+)=(.*)$", TEXTS[".env.example"], re.MULTILINE))
    # A node that is alone has nowhere to put a replica.
    assert shown.pop("FIHRIS_ELASTICSEARCH_REPLICAS") == "0"
    for variable in shown:
        monkeypatch.delenv(variable, raising=False)
    default = read_settings()
    for variable, value in shown.items():
        monkeypatch.setenv(variable, value)
    assert read_settings() == default


@pytest.mark.parametrize("file", [ONE, THREE])
def test_elasticsearch_is_pinned_to_a_version_without_known_holes(file: str) -> None:
    images = {s["image"] for n, s in SERVICES[file].items() if "image" in s and n not in OURS}
    assert len(images) == 1
    found = re.fullmatch(r"elasticsearch:(\d+)\.(\d+)\.(\d+)", images.pop())
    assert found
    version = tuple(map(int, found.groups()))
    assert version >= (9, 5, 5) or (9, 4, 8) <= version < (9, 5, 0)


def test_both_files_run_the_same_elasticsearch() -> None:
    assert len(set(re.findall(r"image: (elasticsearch:\S+)", TEXTS[ONE] + TEXTS[THREE]))) == 1


@pytest.mark.parametrize("name", OURS)
def test_ours_can_do_little(name: str) -> None:
    service = SERVICES[ONE][name]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"])
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["pull_policy"] == "build"
    assert {"user", "read_only", "cap_drop", "security_opt"} & set(SERVICES[THREE][name]) == set()


@pytest.mark.parametrize(("file", "name"), ALL)
def test_no_service_is_privileged_or_unbounded(file: str, name: str) -> None:
    service = SERVICES[file][name]
    assert {"privileged", "cap_add", "pid", "ipc", "devices"} & set(service) == set()
    if "image" in service:
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["mem_limit"]
        assert service["restart"] in ("no", "unless-stopped")
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:")


@pytest.mark.parametrize(("file", "name"), ALL)
def test_no_secret_has_a_value(file: str, name: str) -> None:
    for variable, value in SERVICES[file][name].get("environment", {}).items():
        if SECRET.search(variable):
            # Refused where it is empty, or taken over from .env as it is there.
            assert value is None or re.match(r"\$\{\w+:\?[^}]+\}$", value), variable


def test_no_secret_is_in_the_example_or_the_image() -> None:
    lines = TEXTS[".env.example"].split("\n")
    assert [line for line in lines if re.match(r"[^#]\w*=.", line)] == []
    assert not SECRET.search(TEXTS["Dockerfile"])
    assert TEXTS[".dockerignore"].split("\n")[1] == "*"  # and .env is not let in again
    assert "!.env" not in TEXTS[".dockerignore"]


@pytest.mark.parametrize("file", sorted(TEXTS))
def test_addresses_are_of_services_only(file: str) -> None:
    hosts = set(re.findall(r"\w+://([\w.-]+)", TEXTS[file]))
    assert hosts <= {*SERVICES[ONE], *SERVICES[THREE], "127.0.0.1", "localhost"}
    images = re.findall(r"^\s*(?:FROM|image:) (\S+)", TEXTS[file], re.MULTILINE)
    assert [image for image in images if "/" in image] == []


def test_the_image_runs_as_nobody_in_particular() -> None:
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", final("USER"))
    assert final("USER") == SERVICES[ONE]["api"]["user"]
    bases = {line.split()[1] for line in INSTRUCTIONS if line.startswith("FROM ")}
    assert len(bases) == 1  # an environment works with the Python it was made with
    assert not any("pip install" in line or "apt-get" in line for line in FINAL)


def test_what_the_image_copies_is_let_in() -> None:
    copied = {
        source
        for line in INSTRUCTIONS
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    }
    let_in = {line[1:] for line in TEXTS[".dockerignore"].split("\n") if line.startswith("!")}
    assert copied == let_in
    assert [name for name in copied if not (REPOSITORY / name).exists()] == []


@pytest.mark.parametrize("name", OURS)
def test_services_start_with_a_command_that_exists(name: str) -> None:
    assert can_be_typed(SERVICES[ONE][name]["command"])


def test_the_image_starts_with_a_command_that_exists() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (program,) = arguments("ENTRYPOINT")
    assert program in project["scripts"]
    assert can_be_typed(arguments("CMD"))
    built = re.findall(r"/bin/fihris (\w+ \S+)", TEXTS["Dockerfile"])
    assert built
    assert all(can_be_typed(shlex.split(line)) for line in built)


def can_be_typed(words: list[str]) -> bool:
    COMMANDS[words[0]].make_context(words[0], words[1:]).close()  # raises where it cannot
    return True


def test_health_is_asked_where_it_is_told() -> None:
    from api.app import create_app

    routes = create_app(settings=Settings()).openapi()["paths"]
    checks = [final("HEALTHCHECK"), " ".join(SERVICES[ONE]["api"]["healthcheck"]["test"])]
    for check in checks:
        asked = re.search(r"'GET', '(/\w+)'", check)
        assert asked
        assert asked[1] in routes
        compile(check.partition("import ")[2].rstrip('"]'), "healthcheck", "exec")


def test_the_nodes_of_the_cluster_have_their_own_names_and_keys() -> None:
    nodes = [name for name in SERVICES[THREE] if name.startswith("elasticsearch")]
    assert len(nodes) == 3
    data = set()
    for name in nodes:
        merged = SERVICES[ONE]["elasticsearch"]["environment"] | environment(THREE, name)
        assert merged["node.name"] == name
        assert merged["discovery.type"] == "multi-node"
        for layer in ("http", "transport"):
            assert merged[f"xpack.security.{layer}.ssl.enabled"] == "true"
            key = PurePosixPath(str(merged[f"xpack.security.{layer}.ssl.key"]))
            assert key.parts[1:] == (name, f"{name}.key")
        for variable in ("discovery.seed_hosts", "cluster.initial_master_nodes"):
            assert str(merged[variable]).split(",") == nodes
        data.add(SERVICES[THREE][name]["volumes"][0])
    assert len(data) == 3
    urls = str(environment(THREE, "api")["FIHRIS_ELASTICSEARCH_URL"]).split(",")
    assert urls == [f"https://{name}:9200" for name in nodes]
