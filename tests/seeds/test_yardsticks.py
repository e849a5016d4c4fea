"""What a ranking without any Arabic gets on the judgements: the numbers in docs/EVALUATION.md."""

from __future__ import annotations

import csv
import json
import math
import random
import re
from collections import Counter
from collections.abc import Iterable

import ir_measures
import pytest
from ir_measures import Qrel, ScoredDoc, nDCG

from tests.support import REPOSITORY, SEEDS

JUDGEMENTS = SEEDS / "judgements"


def texts(name: str) -> dict[str, str]:
    lines = (JUDGEMENTS / name).read_text(encoding="utf-8").splitlines()
    return {entry["_id"]: entry["text"] for entry in map(json.loads, lines)}


def ndcg(run: Iterable[ScoredDoc]) -> float:
    with (JUDGEMENTS / "qrels" / "test.tsv").open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file, delimiter="\t")
    qrels = [Qrel(query, passage, int(score)) for query, passage, score in rows]
    return float(ir_measures.calc_aggregate([nDCG @ 10], qrels, run)[nDCG @ 10])


def random_run(seed: int) -> list[ScoredDoc]:
    rng, passages = random.Random(seed), list(texts("corpus.jsonl"))
    return [
        ScoredDoc(query, passage, float(-rank))
        for query in texts("queries.jsonl")
        for rank, passage in enumerate(rng.sample(passages, len(passages)))
    ]


def plain_bm25_run(k1: float = 1.2, b: float = 0.75) -> list[ScoredDoc]:
    """Rank by BM25 over words as they are written: no folding, no stems, no meaning."""

    def words(text: str) -> list[str]:
        return re.findall(r"\w+", text.lower())

    corpus = {passage: Counter(words(text)) for passage, text in texts("corpus.jsonl").items()}
    frequency = Counter(word for counts in corpus.values() for word in counts)
    mean = sum(counts.total() for counts in corpus.values()) / len(corpus)

    def score(word: str, counts: Counter[str]) -> float:
        n, found = frequency[word], counts[word]
        idf = math.log(1 + (len(corpus) - n + 0.5) / (n + 0.5))
        return idf * found * (k1 + 1) / (found + k1 * (1 - b + b * counts.total() / mean))

    scored = (
        ScoredDoc(query, passage, sum(score(word, counts) for word in words(text)))
        for query, text in texts("queries.jsonl").items()
        for passage, counts in corpus.items()
    )
    return [hit for hit in scored if hit.score > 0]


def test_a_random_order_is_far_from_the_floor() -> None:
    mean = sum(ndcg(random_run(seed)) for seed in range(10)) / 10
    assert mean == pytest.approx(0.268, abs=0.015)


def test_plain_words_are_far_from_the_floor() -> None:
    assert ndcg(plain_bm25_run()) == pytest.approx(0.392, abs=0.0005)


def test_the_documentation_says_these_numbers() -> None:
    text = (REPOSITORY / "docs" / "EVALUATION.md").read_text(encoding="utf-8")
    assert "| random order | .27 |" in text
    assert "| BM25 over words as written | .392 |" in text
