"""Near duplicates, such as wire copies, among the first passages of a ranking. Only where asked for.

Two texts are copies where they share enough of their runs of two words (Jaccard's coefficient of
shingles, Broder 1997), spelling variants being one. It is exact: for so few texts that is
cheaper than making their sketches by MinHash would be, and nothing is stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from search.article_ids import article_of_passage
from search.domain import StoredPassage
from search.ranking.highlight_candidates import UNKNOWN, flatten

# Passages of a ranking that are compared; those behind stand for themselves. Of the copies of ten
# first hits that 100 would tell these tell .97 (.99 by words), for three fifths of the time.
WINDOW = 60
# With 10 % of the words changed .996 of wire copies are found, with 20 % .905; of 200 million pairs of
# paragraphs of different articles three are no copies (docs/EVALUATION.md).
LEAST = 0.4

Units = list[list[tuple[str, float]]]  # what is shown as one: ranked passages, ids with scores
Runs = set[int]  # by their hashes: sets of these are made and compared in half of the time


def collapsed(
    units: Units, stored: Mapping[str, StoredPassage]
) -> tuple[Units, dict[str, tuple[StoredPassage, ...]]]:
    """Return the units without near copies of better ones; these by the first passage of that one.

    A copy is named by its own first passage. Passages of one article are never copies.

    Args:
        units: passages, or the passages of an article, best first.
        stored: the passages that are compared; a unit with none of these stands for itself.
    """
    kept: Units = []
    about: list[tuple[str, Runs]] = []  # of the kept: article, runs
    first_in: dict[int, int] = {}  # which of the kept had a run first
    copies: dict[str, tuple[StoredPassage, ...]] = {}
    for unit in units:
        passages = [stored[key] for key, _ in unit if key in stored]
        runs = Runs().union(*map(_runs, (p.passage.text for p in passages)))
        article = article_of_passage(unit[0][0])
        shared = first_in.keys() & runs
        leader = None
        # Nearly all share less with all others together than a copy does with one.
        if runs and len(shared) >= LEAST * len(runs):
            others = sorted({first_in[run] for run in shared})
            like = (n for n in others if about[n][0] != article and _is_copy(runs, about[n][1]))
            leader = next(like, None)
        if leader is None:
            first_in.update(dict.fromkeys(runs - shared, len(kept)))
            about.append((article, runs))
            kept.append(unit)
        else:
            best = kept[leader][0][0]
            copies[best] = (*copies.get(best, ()), passages[0])
    return kept, copies


def likeness(text: str, other: str) -> float:
    """Return which share of their runs two texts have in common, 0 to 1."""
    runs, others = _runs(text), _runs(other)
    return len(runs & others) / max(1, len(runs | others))


def _is_copy(runs: Runs, others: Runs) -> bool:
    shared = len(runs & others)
    return shared >= LEAST * (len(runs) + len(others) - shared)


def _runs(text: str) -> Runs:
    """Return the pairs of neighbouring words of a text; its word, where it has only one."""
    flat = flatten(text)
    # Letters that `flatten` does not tell apart, of another script, are compared as they are.
    is_known = flat.count(UNKNOWN) * 8 < len(flat)
    words = (flat if is_known else text.casefold().encode("utf-8", "replace")).split()
    return set(map(hash, pairwise(words) if len(words) > 1 else words))
