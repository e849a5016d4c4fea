"""Spans of OpenTelemetry's real SDK, set up as `opentelemetry-instrument` does it."""

from __future__ import annotations

import json
from pathlib import Path

import httpx2
import pytest

from tests.serving import started

SETUP = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

out = open({path!r}, "a")
told = ConsoleSpanExporter(out=out, formatter=lambda span: span.to_json(indent=None) + "\\n")
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(told))
trace.set_tracer_provider(provider)
"""
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.slow
def test_each_request_is_a_span_of_the_callers_trace_without_its_words(tmp_path: Path) -> None:
    told = tmp_path / "spans"
    (tmp_path / "sitecustomize.py").write_text(SETUP.format(path=str(told)), "utf-8")
    environment = {"FIHRIS_DATA": str(tmp_path / "data"), "PYTHONPATH": str(tmp_path)}
    environment["FIHRIS_CORS_ORIGINS"] = "http://a.example"
    caller = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    with started(environment, "--mcp") as (url, _):
        found = httpx2.get(f"{url}/v1/search", params={"q": "secret"}, headers=caller)
        assert found.status_code == 200
        missing = httpx2.get(f"{url}/v1/articles/secret", headers=caller)
        assert missing.status_code == 404
        assert httpx2.get(f"{url}/secret", headers={"traceparent": "secret"}).status_code == 404
        preflight = {"Origin": "http://a.example", "Access-Control-Request-Method": "POST"}
        assert httpx2.options(f"{url}/v1/search?q=secret", headers=preflight).status_code == 200
        call = {"name": "search", "arguments": {"query": "secret"}}
        asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
        accept = {"Accept": "application/json, text/event-stream"}
        assert "result" in httpx2.post(f"{url}/v1/mcp", json=asked, headers=accept).json()
    assert "secret" not in told.read_text("utf-8")
    spans = [json.loads(line) for line in told.read_text("utf-8").splitlines()]
    own = [each for each in spans if each["context"]["trace_id"] == f"0x{TRACE}"]
    assert [each["name"] for each in own] == ["GET /v1/search", "GET /v1/articles/{id}"]
    for span, answer in zip(own, (found, missing), strict=True):
        assert span["parent_id"] == f"0x{PARENT}"
        assert span["kind"] == "SpanKind.SERVER"
        assert span["attributes"]["http.response.status_code"] == answer.status_code
        assert span["attributes"]["fihris.request_id"] == answer.headers["X-Request-ID"]
    unknown = next(each for each in spans if each["name"] == "GET")
    assert unknown["parent_id"] is None
