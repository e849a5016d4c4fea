"""Which pieces of a text answer the query. Pure: segments joined are exactly the text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from search.analysis import Token, analyse
from search.domain import Segment, Span
from search.matching import near
from search.parse import ParsedQuery
from search.variants import NO_FORMS, Forms


def highlight(text: str, query: ParsedQuery, forms: Forms = NO_FORMS) -> tuple[Segment, ...]:
    """Return the text in segments, the words that match the query marked."""
    return segments(text, matching_spans(analyse(text), query, forms))


def segments(text: str, spans: Iterable[Span]) -> tuple[Segment, ...]:
    """Return the text cut at these spans, which are in order and do not overlap."""
    pieces: list[Segment] = []
    at = 0
    for span in spans:
        if span.start > at:
            pieces.append(Segment(text[at : span.start], match=False))
        pieces.append(Segment(text[span.start : span.end], match=True))
        at = span.end
    if at < len(text) or not pieces:
        pieces.append(Segment(text[at:], match=False))
    return tuple(pieces)


def matching_spans(
    tokens: Sequence[Token], query: ParsedQuery, forms: Forms = NO_FORMS
) -> list[Span]:
    """Return the spans of the tokens that match, by the rules of `search.matching`."""
    loose = query.words(exact=False)
    stems = {w.stem for w in loose} | {f.stem for w in loose for f in forms.get(w.stem, ())}
    nears = [n for n in map(near, loose) if n]
    marked = {
        at
        for at, token in enumerate(tokens)
        if token.stem in stems
        or (not token.stop and any(len(n.grams & set(token.grams)) >= n.least for n in nears))
    }
    for item in query.items:
        if item.exact and item.occur != "excluded":
            marked |= _phrase(tokens, tuple(t.letters for t in item.tokens))
    return [Span(tokens[n].start, tokens[n].end) for n in sorted(marked)]


def _phrase(tokens: Sequence[Token], letters: tuple[str, ...]) -> set[int]:
    size = len(letters)
    return {
        n + k
        for n in range(len(tokens) - size + 1)
        if tokens[n].letters == letters[0]
        and tuple(t.letters for t in tokens[n : n + size]) == letters
        for k in range(size)
    }
