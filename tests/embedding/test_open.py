"""The setting `model` names a model, or what is wrong is said."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from search.embedding import open_embedder
from search.errors import EmbedderError, SettingsError
from search.settings import Settings
from tests.support import REPOSITORY


@pytest.mark.slow
def test_bundled_is_the_default(tmp_path: Path) -> None:
    embedder = open_embedder(Settings(cache=tmp_path))
    assert embedder.name == "intfloat/multilingual-e5-small"
    assert embedder.dimensions == 384


@pytest.mark.parametrize("model", ["bundle", "e5", "sentence_transformers:x", "Bundled "])
def test_an_unknown_model_is_refused_with_what_to_say(model: str) -> None:
    with pytest.raises(SettingsError, match=r"FIHRIS_MODEL.*sentence-transformers:"):
        open_embedder(Settings(model=model))


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(EmbedderError, match=r"pip install 'fihris\[sentence-transformers\]'"):
        open_embedder(Settings(model="sentence-transformers:some/model"))


def test_importing_the_package_imports_no_model() -> None:
    code = (
        "import sys, search.embedding, search.embedding.sentence_transformers;"
        "assert not {'openvino', 'torch', 'sentence_transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True, timeout=60)
