"""Makes hits of a ranking: marked texts, component scores, totals, what else was searched."""

from __future__ import annotations

from collections.abc import Mapping

from search.analysis.transliteration import Forms
from search.domain import (
    Component,
    Hit,
    ItemKind,
    Query,
    Segment,
    Span,
    StoredPassage,
    Total,
    Understood,
    Variant,
)
from search.engines.protocol import Rankings
from search.query.clauses import Term
from search.query.parse import Item, ParsedQuery
from search.ranking.highlight import Marker, segments
from search.ranking.levels import Levels


def searched_also(parsed: ParsedQuery, forms: Forms) -> tuple[Variant, ...]:
    """Return what was searched beside the query's words: Arabic for Latin letters, roots' words, synonyms."""
    words = {t.stem: t.letters for t in parsed.words()}
    roots = {item.tokens[0].stem for item in parsed.items if item.root}
    besides = [
        Variant(words[s], tuple(f.letters for f in forms[s]), "root" if s in roots else "latin")
        for s in words
        if s in forms
    ]
    others: dict[str, list[str]] = {}
    for synonym in parsed.synonyms:
        others.setdefault(synonym.shown, []).append(synonym.written)
    return (*besides, *(Variant(word, tuple(some), "synonym") for word, some in others.items()))


def understood(parsed: ParsedQuery, frequencies: Mapping[Term, int]) -> tuple[Understood, ...]:
    """Return the query's parts as they were read, with the passages of those that were counted."""
    ranking = {token.letters for token in parsed.words()}
    return tuple(
        Understood(
            item.text,
            _kind(item, ranking),
            "required" if item.field and item.occur == "optional" else item.occur,
            _count(item, frequencies),
            item.field,
            item.within or None,
        )
        for item in parsed.items
    )


def _kind(item: Item, ranking: set[str]) -> ItemKind:
    if item.field:
        return "field"
    if item.within:
        return "phrase" if item.in_order else "near"
    if item.any_of:
        return "any_of"
    if item.prefix:
        return "prefix"
    if item.root:
        return "root"
    if item.exact:
        return "phrase"
    is_left_out = item.occur == "optional" and ranking.isdisjoint(t.letters for t in item.tokens)
    return "ignored" if is_left_out else "word"


def _count(item: Item, frequencies: Mapping[Term, int]) -> int | None:
    is_word = len(item.tokens) == 1 and not item.prefix
    return frequencies.get(Term("stem", item.tokens[0].stem)) if is_word else None


def hits_of(
    page: list[tuple[str, float]],
    stored: Mapping[str, StoredPassage],
    rankings: Rankings,
    marker: Marker,
    levels: Levels,
    reranked: Mapping[str, float],
) -> tuple[Hit, ...]:
    """Return a page's hits, in its order.

    Args:
        page: passage ids with their scores.
        stored: the page's passages; one that is missing was deleted meanwhile.
        rankings: what each ranking said of them.
        marker, levels: of the query's words.
        reranked: the reranker's scores of passages, where it was asked.
    """
    shown = {key for key, _ in page}
    keyword, semantic = (
        {
            h.passage_id: Component(float(h.score), n)
            for n, h in enumerate(ranking, 1)
            if h.passage_id in shown
        }
        for ranking in (rankings.text, rankings.vector)
    )
    numbers = {h.passage_id: h.sentence for h in rankings.vector}
    # A passage deleted between ranking and fetching is no hit any more.
    read = [(key, score, stored[key]) for key, score in page if key in stored]
    bodies = marker.highlight_all([found.passage.text for _, _, found in read])
    titles = marker.highlight_all([found.article.title for _, _, found in read])
    hits: list[Hit] = []
    for (key, score, found), pieces, title in zip(read, bodies, titles, strict=True):
        sentence = _sentence(found, numbers.get(key))
        marked = [piece.text for piece in (*title, *pieces) if piece.match]
        hits.append(
            Hit(
                passage=found.passage,
                article=found.article,
                score=score,
                keyword=keyword.get(key),
                semantic=semantic.get(key),
                segments=_or_sentence(pieces, found.passage.text, sentence),
                title_segments=title,
                match=levels.of(marked),
                best_sentence=sentence,
                rerank=reranked.get(key),
            )
        )
    return tuple(hits)


def _sentence(stored: StoredPassage, number: int | None) -> Span | None:
    """Return a sentence of a passage, None where it was replaced by one of fewer meanwhile."""
    if number is None or number >= len(stored.sentences):
        return None
    return stored.sentences[number]


def _or_sentence(
    pieces: tuple[Segment, ...], text: str, sentence: Span | None
) -> tuple[Segment, ...]:
    """Return a text's pieces; its best sentence marked where none of its words is."""
    if sentence is None or any(piece.match for piece in pieces):
        return pieces
    return segments(text, [sentence])


def total_of(query: Query, rankings: Rankings, seen: int) -> Total | None:
    """Only a text ranking has a total: by meaning every passage is near or far."""
    if query.mode == "semantic" or rankings.text_total is None:
        return None
    if query.level != "meaning":
        return Total(rankings.text_total, rankings.total_is_exact, query.level)
    return Total(max(rankings.text_total, seen), exact=False, level="meaning")
