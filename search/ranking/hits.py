"""What is given out of a ranking: hits with their marked texts, the total, what was searched besides."""

from __future__ import annotations

from collections.abc import Mapping

from search.analysis.transliteration import Forms
from search.domain import Component, Hit, Segment, Span, StoredPassage, Total, Variant
from search.engines.protocol import Rankings
from search.query.parse import ParsedQuery
from search.ranking.highlight import Marker, segments


def searched_also(parsed: ParsedQuery, forms: Forms) -> tuple[Variant, ...]:
    """Return the query's words in Latin letters with the Arabic ones they were searched as."""
    words = {t.stem: t.letters for t in parsed.words()}
    return tuple(Variant(words[s], tuple(f.letters for f in forms[s])) for s in words if s in forms)


def hits_of(
    page: list[tuple[str, float]],
    stored: Mapping[str, StoredPassage],
    rankings: Rankings,
    marker: Marker,
    reranked: Mapping[str, float],
) -> tuple[Hit, ...]:
    """Return a page's hits, in its order.

    Args:
        page: passage ids with their scores.
        stored: the page's passages; one that is missing was deleted meanwhile.
        rankings: what each ranking said of them.
        marker: of the query's words.
        reranked: the reranker's scores of passages, where it was asked.
    """
    keyword = {h.passage_id: Component(float(h.score), n) for n, h in enumerate(rankings.text, 1)}
    semantic = {
        h.passage_id: Component(float(h.score), n) for n, h in enumerate(rankings.vector, 1)
    }
    numbers = {h.passage_id: h.sentence for h in rankings.vector}
    return tuple(
        Hit(
            passage=found.passage,
            article=found.article,
            score=score,
            keyword=keyword.get(key),
            semantic=semantic.get(key),
            segments=_segments(found.passage.text, marker, _sentence(found, numbers.get(key))),
            title_segments=marker.highlight(found.article.title),
            best_sentence=_sentence(found, numbers.get(key)),
            rerank=reranked.get(key),
        )
        for key, score in page
        # A passage deleted between ranking and fetching is no hit any more.
        if (found := stored.get(key)) is not None
    )


def _sentence(stored: StoredPassage, number: int | None) -> Span | None:
    """Return a sentence of a passage, None where it was replaced by one of fewer meanwhile."""
    if number is None or number >= len(stored.sentences):
        return None
    return stored.sentences[number]


def _segments(text: str, marker: Marker, sentence: Span | None) -> tuple[Segment, ...]:
    pieces = marker.highlight(text)
    if sentence is None or any(piece.match for piece in pieces):
        return pieces
    return segments(text, [sentence])


def total_of(mode: str, rankings: Rankings, seen: int) -> Total | None:
    """Only a text ranking has a total: by meaning every passage is near or far."""
    if mode == "semantic" or rankings.text_total is None:
        return None
    if mode == "keyword":
        return Total(rankings.text_total, exact=rankings.total_is_exact)
    return Total(max(rankings.text_total, seen), exact=False)
