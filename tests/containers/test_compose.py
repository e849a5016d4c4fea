"""docker-compose.yml, and the three nodes of docker-compose.cluster.yml."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.indexer.test_upgrade import ALIAS, unpacked
from tests.servers.asking import ask
from tests.servers.compose import NODES, Compose

AGAIN_SECONDS = 30.0  # docs/RELIABILITY.md: until searches go on without a node


def found(project: Compose, text: str) -> list[str]:
    """Return the ids of the passages that a keyword search over HTTP finds."""
    question = {"q": text, "mode": "keyword", "size": 100}
    answer = ask(f"{project.url}/v1/search", "POST", question)
    assert answer["degraded"] == []
    return [hit["passage"]["id"] for hit in answer["hits"]]


def test_one_node_upgrades_an_index_of_0_1_and_keeps_it(project: Compose, tmp_path: Path) -> None:
    project("up", "--detach", "--wait", "elasticsearch")
    unpacked("elasticsearch", tmp_path)
    for line in (tmp_path / "requests.jsonl").read_text("utf-8").splitlines():
        method, target, body, _ = json.loads(line.replace(ALIAS, "fihris"))
        text = "".join(f"{part}\n" for part in body) if isinstance(body, list) else json.dumps(body)
        sent = project.elasticsearch(NODES[0], method, target, text if body is not None else "")
        assert not sent.get("errors")
    with pytest.raises(AssertionError, match="`fihris upgrade`"):
        project("run", "--rm", "--no-TTY", "seed", "search", "الوزير")

    project("run", "--rm", "--no-TTY", "seed", "upgrade")
    project("up", "--detach", "--wait", "api")
    answers = json.loads((tmp_path / "answers.json").read_text("utf-8"))
    text, _, _, hits = answers["searches"][0]
    before = found(project, text)
    assert {key for key, _ in hits} <= set(before)

    project("down")
    project("up", "--detach", "--wait", "api")
    assert found(project, text) == before
    stored = ask(f"{project.url}/v1/status")
    assert stored["articles"] == answers["status"][0] + 1  # the seed, by its id of today


@pytest.mark.parametrize("project", [True], indirect=True, ids=["three-nodes"])
def test_searches_and_writes_go_on_without_one_of_three_nodes(project: Compose) -> None:
    project("up", "--detach", "--wait", "api")
    project.elasticsearch(NODES[0], "GET", "/_cluster/health?wait_for_status=green&timeout=60s")
    before = found(project, "ضربات")
    assert before
    shards = project.elasticsearch(NODES[0], "GET", "/_cat/shards/fihris*?format=json")
    assert sorted(shard["prirep"] for shard in shards) == ["p", "r"]
    (killed,) = [shard["node"] for shard in shards if shard["prirep"] == "p"]

    project.docker("kill", project.container(killed))
    gone = time.monotonic()
    while True:
        try:
            assert found(project, "ضربات") == before
            break
        except OSError:
            assert time.monotonic() - gone < AGAIN_SECONDS
    assert put(project, "new", "خبر جديد عن الضربات بعد العطل") == "created"
    assert set(found(project, "ضربات")) == {*before, "new#0"}
    left = next(node for node in NODES if node != killed)
    health = project.elasticsearch(left, "GET", "/_cluster/health")
    assert health["number_of_nodes"] == 2
    assert health["status"] != "red"  # yellow until the replica is made again


def put(project: Compose, id: str, text: str) -> str:
    """Return the status of an article that is written over HTTP."""
    answer = ask(f"{project.url}/v1/articles/{id}", "PUT", {"text": text}, timeout=60)
    return str(answer["status"])
