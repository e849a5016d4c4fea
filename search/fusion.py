"""One ranking out of two: a convex combination of min-max normalised scores. Pure.

Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval"
(TOIS 2023) find it better than reciprocal rank fusion in and out of domain; so
does every set measured here (docs/EVALUATION.md).
"""

from __future__ import annotations

from collections.abc import Mapping


def normalised(scores: Mapping[str, float]) -> dict[str, float]:
    """Map scores linearly onto 0..1; where all are equal, all are 1."""
    if not scores:
        return {}
    low, high = min(scores.values()), max(scores.values())
    if high <= low:
        return dict.fromkeys(scores, 1.0)
    return {key: (score - low) / (high - low) for key, score in scores.items()}


def fuse(
    keyword: Mapping[str, float], semantic: Mapping[str, float], keyword_weight: float
) -> list[tuple[str, float]]:
    """Return (passage id, score) by (-score, id); a ranking that lists no passage gives it 0.

    Args:
        keyword: scores of the text ranking by passage id.
        semantic: scores of the vector ranking by passage id.
        keyword_weight: 0..1; the semantic ranking weighs the rest.
    """
    by_text, by_meaning = normalised(keyword), normalised(semantic)
    combined = {
        key: keyword_weight * by_text.get(key, 0.0)
        + (1 - keyword_weight) * by_meaning.get(key, 0.0)
        for key in by_text.keys() | by_meaning.keys()
    }
    return sorted(combined.items(), key=lambda pair: (-pair[1], pair[0]))
