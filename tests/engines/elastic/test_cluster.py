"""Three nodes, one replica: a node is killed during bulk and search."""

from __future__ import annotations

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from search.engines.protocol import RankRequest
from search.errors import EngineUnavailable
from search.query.clauses import Everything
from tests.engines.elastic.opening import opened, seen, stored, versioned
from tests.servers import Cluster, distribution

ARTICLES = 60


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_one_of_three_nodes_is_killed() -> None:
    alias = f"f{uuid.uuid4().hex[:16]}"
    more = {"elasticsearch_replicas": 1, "elasticsearch_shards": 2}
    with Cluster(distribution.find()) as cluster:
        first, _, last = cluster.nodes
        urls = ",".join(cluster.urls)
        with opened(urls, alias, **more) as writer, opened(urls, alias, **more) as reader:
            state: dict[str, str] = {}
            calls: list[float] = []
            answers: list[tuple[float, bool]] = []  # when each search ended, and whether well
            stopping = threading.Event()

            def write() -> None:
                turn = 0
                while not stopping.is_set():
                    batch = {f"a{i}": f"v{turn}n{i}" for i in range(turn % 3, ARTICLES, 3)}
                    outcomes = writer.write([versioned(k, v) for k, v in batch.items()])
                    assert all(outcome.is_stored for outcome in outcomes)
                    state.update(batch)
                    calls.append(time.monotonic())
                    turn += 1

            def search() -> None:
                while not stopping.is_set():
                    try:
                        total = reader.rank(RankRequest(Everything(), limit=10)).text_total
                        assert total
                        answers.append((time.monotonic(), True))
                    except EngineUnavailable:
                        answers.append((time.monotonic(), False))
                    time.sleep(0.05)

            with ThreadPoolExecutor(2) as pool:
                writing = pool.submit(write)
                while len(calls) < 4 and not writing.done():
                    time.sleep(0.05)
                first.ask(f"/_cluster/health/{alias}?wait_for_status=green&timeout=60s", timeout=70)
                reader.show()
                searching = pool.submit(search)
                while len(answers) < 5 and not searching.done():
                    time.sleep(0.05)
                try:
                    place = first.ask(f"/{alias}/_search_shards?routing=a0")
                    (copies,) = place["shards"]
                    primary = next(copy["node"] for copy in copies if copy["primary"])
                    name = place["nodes"][primary]["name"]
                    victim = next(node for node in cluster.nodes if node.name == name)
                    survivor = next(node for node in cluster.nodes if node is not victim)
                    acknowledged = len(calls)
                    killing = time.monotonic()
                    victim.kill()  # returns once the process is gone
                    killed = time.monotonic()
                    deadline = killed + 120
                    while (
                        len(calls) < acknowledged + 4
                        and not writing.done()
                        and not searching.done()
                        and time.monotonic() < deadline
                    ):
                        time.sleep(0.1)
                finally:
                    stopping.set()
                writing.result()
                searching.result()
            assert len(calls) >= acknowledged + 4, "the writer did not go on"
            assert [ok for when, ok in answers if when < killing].count(False) == 0
            good = [when - killed for when, ok in answers if when > killed and ok]
            assert good
            assert good[0] < 30, f"searches went on only after {good[0]:.0f} s"
            print("searches again after", good[0], "writes after", calls[acknowledged] - killed)
            assert seen(reader, survivor.url, alias) == state
            assert stored(writer) == state
            victim.start()
            health = f"/_cluster/health/{alias}?wait_for_status=green&wait_for_nodes=3&timeout=60s"
            assert survivor.ask(health, timeout=70)["timed_out"] is False
            assert seen(reader, victim.url, alias) == state
            assert last.running
