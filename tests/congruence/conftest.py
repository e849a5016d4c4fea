"""Each corpus is written once to both engines, and every test asks all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.congruence.corpora import RECIPES, Recipe
from tests.congruence.pairs import Pair, paired


@pytest.fixture(scope="session", params=RECIPES, ids=str)
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    recipe: Recipe = request.param
    folder = tmp_path_factory.mktemp(str(recipe))
    with paired(folder, str(recipe), recipe.articles(), recipe.shards) as both:
        yield both
