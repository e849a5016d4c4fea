"""A service's model, asked over real HTTP: its vectors, and everything that it may answer."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search.embedding import embed_queries, open_embedder, openai_compatible
from search.embedding.openai_compatible import OpenAICompatibleEmbedder
from search.errors import EmbedderError, SettingsError
from search.settings import Settings
from tests.json_server import Answer, JsonServer
from tests.servers.certificates import make_certificates
from tests.support import HashingEmbedder

KEY = "sk-a-key-of-the-tests"
TEXTS = ["القاهرة عاصمة مصر.", "Cairo is the capital of Egypt.", "", "كلمة " * 120]
_HASHING = HashingEmbedder()


def embeddings(body: Any) -> dict[str, object]:
    """Answer as a service does, the last text first and no vector of length 1."""
    data = [
        {"object": "embedding", "index": i, "embedding": (7 * _HASHING.embed_query(t)).tolist()}
        for i, t in enumerate(body["input"])
    ]
    return {"object": "list", "data": data[::-1], "model": body["model"]}


@pytest.fixture
def server() -> Iterator[JsonServer]:
    with JsonServer(embeddings) as serving:
        yield serving


def opened(server: JsonServer, model: str = "a-model", **settings: Any) -> OpenAICompatibleEmbedder:
    asked = {"embeddings_url": server.url, "embeddings_key": KEY, **settings}
    embedder = open_embedder(Settings(model=f"openai:{model}", **asked))
    assert isinstance(embedder, OpenAICompatibleEmbedder)
    return embedder


def with_vector(*vector: object) -> Answer:
    return Answer({"data": [{"index": 0, "embedding": list(vector)}]})


def test_vectors_are_the_services_in_order_and_normalised(server: JsonServer) -> None:
    embedder = opened(server, embeddings_batch=3, embeddings_max_tokens=2_000)
    steps: list[int] = []
    found = embedder.embed_passages(TEXTS, steps.append)
    assert (embedder.dimensions, steps) == (_HASHING.dimensions, [3, 1])
    expected = _HASHING.embed_passages([text.strip() or "." for text in TEXTS])
    assert np.sum(found * expected, axis=1) == pytest.approx(1, abs=1e-5)
    assert found.dtype == np.float32
    assert embedder.embed_query(TEXTS[0]) @ expected[0] == pytest.approx(1, abs=1e-5)


def test_queries_are_embedded_together_as_alone(server: JsonServer) -> None:
    embedder = opened(server, query_prompt="q: ", embeddings_batch=3)
    found = embed_queries(embedder, TEXTS)
    assert [len(asked.body["input"]) for asked in server.asked] == [1, 3, 1]
    alone = [embedder.embed_query(text) for text in TEXTS]
    assert np.sum(found * np.stack(alone), axis=1) == pytest.approx(1, abs=1e-5)
    assert embedder.embed_queries([]).shape == (0, embedder.dimensions)


def test_requests_have_the_key_and_share_a_connection(server: JsonServer) -> None:
    embedder = opened(server)
    embedder.embed_query("a")
    embedder.embed_passages(["b"])
    assert {asked.path for asked in server.asked} == {"/v1/embeddings"}
    assert {asked.headers["Authorization"] for asked in server.asked} == {f"Bearer {KEY}"}
    assert len({asked.connection for asked in server.asked}) == 1


def test_without_a_key_none_is_sent(server: JsonServer) -> None:
    opened(server, embeddings_key=None)
    assert "Authorization" not in server.asked[0].headers


@pytest.mark.parametrize(
    ("model", "settings", "query", "passage"),
    [
        ("a-model", {}, "x", "x"),
        ("intfloat/multilingual-e5-small", {}, "query: x", "passage: x"),
        ("intfloat/multilingual-e5-small", {"query_prompt": "", "passage_prompt": ""}, "x", "x"),
        ("a-model", {"query_prompt": "q: ", "passage_prompt": "p: "}, "q: x", "p: x"),
    ],
)
def test_prompts(
    server: JsonServer, model: str, settings: dict[str, Any], query: str, passage: str
) -> None:
    embedder = opened(server, model, **settings)
    embedder.embed_query("x")
    embedder.embed_passages(["x"])
    assert [asked.body for asked in server.asked[1:]] == [
        {"model": model, "input": [query]},
        {"model": model, "input": [passage]},
    ]


def test_the_hash_is_of_address_model_and_prompts(server: JsonServer) -> None:
    first = opened(server).content_hash
    assert opened(server, embeddings_batch=1, embeddings_max_tokens=900).content_hash == first
    assert opened(server, embeddings_url=f"{server.url}/").content_hash == first
    others = [
        opened(server, "another").content_hash,
        opened(server, query_prompt="q: ").content_hash,
        opened(server, passage_prompt="p: ").content_hash,
        opened(server, embeddings_url=server.url + "/else").content_hash,
    ]
    assert len({first, *others}) == 5


def test_a_text_is_cut_at_what_the_model_reads(server: JsonServer) -> None:
    embedder = opened(server, embeddings_max_tokens=100, passage_prompt="p: ")
    embedder.embed_passages(["ا" * 1_000_000, "\ufdfa" * 5_000, "a\ud800b"])
    long, ligatures, surrogate = server.asked[-1].body["input"]
    assert len(long.encode()) == 95  # and two special tokens, a space before, half a letter
    assert 1 <= len(ligatures) - len("p: ") <= 5
    assert surrogate == "p: a\ufffdb"
    assert embedder.count_tokens([long.removeprefix("p: ")])[0] <= embedder.max_tokens


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_passes_is_tried_again(server: JsonServer, status: int) -> None:
    embedder = opened(server)
    server.first = [Answer({"error": "busy"}, status), Answer({}, status)]
    assert embedder.embed_query("مصر") @ _HASHING.embed_query("مصر") == pytest.approx(1, abs=1e-5)
    assert len(server.asked) == 4


@pytest.mark.parametrize("told", ["seconds", "a date"])
def test_retry_after_is_kept_to(server: JsonServer, told: str) -> None:
    embedder = opened(server)
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    after = "0.8" if told == "seconds" else date
    server.first = [Answer({}, 429, {"Retry-After": after})]
    begun = time.monotonic()
    embedder.embed_passages(["x"])
    assert time.monotonic() - begun >= 0.8


def test_a_search_does_not_wait_for_a_late_retry_after(server: JsonServer) -> None:
    embedder = opened(server)
    server.first = [Answer({}, 429, {"Retry-After": "3600"})]
    with pytest.raises(EmbedderError, match="answered 429: it takes no more requests"):
        embedder.embed_query("x")
    assert len(server.asked) == 2


def test_tries_end(server: JsonServer, monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = opened(server)
    monkeypatch.setattr(openai_compatible, "_PASSAGE_PATIENCE", 0.5)
    server.first = [Answer({"error": {"message": "out of memory"}}, 500)] * 50
    with pytest.raises(EmbedderError, match=r"answered 500 \(out of memory\): its own log"):
        embedder.embed_passages(["x"])
    assert 3 <= len(server.asked) < 12


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer({"error": {"message": f"bad key {KEY}"}}, 401), "FIHRIS_EMBEDDINGS_KEY"),
        (Answer({"error": "no such model"}, 404), r"\(no such model\).*FIHRIS_EMBEDDINGS_URL"),
        (Answer({"message": f"too long for {KEY}"}, 400), "answered 400: it does not take"),
        (Answer({}, 307, {"Location": "http://127.0.0.1:9/"}), "answered 307: it sends on"),
        (Answer(content=b"<html>"), "no JSON"),
        (Answer(content=b"[" * 100_000), "no JSON"),
        (Answer(content=b" " * (1 << 21)), "more than 1,048,576 bytes"),
        (Answer([]), "no list `data`"),
        (Answer({"data": [1]}), "no list `data`"),
        (Answer({"data": []}), "0 vectors.*for 1 texts"),
        (Answer({"data": [{"index": 0, "embedding": [1.0]}] * 2}), "2 vectors.*for 1 texts"),
        (Answer({"data": [{"index": 1, "embedding": [1.0]}]}), "other numbers"),
        (Answer({"data": [{"index": False, "embedding": [1.0]}]}), "other numbers"),
        (with_vector(1.0, 2.0), "2 dimensions where they had 32"),
        (with_vector(float("nan"), 1.0), "not finite"),
        (with_vector(float("inf"), 1.0), "not finite"),
        (with_vector(0, 0), "nothing but zeros"),
        (with_vector(), "no list of numbers"),
        (with_vector("1", "2"), "no list of numbers"),
        (with_vector(True, False), "no list of numbers"),
        (with_vector([1.0], [2.0]), "no list of numbers"),
        (with_vector([1.0], 2.0), "no list of numbers"),
        (with_vector(None), "no list of numbers"),
        (with_vector(10**300, 10**400), "no list of numbers"),
        (Answer({"data": [{"index": 0, "embedding": "AACAPw=="}]}), "no list of numbers"),
    ],
)
def test_a_wrong_answer_is_told_with_what_to_do(
    server: JsonServer, answer: Answer, message: str
) -> None:
    embedder = opened(server)
    server.first = [answer]
    with pytest.raises(EmbedderError, match=message) as caught:
        embedder.embed_passages(["x"])
    assert KEY not in str(caught.value)
    assert len(server.asked) == 2  # none of these pass by themselves
    embedder.embed_passages(["x"])  # and the next request is answered


def test_large_and_tiny_numbers_are_normalised(server: JsonServer) -> None:
    server.first = [with_vector(1e300, -1e300), with_vector(1e-300, 1e-300)]
    embedder = opened(server)
    assert embedder.embed_query("x") == pytest.approx([0.5**0.5] * 2)


def test_no_query_is_in_a_message(server: JsonServer) -> None:
    embedder = opened(server)
    server.first = [Answer({"error": "cannot read 'a secret question'"}, 400)]
    with pytest.raises(EmbedderError) as caught:
        embedder.embed_query("a secret question")
    assert "secret" not in str(caught.value)


def test_a_slow_service_is_waited_for_no_longer_than_set(
    server: JsonServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = opened(server, embeddings_timeout=0.2)
    monkeypatch.setattr(openai_compatible, "_QUERY_PATIENCE", 0.1)
    server.first = [Answer({}, delay=5)]
    with pytest.raises(EmbedderError, match=r"no answer in 0\.2 s.*FIHRIS_EMBEDDINGS_TIMEOUT"):
        embedder.embed_query("x")


def test_an_answer_cut_off_is_asked_for_again(server: JsonServer) -> None:
    embedder = opened(server)
    server.first = [Answer(embeddings({"input": ["x"], "model": "m"}), claimed=1 << 16)]
    embedder.embed_query("x")
    assert len(server.asked) == 3


def test_a_service_that_is_away_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    monkeypatch.setattr(openai_compatible, "_QUERY_PATIENCE", 0.3)
    with pytest.raises(EmbedderError, match=r"/v1/embeddings cannot be reached.*start it"):
        open_embedder(Settings(model="openai:m", embeddings_url=url))


def test_a_certificate_must_be_of_a_known_authority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates = make_certificates(tmp_path / "certificates")
    with JsonServer(embeddings, certificates) as server:
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        with pytest.raises(EmbedderError, match=r"certificate of no authority.*SSL_CERT_FILE"):
            opened(server)
        assert server.asked == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
        opened(server).embed_query("x")
        assert len({asked.connection for asked in server.asked}) == 1


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "127.0.0.1:8080",
        "ftp://127.0.0.1/v1",
        "http://",
        "http://[bad",
        "http://a:99999/",
        "http://a b/",
        "http://user:secret-word@a/v1",
        "http://a/v1?key=secret-word",
    ],
)
def test_an_address_that_cannot_be_used_is_refused(url: str | None) -> None:
    with pytest.raises(SettingsError, match="FIHRIS_EMBEDDINGS_URL") as caught:
        open_embedder(Settings(model="openai:m", embeddings_url=url))
    assert "secret-word" not in str(caught.value)


def test_other_settings_that_cannot_be_used_are_refused(server: JsonServer) -> None:
    with pytest.raises(SettingsError, match="`openai:` and the service's name"):
        open_embedder(Settings(model="openai:"))
    with pytest.raises(SettingsError, match="FIHRIS_EMBEDDINGS_KEY") as caught:
        opened(server, embeddings_key="secret\nword")
    assert "word" not in str(caught.value)
    with pytest.raises(SettingsError, match="FIHRIS_PASSAGE_PROMPT"):
        opened(server, passage_prompt="كلمة " * 100)
    assert server.asked == []


def test_the_key_is_shown_nowhere(server: JsonServer) -> None:
    settings = Settings(model="openai:m", embeddings_url=server.url, embeddings_key=KEY)
    assert KEY not in repr(settings) + str(settings) + settings.model_dump_json()
    embedder = open_embedder(settings)
    assert KEY not in repr(embedder)
    assert KEY not in json.dumps([embedder.name, embedder.content_hash])


def test_no_proxy_of_the_environment_is_used(
    server: JsonServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    opened(server)
    assert len(server.asked) == 1
