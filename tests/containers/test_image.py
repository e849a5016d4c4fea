"""The image by itself, with the embedded engine, as the head of the Dockerfile says to run it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError

import pytest

from tests.indexer.test_upgrade import unpacked
from tests.servers.asking import ask
from tests.servers.compose import IMAGE, first_key
from tests.servers.dockerd import Docker
from tests.servers.images import image_of

AS_DOCUMENTED = ("run", "--rm", "--read-only", "--tmpfs", "/tmp")
MOST_MB = 460  # above its base; 707 with all that pip installs


@pytest.fixture
def volume(docker: Docker) -> Iterator[str]:
    name = docker("volume", "create")
    yield name
    docker("volume", "rm", "--force", name)


@pytest.fixture
def fihris(volume: str) -> tuple[str, ...]:
    """Return what goes between `docker` and the arguments of `fihris`."""
    return (*AS_DOCUMENTED, "--volume", f"{volume}:/var/lib/fihris", IMAGE)


def test_it_carries_only_what_runs(docker: Docker) -> None:
    mine, base = (
        int(docker("image", "inspect", "--format", "{{.Size}}", image))
        for image in (IMAGE, image_of("python"))
    )
    assert (mine - base) / 1e6 < MOST_MB


def test_its_model_answers_and_can_be_evaluated(docker: Docker, fihris: tuple[str, ...]) -> None:
    said = docker(*fihris, "evaluate", "/seeds/judgements", "--mode", "semantic", "--json")
    assert json.loads(said)["modes"]["semantic"]["ndcg@10"] > 0.84


def test_it_indexes_serves_is_healthy_and_stops(docker: Docker, fihris: tuple[str, ...]) -> None:
    assert "passages   21" in docker(*fihris, "index", "/seeds")
    options = ["--detach", "--publish", "127.0.0.1::8000"]
    server = docker(*(word for word in fihris[:-1] if word != "--rm"), *options, IMAGE)
    try:
        url = f"http://{docker('port', server, '8000').splitlines()[0]}"
        deadline = time.monotonic() + 60
        while True:
            try:
                ask(f"{url}/ready")
                break
            except OSError:
                assert time.monotonic() < deadline, docker("logs", server)
                time.sleep(0.2)
        question = {"q": "Why did the US strike targets in Iraq?", "mode": "semantic", "size": 1}
        with pytest.raises(HTTPError, match="401"):
            ask(f"{url}/v1/search", "POST", question)
        keyed = url.replace("://", f"://fihris:{first_key(docker('logs', server))}@")
        (hit,) = ask(f"{keyed}/v1/search", "POST", question)["hits"]
        assert "ضربات" in hit["passage"]["text"]
        inspected = docker("inspect", "--format", "{{json .Config.Healthcheck.Test}}", server)
        docker("exec", server, *json.loads(inspected)[1:])
        docker("stop", "--time", "20", server)
        assert docker("wait", server) == "0", "SIGTERM was not heeded"
    finally:
        docker("rm", "--force", server)


def test_an_index_of_0_1_is_upgraded(
    docker: Docker, fihris: tuple[str, ...], volume: str, tmp_path: Path
) -> None:
    unpacked("embedded", tmp_path)
    words = ["run", "--rm", "--user", "0", "--entrypoint", "sh"]
    words += ["--volume", f"{tmp_path / 'index'}:/old:ro", "--volume", f"{volume}:/var/lib/fihris"]
    put_back = "cp -r /old/. /var/lib/fihris && chown -R 10001:10001 /var/lib/fihris"
    docker(*words, IMAGE, "-c", put_back)
    with pytest.raises(AssertionError, match="`fihris upgrade`"):
        docker(*fihris, "search", "الوزير")
    docker(*fihris, "upgrade")
    answers = json.loads((tmp_path / "answers.json").read_text("utf-8"))
    text, mode, _, hits = answers["searches"][0]
    found = json.loads(docker(*fihris, "search", text, "--mode", mode, "--json"))["hits"]
    passages = [hit["passage"] for hit in found]
    assert [f"{p['article_id']}#{p['position']}" for p in passages] == [key for key, _ in hits]
