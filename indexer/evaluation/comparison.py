"""Two evaluations of one judged set, query by query: is the difference more than chance?

The test is the paired randomisation test, two-sided, on the mean difference of nDCG@10:
Smucker, Allan and Carterette, "A Comparison of Statistical Significance Tests for Information
Retrieval Evaluation" (CIKM 2007), who recommend it and 100,000 permutations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from indexer.evaluation.beir import JudgedSet
from indexer.evaluation.measures import Evaluation
from search.domain import Mode

PERMUTATIONS = 100_000
CHANGED = 10  # queries that are listed
_CELLS = 10_000_000  # signs drawn at once
_MOST_CELLS = 500_000_000  # and in all: above 5,000 queries that differ, fewer permutations
_SEED = 20_071_106


@dataclass(frozen=True, slots=True)
class Pair:
    """What two settings gave for a query, or on average for a kind of `queries`."""

    name: str
    text: str
    queries: int
    first: float
    second: float


@dataclass(frozen=True, slots=True)
class Compared:
    """nDCG@10 of one mode; `p` is the chance of such a difference if both were alike."""

    first: float
    second: float
    p: float
    better: int  # queries that the second answers better
    worse: int
    kinds: tuple[Pair, ...]
    changed: tuple[Pair, ...]  # most first


def compare(judged: JudgedSet, first: Evaluation, second: Evaluation) -> dict[Mode, Compared]:
    """Compare two evaluations of one judged set, mode by mode."""
    return {
        mode: _compared(judged, first.modes[mode].ndcg_of, second.modes[mode].ndcg_of)
        for mode in first.modes
    }


def _compared(
    judged: JudgedSet, first: Mapping[str, float], second: Mapping[str, float]
) -> Compared:
    change = {query: second[query] - first[query] for query in first}
    most = sorted(change, key=lambda query: (-abs(change[query]), query))[:CHANGED]
    of_kind: dict[str, list[str]] = {}
    for query in first:
        if query in judged.kinds:
            of_kind.setdefault(judged.kinds[query], []).append(query)
    return Compared(
        first=_mean(first, list(first)),
        second=_mean(second, list(first)),
        p=p_value(list(change.values())),
        better=sum(each > 0 for each in change.values()),
        worse=sum(each < 0 for each in change.values()),
        kinds=tuple(
            Pair(kind, "", len(its), _mean(first, its), _mean(second, its))
            for kind, its in of_kind.items()
        ),
        changed=tuple(
            Pair(query, judged.queries[query], 1, first[query], second[query])
            for query in most
            if change[query]
        ),
    )


def _mean(values: Mapping[str, float], queries: Sequence[str]) -> float:
    return sum(values[query] for query in queries) / len(queries)


def p_value(differences: Sequence[float]) -> float:
    """Return the two-sided p of a paired randomisation test; the same each time.

    The observed labelling counts as one of the permutations: p is never 0. Pairs without a
    difference change nothing in it.
    """
    different = np.array([each for each in differences if each], dtype=np.float64)
    if not len(different):
        return 1.0
    observed = abs(different.sum()) - 1e-9  # sums in another order are not quite alike
    permutations = max(1_000, min(PERMUTATIONS, _MOST_CELLS // len(different)))
    at_once = max(1, _CELLS // len(different))
    generator = np.random.default_rng(_SEED)
    as_far = 0
    for start in range(0, permutations, at_once):
        rows = min(at_once, permutations - start)
        # A sum with flipped signs is the whole sum less twice those that are flipped.
        flipped = generator.integers(0, 2, (rows, len(different)), dtype=np.int8) @ different
        as_far += int(np.count_nonzero(abs(different.sum() - 2 * flipped) >= observed))
    return (as_far + 1) / (permutations + 1)
