"""What two answers may differ in. Every function returns what is wrong, in words.

Both engines order by (-score, id), so where two scores differ by less than the tolerance
("a tie" below) either order is right. Elsewhere nothing may differ.

Text: the embedded engine rounds a score to 14 bits of mantissa, which moves it by 2**-15
of itself at most, and both add up float32 in other orders: `TEXT` is 2**-14 relative.

Meaning: the embedded engine weighs vectors kept as float16, Elasticsearch as 16-bit
integers. A float16 is wrong by 2**-11 of itself at most, so a cosine of unit vectors is by
no more than 2**-11; the integers are wrong by less: `MEANING`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from search.engines.protocol import Ranked


@dataclass(frozen=True)
class Tolerance:
    relative: float
    absolute: float

    def holds(self, a: float, b: float) -> bool:
        return math.isclose(a, b, rel_tol=self.relative, abs_tol=self.absolute)


TEXT = Tolerance(2**-14, 1e-6)
MEANING = Tolerance(0.0, 2**-11)

Scored = Sequence[tuple[str, float]]


def scored(hits: Iterable[Ranked]) -> Scored:
    return [(hit.passage_id, hit.score) for hit in hits]


def ranked_apart(a: Scored, b: Scored, limit: int, tolerance: Tolerance) -> list[str]:
    """Return how two rankings differ beyond ties.

    They agree if they are equally long, scores agree place by place and passage by passage
    (then passages further apart than twice the tolerance are in the same order), and a
    passage that only one of them lists ties with the last, in a ranking cut at the limit.
    """
    wrong = [*_out_of_order(a), *_out_of_order(b)]
    if len(a) != len(b):
        return [*wrong, f"{len(a)} and {len(b)} hits: only in one {_only_in_one(a, b)}"]
    for place, ((key, x), (other, y)) in enumerate(zip(a, b, strict=True), 1):
        if not tolerance.holds(x, y):
            wrong.append(f"place {place}: {key} {x:.7g} and {other} {y:.7g}")
    of_a, of_b = dict(a), dict(b)
    wrong += [
        f"{key}: {of_a[key]:.7g} and {of_b[key]:.7g}"
        for key in of_a.keys() & of_b.keys()
        if not tolerance.holds(of_a[key], of_b[key])
    ]
    wrong += [
        f"{key}: {score:.7g} in one only, the last has {a[-1][1]:.7g}"
        for key, score in _only_in_one(a, b).items()
        if len(a) < limit or not tolerance.holds(score, a[-1][1])
    ]
    return wrong


def _only_in_one(a: Scored, b: Scored) -> dict[str, float]:
    of_a, of_b = dict(a), dict(b)
    return {key: (of_a | of_b)[key] for key in of_a.keys() ^ of_b.keys()}


def _out_of_order(hits: Scored) -> list[str]:
    ordered = sorted(hits, key=lambda hit: (-hit[1], hit[0]))
    if len(dict(hits)) != len(hits):
        return ["a passage is listed twice"]
    return [] if list(hits) == ordered else ["not ordered by (-score, id)"]
