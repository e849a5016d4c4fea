"""What every embedder keeps to, the tests' own among them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from search.embedding import Embedder, open_embedder
from search.settings import Settings
from tests.embedding.test_openai_compatible import embeddings
from tests.json_server import JsonServer
from tests.support import HashingEmbedder

TEXTS = [
    "القاهرة عاصمة مصر.",
    "الرياض عاصمة المملكة العربية السعودية، وفيها أكثر من سبعة ملايين نسمة.",
    "Cairo is the capital of Egypt.",
    "",
    "كلمة " * 120,
    "123 ٤٥٦",
]
HOSTILE = {
    "empty": "",
    "spaces": " \t\n\u00a0",
    "nul": "a\0b\0",
    "lone surrogates": "\ud800 نص \udfff",
    "controls": "\x01\x02\u202e\u2066\ufeff",
    "a million combining marks": "ن" + "\u0651\u064e" * 500_000,
    "ten megabytes": "جملة طويلة من نص عربي. " * 250_000,
    "a million letters without a space": "ا" * 1_000_000,
    "a ligature of 18 letters": "\ufdfa" * 5_000,
    "unknown scripts": "𒀀𒀁𐤀" * 1_000,
}


@pytest.fixture(
    scope="module",
    params=[
        "hashing",
        "service",
        pytest.param("bundled", marks=pytest.mark.slow),
        pytest.param("converted", marks=[pytest.mark.slow, pytest.mark.torch]),
    ],
)
def embedder(request: pytest.FixtureRequest) -> Iterator[Embedder]:
    if request.param == "hashing":
        yield HashingEmbedder()
    elif request.param == "service":
        with JsonServer(embeddings) as server:
            yield open_embedder(
                Settings(
                    model="openai:a-model", embeddings_url=server.url, embeddings_max_tokens=8_192
                )
            )
    else:
        name = "bundled" if request.param == "bundled" else "converted_embedder"
        yield request.getfixturevalue(name)


def test_it_has_a_name_a_hash_and_sizes(embedder: Embedder) -> None:
    assert embedder.name
    assert len(bytes.fromhex(embedder.content_hash)) == 32
    assert embedder.dimensions > 0
    assert embedder.max_tokens > 0


def test_vectors_are_float32_of_length_1(embedder: Embedder) -> None:
    vectors = embedder.embed_passages(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), embedder.dimensions)
    words = [i for i, text in enumerate(TEXTS) if text]
    assert np.linalg.norm(vectors[words], axis=1) == pytest.approx(1, abs=1e-4)
    query = embedder.embed_query("ما عاصمة مصر؟")
    assert query.dtype == np.float32
    assert query.shape == (embedder.dimensions,)
    assert np.linalg.norm(query) == pytest.approx(1, abs=1e-4)


def test_no_texts_no_vectors(embedder: Embedder) -> None:
    assert embedder.embed_passages([]).shape == (0, embedder.dimensions)
    assert embedder.count_tokens([]) == []


def test_vectors_come_in_the_order_of_the_texts(embedder: Embedder) -> None:
    there = embedder.embed_passages(TEXTS)
    back = embedder.embed_passages(TEXTS[::-1])[::-1]
    assert np.sum(there * back, axis=1) == pytest.approx(1, abs=1e-4)


def test_a_text_has_the_same_vector_alone_and_in_company(embedder: Embedder) -> None:
    together = embedder.embed_passages(TEXTS)
    alone = np.concatenate([embedder.embed_passages([text]) for text in TEXTS])
    assert np.sum(together * alone, axis=1) == pytest.approx(1, abs=1e-4)


def test_progress_adds_up(embedder: Embedder) -> None:
    steps: list[int] = []
    embedder.embed_passages(TEXTS * 20, steps.append)
    assert sum(steps) == len(TEXTS) * 20
    assert all(step > 0 for step in steps)


def test_tokens_are_counted_without_the_prompt(embedder: Embedder) -> None:
    counts = embedder.count_tokens(["", "كلمة", "كلمة كلمة", "كلمة " * 500])
    assert counts[0] == 0
    assert 1 <= counts[1] < counts[2] < counts[3]
    assert counts[3] >= 500


@pytest.mark.parametrize("text", [*TEXTS, *HOSTILE.values(), "  كلمة  ", "ﷺ" * 9, "½ｶﾞ"])
def test_the_most_tokens_are_no_fewer_than_there_are(embedder: Embedder, text: str) -> None:
    assert embedder.most_tokens(text) >= embedder.count_tokens([text])[0]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_any_text_has_a_vector(embedder: Embedder, text: str) -> None:
    passage, query = embedder.embed_passages([text])[0], embedder.embed_query(text)
    assert np.isfinite(passage).all()
    assert np.isfinite(query).all()


def test_many_threads_get_their_own_vectors(embedder: Embedder) -> None:
    texts = [f"{text} {i}" for i, text in enumerate(TEXTS * 4)]
    expected = [embedder.embed_query(text) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        queries = list(pool.map(embedder.embed_query, texts))
        passages = list(pool.map(lambda text: embedder.embed_passages([text])[0], texts))
    assert np.sum(np.stack(queries) * expected, axis=1) == pytest.approx(1, abs=1e-4)
    together = embedder.embed_passages(texts)
    assert np.sum(np.stack(passages) * together, axis=1) == pytest.approx(1, abs=1e-4)
