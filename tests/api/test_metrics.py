"""/metrics: what Prometheus's own parser reads of it, whatever clients send."""

from __future__ import annotations

from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from search.errors import EngineUnavailable
from search.settings import Settings
from tests.api.support import ToldIngest, ToldSearcher, client

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(http: TestClient) -> Samples:
    answer = http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def grown(before: Samples, after: Samples, name: str) -> dict[tuple[str, ...], float]:
    """Return by how much each sample of a name grew, by its labels' values."""
    return {
        tuple(value for _, value in labels): more
        for (each, labels), value in after.items()
        if each == name and (more := value - before.get((each, labels), 0))
    }


def test_requests_are_counted_by_route_method_and_status(writable: TestClient) -> None:
    before = samples(writable)
    assert writable.put("/v1/articles/a", json={"text": "نص"}).status_code == 201
    for query in ("سر", "سر آخر"):
        writable.get("/v1/search", params={"q": query})
    writable.get("/v1/search", params={"size": "many"})
    writable.get("/no/such/path/secret")
    writable.request("BREW", "/v1/search")
    writable.delete("/v1/articles/a")
    after = samples(writable)
    counted = grown(before, after, "fihris_requests_total")
    counted.pop(("GET", "/metrics", "200"))
    assert counted == {
        ("PUT", "/v1/articles/{id}", "201"): 1,
        ("GET", "/v1/search", "200"): 2,
        ("GET", "/v1/search", "422"): 1,
        ("GET", "", "404"): 1,
        ("other", "/v1/search", "405"): 1,
        ("DELETE", "/v1/articles/{id}", "204"): 1,
    }
    assert grown(before, after, "fihris_request_seconds_count")["/v1/search",] == 4
    assert grown(before, after, "fihris_articles_written_total") == {
        ("created",): 1,
        ("removed",): 1,
    }


def test_a_vector_is_of_the_model_once_and_then_of_the_cache(writable: TestClient) -> None:
    before = samples(writable)
    for page in ({"start": 0}, {"start": 10}, {"mode": "semantic"}, {"mode": "keyword"}):
        assert writable.get("/v1/search", params={"q": "ميناء قديم", **page}).status_code == 200
    found = grown(before, samples(writable), "fihris_query_vectors_total")
    assert found == {("model",): 1, ("cache",): 2}


def test_no_word_of_a_client_is_told(writable: TestClient) -> None:
    for path in ("/v1/search?q=marker-word", "/marker-word", "/v1/articles/marker-word"):
        writable.get(path, headers={"X-Request-ID": "marker-word"})
    writable.request("MARKER", "/v1/search")
    writable.put("/v1/articles/marker-word", json={"text": "marker-word", "source": "marker-word"})
    assert "marker" not in writable.get("/metrics").text.casefold()


def test_the_index_and_the_process_are_told(writable: TestClient) -> None:
    writable.put("/v1/articles/a", json={"text": "نص\nنص آخر"})
    found = samples(writable)
    assert found["fihris_articles", ()] == 1
    assert found["fihris_passages", ()] == 2
    assert found["fihris_ready", ()] == 1
    ((_, pid),) = next(labels for name, labels in found if name == "fihris_process_threads")
    for name in ("resident_memory_bytes", "open_fds", "threads"):
        assert found[f"fihris_process_{name}", (("pid", pid),)] > 0
    assert found["fihris_requests_in_work", (("kind", "read"),)] == 1  # this one


def test_an_index_that_cannot_be_asked_is_not_ready_and_all_else_is_told() -> None:
    searcher = ToldSearcher(error=EngineUnavailable("gone"))
    with client(searcher, Settings(), ToldIngest()) as http:
        found = samples(http)
    assert found["fihris_ready", ()] == 0
    assert ("fihris_articles", ()) not in found
