"""Evaluation: measures that can be worked out by hand, and no trace left behind."""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from indexer.evaluation.beir import JudgedSet
from indexer.evaluation.measures import TIMED, Evaluation, evaluate
from search.domain import MODES, Article, Vector
from search.errors import EmbedderError
from search.settings import Settings
from tests.support import HashingEmbedder, article


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the temporary index is made."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def judged(
    articles: list[Article], queries: dict[str, str], relevance: dict[str, dict[str, int]]
) -> JudgedSet:
    return JudgedSet(tuple(articles), queries, relevance, empty=0)


def keyword(judged_set: JudgedSet, settings: Settings | None = None) -> Evaluation:
    return evaluate(judged_set, settings or Settings(), HashingEmbedder(), ["keyword"])


def test_measures(temporary: Path) -> None:
    # بيت ranks d1 first, whose only word it is; d2 is what was wanted: rank 2.
    # A query that finds nothing counts as 0.
    result = keyword(
        judged(
            [article("d1", "بيت"), article("d2", "بيت كبير جدا في المدينة")],
            {"q1": "بيت", "q2": "xyz"},
            {"q1": {"d2": 1}, "q2": {"d1": 1}},
        )
    )
    scores = result.modes["keyword"]
    assert scores.mrr_at_10 == pytest.approx(0.5 / 2)
    assert scores.ndcg_at_10 == pytest.approx(1 / math.log2(3) / 2)
    assert scores.recall_at_100 == pytest.approx(1 / 2)
    assert (result.passages, result.queries, result.cut_queries) == (2, 2, 0)
    assert list(temporary.iterdir()) == []


def test_an_article_is_one_passage_unless_over_long_and_ranks_by_its_best_part() -> None:
    long = article("long", "حشو " * 1_200 + "بيت")
    result = keyword(
        judged(
            [article("two", "سطر\nسطر"), long, article("other", "بيت " + "شيء آخر " * 20)],
            {"q1": "بيت"},
            {"q1": {"long": 1, "other": 1}},
        )
    )
    assert result.passages == 1 + 3 + 1
    assert result.modes["keyword"].recall_at_100 == 1.0


def test_parts_do_not_crowd_out_other_articles() -> None:
    # One article of some 240 parts that all match better than 60 others: all are found.
    many = article("many", "بيت " * 120_000)
    others = [article(f"d{n}", f"بيت {'كلمة ' * 30} {n}") for n in range(60)]
    result = keyword(
        judged([many, *others], {"q1": "بيت"}, {"q1": {f"d{n}": 1 for n in range(60)}})
    )
    assert result.passages > 200
    assert result.modes["keyword"].recall_at_100 == 1.0


def test_queries_that_are_too_long_are_cut_and_counted() -> None:
    result = keyword(judged([article("d", "بيت")], {"q": "بيت " * 500}, {"q": {"d": 1}}))
    assert result.cut_queries == 1
    assert result.modes["keyword"].ndcg_at_10 == 1.0


def test_the_index_of_the_settings_is_not_touched(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "mine")
    keyword(judged([article("d", "بيت")], {"q": "بيت"}, {"q": {"d": 1}}), settings)
    assert not settings.data.exists()


class Counting(HashingEmbedder):
    """Counts how often each query is embedded, by itself and with others."""

    def __init__(self) -> None:
        super().__init__()
        self.alone: Counter[str] = Counter()
        self.together: Counter[str] = Counter()

    def embed_query(self, text: str) -> Vector:
        self.alone[text] += 1
        return super().embed_query(text)

    def embed_queries(self, texts: Sequence[str]) -> Vector:
        self.together.update(texts)
        return np.stack([super(Counting, self).embed_query(text) for text in texts])


def test_a_query_is_embedded_once_for_all_modes_but_where_it_is_timed() -> None:
    embedder = Counting()
    queries = {f"q{n}": f"بيت {n}" for n in range(2 * TIMED)}
    relevance = {key: {"d": 1} for key in queries}
    evaluate(judged([article("d", "بيت")], queries, relevance), Settings(), embedder, MODES)
    asked = {text: n for text, n in embedder.together.items() if text.startswith("بيت ")}
    assert asked == Counter(queries.values())
    # Whatever is kept of another mode: in each of the two that embed, and some to warm up.
    timed = [embedder.alone[f"بيت {n}"] for n in range(0, 2 * TIMED, 2)]
    assert min(timed) == 2
    assert not any(embedder.alone[f"بيت {n}"] for n in range(1, 2 * TIMED, 2))


def test_keyword_evaluation_embeds_nothing() -> None:
    embedder = Counting()
    set_of_one = judged([article("d", "بيت")], {"q": "بيت"}, {"q": {"d": 1}})
    before = embedder.alone.copy()
    evaluate(set_of_one, Settings(), embedder, ["keyword"])
    assert not embedder.together
    assert embedder.alone == before


class Failing(HashingEmbedder):
    def embed_query(self, text: str) -> Vector:
        if text == "fail":
            raise EmbedderError("no")
        return super().embed_query(text)


def test_a_failure_leaves_nothing_behind_either(temporary: Path) -> None:
    broken = judged([article("d", "بيت")], {"q": "fail"}, {"q": {"d": 1}})
    with pytest.raises(EmbedderError, match="no"):
        evaluate(broken, Settings(), Failing(), ["semantic"])
    assert list(temporary.iterdir()) == []
